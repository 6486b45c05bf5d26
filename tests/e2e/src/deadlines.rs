//! Firmware with deadlines, to stand beside whatever a test does to a board.
//!
//! Two tasks must run every millisecond: a driver of the kernel
//! (`kernel-board/mps2-an386/src/deadline.rs`) and a process (`tests/apps/src/bin/deadline.rs`). Each tells
//! after 500 periods how many it missed:
//!
//! ```text
//! let flash = Flash::with_deadlines()?;          // the kernel with the driver, and the process
//! flash.install("hostile")?;                     // in the supervisor's place
//! let device = Device::power_on_counted(&flash)?; // time is instructions
//! device.console("hostile: begins")?;
//! let kept = device.keeps_deadlines(4)?;         // four whole rounds of both from now on, none missed since boot
//! println!("{kept}");
//! ```

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::device::INSTRUCTION_SHIFT;
use crate::{Device, Flash};

/// For a round of both tasks, half a second of the board's time.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the kernel's driver and the process begin their lines with.
const TASKS: [&str; 2] = ["driver:", "deadline:"];
/// What a line of either contains.
const TOLD: &str = " periods, ";

/// Instructions that a processor of one cycle an instruction executes in a microsecond of the board's clock of 25 MHz.
const A_MICROSECOND: u64 = 25;

/// What docs/security.md promises to deadlines: half a millisecond of 25 MHz.
pub const PROMISED: Instructions = Instructions(12_500);

/// A time as the number of instructions that were executed in it. The emulator executes one in a time that is not the
/// board's; what is said of times is said in these, and in microseconds of a processor of 25 MHz that takes one cycle for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instructions(pub u64);

impl Instructions {
    /// Those of a time of the emulator's clock, of which an instruction takes two to the power of `shift` nanoseconds.
    #[must_use]
    pub const fn of_emulated_ns(ns: u64, shift: u8) -> Self {
        Self(ns >> shift)
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(instructions) = self;
        let microseconds = instructions.div_ceil(A_MICROSECOND);
        write!(
            f,
            "{instructions} instructions ({microseconds} µs at 25 MHz)"
        )
    }
}

/// What one of the tasks has told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Lines of 500 periods.
    pub rounds: u32,
    /// Periods whose deadline was missed.
    pub missed: u32,
    /// How late it was served at worst, in nanoseconds of the emulator's clock.
    pub worst_emulated_ns: u64,
}

/// What both tasks have told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// The kernel's driver: from its line to its service.
    pub driver: Task,
    /// The process: from its alarm to its own code.
    pub process: Task,
}

impl fmt::Display for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { driver, process } = self;
        for (separator, name, task) in [("", "driver", driver), ("; ", "process", process)] {
            write!(
                f,
                "{separator}{name}: {} rounds, {} missed, worst {}",
                task.rounds,
                task.missed,
                task.worst()
            )?;
        }
        Ok(())
    }
}

impl Task {
    /// How late it was served at worst, on a board where time is instructions ([`Device::power_on_counted`]).
    #[must_use]
    pub const fn worst(&self) -> Instructions {
        Instructions::of_emulated_ns(self.worst_emulated_ns, INSTRUCTION_SHIFT)
    }

    /// What the lines of `console` that begin with `name` tell; a line without its end does not count.
    ///
    /// # Errors
    /// If a line is not what a task prints.
    pub fn read(console: &str, name: &str) -> Result<Self> {
        let mut task = Self::default();
        let whole = console
            .rsplit_once('\n')
            .map_or("", |(lines, _)| lines)
            .lines();
        for line in whole.filter(|line| line.starts_with(name) && line.contains(TOLD)) {
            let numbers: Vec<u64> = line
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|word| word.parse().ok())
                .collect();
            let [_, missed, worst] = numbers[..] else {
                anyhow::bail!("not a line of a task with a deadline: {line}");
            };
            task.rounds += 1;
            task.missed += u32::try_from(missed)?;
            task.worst_emulated_ns = task.worst_emulated_ns.max(worst);
        }
        Ok(task)
    }
}

