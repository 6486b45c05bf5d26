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
//! Alarms are kept in the kernel, one place for each process that has set one, [`PROCESSES_MAX`] in all; who finds none free
//! is told `NOMEM`. An interrupt looks at these places, and one process is told in it: what else is due then
//! has the next one, at once. So it takes the same time whatever processes there are.
//!
//! What "expired" means, and why the hardware is never left alone for more than half a
//! turn, says [`crate::expiration`], which the virtual alarms use as well.

use crate::PROCESSES_MAX;
use crate::driver;
use crate::expiration::{Expiration, shorter};
use core::cell::Cell;
use core::num::NonZeroU8;
use kernel::ErrorCode;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use kernel::hil::time::{Alarm, AlarmClient, Frequency, Ticks, Ticks32, Time};
use kernel::process::{self, ProcessId};
use kernel::syscall::{CommandReturn, SyscallDriver};

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::Alarm as usize;

/// Upcall numbers.
mod upcall {
    pub(super) const EXPIRED: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

/// A count as processes see it.
type Count = Ticks32;

/// What the driver keeps for each process.
#[derive(Default)]
pub struct AlarmData {
    /// Number of the place of its alarm, counted from one; none before it has set one.
    place: Option<NonZeroU8>,
}

/// A process's alarm.
struct Place {
    /// Whose it is, or was: a run that has ended.
    process: Cell<Option<ProcessId>>,
    alarm: Cell<Expiration<Count>>,
}

/// The grant a board creates for the driver.
pub type AlarmGrant =
    Grant<AlarmData, UpcallCount<{ upcall::COUNT }>, AllowRoCount<0>, AllowRwCount<0>>;

/// The driver. It must be the client of its alarm.
pub struct AlarmDriver<'a, A: Alarm<'a>> {
    alarm: &'a A,
    app_alarms: AlarmGrant,
    places: [Place; PROCESSES_MAX],
    /// So many of them, the first ones, are or were somebody's.
    used: Cell<usize>,
    /// What the hardware is set to; it may be earlier than any process needs. Due: its
    /// interrupt is on the way.
    hardware: Cell<Expiration<Count>>,
}

impl<'a, A: Alarm<'a>> AlarmDriver<'a, A> {
    /// Serve processes from this alarm.
    pub const fn new(alarm: &'a A, grant: AlarmGrant) -> Self {
        Self {
            alarm,
            app_alarms: grant,
            places: [const {
                Place {
                    process: Cell::new(None),
                    alarm: Cell::new(Expiration::Off),
                }
            }; PROCESSES_MAX],
            used: Cell::new(0),
            hardware: Cell::new(Expiration::Off),
        }
    }

    /// How far counts are shifted up for processes.
    fn shift() -> u32 {
        32_u32.saturating_sub(A::Ticks::width())
    }

    fn now(&self) -> Count {
        Count::from(self.alarm.now().into_u32() << Self::shift())
    }

    fn frequency() -> u32 {
        <<A as Time>::Frequency as Frequency>::frequency() << Self::shift()
    }

    fn set(&self, process: ProcessId, reference: Count, dt: Count, now: Count) -> CommandReturn {
        // One that is past is left to the hardware as well: no upcall is queued from
        // within the command that asks for it.
        let alarm = Expiration::Armed { reference, dt }.brought_to(now);
        let place = match self.place(process) {
            Ok(place) => place.or_else(|| self.new_place(process)),
            Err(error) => return error.into(),
        };
        let Some(place) = place else {
            return CommandReturn::failure(ErrorCode::NOMEM);
        };
        place.alarm.set(alarm);
        // Not off, so there is a wait.
        if let Some(wait) = alarm.remaining() {
            self.set_hardware(now, wait);
        }
        CommandReturn::success_u32(reference.wrapping_add(dt).into_u32())
    }

    /// The place of a process, if it has one.
    #[inline(always)]
    fn place(&self, process: ProcessId) -> Result<Option<&Place>, process::Error> {
        let number = self.app_alarms.enter(process, |data, _| data.place)?;
        Ok(number.and_then(|number| self.places.get(usize::from(number.get()) - 1)))
    }

