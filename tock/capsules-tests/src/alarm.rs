//! A hardware alarm for tests: time passes when the test says so.

use core::cell::Cell;
use kernel::ErrorCode;
use kernel::hil::time::{Alarm, AlarmClient, Freq1MHz, Ticks, Ticks32, Time};
use kernel::utilities::cells::OptionalCell;

/// A clock of 1 MHz with one alarm.
#[derive(Default)]
pub struct TestAlarm {
    now: Cell<u32>,
    /// Ticks until it fires.
    remaining: Cell<Option<u64>>,
    /// How late its interrupts are served, in ticks.
    pub late: Cell<u64>,
    client: OptionalCell<&'static dyn AlarmClient>,
}

impl TestAlarm {
    /// One that lives for ever.
    pub fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    /// Let time pass without interrupts.
    pub fn advance(&self, ticks: u32) {
        self.pass(ticks.into());
        if let Some(wait) = self.remaining.get() {
            self.remaining.set(Some(wait.saturating_sub(ticks.into())));
        }
    }

    /// Let time pass; call the client when its time comes. An interrupt takes a tick.
    pub fn run(&self, ticks: u64) {
        let mut left = ticks;
        while let Some(wait) = self.remaining.get() {
            let wait = wait + self.late.get();
            if wait > left {
                self.remaining
                    .set(Some(wait - left - self.late.get().min(wait - left)));
                break;
            }
            left -= wait;
            self.pass(wait);
            self.remaining.set(None);
            self.client.map(|client| client.alarm());
            if left == 0 {
                return;
            }
            // What sets the alarm again and again must not stop time.
            left -= 1;
            self.pass(1);
            if let Some(wait) = self.remaining.get() {
                self.remaining.set(Some(wait.saturating_sub(1)));
            }
        }
        self.pass(left);
    }

    fn pass(&self, ticks: u64) {
        self.now.set(self.now.get().wrapping_add(ticks as u32));
    }
}

impl Time for TestAlarm {
    type Frequency = Freq1MHz;
    type Ticks = Ticks32;
    fn now(&self) -> Ticks32 {
        self.now.get().into()
    }
}

impl Alarm<'static> for TestAlarm {
    fn set_alarm_client(&self, client: &'static dyn AlarmClient) {
        self.client.set(client);
    }
    fn set_alarm(&self, reference: Ticks32, dt: Ticks32) {
        let elapsed = self.now().wrapping_sub(reference);
        let remaining = if elapsed >= dt {
            0
        } else {
            dt.wrapping_sub(elapsed).into_u32()
        };
        self.remaining.set(Some(remaining.into()));
    }
    fn get_alarm(&self) -> Ticks32 {
        let remaining = self.remaining.get().unwrap_or(0) as u32;
        self.now().wrapping_add(remaining.into())
    }
    fn disarm(&self) -> Result<(), ErrorCode> {
        self.remaining.set(None);
        Ok(())
    }
    fn is_armed(&self) -> bool {
        self.remaining.get().is_some()
    }
    fn minimum_dt(&self) -> Ticks32 {
        1.into()
    }
}
