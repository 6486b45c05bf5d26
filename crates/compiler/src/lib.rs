//! From a WebAssembly module to machine code of ARMv7E-M and ARMv8-M, on the device itself.
//!
//! ```text
//!   image ──► sections ──► for each body: instruction ──► validator ──► generator ──► code ──► Sink
//!             (types, tables, globals, …)   (read)        (kinds)       (registers)   (buffer)
//! ```
//!
//! One pass: each instruction is read, validated and compiled before the next one is looked at. A body's code lies in a
//! buffer until its end is known and goes to a [`Sink`] then, strictly in order, so that it can be written to flash. Calls
//! to functions that come later go through the entry table at the front of the object, which is programmed last.
//! Nothing is allocated: all that is remembered lies in the [`Room`] that the caller gives.
//!
//! * `kind`, `instruction`, `module`: what a module is made of; `sections`, `constant`, `typing`, `validator`: is it valid?
//! * [`entry`]: what compiled code and the device's software agree on; read this first.
//! * `encode`, `emit`, `code`: instructions of the processor, and the buffer with the branches that are open.
//! * `operands`, `words`, `moves`: where values are; `function`, `frame`, `link`: a function, its frame, what leads out of it;
//!   `fuel`: what it is charged.
//! * `direct`: imported functions that are accesses to registers.
//! * `control`, `calls`, `narrow`, `wide`, `access`, `helpers`: instructions, one file a family.
//!
//! docs/compiler.md has the design, and how a wrong instruction is found.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod access;
mod calls;
mod code;
mod compile;
mod constant;
mod control;
mod direct;
mod emit;
mod encode;
pub mod entry;
mod frame;
mod fuel;
mod function;
mod helpers;
mod instruction;
mod kind;
mod link;
mod module;
mod moves;
mod narrow;
mod operands;
mod room;
mod sections;
mod typing;
mod validator;
mod wide;
mod words;

use berth_admission::Malformed;

pub use code::{Full, Sink};
pub use compile::{Report, compile, validate};
pub use kind::{Kind, Signature};
pub use room::{Room, Storage};

/// What a [`Room`] consists of, for who has to make one piece by piece.
pub mod part {
    pub use crate::control::Block;
    pub use crate::function::Local;
    pub use crate::module::{Function, Global, Type};
    pub use crate::operands::Operand;
    pub use crate::validator::Frame;
}

/// Version of what the compiler makes: code of one is never taken for that of another. It changes with every change of the
/// code that any module is compiled to, or of what that expects.
pub const VERSION: u32 = 2;

/// Why there is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The module is not valid; no engine takes it.
    Invalid(Malformed),
    /// It may be valid, but is not compiled; an interpreter can run it.
    Refused {
        /// Index of the function, imported ones counted; `u32::MAX`: it is not about one.
        function: u32,
        /// What there is too much of.
        what: &'static str,
    },
    /// The sink takes no more.
    Full,
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Invalid(malformed)
    }
}

impl From<Full> for Error {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl Error {
    /// It is not compiled, whatever function it is in.
    pub(crate) const fn refused(what: &'static str) -> Self {
        Self::Refused {
            function: u32::MAX,
            what,
        }
    }

    /// The same about this function.
    pub(crate) const fn within(self, index: u32) -> Self {
        match self {
            Self::Refused { what, .. } => Self::Refused {
                function: index,
                what,
            },
            other => other,
        }
    }
}
