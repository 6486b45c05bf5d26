//! What a board and a chip give to the kernel.

pub mod chip;
pub mod mpu;
pub mod scheduler_timer;
pub mod watchdog;

mod resources;

pub use self::resources::{
    ContextSwitchCallback, KernelResources, ProcessFault, SyscallDriverLookup, SyscallFilter,
    TbfHeaderFilterDefaultAllow, WorkOf,
};
