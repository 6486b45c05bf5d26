//! One piece of hardware for several users.

pub mod virtual_alarm;
pub mod virtual_i2c;
pub mod virtual_spi;
pub mod virtual_uart;
