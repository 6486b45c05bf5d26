//! Hardware that tests of capsules play: a clock, a serial line, an SPI and an I2C bus.

#![forbid(unsafe_code)]

pub mod alarm;
pub mod buses;
pub mod uart;
