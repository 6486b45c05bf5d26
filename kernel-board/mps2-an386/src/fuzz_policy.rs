//! For a test only (feature `restart-fuzz`): the process in the supervisor's place begins again whatever it did, at
//! once and without a word.
//!
//! A fault restarts it by the policy. [`Reaper::look`], which the driver with a deadline calls once in a period,
//! restarts it when it has ended itself, and makes a fault of a run that has not ended between two looks ([`looks`]).

#![allow(unsafe_code)]

use core::cell::Cell;

use kernel::Kernel;
use kernel::capabilities::ProcessManagementCapability;
use kernel::process::{Process, State};

use crate::places::SUPERVISOR;

/// Whether `process` is the one.
pub(crate) fn is_fuzz(process: &dyn Process) -> bool {
    process.place() == SUPERVISOR
}

/// How many looks in a row may find the same run of it. One program waits for an instant, for more than a period.
fn looks(process: &dyn Process) -> u32 {
    match process.get_process_name() {
        "instants" => 8,
        _ => 1,
    }
}

/// Ends runs.
pub(crate) struct Reaper {
    kernel: Cell<Option<&'static Kernel>>,
    /// Which run it was at the last look.
    seen: Cell<usize>,
    /// In how many looks before that, in a row.
    looks: Cell<u32>,
}

// SAFETY: only the reaper below uses it.
unsafe impl ProcessManagementCapability for Reaper {}

impl Reaper {
    pub(crate) const fn new() -> Self {
        Self {
            kernel: Cell::new(None),
            seen: Cell::new(usize::MAX),
            looks: Cell::new(0),
        }
    }

    /// The kernel whose processes it looks at.
    pub(crate) fn start(&self, kernel: &'static Kernel) {
        self.kernel.set(Some(kernel));
    }

    /// Look at the process.
    pub(crate) fn look(&self) {
        let Some(kernel) = self.kernel.get() else {
            return;
        };
        kernel.process_each_capability(self, |process| {
            if is_fuzz(process) {
                let run = process.get_restart_count();
                let again = self.seen.replace(run) == run;
                self.looks.set(if again { self.looks.get() + 1 } else { 0 });
                if matches!(process.get_state(), State::Terminated) && !process.ready() {
                    process.try_restart(None);
                } else if self.looks.get() >= looks(process) {
                    process.set_fault_state();
                }
            }
        });
    }
}
