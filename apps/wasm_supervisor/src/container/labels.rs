//! The labels that a module imports.

use crate::admission::{HostFunction, Label, Module};

/// Returns the labels that a module imports, in order, as often as it imports them.
pub(super) fn labels<'a>(module: &Module<'a>) -> impl Iterator<Item = Label<'a>> {
    let named = module.imports().flatten().map(|i| HostFunction::named(&i));
    named.filter_map(|function| function.ok()?.label())
}

/// Returns each label that a module imports once, where it comes first. Its place among them is the number of its
/// block.
pub(super) fn distinct<'a>(module: &Module<'a>) -> impl Iterator<Item = Label<'a>> {
    labels(module)
        .enumerate()
        .filter(|(claim, label)| !labels(module).take(*claim).any(|other| other == *label))
        .map(|(_, label)| label)
}
