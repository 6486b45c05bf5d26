//! Pins (driver 0x4).

use berth_exposure::rest::LET_GO;

use crate::{ErrorCode, command};

/// Driver number.
pub const DRIVER_NUM: usize = 0x4;

/// Command numbers.
mod commands {
    pub(super) const OUTPUT: usize = 1;
    pub(super) const SET: usize = 2;
    pub(super) const CLEAR: usize = 3;
    pub(super) const TOGGLE: usize = 4;
    pub(super) const INPUT: usize = 5;
    pub(super) const READ: usize = 6;
    pub(super) const COUNT: usize = 10;
}

/// How many pins the driver has.
pub fn count() -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, commands::COUNT, 0, 0).success_u32()
}

/// Make pin `number` an output. `Invalid` from [`count`] up, as of all others.
pub fn make_output(number: u32) -> Result<(), ErrorCode> {
    done(commands::OUTPUT, number, 0)
}

/// Make it an input that is held by a resistor: 0 none, 1 up, 2 down. `NoSupport`: no such resistor.
pub fn make_input(number: u32, resistor: u32) -> Result<(), ErrorCode> {
    done(commands::INPUT, number, resistor)
}

/// High.
pub fn set(number: u32) -> Result<(), ErrorCode> {
    done(commands::SET, number, 0)
}

/// Low.
pub fn clear(number: u32) -> Result<(), ErrorCode> {
    done(commands::CLEAR, number, 0)
}

/// The other level.
pub fn toggle(number: u32) -> Result<(), ErrorCode> {
    done(commands::TOGGLE, number, 0)
}

/// Is it high?
pub fn read(number: u32) -> Result<bool, ErrorCode> {
    command(DRIVER_NUM, commands::READ, number as usize, 0)
        .success_u32()
        .map(|level| level != 0)
}

/// Have it come to rest, if this run was the last to drive it. `NoDevice` of one without a safe state.
pub fn let_go(number: u32) -> Result<(), ErrorCode> {
    done(LET_GO, number, 0)
}

fn done(number: usize, pin: u32, how: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number, pin as usize, how as usize).success()
}
