//! Time slices in turn.
//!
//! A process that is interrupted by kernel work gets the rest of its slice
//! afterwards; one that yields or uses its slice up goes to the end.

use core::cell::Cell;
use core::num::NonZeroU32;

use super::{Scheduler, SchedulingDecision};
use crate::kernel::Kernel;
use crate::platform::chip::Chip;
use crate::process::StoppedExecutingReason;

/// Length of a slice in microseconds unless the board says otherwise.
pub const DEFAULT_TIMESLICE_US: NonZeroU32 = NonZeroU32::new(10_000).unwrap();

/// A rest of a slice shorter than this is not worth a switch.
pub(super) const MIN_REST_US: u32 = 500;

/// The round-robin scheduler.
pub struct RoundRobinSched {
    kernel: &'static Kernel,
    slice: NonZeroU32,
    /// Slot that is asked first.
    turn: Cell<usize>,
    /// What that slot's process has left of its slice.
    rest: Cell<Option<NonZeroU32>>,
}

impl RoundRobinSched {
    /// Slices of 10 ms.
    #[must_use]
    pub const fn new(kernel: &'static Kernel) -> Self {
        Self::new_with_time(kernel, DEFAULT_TIMESLICE_US)
    }

    /// Slices of `slice` microseconds.
    #[must_use]
    pub const fn new_with_time(kernel: &'static Kernel, slice: NonZeroU32) -> Self {
        Self {
            kernel,
            slice,
            turn: Cell::new(0),
            rest: Cell::new(None),
        }
    }
}

impl<C: Chip> Scheduler<C> for RoundRobinSched {
    fn next(&self) -> SchedulingDecision {
        let turn = self.turn.get();
        let Some((index, process)) = self.kernel.first_ready(u32::MAX, turn) else {
            return SchedulingDecision::TrySleep;
        };
        if index != turn {
            self.turn.set(index);
            self.rest.set(None);
        }
        let slice = self.rest.take().unwrap_or(self.slice);
        self.rest.set(Some(slice));
        SchedulingDecision::RunProcess((process.processid(), Some(slice)))
    }

    fn result(&self, result: StoppedExecutingReason, execution_time_us: Option<u32>) {
        let given = self.rest.take().map_or(0, NonZeroU32::get);
        let left = given.saturating_sub(execution_time_us.unwrap_or(given));
        if result == StoppedExecutingReason::KernelPreemption && left >= MIN_REST_US {
            self.rest.set(NonZeroU32::new(left));
        } else {
            self.turn
                .set((self.turn.get() + 1) % self.kernel.process_count().max(1));
        }
    }
}
