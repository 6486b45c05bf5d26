//! Arm MPS2 FPGA image AN386: a Cortex-M4 with CMSDK peripherals.
//!
//! ```text
//!   kernel::hil: uart, time::Alarm, led        kernel::platform::chip::Chip
//! ---------------------------------------------------------------------------
//!   uart (5x)    system_timer  fpgaio            chip (NVIC, MPU, SysTick)
//! ```
//!
//! Registers as in Arm's application note AN386 and the Cortex-M System Design
//! Kit reference manual; interrupt numbers in [`interrupts`].

#![no_std]

pub mod chip;
pub mod fpgaio;
pub mod interrupts;
pub mod register_block;
pub mod system_timer;
pub mod uart;

/// Everything but SysTick runs at this clock, in hertz.
pub const SYSTEM_CLOCK_HZ: u32 = 25_000_000;
