//! CMSDK dual timer as the system's clock and alarm.
//!
//! The first half counts freely and is the time; the second half is a one-shot
//! counter that interrupts when an alarm is due. The time is never written, so
//! setting an alarm cannot lose ticks. Both run at 25 MHz / 16.

use core::cell::Cell;

use kernel::ErrorCode;
use kernel::hil::time::{Alarm, AlarmClient, Frequency, Ticks, Ticks32, Time};
use kernel::utilities::StaticRef;
use kernel::utilities::cells::OptionalCell;
use kernel::utilities::registers::interfaces::{Readable, Writeable};
use kernel::utilities::registers::{
    ReadOnly, ReadWrite, WriteOnly, register_bitfields, register_structs,
};

register_structs! {
    DualTimerRegisters {
        (0x00 => clock: Half),
        (0x20 => alarm: Half),
        (0x40 => @END),
    }
}

register_structs! {
    Half {
        (0x00 => load: ReadWrite<u32>),
        (0x04 => value: ReadOnly<u32>),
        (0x08 => control: ReadWrite<u32, Control::Register>),
        (0x0C => intclr: WriteOnly<u32>),
        (0x10 => ris: ReadOnly<u32>),
        (0x14 => mis: ReadOnly<u32>),
        (0x18 => bgload: ReadWrite<u32>),
        (0x1C => _reserved),
        (0x20 => @END),
    }
}

register_bitfields![u32,
    Control [
        ENABLE OFFSET(7) NUMBITS(1) [],
        /// 1: start again from the load value, 0: from the largest one.
        PERIODIC OFFSET(6) NUMBITS(1) [],
        INTERRUPT OFFSET(5) NUMBITS(1) [],
        PRESCALE OFFSET(2) NUMBITS(2) [ By1 = 0, By16 = 1, By256 = 2 ],
        /// 1: count 32 bits, 0: 16.
        WIDE OFFSET(1) NUMBITS(1) [],
        ONESHOT OFFSET(0) NUMBITS(1) []
    ]
];

// SAFETY: AN386 has the dual timer at this address.
const DUAL_TIMER: StaticRef<DualTimerRegisters> =
    unsafe { StaticRef::new(0x4000_2000 as *const DualTimerRegisters) };

/// 1.5625 MHz: a tick is 0.64 us, 32 bits wrap after 45 minutes.
#[derive(Debug)]
pub struct Freq1562500Hz;

impl Frequency for Freq1562500Hz {
    fn frequency() -> u32 {
        crate::SYSTEM_CLOCK_HZ / 16
    }
}

/// The dual timer.
pub struct DualTimer<'a> {
    client: OptionalCell<&'a dyn AlarmClient>,
    /// When the alarm is or was due.
    due: Cell<u32>,
    armed: Cell<bool>,
}

impl DualTimer<'_> {
    /// The timer, not started yet ([`DualTimer::init`]).
    ///
    /// # Safety
    ///
    /// There is one dual timer: one object may drive it.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self {
            client: OptionalCell::empty(),
            due: Cell::new(0),
            armed: Cell::new(false),
        }
    }

    /// Start the clock at 0.
    pub fn init(&self) {
        DUAL_TIMER.alarm.control.set(0);
        DUAL_TIMER.alarm.intclr.set(1);
        DUAL_TIMER.clock.control.set(0);
        DUAL_TIMER.clock.load.set(u32::MAX);
        DUAL_TIMER
            .clock
            .control
            .write(Control::ENABLE::SET + Control::WIDE::SET + Control::PRESCALE::By16);
    }

    /// The alarm's interrupt.
    pub fn handle_interrupt(&self) {
        DUAL_TIMER.alarm.intclr.set(1);
        if self.armed.take() {
            DUAL_TIMER.alarm.control.set(0);
            self.client.map(|client| client.alarm());
        }
    }
}

impl Time for DualTimer<'_> {
    type Frequency = Freq1562500Hz;
    type Ticks = Ticks32;

    fn now(&self) -> Ticks32 {
        // It counts down.
        Ticks32::from(!DUAL_TIMER.clock.value.get())
    }
}

impl<'a> Alarm<'a> for DualTimer<'a> {
    fn set_alarm_client(&self, client: &'a dyn AlarmClient) {
        self.client.set(client);
    }

    fn set_alarm(&self, reference: Ticks32, dt: Ticks32) {
        let due = reference.wrapping_add(dt);
        let elapsed = self.now().wrapping_sub(reference);
        let left = dt.into_u32().saturating_sub(elapsed.into_u32());
        self.due.set(due.into_u32());
        self.armed.set(true);
        DUAL_TIMER.alarm.control.set(0);
        DUAL_TIMER.alarm.intclr.set(1);
        // The halves' prescalers are not in step: one tick more, never early.
        DUAL_TIMER.alarm.load.set(left.saturating_add(1));
        DUAL_TIMER.alarm.control.write(
            Control::ENABLE::SET
                + Control::INTERRUPT::SET
                + Control::WIDE::SET
                + Control::ONESHOT::SET
                + Control::PRESCALE::By16,
        );
    }

    fn get_alarm(&self) -> Ticks32 {
        Ticks32::from(self.due.get())
    }

    fn disarm(&self) -> Result<(), ErrorCode> {
        self.armed.set(false);
        DUAL_TIMER.alarm.control.set(0);
        DUAL_TIMER.alarm.intclr.set(1);
        Ok(())
    }

    fn is_armed(&self) -> bool {
        self.armed.get()
    }

    fn minimum_dt(&self) -> Ticks32 {
        Ticks32::from(1)
    }
}
