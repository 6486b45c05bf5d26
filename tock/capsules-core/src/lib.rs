//! Core capsules: console, alarm, LEDs, low-level debug, SPI, I2C, and what shares hardware
//! between them.
//!
//! ```text
//!   processes
//!   ═════════════ system calls ═══════════════════════════════════════
//!   console::Console   low_level_debug   alarm::AlarmDriver   led::LedDriver
//!        │ hil::uart        │                  │ hil::time        │ hil::led
//!   virtualizers::virtual_uart          virtualizers::virtual_alarm │
//!        │                                     │                    │
//!   chip's UART                            chip's timer        chip's pins
//! ```
//!
//! `spi_controller` and `i2c_master` stand likewise on `virtual_spi` and `virtual_i2c`, `gpio` on `hil::gpio`; a further UART is a
//! second `console::Console`, with the number of `driver::NUM::Uart`.
//!
//! Numbers, arguments and returns are those of Tock 2.x; module paths and
//! constructors are upstream's.
//!
//! A board puts them together like this, once its UART and timer run:
//!
//! ```ignore
//! // The serial line: one device each for console, low-level debug and `debug!`.
//! let mux = static_init!(MuxUart<'static>, MuxUart::new(uart0));
//! mux.initialize();
//! let line = static_init!(UartDevice<'static>, UartDevice::new(mux));
//! line.setup();
//! let console = static_init!(
//!     Console<'static>,
//!     Console::new(line, static_init!([u8; 64], [0; 64]), static_init!([u8; 1], [0]),
//!         RingBuffer::new(static_init!([u8; 2048], [0; 2048])),
//!         kernel.create_grant(console::DRIVER_NUM, &memory_allocation)),
//! );
//! console.start();
//!
//! let line = static_init!(UartDevice<'static>, UartDevice::new(mux));
//! line.setup();
//! let low_level_debug = static_init!(
//!     LowLevelDebug<'static, UartDevice<'static>>,
//!     LowLevelDebug::new(static_init!([u8; low_level_debug::BUF_LEN], [0; low_level_debug::BUF_LEN]), line,
//!         kernel.create_grant(low_level_debug::DRIVER_NUM, &memory_allocation)),
//! );
//! line.set_transmit_client(low_level_debug);
//! low_level_debug.register();
//!
//! // The timer.
//! let mux = static_init!(MuxAlarm<'static, Timer>, MuxAlarm::new(timer));
//! timer.set_alarm_client(mux);
//! let virtual_alarm = static_init!(VirtualMuxAlarm<'static, Timer>, VirtualMuxAlarm::new(mux));
//! virtual_alarm.setup();
//! let alarm = static_init!(
//!     AlarmDriver<'static, VirtualMuxAlarm<'static, Timer>>,
//!     AlarmDriver::new(virtual_alarm, kernel.create_grant(alarm::DRIVER_NUM, &memory_allocation)),
//! );
//! virtual_alarm.set_alarm_client(alarm);
//! ```

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod alarm;
pub mod console;
pub mod driver;
mod expiration;
pub mod gpio;
pub mod i2c_master;
pub mod led;
pub mod low_level_debug;
pub mod passes;
pub mod spi_controller;
mod waiting;
pub use waiting::PROCESSES_MAX;
pub mod virtualizers;
