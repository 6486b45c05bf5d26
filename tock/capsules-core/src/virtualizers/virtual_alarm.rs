//! Many alarms on one hardware alarm.
//!
//! ```text
//!   AlarmDriver     other capsules
//!       │ hil::time::Alarm │
//!   VirtualMuxAlarm  VirtualMuxAlarm
//!       └──────┬──────────┘
//!          MuxAlarm
//!              │ hil::time::Alarm
//!          hardware timer
//! ```
//!
//! ```ignore
//! let mux = static_init!(MuxAlarm<'static, Timer>, MuxAlarm::new(timer));
//! timer.set_alarm_client(mux);
//! let alarm = static_init!(VirtualMuxAlarm<'static, Timer>, VirtualMuxAlarm::new(mux));
//! alarm.setup();
//! ```
//!
//! Every alarm is brought forward at each pass, and the hardware is never left alone for
//! more than half a turn: [`crate::expiration`].

use crate::expiration::{Expiration, shorter};
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::hil::time::{Alarm, AlarmClient, Ticks, Time};
use kernel::utilities::cells::OptionalCell;

/// One alarm among many.
pub struct VirtualMuxAlarm<'a, A: Alarm<'a>> {
    mux: &'a MuxAlarm<'a, A>,
    next: Cell<Option<&'a VirtualMuxAlarm<'a, A>>>,
    client: OptionalCell<&'a dyn AlarmClient>,
    state: Cell<Expiration<A::Ticks>>,
}

impl<'a, A: Alarm<'a>> VirtualMuxAlarm<'a, A> {
    /// An alarm of this multiplexer. [`setup`](Self::setup) must follow.
    pub fn new(mux: &'a MuxAlarm<'a, A>) -> Self {
        Self {
            mux,
            next: Cell::new(None),
            client: OptionalCell::empty(),
            state: Cell::new(Expiration::Off),
        }
    }

    /// Join the multiplexer; once, before the first use.
    pub fn setup(&'a self) {
        self.next.set(self.mux.first.get());
        self.mux.first.set(Some(self));
    }
}

impl<'a, A: Alarm<'a>> Time for VirtualMuxAlarm<'a, A> {
    type Frequency = A::Frequency;
    type Ticks = A::Ticks;

    fn now(&self) -> Self::Ticks {
        self.mux.alarm.now()
    }
}

impl<'a, A: Alarm<'a>> Alarm<'a> for VirtualMuxAlarm<'a, A> {
    fn set_alarm_client(&self, client: &'a dyn AlarmClient) {
        self.client.set(client);
    }

    fn set_alarm(&self, reference: Self::Ticks, dt: Self::Ticks) {
        self.state.set(Expiration::Armed { reference, dt });
        self.mux.changed();
    }

    fn get_alarm(&self) -> Self::Ticks {
        // The interface has no word for "none"; `is_armed` says it.
        self.state.get().expiry().unwrap_or(Self::Ticks::from(0))
    }

    fn disarm(&self) -> Result<(), ErrorCode> {
        self.state.set(Expiration::Off);
        self.mux.changed();
        Ok(())
    }

    fn is_armed(&self) -> bool {
        !matches!(self.state.get(), Expiration::Off)
    }

    fn minimum_dt(&self) -> Self::Ticks {
        self.mux.alarm.minimum_dt()
    }
}

/// Shares one hardware alarm. It must be that alarm's client.
pub struct MuxAlarm<'a, A: Alarm<'a>> {
    alarm: &'a A,
    first: Cell<Option<&'a VirtualMuxAlarm<'a, A>>>,
    /// Clients are being called; the hardware is set once they are done.
    firing: Cell<bool>,
}

impl<'a, A: Alarm<'a>> MuxAlarm<'a, A> {
    /// Share this alarm.
    pub const fn new(alarm: &'a A) -> Self {
        Self {
            alarm,
            first: Cell::new(None),
            firing: Cell::new(false),
        }
    }

    fn alarms(&self) -> impl Iterator<Item = &'a VirtualMuxAlarm<'a, A>> + use<'a, A> {
        core::iter::successors(self.first.get(), |alarm| alarm.next.get())
    }

    fn changed(&self) {
        if !self.firing.get() {
            self.set_hardware();
        }
    }

    /// Bring all alarms to now and arm the hardware for the earliest.
    fn set_hardware(&self) {
        let now = self.alarm.now();
        let mut wait = None;
        for alarm in self.alarms() {
            let state = alarm.state.get().brought_to(now);
            alarm.state.set(state);
            wait = shorter(wait, state.remaining());
        }
        match wait {
            Some(wait) => self
                .alarm
                .set_alarm(now, wait.min(A::Ticks::half_max_value())),
            // An alarm that cannot be disarmed fires once more, which does nothing.
            None => drop(self.alarm.disarm()),
        }
    }
}

