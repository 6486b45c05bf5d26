//! What a step of a container's code brought: it goes on, it waits, or it has ended.

use berth_protocol::{Entry, Fault, HostCall};

use crate::buses::Bus;
use crate::engine::{MailPlace, Step};

/// Why a container's execution was ended by its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// It sleeps until this time.
    Sleep {
        /// Microseconds on the device's clock.
        until_us: u64,
    },
    /// It sleeps until this time in a function that returns 0.
    Poll {
        /// Microseconds on the device's clock.
        until_us: u64,
    },
    /// It lets others run.
    Yield,
    /// It waits for a message.
    Receive(
        /// Where it wants it.
        MailPlace,
    ),
    /// It waits for the end of the register program that its host knows.
    Program,
    /// It waits for the end of the transfer on this bus that its host knows.
    Transfer(Bus),
    /// It waits for what the store has for it, as its host knows.
    Keep,
    /// It ended itself.
    Exit {
        /// Its code.
        code: i32,
    },
    /// It did what it may not.
    Fault(
        /// What.
        Fault,
    ),
}

/// The last host function that a container called, for its fault record.
pub type LastCall = HostCall<'static>;

/// What is known of a container that failed while it was loaded: it is dropped with its arena.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastWords {
    /// Why a host function ended it, if that did.
    pub pending: Option<Pending>,
    /// The last host function that it called.
    pub last_call: Option<LastCall>,
    /// Fuel that its start function used.
    pub fuel_used: u64,
    /// Bytes of memory that it held.
    pub memory_used: u32,
}

/// How a run of a container has ended by what its code did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It ended itself.
    Exit {
        /// Its code.
        code: i32,
    },
    /// It did what it may not, or what it cannot go on after.
    Fault {
        /// What.
        fault: Fault,
        /// In which function it was entered.
        entry: Entry,
        /// The last host function that it called.
        last_call: Option<LastCall>,
    },
}

/// What one step brought.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    /// How it ended.
    pub(super) step: Step,
    /// Fuel that it used.
    pub(super) fuel: u64,
    /// Why a host function ended it, if one did.
    pub(super) pending: Option<Pending>,
    /// The last host function that it called.
    pub(super) last_call: Option<LastCall>,
}

impl Outcome {
    /// The step ran out of memory: the container's is lost.
    pub(super) const OUT_OF_MEMORY: Self = Self {
        step: Step::Trapped(Fault::OutOfMemory),
        fuel: 0,
        pending: None,
        last_call: None,
    };

    /// Returns how the container has ended, if it has, by a step of the function `entry`. `None`: it
    /// has returned, its fuel is used up, or it waits.
    pub(super) const fn end(&self, entry: Entry) -> Option<End> {
        let fault = match (self.step, self.pending) {
            (Step::Stopped, Some(Pending::Exit { code })) => return Some(End::Exit { code }),
            (Step::Stopped, Some(Pending::Fault(fault))) | (Step::Trapped(fault), _) => fault,
            (Step::Stopped, None) => Fault::Engine,
            _ => return None,
        };
        Some(self.fault(fault, entry))
    }

    /// As [`end`](Self::end), for a function that is called beside main: it may not wait, and is at an end with
    /// its fuel, which is `too_long`.
    pub(super) const fn end_aside(&self, entry: Entry, too_long: Fault) -> Option<End> {
        match (self.step, self.pending) {
            (Step::OutOfFuel, _) => Some(self.fault(too_long, entry)),
            (Step::Stopped, Some(Pending::Exit { .. } | Pending::Fault(_)))
            | (Step::Trapped(_) | Step::Finished, _) => self.end(entry),
            (Step::Stopped, _) => Some(self.fault(Fault::MaySuspend, entry)),
        }
    }

    const fn fault(&self, fault: Fault, entry: Entry) -> End {
        End::Fault {
            fault,
            entry,
            last_call: self.last_call,
        }
    }
}
