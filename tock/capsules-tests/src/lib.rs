//! Hardware that tests of capsules play: a clock and a serial line.

#![forbid(unsafe_code)]

pub mod alarm;
pub mod uart;
