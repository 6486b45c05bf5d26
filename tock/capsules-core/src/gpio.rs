//! Pins for processes.
//!
//! ```text
//!   process ── command ──► GPIO ── hil::gpio ──► board's pins
//!           ◄── upcall 0 ──      ◄── edges ──
//! ```
//!
//! | command | arguments | does |
//! |---|---|---|
//! | 0 | | driver is there |
//! | 1 | pin | make it an output |
//! | 2, 3, 4 | pin | high, low, the other level |
//! | 5 | pin, resistor | make it an input |
//! | 6 | pin | u32: 1 if it is high, 0 if low |
//! | 7 | pin, edge | interrupt |
//! | 8 | pin | interrupt no more |
//! | 9 | pin | neither input nor output |
//! | 10 | | u32: how many pins there are |
//!
//! | upcall | arguments |
//! |---|---|
//! | 0 | pin, its level, 0 |
//!
//! A pin out of range is `INVAL`, one that the board keeps for itself `NODEVICE`. Pins belong to no process in particular: an edge
//! is told to all that have subscribed.

use crate::driver;
use kernel::ErrorCode;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use kernel::hil::gpio::{ClientWithValue, FloatingState, InterruptEdge, InterruptValuePin};
use kernel::process::{self, ProcessId};
use kernel::syscall::{CommandReturn, SyscallDriver};

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::Gpio as usize;

/// Upcall numbers.
mod upcall {
    pub(super) const EDGE: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

/// The grant a board creates for the driver.
pub type GpioGrant = Grant<(), UpcallCount<{ upcall::COUNT }>, AllowRoCount<0>, AllowRwCount<0>>;

/// The driver, for pins of one kind; `None` is one that the board keeps.
pub struct GPIO<'a, P: InterruptValuePin<'a>> {
    pins: &'a [Option<&'a P>],
    apps: GpioGrant,
}

impl<'a, P: InterruptValuePin<'a>> GPIO<'a, P> {
    /// Takes pins into service: each is told its number. Who has them calls [`set_client`](Self::set_client) then.
    pub fn new(pins: &'a [Option<&'a P>], grant: GpioGrant) -> Self {
        for (pin, number) in pins.iter().zip(0..) {
            if let Some(pin) = pin {
                pin.set_value(number);
            }
        }
        Self { pins, apps: grant }
    }

    /// Becomes the client of all pins; once, at boot.
    pub fn set_client(&'a self) {
        for pin in self.pins.iter().flatten() {
            pin.set_client(self);
        }
    }
}

/// Returns the answer to a command that has nothing to say but that it was done.
fn done(work: impl FnOnce()) -> CommandReturn {
    work();
    CommandReturn::success()
}

fn configure_input<'a, P: InterruptValuePin<'a>>(pin: &P, resistor: usize) -> CommandReturn {
    let state = match resistor {
        0 => FloatingState::PullNone,
        1 => FloatingState::PullUp,
        2 => FloatingState::PullDown,
        _ => return CommandReturn::failure(ErrorCode::NOSUPPORT),
    };
    done(|| {
        pin.make_input();
        pin.set_floating_state(state);
    })
}

fn interrupt<'a, P: InterruptValuePin<'a>>(pin: &P, edge: usize) -> CommandReturn {
    let edge = match edge {
        0 => InterruptEdge::EitherEdge,
        1 => InterruptEdge::RisingEdge,
        2 => InterruptEdge::FallingEdge,
        _ => return CommandReturn::failure(ErrorCode::NOSUPPORT),
    };
    pin.enable_interrupts(edge).into()
}

impl<'a, P: InterruptValuePin<'a>> SyscallDriver for GPIO<'a, P> {
    fn command(
        &self,
        command_num: usize,
        number: usize,
        how: usize,
        _process_id: ProcessId,
    ) -> CommandReturn {
        match command_num {
            0 => return CommandReturn::success(),
            10 => return CommandReturn::success_u32(self.pins.len() as u32),
            1..=9 => {}
            _ => return CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
        let pin = match self.pins.get(number) {
            Some(Some(pin)) => *pin,
            Some(None) => return CommandReturn::failure(ErrorCode::NODEVICE),
            None => return CommandReturn::failure(ErrorCode::INVAL),
        };
        match command_num {
            1 => done(|| {
                pin.make_output();
            }),
            2 => done(|| pin.set()),
            3 => done(|| pin.clear()),
            4 => done(|| {
                pin.toggle();
            }),
            5 => configure_input(pin, how),
            6 => CommandReturn::success_u32(pin.read().into()),
            7 => interrupt(pin, how),
            8 => done(|| pin.disable_interrupts()),
            _ => done(|| pin.deactivate_to_low_power()),
        }
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.apps.enter(process_id, |_, _| ())
    }
}

impl<'a, P: InterruptValuePin<'a>> ClientWithValue for GPIO<'a, P> {
    fn fired(&self, value: u32) {
        let number = value as usize;
        let Some(Some(pin)) = self.pins.get(number) else {
            return;
        };
        let level = usize::from(pin.read());
        self.apps.each(|_, _, kernel_data| {
            // Who has not subscribed is not told, and a full queue is counted by the kernel.
            let _ = kernel_data.schedule_upcall(upcall::EDGE, (number, level, 0));
        });
    }
}
