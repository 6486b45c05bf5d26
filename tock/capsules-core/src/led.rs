//! LEDs for processes.
//!
//! ```text
//!   process ── command ──► LedDriver ── hil::led::Led ──► board's LEDs
//! ```
//!
//! | command | arguments | returns |
//! |---|---|---|
//! | 0 | | u32: how many LEDs there are |
//! | 1, 2, 3 | LED index | on, off, toggle |
//! | 4 | LED index | u32: 1 if on, 0 if off |
//!
//! An index out of range is `INVAL`. All calls complete at once; there is nothing
//! to subscribe to or to share, and LEDs belong to no process in particular.

use crate::driver;
use kernel::ErrorCode;
use kernel::hil::led::Led;
use kernel::process::{self, ProcessId};
use kernel::syscall::{CommandReturn, SyscallDriver};

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::Led as usize;

/// The driver, for `NUM_LEDS` LEDs of one kind.
pub struct LedDriver<'a, L: Led, const NUM_LEDS: usize> {
    leds: &'a [&'a L; NUM_LEDS],
}

impl<'a, L: Led, const NUM_LEDS: usize> LedDriver<'a, L, NUM_LEDS> {
    /// Take LEDs into service: each is initialised.
    pub fn new(leds: &'a [&'a L; NUM_LEDS]) -> Self {
        for led in leds {
            led.init();
        }
        Self { leds }
    }

    fn with_led(&self, index: usize, run: impl FnOnce(&L) -> CommandReturn) -> CommandReturn {
        match self.leds.get(index) {
            Some(led) => run(led),
            None => CommandReturn::failure(ErrorCode::INVAL),
        }
    }

    fn change(&self, index: usize, run: impl FnOnce(&L)) -> CommandReturn {
        self.with_led(index, |led| {
            run(led);
            CommandReturn::success()
        })
    }
}

impl<L: Led, const NUM_LEDS: usize> SyscallDriver for LedDriver<'_, L, NUM_LEDS> {
    fn command(
        &self,
        command_num: usize,
        index: usize,
        _: usize,
        _process_id: ProcessId,
    ) -> CommandReturn {
        match command_num {
            // Older than the rule that command 0 answers plain success, and kept.
            0 => CommandReturn::success_u32(NUM_LEDS as u32),
            1 => self.change(index, Led::on),
            2 => self.change(index, Led::off),
            3 => self.change(index, Led::toggle),
            4 => self.with_led(index, |led| CommandReturn::success_u32(led.read().into())),
            _ => CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
    }

    fn allocate_grant(&self, _process_id: ProcessId) -> Result<(), process::Error> {
        // Nothing is kept for a process.
        Ok(())
    }
}
