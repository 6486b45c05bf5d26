//! The timer of Arm's Cortex-M System Design Kit, at 25 MHz. Source: Arm DDI 0479, section 4.1.

use super::TICKS_PER_US;
use crate::{Device, Width};

const CTRL: u32 = 0x00;
const VALUE: u32 = 0x04;
const RELOAD: u32 = 0x08;
const INTSTATUS: u32 = 0x0c;

/// In `CTRL`: it counts; its interrupt.
const ENABLE: u32 = 1 << 0;
const INTERRUPT: u32 = 1 << 3;

/// It counts down to 0, and begins again at what it is reloaded with.
#[derive(Default)]
pub(crate) struct CmsdkTimer {
    ctrl: u32,
    value: u32,
    reload: u32,
    status: u32,
    /// Ticks of the clock until which `value` is right.
    until: u64,
}

impl CmsdkTimer {
    fn counts(&self) -> bool {
        self.ctrl & ENABLE != 0 && (self.value != 0 || self.reload != 0)
    }
}

impl Device for CmsdkTimer {
    fn go_on(&mut self, now_us: u64) {
        let now = now_us * TICKS_PER_US;
        let passed = now.saturating_sub(self.until);
        self.until = self.until.max(now);
        if !self.counts() {
            return;
        }
        if passed < u64::from(self.value) {
            self.value -= passed as u32;
            return;
        }
        // It was 0 after `value` ticks, and is reloaded at the next.
        let beyond = passed - u64::from(self.value);
        let was_zero = self.value == 0;
        if !was_zero || beyond > 0 {
            self.status |= u32::from(!was_zero || beyond > u64::from(self.reload));
        }
        self.value = match (beyond, self.reload) {
            (_, 0) | (0, _) => 0,
            (beyond, reload) => {
                let period = u64::from(reload) + 1;
                let into = (beyond - 1) % period;
                reload - into as u32
            }
        };
    }

    fn next_us(&self) -> Option<u64> {
        let rings = self.counts() && self.ctrl & INTERRUPT != 0 && self.status == 0;
        let left = match self.value {
            0 => u64::from(self.reload) + 1,
            value => u64::from(value),
        };
        rings.then(|| (self.until + left).div_ceil(TICKS_PER_US))
    }

    fn read(&mut self, offset: u32, _: Width) -> u32 {
        match offset {
            CTRL => self.ctrl,
            VALUE => self.value,
            RELOAD => self.reload,
            INTSTATUS => self.status,
            _ => 0,
        }
    }

    fn write(&mut self, offset: u32, _: Width, value: u32) {
        match offset {
            CTRL => {
                let begins = value & ENABLE != 0 && self.ctrl & ENABLE == 0;
                self.ctrl = value & 0xf;
                if begins && self.value == 0 {
                    self.value = self.reload;
                }
            }
            VALUE => self.value = value,
            RELOAD => {
                // A timer that runs begins with it.
                self.reload = value;
                self.value = value;
            }
            INTSTATUS => self.status &= !value,
            _ => {}
        }
    }

    fn raised(&self) -> u32 {
        u32::from(self.status != 0 && self.ctrl & INTERRUPT != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rings_once_a_period_however_time_passes() {
        for step in [1, 7, 100, 9_999, 10_000] {
            let mut timer = CmsdkTimer::default();
            timer.write(RELOAD, Width::Bits32, 249_999);
            timer.write(CTRL, Width::Bits32, ENABLE | INTERRUPT);
            let mut rings = 0;
            for now in (0..=1_000_000).step_by(step) {
                timer.go_on(now as u64);
                if timer.raised() != 0 {
                    rings += 1;
                    timer.write(INTSTATUS, Width::Bits32, 1);
                }
            }
            assert!((99..=100).contains(&rings), "{rings} rings, step {step}");
        }
    }

    #[test]
    fn it_says_when_it_rings() {
        let mut timer = CmsdkTimer::default();
        timer.write(RELOAD, Width::Bits32, 249_999);
        timer.write(CTRL, Width::Bits32, ENABLE | INTERRUPT);
        for _ in 0..100 {
            let next = timer.next_us().unwrap();
            timer.go_on(next - 1);
            assert_eq!(timer.raised(), 0, "{next}");
            timer.go_on(next);
            assert_eq!(timer.raised(), 1, "{next}");
            timer.write(INTSTATUS, Width::Bits32, 1);
        }
        assert_eq!(timer.until / TICKS_PER_US, 1_000_000);
    }
}
