//! Processes: what they are to the rest of the kernel.
//!
//! ```text
//!   capsule ── ProcessId ─────────┐     board ── load_places, load_processes
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
mod ends;
mod error;
mod id;
mod interface;
mod life;
mod load;
mod lone;
mod memory;
mod place;
mod policy;
mod print;
mod restart_budget;
mod run;
mod standard;
mod tasks;
mod types;
mod work;

pub use self::array::{ProcessArray, ProcessSlot};
pub use self::ends::{RestartPace, RunEnd, RunEndClient};
pub use self::error::{Error, ProcessLoadError};
pub(crate) use self::id::RunNumber;
pub use self::id::{ProcessId, ShortId};
pub use self::interface::{Process, ProcessGrants, ProcessMemory};
use self::life::Restart;
pub use self::life::{Change, Life, change};
pub use self::load::{LOAD_TEXT_MAX, load_places, load_processes};
pub(crate) use self::place::Standing;
pub use self::place::{Place, Priority};
pub use self::policy::{FaultAction, ProcessFaultPolicy};
pub use self::restart_budget::RestartBudget;
pub use self::standard::ProcessStandard;
pub use self::types::{
    CommandPermissions, FunctionCall, FunctionCallSource, ProcessAddress, ProcessAddresses,
    ProcessSizes, ReturnArguments, State, StoppedExecutingReason, StoppedState, Task, Woken,
};
pub use self::work::Pass;
