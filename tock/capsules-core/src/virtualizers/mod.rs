//! One piece of hardware for several users.

pub mod virtual_alarm;
pub mod virtual_uart;
