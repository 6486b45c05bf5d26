//! Work of the kernel whose length a process chose, in passes.
//!
//! Whatever a process can make longer than a few thousand instructions is not done in the
//! system call or the interrupt that asks for it. It is noted at the process, and
//! [`Process::wake`] does one bounded pass of it each time the kernel loop
//! would run that process:
//!
//! ```text
//!   run_process ─► slice over? interrupt? somebody more important? ─► leaves
//!        ▲                     │ no
//!        │               Process::wake ── work noted? ──► one pass ──┐
//!        │                     │ no                                  │
//!        │               the process runs                            │
//!        └───────────────────────────────────────────────────────────┘
//! ```
//!
//! So interrupts and more important processes come between any two passes, and what a process causes counts
//! against its own time. Kinds of work:
//!
//! * *Clearing* memory that the process comes to reach. It does not run before that is done.
//! * *Ends of others' runs* that it caused: what these held is put to rest before it goes on. A pass is all that its turn has.
//! * *Passes of drivers*, which a board asks for on their behalf with
//!   [`Kernel::request_pass`](crate::Kernel::request_pass) and carries out in
//!   [`SyscallDriverLookup::pass`](crate::platform::SyscallDriverLookup::pass).
//! * *The report* about its fault, a few lines a pass, which is all that its turn has. A restart begins when it is complete. It comes
//!   last, since it alone waits for others: for room, which the console's line makes; and what holds that line may be a driver that is
//!   to find, in one of the passes before, that the run is gone.

use core::cell::Cell;

use super::print::OUTCOME;
use super::standard::ProcessStandard;
use super::{Priority, Process};
use crate::deferred_call::DeferredCall;
use crate::platform::chip::Chip;

/// Bytes that are cleared in one pass.
pub(super) const CLEAR_BYTES: usize = 768;

/// In [`Work::pending`]: memory is to be cleared.
const CLEAR: u32 = 1 << 31;
/// In [`Work::pending`]: a report is to be printed.
const REPORT: u32 = 1 << 30;
/// In [`Work::pending`]: it ended another's run, and that end is not over.
const ENDS: u32 = 1 << 29;
/// Grants whose drivers can ask for passes: the bits that are left.
const GRANTS: usize = 29;

/// One pass of a process's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The process did it itself.
    Done,
    /// The driver with this number is to do it.
    Driver(usize),
    /// The process did it itself, and its turn is over: the next ones that are ready come first now.
    Last,
}

/// How far the report is, and what the end of the run takes away.
#[derive(Clone, Copy)]
pub(super) struct Report {
    pub(super) part: u8,
    pub(super) grants: u8,
    pub(super) events: u8,
    /// What is said behind it, after the process's name.
    pub(super) outcome: &'static str,
}

impl Report {
    /// The beginning of a report about a process as it is now.
    pub(super) fn of(process: &dyn Process) -> Self {
        let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        Self {
            part: 0,
            grants: small(process.grant_allocated_count()),
            events: small(process.pending_tasks()),
            outcome: "",
        }
    }
}

/// What is noted at a process.
pub(super) struct Work {
    /// A bit for each grant whose driver asked, [`CLEAR`], [`REPORT`] and [`ENDS`].
    pending: Cell<u32>,
    /// What is still to be cleared: from, to.
    clear: Cell<(usize, usize)>,
    report: Cell<Report>,
}

impl Work {
    pub(super) const fn new() -> Self {
        Self {
            pending: Cell::new(0),
            clear: Cell::new((0, 0)),
            report: Cell::new(Report {
                part: 0,
                grants: 0,
                events: 0,
                outcome: "",
            }),
        }
    }

    /// Whether anything is noted.
    #[inline]
    pub(super) fn is_some(&self) -> bool {
        self.pending.get() != 0
    }

    pub(super) fn is_clearing(&self) -> bool {
        self.pending.get() & CLEAR != 0
    }

    fn is_reporting(&self) -> bool {
        self.pending.get() & REPORT != 0
    }

    fn note(&self, bits: u32) {
        self.pending.set(self.pending.get() | bits);
    }

