//! Where in its life a process of this kernel is, for the driver of process information.
//!
//! ```text
//!   process ── command 5, 6 ──► ProcessInfo ── Lives ──► KernelLives ──► kernel::process::{Life, change}
//!                             (any Tock kernel)        (this one alone)
//! ```

#![no_std]
#![forbid(unsafe_code)]

use capsules_extra::process_info_driver::{Change, Lives, STOPPED, state_number};
use kernel::ErrorCode;
use kernel::process::{self, Life, Process};

/// Life and changes as [`process::change`] has them.
pub struct KernelLives;

impl Lives for KernelLives {
    const CHANGES: bool = true;

    /// A process that would begin again and is held counts as stopped.
    fn state(&self, process: &dyn Process) -> u32 {
        if process.life() == Life::RestartStopped {
            STOPPED
        } else {
            state_number(process.get_state())
        }
    }

    fn change(&self, process: &dyn Process, change: Change) -> Result<(), ErrorCode> {
        let change = match change {
            Change::Start => process::Change::Resume,
            Change::Stop => process::Change::Stop,
            Change::Fault => process::Change::Fault,
            Change::Terminate => process::Change::End,
            Change::Boot => process::Change::Boot,
        };
        process::change(process, change)
    }
}
