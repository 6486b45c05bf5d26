//! Arm MPS2 FPGA image AN386: a Cortex-M4 with CMSDK peripherals.
//!
//! ```text
//!   kernel::hil: uart, spi, i2c, time::Alarm, led        kernel::platform::chip::Chip
//! -----------------------------------------------------------------------------------
//!   uart  pl022  sbcon  system_timer  fpgaio               chip (NVIC, MPU, SysTick)
//! ```
//!
//! Registers as in Arm's application note AN386 and the Cortex-M System Design
//! Kit reference manual; interrupt numbers in [`interrupts`].

#![no_std]

#[cfg(test)]
extern crate std;

pub mod chip;
pub mod fpgaio;
pub mod interrupts;
pub mod pace;
pub mod pl022;
#[cfg(test)]
mod pl022_tests;
pub mod register_block;
pub mod registers;
pub mod sbcon;
#[cfg(test)]
mod sbcon_tests;
pub mod system_timer;
pub mod uart;

/// Everything but SysTick runs at this clock, in hertz.
pub const SYSTEM_CLOCK_HZ: u32 = 25_000_000;