    /// Gives a place to a process that has none: one that was nobody's, or is that of a run that has ended.
    #[cold]
    fn new_place(&self, process: ProcessId) -> Option<&Place> {
        let is_free = |place: &Place| {
            let owner = place.process.get();
            owner.is_none_or(|owner| self.app_alarms.enter(owner, |_, _| ()).is_err())
        };
        let number = self.places.iter().position(is_free)?;
        let place = self.places.get(number)?;
        let noted = self.app_alarms.enter(process, |data, _| {
            data.place = u8::try_from(number + 1).ok().and_then(NonZeroU8::new);
        });
        place.process.set(Some(process));
        self.used.set(self.used.get().max(number + 1));
        noted.ok().map(|()| place)
    }

    /// Have the hardware fire in `wait` ticks, unless it fires before.
    fn set_hardware(&self, now: Count, wait: Count) {
        let wait = wait.min(Count::half_max_value());
        let set = self.hardware.get().brought_to(now);
        // One that is due stays: its interrupt is on the way, and who waits for it
        // is served then.
        if set.remaining().is_some_and(|set| set <= wait) {
            return;
        }
        let shift = Self::shift();
        let ticks = wait.into_u32();
        // Rounded up, so that it does not fire before its time and then again.
        let ticks = (ticks >> shift) + u32::from(ticks & ((1 << shift) - 1) != 0);
        self.hardware.set(Expiration::Armed {
            reference: now,
            dt: wait,
        });
        self.alarm.set_alarm(
            A::Ticks::from(now.into_u32() >> shift),
            A::Ticks::from(ticks),
        );
    }

    fn stop(&self, process: ProcessId) -> CommandReturn {
        // The hardware stays set: an alarm that nobody needs costs one pass.
        let place = match self.place(process) {
            Ok(place) => place,
            Err(error) => return error.into(),
        };
        match place.map(|place| place.alarm.take()) {
            None | Some(Expiration::Off) => CommandReturn::failure(ErrorCode::ALREADY),
            Some(_) => CommandReturn::success(),
        }
    }
}

impl<'a, A: Alarm<'a>> AlarmClient for AlarmDriver<'a, A> {
    fn alarm(&self) {
        self.hardware.set(Expiration::Off);
        let now = self.now();
        let mut wait = None;
        // What has been due longest.
        let mut first: Option<(&Place, Count)> = None;
        for place in self.places.iter().take(self.used.get()) {
            match place.alarm.get().brought_to(now) {
                Expiration::Off => {}
                armed @ Expiration::Armed { dt, .. } => {
                    place.alarm.set(armed);
                    wait = shorter(wait, Some(dt));
                }
                Expiration::Due { expiry } => {
                    let ago = |expiry| now.wrapping_sub(expiry);
                    let (later, expiry) = match first {
                        Some((_, of_first)) if ago(expiry) <= ago(of_first) => (place, expiry),
                        before => {
                            first = Some((place, expiry));
                            let Some(before) = before else { continue };
                            before
                        }
                    };
                    later.alarm.set(Expiration::Due { expiry });
                    wait = Some(Count::from(0));
                }
            }
        }
        // Alarms are not served from within a command, so no grant is entered here.
        if let Some((place, expiry)) = first {
            place.alarm.set(Expiration::Off);
            if let Some(process) = place.process.get() {
                let counts = (now.into_usize(), expiry.into_usize(), 0);
                // A full queue loses the upcall; the process did not yield for ten events. One that is gone needs none.
                let _ = self.app_alarms.enter(process, |_, kernel_data| {
                    kernel_data.schedule_upcall(upcall::EXPIRED, counts)
                });
            }
        }
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
        let (first, second) = (Count::from(arg0 as u32), Count::from(arg1 as u32));
        match command_num {
            0 => CommandReturn::success(),
            1 => CommandReturn::success_u32(Self::frequency()),
            2 => CommandReturn::success_u32(self.now().into_u32()),
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
