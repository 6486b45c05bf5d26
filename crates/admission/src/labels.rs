//! The labels that a module imports: each names a block, and is claimed once.

use crate::{HostFunction, Label, Module};

/// What an import with a label is among those of its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// For the first time: the number of its block.
    First(usize),
    /// Again, as in the import with this number among those that have a label.
    Again(usize),
}

impl<'a> Module<'a> {
    /// Returns the labels that the module imports, in order, as often as it imports them.
    pub fn labels(&self) -> impl Iterator<Item = Label<'a>> + use<'a> {
        let named = self.imports().flatten().map(|i| HostFunction::named(&i));
        named.filter_map(|function| function.ok()?.label())
    }

    /// Returns the same, and what each of them is. Blocks are numbered in the order in which their labels come first.
    pub fn numbered_labels(&self) -> impl Iterator<Item = (Label<'a>, Seen)> {
        let mut blocks = 0;
        self.labels().enumerate().map(move |(import, label)| {
            let mut before = self.labels().take(import);
            let seen = before.position(|other| other == label).map_or_else(
                || {
                    blocks += 1;
                    Seen::First(blocks - 1)
                },
                Seen::Again,
            );
            (label, seen)
        })
    }

    /// Returns each label once, in the order of their blocks.
    pub fn block_labels(&self) -> impl Iterator<Item = Label<'a>> {
        let numbered = self.numbered_labels();
        numbered.filter_map(|(label, seen)| matches!(seen, Seen::First(_)).then_some(label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn blocks_are_numbered_where_their_labels_come_first() {
        let image = wat::parse_str(
            r#"(module
              (import "mmio:b" "claim" (func (result i32)))
              (import "berth" "yield" (func))
              (import "mmio:a" "claim" (func (result i32)))
              (import "mmio:b" "claim" (func (result i32)))
              (import "irq:a" "unregister" (func))
              (import "mmio:c" "claim" (func (result i32)))
              (func (export "_start")))"#,
        )
        .unwrap();
        let module = Module::scan(&image).unwrap();
        use Seen::{Again, First};
        let numbered: Vec<_> = module
            .numbered_labels()
            .map(|(label, seen)| (label.0, seen))
            .collect();
        assert_eq!(
            numbered,
            [
                ("b", First(0)),
                ("a", First(1)),
                ("b", Again(0)),
                ("a", Again(1)),
                ("c", First(2)),
            ]
        );
        let blocks: Vec<_> = module.block_labels().map(|label| label.0).collect();
        assert_eq!(blocks, ["b", "a", "c"]);
    }
}
