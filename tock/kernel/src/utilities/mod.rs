//! Cells, register access and other small tools that kernel and capsules share.

pub mod arch_helpers;
pub mod cells;
pub mod hex;
pub mod leasable_buffer;
pub mod single_core;
pub mod static_init;
mod static_ref;

pub use self::static_ref::StaticRef;

/// Register definitions: the `tock-registers` crate under the path upstream gives it.
pub mod registers {
    pub use tock_registers::fields;
    pub use tock_registers::interfaces;
    pub use tock_registers::registers::{
        Aliased, InMemoryRegister, ReadOnly, ReadWrite, WriteOnly,
    };
    pub use tock_registers::{
        LocalRegisterCopy, RegisterLongName, register_bitfields, register_structs,
    };
}
