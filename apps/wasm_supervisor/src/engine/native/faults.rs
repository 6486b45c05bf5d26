//! What the compiler and the layout call faults, as containers know them.

use berth_compiler::entry::Helper;
use berth_instance::Error;
use berth_protocol::Fault;

use crate::engine::LoadError;

/// What is not valid, or not as it was when it was compiled.
pub(super) const INVALID: LoadError = LoadError::Invalid { offset: 0 };

/// What an instance that cannot be laid out is called.
pub(super) const fn load_error(error: Error) -> LoadError {
    match error {
        Error::Table => LoadError::Trapped(Fault::TableBounds),
        Error::Memory => LoadError::Trapped(Fault::MemoryBounds),
        Error::Malformed(malformed) => LoadError::Invalid {
            offset: malformed.offset,
        },
        Error::TooMuch => INVALID,
    }
}

/// What the compiler's number of a trap is called.
pub(super) const fn fault(reason: u8) -> Fault {
    const UNREACHABLE: u8 = Helper::TrapUnreachable as u8;
    const MEMORY: u8 = Helper::TrapMemory as u8;
    const TABLE: u8 = Helper::TrapTable as u8;
    const NULL: u8 = Helper::TrapNull as u8;
    const SIGNATURE: u8 = Helper::TrapSignature as u8;
    const ZERO: u8 = Helper::TrapDivisionByZero as u8;
    const OVERFLOW: u8 = Helper::TrapOverflow as u8;
    const STACK: u8 = Helper::TrapStack as u8;
    const CONVERSION: u8 = Helper::TrapConversion as u8;
    match reason {
        UNREACHABLE => Fault::Unreachable,
        MEMORY => Fault::MemoryBounds,
        TABLE => Fault::TableBounds,
        NULL => Fault::NullCall,
        SIGNATURE => Fault::Signature,
        ZERO => Fault::DivisionByZero,
        OVERFLOW => Fault::IntegerOverflow,
        STACK => Fault::StackOverflow,
        CONVERSION => Fault::Conversion,
        _ => Fault::Engine,
    }
}