    fn done(&self, bits: u32) {
        self.pending.set(self.pending.get() & !bits);
    }

    /// A run has ended. What is left: its report, and for drivers that were about to do something for it a pass
    /// in which they find that it is gone.
    pub(super) fn end_run(&self) {
        self.done(CLEAR);
    }
}

impl<C: Chip> ProcessStandard<C> {
    /// Clear from `start` up to `end`, which is inside what the process reaches. As much as a
    /// pass takes is done at once, the rest before the process runs.
    pub(super) fn clear(&self, start: usize, end: usize) {
        self.note_clear(start, end);
        self.clear_pass();
    }

    /// The same, and nothing of it is done at once.
    pub(super) fn note_clear(&self, start: usize, end: usize) {
        let work = &self.work;
        // What an earlier change of the break left to do is still to be done, as far as it is reached.
        let start = match work.clear.get() {
            (from, _) if work.is_clearing() => from.min(start),
            _ => start,
        };
        work.clear.set((start, end));
        work.note(CLEAR);
    }

    fn clear_pass(&self) {
        let (start, end) = self.work.clear.get();
        let next = end.min(start.saturating_add(CLEAR_BYTES));
        self.zero(start, next);
        self.work.clear.set((next, end));
        if next >= end {
            self.work.done(CLEAR);
        }
    }

    /// Have the report printed, of what is there now, and `outcome` behind it.
    pub(super) fn begin_report(&self, outcome: &'static str) {
        self.work.report.set(Report {
            outcome,
            ..Report::of(self)
        });
        self.work.note(REPORT);
        self.note_work();
    }

    /// A report said, or is about to say, what becomes of the process, and that is no longer true: `outcome` is.
    pub(super) fn amend_report(&self, outcome: &'static str) {
        let mut report = self.work.report.get();
        if report.outcome.is_empty() {
            return;
        }
        report.outcome = outcome;
        if !self.work.is_reporting() {
            report.part = OUTCOME;
        }
        self.work.report.set(report);
        self.work.note(REPORT);
        self.note_work();
    }

    /// It has ended another's run.
    pub(super) fn note_ends(&self) {
        self.work.note(ENDS);
        self.note_work();
        // It may be its turn now, which is over with this call.
        DeferredCall::have_looked();
    }

    /// What a report said has happened.
    pub(super) fn forget_report(&self) {
        if !self.work.is_reporting() {
            let report = self.work.report.get();
            self.work.report.set(Report {
                outcome: "",
                ..report
            });
        }
    }

    fn report_pass(&self) {
        let of_background = self.standing.priority == Priority::Background;
        if !crate::debug::has_room_for_line(of_background) {
            return;
        }
        let report = self.work.report.get();
        let more = crate::debug::part_of_message(|writer| self.print_part(&report, writer));
        if more {
            self.work.report.set(Report {
                part: report.part.saturating_add(1),
                ..report
            });
        } else {
            self.work.done(REPORT);
        }
    }

    /// Note that the driver of a grant has something to do for this process. Returns whether it has one.
    pub(super) fn note_driver(&self, driver_num: usize) -> bool {
        let slot = self.grants.iter().position(|slot| slot.serves(driver_num));
        let index = slot.filter(|index| *index < GRANTS && self.is_running());
        if let Some(index) = index {
            self.work.note(1 << index);
            self.note_work();
        }
        index.is_some()
    }

    /// Do one pass.
    #[cold]
    pub(super) fn do_pass(&self) -> Option<Pass> {
        let pending = self.work.pending.get();
        if self.work.is_clearing() {
            self.clear_pass();
        } else if pending & ENDS != 0 {
            if !self.kernel.end_pass() {
                self.work.done(ENDS);
            }
            return Some(Pass::Last);
        } else if pending & !REPORT != 0 {
            let index = pending.trailing_zeros();
            self.work.done(1 << index);
            let slot = self.grants.get(index as usize)?;
            return Some(Pass::Driver(slot.driver()));
        } else if self.work.is_reporting() {
            self.report_pass();
            return Some(Pass::Last);
        } else {
            return None;
        }
        Some(Pass::Done)
    }
}
