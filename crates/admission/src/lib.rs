//! Admission: what a module is, found out before the engine sees a byte of it.
//!
//! One linear pass over the binary ([`Module::scan`]) checks that header and
//! sections are well formed, that counts are within what a device can want to
//! carry, that memory and imports are of the kinds a container may have, and
//! where `_start` is. It allocates nothing. What only a validator can know
//! (types inside function bodies) the engine checks afterwards, in the
//! container's own arena.
//!
//! Instructions are read as well: some a container cannot have.
//!
//! * [`reader`]: numbers, names, parts.
//! * [`module`]: what is known of it, and the limits; `scan`, `types`: the pass
//!   over its sections.
//! * [`code`], [`bound`]: instructions, and what a tool says of the memory that loading takes.
//! * [`entries`]: where execution enters a module and leaves it.
//! * [`imports`]: what is imported, resolved against what this device has.
//! * [`labels`]: which blocks that claims, and their numbers.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod bound;
pub mod code;
pub mod entries;
pub mod imports;
pub mod labels;
pub mod module;
pub mod reader;
mod scan;
mod types;

pub use berth_foreign::{Bus, Foreign};
pub use imports::{HostFunction, Import, Imports, Label};
pub use module::Module;

/// Why a module is not one that this device can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where in the image.
    pub offset: u32,
    /// What is wrong there.
    pub what: &'static str,
}
