//! The system's clock and alarm: FPGAIO's counter and CMSDK timer 1.
//!
//! The counter is the time: it counts up at 25 MHz / 16 and is never written, so setting an
//! alarm cannot lose ticks. The timer interrupts when an alarm is due: with nothing to reload, it counts from
//! what is written to it down to zero, once, at 25 MHz. So the firmware needs one interrupt line, and both
//! halves of the dual timer, which share theirs, are left to others.

#![allow(unsafe_code)]

use core::cell::Cell;

use kernel::ErrorCode;
use kernel::hil::time::{Alarm, AlarmClient, Frequency, Ticks, Ticks32, Time};
use kernel::utilities::StaticRef;
use kernel::utilities::cells::OptionalCell;
use kernel::utilities::registers::interfaces::{Readable, Writeable};
use kernel::utilities::registers::{ReadOnly, ReadWrite, register_bitfields, register_structs};

use crate::fpgaio;

register_structs! {
    CounterRegisters {
        (0x00 => counter: ReadOnly<u32>),
        /// Clocks of 25 MHz between two counts, less one.
        (0x04 => prescale: ReadWrite<u32>),
        (0x08 => prescale_counter: ReadOnly<u32>),
        (0x0C => @END),
    }
}

register_structs! {
    TimerRegisters {
        (0x00 => control: ReadWrite<u32, Control::Register>),
        (0x04 => value: ReadWrite<u32>),
        (0x08 => reload: ReadWrite<u32>),
        /// A one clears.
        (0x0C => interrupt: ReadWrite<u32>),
        (0x10 => @END),
    }
}

register_bitfields![u32,
    Control [
        INTERRUPT OFFSET(3) NUMBITS(1) [],
        ENABLE OFFSET(0) NUMBITS(1) []
    ]
];

/// Where FPGAIO has its counters.
pub(crate) const COUNTER_BASE: usize = fpgaio::BASE + 0x18;
/// Where timer 1 is.
pub(crate) const TIMER_BASE: usize = 0x4000_1000;

// SAFETY: AN386 has FPGAIO's counters at this address.
const COUNTER: StaticRef<CounterRegisters> =
    unsafe { StaticRef::new(COUNTER_BASE as *const CounterRegisters) };

// SAFETY: AN386 has CMSDK timer 1 at this address.
const TIMER: StaticRef<TimerRegisters> =
    unsafe { StaticRef::new(TIMER_BASE as *const TimerRegisters) };

/// Clocks of the timer in a tick of the counter, as a shift.
const TICK_SHIFT: u32 = 4;

/// Most ticks that the timer can count: 171 seconds. A later alarm is set again when they are over.
const LEFT_MAX: u32 = u32::MAX >> TICK_SHIFT;

/// 1.5625 MHz: a tick is 0.64 us, 32 bits wrap after 45 minutes.
#[derive(Debug)]
pub struct Freq1562500Hz;

impl Frequency for Freq1562500Hz {
    fn frequency() -> u32 {
        crate::SYSTEM_CLOCK_HZ >> TICK_SHIFT
    }
}

/// Clock and alarm.
pub struct SystemTimer<'a> {
    client: OptionalCell<&'a dyn AlarmClient>,
    /// The alarm is or was due `dt` ticks after `reference`.
    reference: Cell<u32>,
    dt: Cell<u32>,
    armed: Cell<bool>,
}

impl SystemTimer<'_> {
    /// The timer, not started yet ([`SystemTimer::init`]).
    ///
    /// # Safety
    ///
    /// Counter and timer exist once: one object may drive them.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self {
            client: OptionalCell::empty(),
            reference: Cell::new(0),
            dt: Cell::new(0),
            armed: Cell::new(false),
        }
    }

    /// Start both. The clock goes on from where it is: near 0 after a reset.
    pub fn init(&self) {
        TIMER.control.set(0);
        TIMER.reload.set(0);
        TIMER.value.set(0);
        TIMER.interrupt.set(1);
        TIMER
            .control
            .write(Control::ENABLE::SET + Control::INTERRUPT::SET);
        COUNTER.prescale.set((1 << TICK_SHIFT) - 1);
    }

    /// The alarm's interrupt. Not inlined into the kernel's loop, where it would cost every system call.
    #[inline(never)]
    pub fn handle_interrupt(&self) {
        TIMER.interrupt.set(1);
        if !self.armed.get() {
            return;
        }
        match self.left() {
            0 => {
                self.armed.set(false);
                self.client.map(|client| client.alarm());
            }
            left => start(left),
        }
    }

    /// Ticks until the alarm is due.
    fn left(&self) -> u32 {
        let elapsed = self.now().into_u32().wrapping_sub(self.reference.get());
        self.dt.get().saturating_sub(elapsed)
    }
}

/// Interrupt when so many ticks are over: at the end of the last one, never early.
fn start(ticks: u32) {
    // One clock at least.
    TIMER.value.set(ticks.min(LEFT_MAX) << TICK_SHIFT | 1);
}

impl Time for SystemTimer<'_> {
    type Frequency = Freq1562500Hz;
    type Ticks = Ticks32;

    fn now(&self) -> Ticks32 {
        Ticks32::from(COUNTER.counter.get())
    }
}

impl<'a> Alarm<'a> for SystemTimer<'a> {
    fn set_alarm_client(&self, client: &'a dyn AlarmClient) {
        self.client.set(client);
    }

    fn set_alarm(&self, reference: Ticks32, dt: Ticks32) {
        self.reference.set(reference.into_u32());
        self.dt.set(dt.into_u32());
        self.armed.set(true);
        start(self.left());
    }

    fn get_alarm(&self) -> Ticks32 {
        Ticks32::from(self.reference.get().wrapping_add(self.dt.get()))
    }

    fn disarm(&self) -> Result<(), ErrorCode> {
        self.armed.set(false);
        TIMER.value.set(0);
        TIMER.interrupt.set(1);
        Ok(())
    }

    fn is_armed(&self) -> bool {
        self.armed.get()
    }

    fn minimum_dt(&self) -> Ticks32 {
        Ticks32::from(1)
    }
}
