//! Who has used the CPU, by the clock.

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
}

/// The clock of the scheduler. It is read once a turn, and who had the turn before is
/// charged with what has passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Slot and beginning of the last turn; `None` if nobody wanted it.
    pub(super) turn: Option<(usize, u64)>,
    pub(super) window_us: u64,
    /// When this run of the supervisor began.
    pub(super) started_us: u64,
    /// Longest time from one turn to the next, or of loading.
    pub(super) longest_us: u32,
}

impl Clock {
    pub(super) const fn new(now_us: u64) -> Self {
        Self {
            turn: None,
            window_us: now_us,
            started_us: now_us,
            longest_us: 0,
        }
    }

    /// For so long nobody could be answered.
    pub(super) fn stalled(&mut self, us: u64) {
        let us = u32::try_from(us).unwrap_or(u32::MAX);
        self.longest_us = self.longest_us.max(us);
    }
}
