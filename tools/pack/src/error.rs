//! Why a module cannot be packed, and what to do about it.

use std::convert::Infallible;

use crate::mapped::AccessError;
use crate::mapped::windows::WindowError;

/// Why a module cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is not valid for the devices' engine.
    #[error("at byte {offset:#x}: {what}")]
    Invalid {
        /// Where in the file.
        offset: usize,
        /// What the validator says.
        what: String,
    },
    /// It does not begin as one.
    #[error("this is no WebAssembly module: it does not begin with \\0asm")]
    NoModule,
    /// It is a component.
    #[error(
        "this is a component; containers are core modules: link for wasm32-unknown-unknown or wasm32-wasip1"
    )]
    Component,
    /// It is a package already.
    #[error("this is a package already; pack the module it was made from")]
    AlreadyPacked,
    /// No entry point.
    #[error(
        "exports no function _start without parameters and results: that is where a container begins"
    )]
    NoStart,
    /// It takes interrupts, and has no functions to take them.
    #[error(
        "takes interrupts, but has no table of functions in which the device would find a handler: hand over the address of a function; if the source does, the linker dropped the table (clang does where wasm-opt is installed): link with -Wl,--export-table"
    )]
    NoTable,
    /// Imports something else than functions.
    #[error("imports {kind} {module}.{name}: a device gives a container functions only{remedy}")]
    Import {
        /// What kind of item.
        kind: &'static str,
        /// Its module.
        module: String,
        /// Its name.
        name: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The memory asked for does not hold what the module puts there.
    #[error(
        "a memory of {asked} bytes does not hold what the module has from the start: {needed} bytes"
    )]
    MemoryTooSmall {
        /// Bytes asked for.
        asked: u64,
        /// Bytes of stack and statics.
        needed: u64,
    },
    /// The memory asked for would be read by the module's own allocator as another.
    #[error(
        "the module counts its memory in pages of 64 KiB ({what}), so its size cannot be chosen here: choose it at link time, with --page-size=1 --initial-memory=BYTES"
    )]
    CountsPages {
        /// Which instruction.
        what: &'static str,
    },
    /// Its windows are not what they have to be.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// An access of a register that cannot be one.
    #[error("function {function}{name} at byte {offset:#x}: {error}")]
    Access {
        /// Number of the function.
        function: u32,
        /// Its name, if there is one, in brackets.
        name: String,
        /// Where in the file.
        offset: usize,
        /// Why not.
        error: AccessError,
    },
    /// No access is known to be one of a register.
    #[error(
        "no load or store is known to be one of a register, of {label} at {start:#x} for example, but some have addresses that are computed when they run: build with optimisation, or find out when they run: --dynamic all; without --map if there are no registers in it"
    )]
    Overlooked {
        /// A label that is asked for.
        label: String,
        /// Its address.
        start: u32,
    },
    /// `--dynamic` names something that there is not.
    #[error("--dynamic {0}: there is no such function; its number, its name, or `all`")]
    NoFunction(String),
    /// A text of the manifest that no device takes.
    #[error("{0}")]
    Manifest(&'static str),
    /// The rewritten module is not valid: a mistake in this program.
    #[error("internal error: the package is not valid: {0}")]
    Internal(String),
}

/// A message in one line: some of the validator's have several, with columns.
pub(crate) fn words(message: &str) -> String {
    let words: Vec<_> = message.split_whitespace().collect();
    words.join(" ")
}

impl From<wasmparser::BinaryReaderError> for PackError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid {
            offset: error.offset(),
            what: words(error.message()),
        }
    }
}

impl From<wasm_encoder::reencode::Error<Infallible>> for PackError {
    fn from(error: wasm_encoder::reencode::Error<Infallible>) -> Self {
        match error {
            wasm_encoder::reencode::Error::ParseError(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}
