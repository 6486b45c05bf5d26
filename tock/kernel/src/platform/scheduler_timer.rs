//! The timer that ends time slices.

use core::num::NonZeroU32;

/// Counts a process's time slice down and interrupts the process at its end.
///
/// The kernel calls `start`, then `arm`; from then on the expiry must make a
/// running process stop with `Interrupted`. An expiry while the kernel runs
/// must be harmless, and keep the chip from running a process before the kernel has
/// asked [`Chip::has_pending_interrupts`](super::chip::Chip::has_pending_interrupts) and then this
/// timer. `reset` ends the slice.
pub trait SchedulerTimer {
    /// Begin a slice of `us` microseconds.
    fn start(&self, us: NonZeroU32);

    /// Forget the slice and make no interrupt.
    fn reset(&self);

    /// Let the expiry interrupt.
    fn arm(&self);

    /// Do not let the expiry interrupt.
    fn disarm(&self);

    /// What is left of the slice in microseconds; `None` once it has expired.
    fn get_remaining_us(&self) -> Option<NonZeroU32>;

    /// Whether the slice has expired. Asked after every system call of a
    /// process with a slice, so an implementation answers without arithmetic
    /// if it can.
    fn has_expired(&self) -> bool {
        self.get_remaining_us().is_none()
    }
}

/// No timer: for schedulers without time slices.
impl SchedulerTimer for () {
    fn start(&self, _us: NonZeroU32) {}
    fn reset(&self) {}
    fn arm(&self) {}
    fn disarm(&self) {}
    fn get_remaining_us(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(u32::MAX)
    }
}
