//! Who has used the CPU, by the clock.
//!
//! ```text
//!   clock   ──┬────────────┬──────────────┬───────────────┬──►
//!   spans     │ a's turn   │ b's handler  │ a request     │ ...
//!   charged     a            b              nobody
//! ```
//!
//! Time is divided into spans without gaps between them, each of which is one container's or nobody's. A span
//! ends where the clock is read, which is what a turn, a handler and a request do anyway. So
//! whatever a container has the supervisor do, in whatever function, it pays for, and nobody
//! else. What other processes and the kernel take meanwhile is in it: the kernel does not tell.

use super::around::Around;

/// How much of the CPU a container uses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// In the current window.
    pub(super) busy_us: u32,
    /// In the windows before, in thousandths.
    pub(super) permille: u16,
}

impl Load {
    pub(super) const fn permille(self) -> u16 {
        self.permille
    }

    /// A window of `passed` microseconds is over.
    pub(super) fn end_window(&mut self, passed: u64) {
        // At most 1000, as nobody is busy for longer than has passed.
        let lately = u64::from(self.busy_us) * 1000 / passed.max(1);
        self.permille = (self.permille + lately as u16).div_ceil(2);
        self.busy_us = 0;
    }
}

/// The clock of the scheduler.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Whose the current span is; `None`: nobody's.
    owner: Option<usize>,
    /// When it began: when the clock was read last.
    since_us: u64,
    /// When the last turn began; `None` if nobody wanted it.
    pub(super) turn_us: Option<u64>,
    /// Fuel that the slice had which is or was the current span; `None`: it is no slice.
    pub(super) slice_fuel: Option<u32>,
    /// That slice was used up.
    pub(super) used_up: bool,
    /// What changing containers takes.
    pub(super) around: Around,
    /// When the current window of [`Load`] began.
    pub(super) window_us: u64,
    /// When this run of the supervisor began.
    pub(super) started_us: u64,
    /// Longest time from one turn to the next, or of loading.
    pub(super) longest_us: u32,
}

impl Clock {
    /// Returns one that begins now.
    pub(super) const fn new(now_us: u64) -> Self {
        Self {
            owner: None,
            since_us: now_us,
            turn_us: None,
            slice_fuel: None,
            used_up: false,
            around: Around::new(),
            window_us: now_us,
            started_us: now_us,
            longest_us: 0,
        }
    }

    /// Returns whose the current span is.
    pub(super) const fn owner(&self) -> Option<usize> {
        self.owner
    }

    /// Ends the current span and begins one of `owner`. Returns whose that was which is over, and how many
    /// microseconds it took.
    pub(super) fn switch(&mut self, now_us: u64, owner: Option<usize>) -> Option<(usize, u64)> {
        let passed = now_us.saturating_sub(self.since_us);
        let before = core::mem::replace(&mut self.owner, owner);
        self.since_us = now_us;
        before.map(|slot| (slot, passed))
    }

    /// For so long nobody could be answered.
    pub(super) fn stalled(&mut self, us: u64) {
        let us = u32::try_from(us).unwrap_or(u32::MAX);
        self.longest_us = self.longest_us.max(us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_leave_no_gap_and_each_has_one_owner() {
        let mut clock = Clock::new(10);
        assert_eq!(clock.switch(15, Some(3)), None);
        assert_eq!(clock.switch(40, Some(4)), Some((3, 25)));
        assert_eq!(clock.switch(41, None), Some((4, 1)));
        assert_eq!(clock.switch(99, Some(3)), None);
        assert_eq!(clock.switch(99, Some(4)), Some((3, 0)));
    }

    #[test]
    fn what_is_used_lately_is_told_in_thousandths() {
        let mut load = Load::default();
        for _ in 0..20 {
            load.busy_us = 250_000;
            load.end_window(1_000_000);
        }
        assert!(load.permille().abs_diff(250) <= 1);
    }
}
