//! What is known of a module, and how much it may have of each thing.

use super::code::Shape;
use super::imports::Imports;
use super::reader::Reader;
use super::types::type_at;

/// Most entries of a section. Far above any real driver (the largest of 49
/// measured has 60 functions), far below what costs the engine serious memory.
pub mod most {
    pub(crate) const TYPES: u32 = 256;
    pub(crate) const IMPORTS: u32 = 64;
    pub(crate) const FUNCTIONS: u32 = 1024;
    pub(crate) const GLOBALS: u32 = 128;
    pub(crate) const EXPORTS: u32 = 128;
    pub(crate) const SEGMENTS: u32 = 128;
    /// Elements of all tables, which the engine allocates at once.
    pub const TABLE_ELEMENTS: u64 = 1024;
    /// Locals of one function; each costs the translator memory.
    pub(crate) const LOCALS: u64 = 512;
}

/// Contents of the sections that are read again, from their count on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sections<'a> {
    /// Types of functions.
    pub(super) types: Option<Reader<'a>>,
    /// What is imported.
    pub(super) imports: Option<Reader<'a>>,
    /// Global variables that the module defines.
    pub(super) globals: Option<Reader<'a>>,
    /// Segments of data.
    pub(super) data: Option<Reader<'a>>,
}

/// How many there are of what costs memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Types of functions.
    pub(super) types: u32,
    /// Parameters and results of all types.
    pub(super) type_values: u32,
    /// Imports of any kind.
    pub(super) imports: u32,
    /// Global variables that it defines.
    pub(super) globals: u32,
    /// Exports of any kind.
    pub(super) exports: u32,
    /// Bytes of all names of imports and exports.
    pub(super) name_bytes: u32,
    /// Segments of elements, passive and declared ones included.
    pub(super) element_segments: u32,
    /// Segments of data, passive ones included.
    pub(super) data_segments: u32,
    /// Elements of all segments.
    pub(super) items: u64,
    /// Bytes of all data segments.
    pub(super) data_bytes: u64,
    /// The most that one function has of what the translator keeps.
    pub(super) largest: Largest,
}

/// The most that any function has of each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Largest {
    /// Bytes of its body.
    pub(super) body: u32,
    /// Its local variables.
    pub(super) locals: u64,
    /// What its instructions nest and carry.
    pub(super) shape: Shape,
}

/// What is known of a module after the scan.
#[derive(Clone, Copy, Debug)]
pub struct Module<'a> {
    /// The sections that are read again.
    pub(super) sections: Sections<'a>,
    /// How many it has of what costs memory.
    pub(super) counts: Counts,
    /// Bytes of linear memory at the start; 0 without a memory.
    pub memory_bytes: u64,
    /// Bytes of all function bodies.
    pub code_bytes: u32,
    /// Functions it defines.
    pub functions: u32,
    /// Elements of its table.
    pub table_elements: u32,
    /// Has it an instruction that asks for more memory?
    pub grows: bool,
}

