//! The chip as the kernel sees it: interrupts, memory protection, sleep.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt::Write;

use cortexm4::mpu::MPU;
use cortexm4::nvic::{self, Nvic};
use cortexm4::syscall::SysCall;
use cortexm4::{scb, support};
use kernel::deferred_call::DeferredCallClient;
use kernel::platform::chip::{Chip, InterruptService};

use crate::fpgaio;
use crate::interrupts;
use crate::system_timer::{self, SystemTimer};
use crate::uart::{self, Uart};

/// The peripherals that the kernel drives itself, and their interrupts.
pub struct Peripherals<'a> {
    /// The console.
    pub uart0: Uart<'a>,
    /// Clock and alarm.
    pub system_timer: SystemTimer<'a>,
}

impl Peripherals<'_> {
    /// The interrupt lines of these peripherals.
    pub const LINES: [u32; 3] = [
        interrupts::UART0_RX,
        interrupts::UART0_TX,
        interrupts::TIMER1,
    ];

    /// First address and length of their registers.
    pub const BLOCKS: [(u64, u64); 4] = [
        (uart::BASES[0] as u64, 0x1000),
        (system_timer::TIMER_BASE as u64, 0x1000),
        (system_timer::COUNTER_BASE as u64, 0xc),
        // What budgets and the pace of restarts are counted by.
        (fpgaio::SECONDS as u64, 4),
    ];

    /// All of them, not started yet.
    ///
    /// # Safety
    ///
    /// Once: the peripherals exist once.
    #[must_use]
    pub unsafe fn new() -> Self {
        // SAFETY: this is the only place that makes them, and it runs once.
        unsafe {
            Self {
                uart0: Uart::new(0),
                system_timer: SystemTimer::new(),
            }
        }
    }
}

impl Peripherals<'static> {
    /// Start the clock and register deferred calls.
    pub fn init(&'static self) {
        self.uart0.register();
        self.system_timer.init();
    }
}

impl InterruptService for Peripherals<'_> {
    fn service_interrupt(&self, interrupt: u32) -> bool {
        match interrupt {
            interrupts::UART0_RX => self.uart0.handle_rx_interrupt(),
            interrupts::UART0_TX => self.uart0.handle_tx_interrupt(),
            interrupts::TIMER1 => self.system_timer.handle_interrupt(),
            _ => return false,
        }
        true
    }
}

/// AN386.
pub struct Mps2<'a, I: InterruptService> {
    mpu: MPU,
    userspace_kernel_boundary: SysCall,
    interrupt_service: &'a I,
    /// The lines that have a driver, one bit each. A line becomes pending
    /// whether or not it is enabled, and a process that drives an exposed
    /// peripheral can raise that one's line as long as it likes: lines that are
    /// not attended must not keep the kernel busy.
    attended: Cell<u32>,
    /// Those of them that are serviced when no other is pending.
    last: Cell<u32>,
}

impl<'a, I: InterruptService> Mps2<'a, I> {
    /// The chip, set up to take exceptions and interrupts; all lines are disabled.
    ///
    /// # Safety
    ///
    /// Once, and with the vector table in place: `cortexm4`'s handlers for SVC,
    /// SysTick and faults, its generic one for all interrupt lines.
    #[must_use]
    pub unsafe fn new(interrupt_service: &'a I) -> Self {
        cortexm4::init();
        nvic::init();
        // SAFETY: made once, as the caller promised; so is the vector table.
        let chip = unsafe {
            Self {
                mpu: MPU::new(),
                userspace_kernel_boundary: SysCall::new(),
                interrupt_service,
                attended: Cell::new(0),
                last: Cell::new(0),
            }
        };
        chip.mpu.init();
        chip
    }

    /// Service `line` from now on, and let it interrupt.
    pub fn attend(&self, line: u32) {
        if let Some(bit) = 1u32.checked_shl(line) {
            self.attended.set(self.attended.get() | bit);
            // SAFETY: the chip owns all lines of its NVIC.
            unsafe { Nvic::new(line) }.enable();
        }
    }

