//! LED: lights on the board (driver 0x2).

use berth_exposure::rest::LET_GO;

use crate::{ErrorCode, command};

/// Driver number.
pub const DRIVER_NUM: usize = 0x2;

mod commands {
    pub(super) const COUNT: usize = 0;
    pub(super) const ON: usize = 1;
    pub(super) const OFF: usize = 2;
    pub(super) const TOGGLE: usize = 3;
    pub(super) const READ: usize = 4;
}

/// How many LEDs the board has.
pub fn count() -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, commands::COUNT, 0, 0).success_u32()
}

/// Light LED `index`. `Invalid` from [`count`] up.
pub fn on(index: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, commands::ON, index as usize, 0).success()
}

/// Put LED `index` out. `Invalid` from [`count`] up.
pub fn off(index: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, commands::OFF, index as usize, 0).success()
}

/// Change LED `index`. `Invalid` from [`count`] up.
pub fn toggle(index: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, commands::TOGGLE, index as usize, 0).success()
}

/// Is LED `index` lit? `Invalid` from [`count`] up.
pub fn is_on(index: u32) -> Result<bool, ErrorCode> {
    command(DRIVER_NUM, commands::READ, index as usize, 0)
        .success_u32()
        .map(|state| state != 0)
}

/// Have LED `index` come to rest, if this run was the last to change it. `NoDevice` of one without a safe state.
pub fn let_go(index: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, LET_GO, index as usize, 0).success()
}