impl<'a, A: Alarm<'a>> AlarmClient for MuxAlarm<'a, A> {
    fn alarm(&self) {
        self.firing.set(true);
        let now = self.alarm.now();
        // Each alarm at most once a pass: one that a client sets again, however
        // short, waits for the next interrupt and cannot hold the kernel here.
        for alarm in self.alarms() {
            let state = alarm.state.get().brought_to(now);
            if let Expiration::Due { .. } = state {
                alarm.state.set(Expiration::Off);
                alarm.client.map(|client| client.alarm());
            } else {
                alarm.state.set(state);
            }
        }
        self.firing.set(false);
        self.set_hardware();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_alarm::TestAlarm;
    use core::cell::RefCell;
    use std::boxed::Box;
    use std::vec::Vec;

    type Virtual = VirtualMuxAlarm<'static, TestAlarm>;

    /// Remembers when it was called, and may set its alarm again.
    struct Sleeper {
        alarm: &'static Virtual,
        called: RefCell<Vec<u32>>,
        again: Cell<Option<u32>>,
    }

    impl AlarmClient for Sleeper {
        fn alarm(&self) {
            let now = self.alarm.now();
            self.called.borrow_mut().push(now.into_u32());
            if let Some(dt) = self.again.take() {
                self.alarm.set_alarm(now, dt.into());
            }
        }
    }

    fn setup<const N: usize>() -> (&'static TestAlarm, [&'static Sleeper; N]) {
        let hardware = TestAlarm::leak();
        let mux = Box::leak(Box::new(MuxAlarm::new(hardware)));
        hardware.set_alarm_client(mux);
        let sleepers = core::array::from_fn(|_| {
            let alarm: &'static Virtual = Box::leak(Box::new(VirtualMuxAlarm::new(mux)));
            alarm.setup();
            let sleeper: &'static Sleeper = Box::leak(Box::new(Sleeper {
                alarm,
                called: RefCell::default(),
                again: Cell::new(None),
            }));
            alarm.set_alarm_client(sleeper);
            sleeper
        });
        (hardware, sleepers)
    }

    fn sleep(sleeper: &Sleeper, dt: u32) {
        sleeper.alarm.set_alarm(sleeper.alarm.now(), dt.into());
    }

    #[test]
    fn each_goes_off_once_at_its_time() {
        for start in [0, u32::MAX - 20, u32::MAX / 2] {
            let (hardware, [a, b, c]) = setup();
            hardware.advance(start);
            sleep(a, 30);
            sleep(b, 10);
            sleep(c, 20);
            assert_eq!(a.alarm.get_alarm().into_u32(), start.wrapping_add(30));
            c.alarm.disarm().unwrap();
            assert!(a.alarm.is_armed() && !c.alarm.is_armed());
            hardware.run(100);
            assert_eq!(*a.called.borrow(), [start.wrapping_add(30)]);
            assert_eq!(*b.called.borrow(), [start.wrapping_add(10)]);
            assert!(c.called.borrow().is_empty());
            assert!(!hardware.is_armed());
        }
    }

    #[test]
    fn an_alarm_of_nearly_a_full_turn_goes_off_at_its_end_even_if_served_late() {
        let (hardware, [long, short]) = setup();
        hardware.advance(7);
        sleep(long, u32::MAX);
        sleep(short, 5);
        hardware.run(50);
        assert_eq!(long.called.borrow().len(), 0);
        // Interrupts come up to 1000 ticks late.
        hardware.late.set(1000);
        hardware.run(u64::from(u32::MAX) - 100);
        assert_eq!(long.called.borrow().len(), 0);
        hardware.run(5000);
        assert_eq!(long.called.borrow().len(), 1);
        assert_eq!(short.called.borrow().len(), 1);
    }

    #[test]
    fn a_client_may_set_its_alarm_again_in_its_callback() {
        let (hardware, [a, b]) = setup();
        a.again.set(Some(0));
        sleep(a, 10);
        sleep(b, 10);
        hardware.run(1000);
        assert_eq!(a.called.borrow().len(), 2);
        assert_eq!(b.called.borrow().len(), 1);
    }

    #[test]
    fn a_reference_in_the_past_counts() {
        let (hardware, [a, b]) = setup();
        hardware.advance(100);
        a.alarm.set_alarm(80.into(), 30.into());
        b.alarm.set_alarm(80.into(), 10.into());
        assert!(a.called.borrow().is_empty() && b.called.borrow().is_empty());
        hardware.run(100);
        assert_eq!(*a.called.borrow(), [110]);
        assert_eq!(b.called.borrow().len(), 1);
    }
}