    /// Service `line`, whenever it is attended, only when no other line is pending.
    pub fn service_last(&self, line: u32) {
        let bit = 1u32.checked_shl(line).unwrap_or(0);
        self.last.set(self.last.get() | bit);
    }

    /// Whether `line` is pending, attended or not.
    #[must_use]
    pub fn is_pending(&self, line: u32) -> bool {
        nvic::has_pending(&[1u32.checked_shl(line).unwrap_or(0)])
    }

    /// Forget that `line` was raised; one that is held high stays pending.
    pub fn clear_pending(&self, line: u32) {
        // SAFETY: as above.
        unsafe { Nvic::new(line) }.clear_pending();
    }

    /// The attended lines to be serviced next, each once.
    fn next_round(&self) -> u32 {
        let pending = nvic::pending() & self.attended.get();
        match pending & !self.last.get() {
            // One of the last, if any: the others may be raised meanwhile.
            0 => pending & pending.wrapping_neg(),
            first => first,
        }
    }

    fn service(&self, line: u32) {
        if !self.interrupt_service.service_interrupt(line) {
            self.ignore(line);
        } else if self.attended.get() & 1u32.wrapping_shl(line) != 0 {
            // SAFETY: the top half disabled this line for us to enable again.
            let nvic = unsafe { Nvic::new(line) };
            // All sources here are levels: what is still raised pends again at once.
            nvic.clear_pending();
            nvic.enable();
        }
        // Else its service wants no more of it, for now.
    }

    /// Leave `line` alone from now on: it can still be raised, to no effect.
    pub fn ignore(&self, line: u32) {
        if let Some(bit) = 1u32.checked_shl(line) {
            self.attended.set(self.attended.get() & !bit);
            // SAFETY: as above.
            unsafe { Nvic::new(line) }.disable();
        }
    }
}

impl<I: InterruptService> Chip for Mps2<'_, I> {
    type MPU = MPU;
    type UserspaceKernelBoundary = SysCall;

    fn service_pending_interrupts(&self) {
        // What comes from here on is noted anew, or found below.
        nvic::forget();
        // In rounds: a line that is raised again as soon as it was serviced, as a transmitter's
        // may be for each byte of a message, keeps no other waiting for longer than that takes.
        loop {
            let mut round = self.next_round();
            if round == 0 {
                return;
            }
            loop {
                self.service(round.trailing_zeros());
                round &= round - 1;
                if round == 0 {
                    break;
                }
                // The service of another may have dealt with it.
                round &= nvic::pending() & self.attended.get();
                if round == 0 {
                    break;
                }
            }
        }
    }

    // Asked after every system call. An attended line is always enabled until it was taken, so one that
    // is pending has been noted; while interrupts are masked, it ends the sleep at once.
    #[inline(always)]
    fn has_pending_interrupts(&self) -> bool {
        nvic::is_noted() && nvic::look(&[self.attended.get()])
    }

    fn mpu(&self) -> &MPU {
        &self.mpu
    }

    fn userspace_kernel_boundary(&self) -> &SysCall {
        &self.userspace_kernel_boundary
    }

    fn sleep(&self) {
        support::wfi();
    }

    fn with_interrupts_disabled<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        support::with_interrupts_disabled(f)
    }

    unsafe fn print_state(this: Option<&Self>, writer: &mut dyn Write) {
        // A report that cannot be printed is nothing that could be reported.
        let _ = write!(writer, "Cortex-M4, CPUID {:#010x}\r\n", scb::cpuid());
        if let Some(chip) = this {
            let attended = chip.attended.get();
            let _ = write!(writer, "interrupt lines attended {attended:#010x}");
            let _ = match nvic::next_pending(&[attended]) {
                Some(line) => write!(writer, ", first pending {line}\r\n"),
                None => write!(writer, ", none pending\r\n"),
            };
        }
    }
}
