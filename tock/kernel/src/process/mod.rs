//! Processes: what they are to the rest of the kernel.
//!
//! ```text
//!   capsule ── ProcessId ─────────┐     board ── load_processes
//!   grant ──── ProcessGrants ───┐ │       │
//!   syscalls ─ ProcessMemory ──┐│ │       │
//!   loop ───── Process ───────┐││ │       │
//!                          ProcessStandard (one a process, in the process's own RAM)
//! ```
//!
//! [`Process`] is what a board's hooks and the kernel loop see. What only
//! grants and memory system calls need stands in the traits it builds on,
//! [`ProcessGrants`] and [`ProcessMemory`]. [`ProcessStandard`] implements all
//! three.

mod array;
mod error;
mod id;
mod interface;
mod load;
mod lone;
mod memory;
mod policy;
mod print;
mod run;
mod standard;
mod tasks;
mod types;

pub use self::array::{ProcessArray, ProcessSlot};
pub use self::error::{Error, ProcessLoadError};
pub use self::id::{ProcessId, ShortId};
pub use self::interface::{Process, ProcessGrants, ProcessMemory};
pub use self::load::load_processes;
pub use self::policy::{FaultAction, ProcessFaultPolicy};
pub use self::standard::ProcessStandard;
pub use self::types::{
    CommandPermissions, FunctionCall, FunctionCallSource, ProcessAddress, ProcessAddresses,
    ProcessSizes, ReturnArguments, State, StoppedExecutingReason, StoppedState, Task,
};
