//! Time, and one alarm for each process.
//!
//! ```text
//!   process ── command, upcall 0 ──► AlarmDriver ── hil::time::Alarm ──► virtual_alarm
//! ```
//!
//! | command | arguments | returns |
//! |---|---|---|
//! | 0 | | driver is there |
//! | 1 | | u32: ticks per second |
//! | 2 | | u32: now, in ticks |
//! | 3 | | alarm off; `ALREADY` if none was on |
//! | 5 | dt | u32: expiry; alarm in dt ticks from now |
//! | 6 | reference, dt | u32: expiry; alarm dt ticks after reference |
//!
//! Upcall 0: now, expiry, 0. A new alarm replaces the one before; one that lies in
//! the past (dt ticks have gone by since reference) goes off at once.
//!
//! To processes a tick count always has 32 bits and wraps there. A narrower hardware
//! counter is shifted up to 32 bits, and the frequency with it; of a wider one the low
//! 32 bits are used.
//!
//! As in [`crate::virtualizers::virtual_alarm`], alarms are brought forward at each
//! pass and the hardware is never left alone for more than half a turn, so that an
//! alarm of nearly a full turn is not mistaken for one that has passed.

use crate::driver;
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use kernel::hil::time::{Alarm, AlarmClient, Frequency, Ticks, Time};
use kernel::process::{self, ProcessId};
use kernel::syscall::{CommandReturn, SyscallDriver};

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::Alarm as usize;

/// Upcall numbers.
mod upcall {
    pub(super) const EXPIRED: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

/// Longest time the hardware alarm is set ahead, in ticks as processes see them.
const HALF_TURN: u32 = 1 << 31;

/// An alarm that is on: `dt` ticks after `reference`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expiration {
    reference: u32,
    dt: u32,
}

impl Expiration {
    fn expiry(self) -> u32 {
        self.reference.wrapping_add(self.dt)
    }

    /// The same alarm seen from `now`; `None` if it has expired.
    fn brought_to(self, now: u32) -> Option<Self> {
        let elapsed = now.wrapping_sub(self.reference);
        (elapsed < self.dt).then(|| Self {
            reference: now,
            dt: self.dt - elapsed,
        })
    }
}

/// What the driver keeps for each process.
#[derive(Default)]
pub struct AlarmData {
    alarm: Option<Expiration>,
}

/// The grant a board creates for the driver.
pub type AlarmGrant =
    Grant<AlarmData, UpcallCount<{ upcall::COUNT }>, AllowRoCount<0>, AllowRwCount<0>>;

/// The driver. It must be the client of its alarm.
pub struct AlarmDriver<'a, A: Alarm<'a>> {
    alarm: &'a A,
    app_alarms: AlarmGrant,
    /// What the hardware is set to; it may be earlier than any process needs.
    hardware: Cell<Option<Expiration>>,
}

impl<'a, A: Alarm<'a>> AlarmDriver<'a, A> {
    /// Serve processes from this alarm.
    pub const fn new(alarm: &'a A, grant: AlarmGrant) -> Self {
        Self {
            alarm,
            app_alarms: grant,
            hardware: Cell::new(None),
        }
    }

    /// How far counts are shifted up for processes.
    fn shift() -> u32 {
        32_u32.saturating_sub(A::Ticks::width())
    }

    fn now(&self) -> u32 {
        self.alarm.now().into_u32() << Self::shift()
    }

    fn frequency() -> u32 {
        <<A as Time>::Frequency as Frequency>::frequency() << Self::shift()
    }

    fn set(&self, process: ProcessId, reference: u32, dt: u32, now: u32) -> CommandReturn {
        let alarm = Expiration { reference, dt };
        let kept = self
            .app_alarms
            .enter(process, |data, _| data.alarm = Some(alarm));
        if let Err(error) = kept {
            return error.into();
        }
        // One that is past is left to the hardware as well: no upcall is queued from
        // within the command that asks for it.
        let wait = alarm.brought_to(now).map_or(0, |alarm| alarm.dt);
        self.set_hardware(now, wait);
        CommandReturn::success_u32(alarm.expiry())
    }

    /// Have the hardware fire in `wait` ticks, unless it fires before.
    fn set_hardware(&self, now: u32, wait: u32) {
        let wait = wait.min(HALF_TURN);
        let set = self.hardware.get().and_then(|set| set.brought_to(now));
        if set.is_some_and(|set| set.dt <= wait) {
            return;
        }
        let shift = Self::shift();
        // Rounded up, so that it does not fire before its time and then again.
        let ticks = (wait >> shift) + u32::from(wait & ((1 << shift) - 1) != 0);
        self.hardware.set(Some(Expiration {
            reference: now,
            dt: wait,
        }));
        self.alarm
            .set_alarm(A::Ticks::from(now >> shift), A::Ticks::from(ticks));
    }

    fn stop(&self, process: ProcessId) -> CommandReturn {
        // The hardware stays set: an alarm that nobody needs costs one pass.
        match self.app_alarms.enter(process, |data, _| data.alarm.take()) {
            Ok(Some(_)) => CommandReturn::success(),
            Ok(None) => CommandReturn::failure(ErrorCode::ALREADY),
            Err(error) => error.into(),
        }
    }
}

impl<'a, A: Alarm<'a>> AlarmClient for AlarmDriver<'a, A> {
    fn alarm(&self) {
        self.hardware.set(None);
        let now = self.now();
        let mut wait: Option<u32> = None;
        self.app_alarms.each(|_, data, kernel_data| {
            let Some(alarm) = data.alarm else { return };
            data.alarm = alarm.brought_to(now);
            match data.alarm {
                Some(alarm) => wait = Some(wait.map_or(alarm.dt, |wait| wait.min(alarm.dt))),
                None => {
                    // A full queue loses the upcall; the process did not yield for ten events.
                    let _ = kernel_data.schedule_upcall(
                        upcall::EXPIRED,
                        (now as usize, alarm.expiry() as usize, 0),
                    );
                }
            }
        });
        if let Some(wait) = wait {
            self.set_hardware(now, wait);
        }
    }
}

impl<'a, A: Alarm<'a>> SyscallDriver for AlarmDriver<'a, A> {
    fn command(
        &self,
        command_num: usize,
        arg0: usize,
        arg1: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        // Counts are 32 bits; an argument has no more on the board.
        let (first, second) = (arg0 as u32, arg1 as u32);
        match command_num {
            0 => CommandReturn::success(),
            1 => CommandReturn::success_u32(Self::frequency()),
            2 => CommandReturn::success_u32(self.now()),
            3 => self.stop(process_id),
            5 => {
                let now = self.now();
                self.set(process_id, now, first, now)
            }
            6 => self.set(process_id, first, second, self.now()),
            _ => CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.app_alarms.enter(process_id, |_, _| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_brought_forward_until_it_expires() {
        let alarm = Expiration {
            reference: u32::MAX - 9,
            dt: 30,
        };
        assert_eq!(alarm.expiry(), 20);
        let later = alarm.brought_to(5).unwrap();
        assert_eq!((later.reference, later.dt, later.expiry()), (5, 15, 20));
        assert!(later.brought_to(19).is_some());
        assert_eq!(later.brought_to(20), None);
        assert_eq!(later.brought_to(4_000), None);
        assert_eq!(
            Expiration {
                reference: 3,
                dt: 0
            }
            .brought_to(3),
            None
        );
    }
}