impl Deadlines {
    /// What the tasks told in this text of a console.
    ///
    /// # Errors
    /// If a line is not what a task prints.
    pub fn read(console: &str) -> Result<Self> {
        let [driver, process] = TASKS.map(|name| Task::read(console, name));
        Ok(Self {
            driver: driver?,
            process: process?,
        })
    }

    /// Neither has missed anything.
    #[must_use]
    pub fn kept(&self) -> bool {
        self.driver.missed == 0 && self.process.missed == 0
    }

    /// The driver has missed nothing, and neither was ever later than [`PROMISED`]: so it is where the kernel drives
    /// lines on which somebody outside sends as fast as he likes (`docs/security.md`).
    #[must_use]
    pub fn within_promise(&self) -> bool {
        self.driver.missed == 0 && self.driver.worst().max(self.process.worst()) <= PROMISED
    }
}

impl Flash {
    /// The kernel with the driver and the process; no supervisor. Use it with
    /// [`Device::power_on_counted`], where time does not depend on the host.
    ///
    /// # Errors
    /// If they are not built.
    pub fn with_deadlines() -> Result<Self> {
        let flash = Self::with_kernel("deadline-kernel.bin")?;
        flash.install("deadline")?;
        Ok(flash)
    }
}

impl Flash {
    /// As [`with_deadlines`](Self::with_deadlines), with a kernel that restarts what stands in the supervisor's place
    /// at once, whatever it did, and ends each of its runs after two milliseconds at most.
    ///
    /// # Errors
    /// If they are not built.
    pub fn for_fuzz() -> Result<Self> {
        let flash = Self::with_kernel("fuzz-kernel.bin")?;
        flash.install("deadline")?;
        Ok(flash)
    }
}

impl Device {
    /// Wait until both tasks have told `rounds` whole rounds more, and return all that they told
    /// since boot.
    ///
    /// # Errors
    /// If one of them is silent.
    pub fn told_deadlines(&self, rounds: u32) -> Result<Deadlines> {
        let console = &self.board.console;
        let now = console.position();
        for name in TASKS {
            let mut position = now;
            // The round that runs now began before.
            for _ in 0..=rounds {
                position = console.line_after(position, name, PATIENCE)?;
            }
        }
        let text = console.text();
        Deadlines::read(&text).with_context(|| text.clone())
    }

    /// As [`told_deadlines`](Self::told_deadlines), and none was missed.
    ///
    /// # Errors
    /// If one of the tasks is silent, or has missed a deadline since boot; with the console's text.
    pub fn keeps_deadlines(&self, rounds: u32) -> Result<Deadlines> {
        let told = self.told_deadlines(rounds)?;
        ensure!(told.kept(), "{told}\n{}", self.board.console.text());
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_of_both_tasks_count() -> Result<()> {
        let text = "driver: 500 periods, 2 missed, worst 41600 ns\r\n\
                    deadline: 500 periods, 0 missed, worst 61440 ns\r\n\
                    something deadline: 500 periods, 9 missed, worst 1 ns\r\n\
                    driver: 500 periods, 1 missed, worst 640 ns\r\n\
                    driver: 500 periods, 7 mis";
        let told = Deadlines::read(text)?;
        let driver = Task {
            rounds: 2,
            missed: 3,
            worst_emulated_ns: 41_600,
        };
        assert_eq!(told.driver, driver);
        assert_eq!((told.process.rounds, told.process.missed), (1, 0));
        assert!(!told.kept());
        assert_eq!(
            told.to_string(),
            "driver: 2 rounds, 3 missed, worst 1300 instructions (52 µs at 25 MHz); \
             process: 1 rounds, 0 missed, worst 1920 instructions (77 µs at 25 MHz)"
        );
        Ok(())
    }
}
