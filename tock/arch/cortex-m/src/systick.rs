//! SysTick as the kernel's timer for process time slices.
//!
//! The kernel asks for the remaining time on every system call, so the
//! conversion must be cheap: the timer runs at a whole number of ticks a
//! microsecond, and a system with a 1 MHz reference clock converts nothing at all.

#![allow(unsafe_code)]

use core::num::NonZeroU32;

use kernel::platform::scheduler_timer::SchedulerTimer;
use kernel::utilities::StaticRef;
use kernel::utilities::registers::interfaces::{Readable, Writeable};
use kernel::utilities::registers::{ReadOnly, ReadWrite, register_bitfields, register_structs};

register_structs! {
    SysTickRegisters {
        (0x0 => csr: ReadWrite<u32, Control::Register>),
        (0x4 => rvr: ReadWrite<u32>),
        (0x8 => cvr: ReadWrite<u32>),
        (0xC => calib: ReadOnly<u32>),
        (0x10 => @END),
    }
}

register_bitfields![u32,
    Control [
        /// The counter reached zero since this register was last read.
        COUNTFLAG 16,
        /// 1: processor clock, 0: reference clock.
        CLKSOURCE 2,
        TICKINT 1,
        ENABLE 0
    ]
];

// SAFETY: the architecture fixes SysTick at this address.
const SYSTICK: StaticRef<SysTickRegisters> =
    unsafe { StaticRef::new(0xE000_E010 as *const SysTickRegisters) };

/// The counter has 24 bits.
const MAX_TICKS: u32 = 0x00FF_FFFF;

/// The timer and how fast it runs.
#[derive(Debug)]
pub struct SysTick {
    ticks_per_us: NonZeroU32,
    /// CLKSOURCE in its place in the control register, and nothing else.
    source: u32,
}

impl SysTick {
    /// Run from the reference clock of the chip.
    ///
    /// # Safety
    ///
    /// There is one SysTick: one object may drive it.
    #[must_use]
    pub const unsafe fn with_reference_clock(ticks_per_us: NonZeroU32) -> Self {
        Self {
            ticks_per_us,
            source: 0,
        }
    }

    /// Run from the processor clock, a whole number of megahertz.
    ///
    /// # Safety
    ///
    /// There is one SysTick: one object may drive it.
    #[must_use]
    pub const unsafe fn with_processor_clock(ticks_per_us: NonZeroU32) -> Self {
        Self {
            ticks_per_us,
            source: 1 << 2,
        }
    }

    fn control(&self, interrupt: bool) {
        // Written whole: a read would clear COUNTFLAG.
        SYSTICK.csr.set(self.source | u32::from(interrupt) << 1 | 1);
    }
}

impl SchedulerTimer for SysTick {
    fn start(&self, us: NonZeroU32) {
        // At most 24 bits of ticks: a longer slice is cut to what the counter holds.
        let ticks = us
            .get()
            .saturating_mul(self.ticks_per_us.get())
            .min(MAX_TICKS);
        SYSTICK.csr.set(0);
        SYSTICK.rvr.set(ticks);
        // Any write clears the counter and COUNTFLAG; it reloads at the next tick.
        SYSTICK.cvr.set(0);
        self.control(false);
    }

    fn reset(&self) {
        SYSTICK.csr.set(0);
        SYSTICK.rvr.set(0);
        SYSTICK.cvr.set(0);
    }

    fn arm(&self) {
        self.control(true);
    }

    fn disarm(&self) {
        self.control(false);
    }

    fn get_remaining_us(&self) -> Option<NonZeroU32> {
        if self.has_expired() {
            return None;
        }
        // Zero: the counter has been cleared and not reloaded yet, the slice is whole.
        let ticks = match SYSTICK.cvr.get() {
            0 => SYSTICK.rvr.get(),
            ticks => ticks,
        };
        let us = if self.ticks_per_us == NonZeroU32::MIN {
            ticks
        } else {
            ticks / self.ticks_per_us.get()
        };
        NonZeroU32::new(us.max(1))
    }

    fn has_expired(&self) -> bool {
        let control = SYSTICK.csr.extract();
        let expired = control.is_set(Control::COUNTFLAG) || !control.is_set(Control::ENABLE);
        if expired {
            // Reading cleared the flag; stopping remembers that time is up.
            SYSTICK.csr.set(0);
        }
        expired
    }
}
