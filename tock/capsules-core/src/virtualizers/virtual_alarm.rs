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
