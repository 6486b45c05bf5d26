//! Tock's capsules as processes see them.

mod alarm;
mod console;
mod crowd;
mod expiration_tests;
mod gpio;
mod i2c_master;
mod led;
mod low_level_debug;
mod policies;
mod process_info;
mod spi_controller;
mod virtual_alarm;
mod virtual_uart;

/// A part of the alarm driver that nothing outside it has.
#[path = "../../../capsules-core/src/expiration.rs"]
mod expiration;
