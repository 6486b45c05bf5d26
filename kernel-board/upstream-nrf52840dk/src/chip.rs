//! The chip, but it passes over lines that wait for a container, and hands exposed lines to `wasm_host`.
//!
//! Upstream's `NRF52` services whatever is pending and enables it again. Everything else is its own.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt::Write;

use kernel::hil::time::{Ticks, Time};
use kernel::platform::chip::{Chip, InterruptService};
use nrf52840::interrupt_service::Nrf52840DefaultPeripherals;
use nrf52840::rtc::Rtc;
use wasm_host::{Clock, Lines};
use wasm_host_board::AttendedLines;

use crate::{BaseChip, Host};

/// The chip of this board.
pub(crate) struct AttendedChip {
    /// Upstream's.
    pub(crate) base: &'static BaseChip,
    /// The firmware's drivers.
    pub(crate) firmware: &'static Nrf52840DefaultPeripherals<'static>,
    /// Which lines are serviced.
    pub(crate) lines: &'static AttendedLines,
    /// Takes what the firmware does not.
    pub(crate) host: &'static Host,
}

impl Chip for AttendedChip {
    type MPU = <BaseChip as Chip>::MPU;
    type ThreadIdProvider = <BaseChip as Chip>::ThreadIdProvider;
    type UserspaceKernelBoundary = <BaseChip as Chip>::UserspaceKernelBoundary;

    fn init() {
        BaseChip::init();
    }

    fn service_pending_interrupts(&self) {
        while let Some(line) = self.lines.next_pending() {
            let known = self.firmware.service_interrupt(line) || self.host.interrupt(line);
            if !known {
                self.lines.mask(line);
            }
            self.lines.finish(line);
        }
    }

    fn has_pending_interrupts(&self) -> bool {
        self.lines.has_pending()
    }

    fn mpu(&self) -> &Self::MPU {
        self.base.mpu()
    }

    fn userspace_kernel_boundary(&self) -> &Self::UserspaceKernelBoundary {
        self.base.userspace_kernel_boundary()
    }

    fn sleep(&self) {
        self.base.sleep();
    }

    fn with_interrupts_disabled<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        self.base.with_interrupts_disabled(f)
    }

    unsafe fn print_state(this: Option<&Self>, writer: &mut dyn Write) {
        // SAFETY: what the caller promised for this chip holds for the one inside.
        unsafe { BaseChip::print_state(this.map(|chip| chip.base), writer) }
    }
}

/// The kernel's clock, which has 24 bits, as one of 32.
pub(crate) struct RtcClock {
    rtc: &'static Rtc<'static>,
    /// What was read last, with the bits above those of the counter.
    last: Cell<u32>,
}

impl RtcClock {
    /// A clock over the counter, which runs.
    pub(crate) const fn new(rtc: &'static Rtc<'static>) -> Self {
        Self {
            rtc,
            last: Cell::new(0),
        }
    }
}

impl Clock for RtcClock {
    fn now(&self) -> u32 {
        const BITS: u32 = 0x00FF_FFFF;
        let passed = self.rtc.now().into_u32().wrapping_sub(self.last.get()) & BITS;
        let now = self.last.get().wrapping_add(passed);
        self.last.set(now);
        now
    }

    fn ticks_per_second(&self) -> u32 {
        32_768
    }
}
