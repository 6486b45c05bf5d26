//! A board on the desk, for tests of drivers: registers that react, a clock that does not wait, a record of every access.
//!
//! ```ignore
//! #[test]
//! fn a_reading_is_asked_for_at_the_sensors_address() {
//!     let mut bench = Bench::new();
//!     let degrees = bench.drive(|| celsius(TwoWire::new(Sbcon::new(interface()))));
//!     assert_eq!(degrees, Some(0.0));
//!     // The register of the temperature was named, and two bytes came.
//!     assert_eq!(bench.on_bus("i2c_shield1"), ["write 0x48 00", "read 0x48 00 00"]);
//! }
//! ```
//!
//! The driver is compiled for this computer, so a debugger and `println!` work in it. It reaches the board by
//! [`block!`](crate::block!) and [`irq!`](crate::irq!) as on a device. What a device ends a container for, an access that is not exposed,
//! panics here in the same words. `berth sim` runs the module itself, with the checks and limits of a device, register programs and messages.
//!
//! One board a thread: tests beside each other have their own.

mod patience;
pub(crate) mod running;

use crate::Level;
pub use berth_desk::{Access, Board, Desk, Device, Kind, Model, Traffic, Width, Wrong};
use running::Running;
use std::boxed::Box;
use std::format;
use std::string::{String, ToString};
use std::time::Duration;
use std::vec::Vec;

/// A board on the desk.
pub struct Bench {
    running: Option<Running>,
}

/// How a main function ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It returned, or left with this code.
    With(i32),
    /// It did not: the time is over.
    TimeIsOver,
}

impl Bench {
    /// The reference board, with the devices that it has.
    ///
    /// # Panics
    ///
    /// Never: its model fits it.
    #[must_use]
    pub fn new() -> Self {
        Self::with_model("")
    }

    /// The reference board; what `model` says of its blocks, in TOML, stands in the place of what it has.
    ///
    /// # Panics
    ///
    /// What is wrong with the model.
    #[must_use]
    pub fn with_model(model: &str) -> Self {
        let model = Model::parse(model).unwrap_or_else(|wrong| panic!("{wrong}"));
        let board = Board::reference();
        let usual = Model::reference().on(&board);
        Self::of(board, &usual.with(model))
    }

    /// Any board.
    ///
    /// # Panics
    ///
    /// What in the model does not fit the board.
    #[must_use]
    pub fn of(board: Board, model: &Model) -> Self {
        let desk = Desk::new(&board, model).unwrap_or_else(|wrong| panic!("{wrong}"));
        Self {
            running: Some(Running::new(board, desk)),
        }
    }

    /// Put a device of your own behind a block.
    ///
    /// # Panics
    ///
    /// There is no such block.
    #[must_use]
    pub fn put(mut self, label: &str, device: Box<dyn Device>) -> Self {
        let put = self.desk().put(label, device);
        put.unwrap_or_else(|wrong| panic!("{wrong}"));
        self
    }

    /// Let a driver call the device so often in one [`drive`](Self::drive) or [`run`](Self::run); four million times unless this says
    /// otherwise. One that has not come to its end by then waits for what does not come, and panics in words that say what it did.
    #[must_use]
    pub fn calls_max(mut self, calls: u64) -> Self {
        self.running().patience.set_most(calls);
        self
    }

    /// Change a setting of the container's configuration, or remove it (`None`), as its operator does.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        self.running().set(name, value);
    }

    /// Let a part of a driver work on this board.
    ///
    /// # Panics
    ///
    /// What a device ends a container for, and a driver that asks without an end ([`calls_max`](Self::calls_max)).
    pub fn drive<R>(&mut self, work: impl FnOnce() -> R) -> R {
        running::on(&mut self.running, u64::MAX, work)
    }

    /// Run a main function for so long by the board's clock, or until it ends. As on a device it has claimed nothing and no handler
    /// is registered when it begins, and nothing of that is left behind it. The time is over at a call of the device, too, so a main
    /// function that never sleeps ends. One that calls nothing any more does not: `berth sim` counts its instructions.
    ///
    /// # Panics
    ///
    /// As [`drive`](Self::drive).
    pub fn run(&mut self, time: Duration, main: impl FnOnce()) -> Ended {
        let time_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let until_us = self.now_us().saturating_add(time_us);
        running::run(&mut self.running, until_us, main)
    }

    /// The time in microseconds since the board was made.
    #[must_use]
    pub fn now_us(&mut self) -> u64 {
        self.desk().now_us()
    }

    /// Let bytes arrive on the serial line of a block.
    ///
    /// # Panics
    ///
    /// There is no serial line.
    pub fn receive(&mut self, label: &str, bytes: &[u8]) {
        let received = self.desk().receive(label, bytes);
        received.unwrap_or_else(|wrong| panic!("{wrong}"));
    }

    /// What is in a register now, whether it is exposed or not. It is not in the record, and no time passes; a register whose
    /// reading has an effect has it.
    ///
    /// # Panics
    ///
    /// The board has no such block or register.
    #[must_use]
    pub fn register(&mut self, label: &str, name: &str) -> u32 {
        let desk = self.desk();
        let block = desk.block(label);
        let offset = block.and_then(|block| desk.exposed(block)?.offset_of(name));
        match (block, offset) {
            (Some(block), Some(offset)) => desk.peek(block, offset),
            _ => panic!("the board has no register {label}.{name}"),
        }
    }

    /// The lines of the log since this was asked last.
    #[must_use]
    pub fn log(&mut self) -> Vec<String> {
        let lines = std::mem::take(&mut self.running().log);
        lines.into_iter().map(|(_, text)| text).collect()
    }

    /// The same, with levels.
    #[must_use]
    pub fn log_with_levels(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.running().log)
    }

    /// The accesses to a block since this was asked last, as lines: `write32 LED0 0x2`.
    #[must_use]
    pub fn accesses(&mut self, label: &str) -> Vec<String> {
        let accesses = self.desk().accesses_to(label);
        accesses.iter().map(Access::what).collect()
    }

    /// The writes among them: register and value.
    #[must_use]
    pub fn writes(&mut self, label: &str) -> Vec<(String, u32)> {
        let accesses = self.desk().accesses_to(label).into_iter();
        accesses
            .filter(|access| access.kind == Kind::Write)
            .map(|access| {
                let place = || format!("{:#x}", access.offset);
                (access.name.clone().unwrap_or_else(place), access.value)
            })
            .collect()
    }

    /// What was on the bus of a block since this was asked last, as lines: `write 0x48 00`, `sent 0x41`.
    #[must_use]
    pub fn on_bus(&mut self, label: &str) -> Vec<String> {
        let own = self.desk().on_bus_of(label);
        own.iter().map(|entry| entry.what.to_string()).collect()
    }

    /// The bytes that left a block by its bus since this was asked last.
    #[must_use]
    pub fn bytes_out(&mut self, label: &str) -> Vec<u8> {
        let own = self.desk().on_bus_of(label);
        own.iter().flat_map(berth_desk::OnBus::bytes_out).collect()
    }

    fn running(&mut self) -> &mut Running {
        // It is away only while a driver works on it, and that borrows the bench.
        let running = self.running.as_mut();
        running.unwrap_or_else(|| panic!("a driver works on this bench just now"))
    }

    fn desk(&mut self) -> &mut Desk {
        &mut self.running().desk
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