impl<'a> Module<'a> {
    /// Everything it imports, in order.
    #[must_use]
    pub fn imports(&self) -> Imports<'a> {
        Imports::new(self.sections.imports)
    }

    /// Where the stack in linear memory begins, which is also its length: linkers put it first, and
    /// keep its pointer in the first global. `None` if this module is made otherwise.
    #[must_use]
    pub fn stack_top(&self) -> Option<u32> {
        let mut globals = self.sections.globals?;
        let count = globals.u32().ok()?;
        // A variable i32 that begins with a constant.
        if count == 0 || globals.slice(3).ok()? != [0x7f, 1, 0x41] {
            return None;
        }
        let top = globals.natural()?;
        let stands_alone = globals.byte() == Ok(0x0b) && !self.has_data_below(top)?;
        (stands_alone && u64::from(top) <= self.memory_bytes).then_some(top)
    }

    /// Does a data segment begin below `top`? `None` if that is not known.
    fn has_data_below(&self, top: u32) -> Option<bool> {
        let Some(mut data) = self.sections.data else {
            return Some(false);
        };
        for _ in 0..data.u32().ok()? {
            match data.u32().ok()? {
                // At a constant address.
                0 if data.byte() == Ok(0x41) => {
                    let address = data.natural()?;
                    if address < top || data.byte() != Ok(0x0b) {
                        return Some(true);
                    }
                }
                1 => {}
                _ => return None,
            }
            let length = data.u32().ok()?;
            data.slice(length).ok()?;
        }
        Some(false)
    }

    /// Parameters and results of function type `index`, as type bytes.
    #[must_use]
    pub fn function_type(&self, index: u32) -> Option<(&'a [u8], &'a [u8])> {
        type_at(self.sections.types, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    fn assemble(body: &str) -> Vec<u8> {
        wat::parse_str(format!(r#"(module {body} (func (export "_start")))"#)).unwrap()
    }

    fn refusal(body: &str) -> &'static str {
        Module::scan(&assemble(body)).unwrap_err().what
    }

    #[test]
    fn what_is_known_after_the_scan() {
        let image = assemble(
            r#"(import "berth" "log" (func (param i32 i32 i32)))
               (memory (export "memory") 2000 (pagesize 1)) (table 5 funcref)"#,
        );
        let module = Module::scan(&image).unwrap();
        assert_eq!((module.memory_bytes, module.table_elements), (2000, 5));
        let import = module.imports().next().unwrap().unwrap();
        assert_eq!((import.module, import.name), ("berth", "log"));
        let index = import.function_type.unwrap();
        assert_eq!(module.function_type(index), Some((&[0x7f; 3][..], &[][..])));
        assert_eq!(module.function_type(99), None);
        let pages = assemble("(memory 2)");
        assert_eq!(Module::scan(&pages).unwrap().memory_bytes, 2 << 16);
    }

    #[test]
    fn the_stack_is_found_where_linkers_put_it() {
        let top = |body: &str| Module::scan(&assemble(body)).unwrap().stack_top();
        let pointer = "(memory 4096 (pagesize 1)) (global (mut i32) (i32.const 1024))";
        assert_eq!(top(pointer), Some(1024));
        let data = |at| format!("{pointer} (data \"passive\") (data (i32.const {at}) \"x\")");
        assert_eq!(top(&data(1024)), Some(1024));
        assert_eq!(top(&data(1023)), None);
        for other in [
            "",
            "(memory 4096 (pagesize 1))",
            "(memory 1023 (pagesize 1)) (global (mut i32) (i32.const 1024))",
            "(memory 4096 (pagesize 1)) (global i32 (i32.const 1024))",
            "(memory 4096 (pagesize 1)) (global (mut i32) (i32.const -1))",
            "(memory 4096 (pagesize 1)) (global (mut i64) (i64.const 1024))",
        ] {
            assert_eq!(top(other), None, "{other}");
        }
    }

    #[test]
    fn modules_that_no_device_carries_are_refused() {
        assert_eq!(
            Module::scan(b"hello").unwrap_err().what,
            "not a WebAssembly module"
        );
        assert_eq!(refusal("(table 2000 funcref)"), "table too large");
        assert_eq!(refusal("(memory 1 1 shared)"), "shared or 64-bit memory");
        assert_eq!(refusal(&"(func)".repeat(1100)), "too many functions");
        let locals = format!("(func {})", "(local i32 i64)".repeat(300));
        assert_eq!(refusal(&locals), "too many locals");
        let imports = r#"(import "a" "b" (func))"#.repeat(65);
        assert_eq!(refusal(&imports), "too many imports");
        let none = wat::parse_str("(module (func))").unwrap();
        assert_eq!(
            Module::scan(&none).unwrap_err().what,
            "no exported function _start"
        );
    }

    #[test]
    fn no_damage_makes_the_scan_fail_otherwise_than_with_an_error() {
        let image = assemble(
            r#"(import "mmio:led" "claim" (func (result i32)))
               (memory 64 (pagesize 1)) (table 2 funcref) (global i32 (i32.const 1))
               (data (i32.const 0) "abc") (elem (i32.const 0) 0) (func (local i32 i64))"#,
        );
        let mut accepted = 0;
        for at in 0..image.len() {
            let _ = Module::scan(&image[..at]);
            for value in 0..=u8::MAX {
                let mut damaged = image.clone();
                damaged[at] = value;
                if let Ok(module) = Module::scan(&damaged) {
                    accepted += 1;
                    // What was accepted can be walked.
                    for import in module.imports().flatten() {
                        let _ = import.function_type.and_then(|i| module.function_type(i));
                    }
                }
            }
        }
        assert!(accepted >= image.len(), "the undamaged ones at least");
    }
}
