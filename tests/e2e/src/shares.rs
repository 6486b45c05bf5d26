//! How the CPU is shared between two equals, on a board whose time is the number of instructions.
//!
//! How long it took is told by the same answer as the fuel, in the device's microseconds; that these are right is seen from
//! outside, by the board's own counter of hundredths of a second.
//!
//! One of them, the *victim*, computes without end, so the fuel it has used tells how much of the CPU it got. What it gets
//! beside an equal that computes, too, is its share; what it gets beside a *hog* is compared with that.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use berth_admission::imports::HostFunction;
use berth_calls::Call;
use berth_emulator::{Icount, Sleep};
use berth_exposure::Width;
use berth_foreign::{Device as ForeignDevice, Foreign};

use crate::{Device, Flash};

/// Counts hundredths of a second.
const CLK100HZ: u32 = 0x4002_8014;

/// For so many hundredths the victim is watched.
const WATCHED: u32 = 500;
/// Before, for so many nobody is: who begins late begins where the others are.
const SETTLING: u32 = 20;

/// What the device's seconds may be outside what passes on the board meanwhile.
const SKEW: f64 = 0.05;

/// For what takes some seconds of the board's time, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Computes without end.
pub const SPINS: &str = r#"(module (func (export "_start") (loop $l (br $l))))"#;

/// A container that keeps others from the CPU if it can.
#[derive(Clone, Debug)]
pub struct Hog {
    /// What it does.
    pub name: String,
    /// Its module in text form.
    pub text: String,
    /// It gives the CPU up, so others may have more than their share.
    pub waits: bool,
    /// The same that calls [`CALLS`] times and tells the microseconds as its exit code; none of a function that does not return.
    pub counted: Option<String>,
}

impl Hog {
    /// Does it call a function of another system?
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !["mmio", "irq", "program", "berth"]
            .iter()
            .any(|own| self.name.starts_with(own))
    }
}

/// Calls of one that counts.
pub const CALLS: u32 = 2_000;

/// What a call costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Instructions of the processor, from one call to the next.
    pub instructions: f64,
    /// Fuel that the container is charged for them.
    pub fuel: f64,
}

/// Nanoseconds of an instruction: 2^6.
const SHIFT: u8 = 6;

/// Every function that a container can call, each called in straight-line code without end.
#[must_use]
pub fn own_functions() -> Vec<Hog> {
    berth_calls::own().map(|call| hog(&call)).collect()
}

/// The same of functions of other systems, as far as a board without buses has what they are about.
#[must_use]
pub fn foreign_functions() -> Vec<Hog> {
    foreign(false)
}

/// The same of functions of the buses, for [`Shares::on_buses`].
#[must_use]
pub fn bus_functions() -> Vec<Hog> {
    foreign(true)
}

fn foreign(of_buses: bool) -> Vec<Hog> {
    berth_calls::foreign()
        .filter(|call| is_of_a_bus(&call.function) == of_buses)
        .map(|call| hog(&call))
        .collect()
}

fn is_of_a_bus(function: &HostFunction<'_>) -> bool {
    match function {
        HostFunction::Foreign(function) => {
            !matches!(function.device(), None | Some(ForeignDevice::Led))
        }
        _ => false,
    }
}

/// Does it give the CPU up?
fn waits(function: &HostFunction<'_>) -> bool {
    match function {
        // No block of this board has registers of these widths, so it ends.
        HostFunction::Read(width) | HostFunction::Write(width) => *width != Width::Bits32,
        HostFunction::SleepUs
        | HostFunction::Yield
        | HostFunction::Exit
        | HostFunction::Receive => true,
        HostFunction::Foreign(function) => {
            matches!(
                function,
                Foreign::Delay | Foreign::PollOneoff | Foreign::ProcExit | Foreign::SchedYield
            ) || function.transfers()
        }
        _ => false,
    }
}

fn hog(call: &Call) -> Hog {
    Hog {
        name: call.title(),
        text: call.without_end(0),
        waits: waits(&call.function),
        counted: call.counted(CALLS),
    }
}

/// What a victim got beside a hog.
#[derive(Clone, Copy, Debug)]
pub struct Got {
    /// Its part of what it gets beside an equal that computes: 1 is its share.
    pub part: f64,
    /// What `ps` says of the victim and of the hog, in thousandths of the CPU.
    pub told: [u64; 2],
}

/// Boots a board on which time is the number of instructions, with a line for an operator.
///
/// # Errors
/// If it does not boot.
pub fn counted() -> Result<Device> {
    counted_with(&Flash::new()?, &[])
}

/// The same of this flash, with these arguments to the emulator.
fn counted_with(flash: &Flash, arguments: &[&str]) -> Result<Device> {
    let device = Device::power_on_board(flash, |board| {
        let board = (arguments.iter()).fold(board, |board, word| board.argument(word));
        board.limit(Duration::from_secs(900)).icount(Icount {
            shift: SHIFT,
            // The operator's line needs time that does not jump.
            sleep: Sleep::RealTime,
        })
    })?;
    device.console("type help")?;
    Ok(device)
}

/// A board with a victim.
pub struct Shares {
    device: Device,
    folder: tempfile::TempDir,
    /// Fuel in a second beside an equal that computes.
    due: f64,
}

