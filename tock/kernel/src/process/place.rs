//! Places: what a board gives to processes, and to which.
//!
//! A process is what stands in a place. Where its image lies in flash decides what it gets, since that is the only thing
//! about a process that its owner cannot write: RAM, how many processes, when it runs, what becomes of it after a
//! fault, and (by the place's number in the board's table) everything that the board itself decides, such as which system
//! calls it may make.
//!
//! ```text
//!   board's table            flash                     RAM
//!   0  supervisor   ──►  ┌──────────────┐         ┌──────────────┐
//!   1  firmware     ─┐   │ object       │ ──────► │ block        │
//!                    │   │ (padding)    │         │              │
//!                    │   └──────────────┘         └──────────────┘
//!                    └►  ┌──────────────┐         ┌──────────────┐
//!                        │ object       │ ──────► │ block        │
//!                        └──────────────┘         └──────────────┘
//! ```
//!
//! Each place is scanned by itself, from its beginning, and a header is believed only inside it: an object that
//! reaches beyond the place's flash, RAM outside it, or a process more than it has slots is refused. Flash and RAM of no
//! place are nobody's.

use super::{ProcessFaultPolicy, RestartPace};
use crate::platform::mpu::Permissions;

/// When the processes of a place run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// By turns with the others.
    Equal,
    /// When no equal is ready, under a scheduler that makes this difference
    /// ([`BackgroundSched`](crate::scheduler::background::BackgroundSched)).
    Background,
}

/// One row of a board's table.
pub struct Place {
    /// What messages call it.
    pub name: &'static str,
    /// Flash that is scanned for its processes.
    pub flash: &'static [u8],
    /// RAM for its processes.
    pub memory: &'static mut [u8],
    /// Most processes that run in it.
    pub slots: usize,
    /// Most objects of its flash that are looked at, those that are passed over too: so the scan takes bounded time.
    pub objects: usize,
    /// When its processes run.
    pub priority: Priority,
    /// Whether the short ids and storage permissions that headers in it state are believed.
    pub states_ids: bool,
    /// Whether its processes execute their RAM, as Tock's may. What others write there cannot become code where they do not.
    pub executes_memory: bool,
    /// What becomes of a process of it that faulted.
    pub fault_policy: &'static dyn ProcessFaultPolicy,
    /// How fast its processes may begin again.
    pub pace: &'static dyn RestartPace,
}

/// What a process has of its place.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    /// Number of the place in the board's table.
    pub(crate) place: usize,
    /// When it runs.
    pub(crate) priority: Priority,
    /// Whether the ids that its header states are believed.
    pub(crate) states_ids: bool,
    /// What it may do with its RAM.
    pub(crate) memory: Permissions,
    /// What becomes of it after a fault.
    pub(crate) fault_policy: &'static dyn ProcessFaultPolicy,
    /// How fast it may begin again.
    pub(crate) pace: &'static dyn RestartPace,
}

impl Place {
    /// What its processes may do with their RAM.
    pub(crate) const fn memory_permissions(&self) -> Permissions {
        if self.executes_memory {
            Permissions::ReadWriteExecute
        } else {
            Permissions::ReadWriteOnly
        }
    }
}