impl Shares {
    /// Boots a board and measures what the victim gets beside an equal that computes.
    ///
    /// # Errors
    /// If the board or the operator's line fails.
    pub fn new() -> Result<Self> {
        Self::on(counted()?)
    }

    /// The same with the kernel that has buses, a controller of SPI and a sensor for the temperature at 0x48 of I2C.
    ///
    /// # Errors
    /// If the board or the operator's line fails.
    pub fn on_buses() -> Result<Self> {
        let flash = Flash::with_kernel("buses-kernel.bin")?;
        flash.install("wasm_supervisor")?;
        Self::on(counted_with(&flash, &["-device", "tmp105,address=0x48"])?)
    }

    fn on(device: Device) -> Result<Self> {
        let mut shares = Self {
            device,
            folder: tempfile::tempdir()?,
            due: 1.0,
        };
        shares.upload("victim", SPINS)?;
        shares.device.berth(&["start", "victim"])?.ok()?;
        shares.due = shares.beside(SPINS)?.part;
        Ok(shares)
    }

    /// The board, for questions to its supervisor.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Puts a container onto the device.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn upload(&self, name: &str, text: &str) -> Result<()> {
        let file = self.folder.path().join(format!("{name}.wasm"));
        std::fs::write(&file, wat::parse_str(text)?)?;
        self.device.upload_file(&file)?.ok().map(drop)
    }

    /// Returns what the victim gets beside a container of this module, with the same share.
    ///
    /// # Errors
    /// If the device refuses it.
    pub fn beside(&mut self, text: &str) -> Result<Got> {
        self.upload("hog", text)?;
        // One that ends is started again, as fast as the device does that.
        self.device
            .berth(&["edit", "hog", "--restart", "always"])?
            .ok()?;
        self.device.berth(&["start", "hog"])?.ok()?;
        self.pass(SETTLING)?;
        let from = self.hundredths()?;
        let (before, from_last) = (self.ps()?, self.hundredths()?);
        self.pass(WATCHED)?;
        let to_first = self.hundredths()?;
        let (after, to) = (self.ps()?, self.hundredths()?);
        self.device.berth(&["rm", "-f", "hog"])?.ok()?;
        let seconds = (after.us - before.us) as f64 / 1e6;
        // An answer was given somewhere between the looks before and behind it.
        let least = f64::from(to_first - from_last) / 100.0 - SKEW;
        let most = f64::from(to - from) / 100.0 + SKEW;
        ensure!(
            (least..=most).contains(&seconds),
            "{seconds} s by the device are {least} to {most} s"
        );
        let got = (after.fuel - before.fuel) as f64 / seconds;
        Ok(Got {
            part: got / self.due,
            told: after.told,
        })
    }

    /// Returns what a call costs, measured while nothing else runs; `None` of a function that does not return.
    ///
    /// # Errors
    /// If the device refuses it, or it does not come to its end.
    pub fn cost(&mut self, hog: &Hog) -> Result<Option<Cost>> {
        let Some(text) = &hog.counted else {
            return Ok(None);
        };
        self.device
            .berth(&["stop", "--if-needed", "victim"])?
            .ok()?;
        self.upload("hog", text)?;
        self.device.berth(&["start", "hog"])?.ok()?;
        self.device.wait_state("hog", "exited")?;
        let told = self.device.container("hog")?.context("it is listed")?;
        self.device.berth(&["rm", "hog"])?.ok()?;
        let us = told["exit_code"].as_f64().context("an exit code")?;
        let fuel = told["fuel_used"].as_f64().context("fuel")?;
        let calls = f64::from(CALLS);
        Ok(Some(Cost {
            instructions: us * 1_000.0 / f64::from(1u32 << SHIFT) / calls,
            fuel: fuel / calls,
        }))
    }

    /// Returns the seconds since the board was switched on.
    ///
    /// # Errors
    /// If the board is off.
    pub fn seconds(&mut self) -> Result<u32> {
        Ok(self.hundredths()? / 100)
    }

    fn hundredths(&mut self) -> Result<u32> {
        Ok(self.device.board.bus.read32(CLK100HZ)?)
    }

    /// Lets so many hundredths of a second pass on the board.
    fn pass(&mut self, hundredths: u32) -> Result<()> {
        let (begin, until) = (self.hundredths()?, Instant::now() + PATIENCE);
        while self.hundredths()?.wrapping_sub(begin) < hundredths {
            ensure!(Instant::now() < until, "the board's time stands still");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn ps(&self) -> Result<Told> {
        let list = self.device.json(&["ps"])?;
        let containers = list["containers"]
            .as_array()
            .context("ps lists containers")?;
        let find = |name: &str| containers.iter().find(|item| item["name"] == name);
        let told = |name: &str| find(name).and_then(|item| item["cpu_permille"].as_u64());
        let victim = |key: &str| find("victim").and_then(|item| item[key].as_u64());
        Ok(Told {
            fuel: victim("fuel_used").context("the victim runs")?,
            us: victim("uptime_us").context("the victim runs")?,
            told: ["victim", "hog"].map(|name| told(name).unwrap_or(0)),
        })
    }
}

/// What one answer says: fuel and age of the victim, and what both use of the CPU.
struct Told {
    fuel: u64,
    us: u64,
    told: [u64; 2],
}
