//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{Attached, chips, qmp::control_of};

/// Run an emulated board.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Boot a flash image, with the board's console on this terminal
    Run(Run),
    /// Change what a chip beside a running board measures
    #[command(after_help = after_help())]
    Set(Set),
    /// Save a picture of what a display beside a running board shows
    Picture(Picture),
    /// Open one of a running board's other serial lines on this terminal
    Uart(Uart),
}

/// A board that runs already.
#[derive(Debug, Args)]
pub struct Running {
    /// The flash image of the board that runs [default: that of `make run`]
    #[arg(long, value_name = "FILE")]
    flash: Option<PathBuf>,
}

impl Running {
    /// Returns the image: the one that was given, or that of the folder's `make run`, or of the copy of the repository that this
    /// program is in, from wherever it is called.
    #[must_use]
    pub fn flash(&self) -> PathBuf {
        let of_this_folder = || PathBuf::from("target/image/run.bin");
        let runs = |flash: &PathBuf| control_of(flash).exists();
        let of_this_program = || {
            let program = std::env::current_exe().ok()?;
            Some(program.parent()?.parent()?.join("image/run.bin"))
        };
        let found = || of_this_program().filter(runs);
        self.flash.clone().unwrap_or_else(|| {
            Some(of_this_folder())
                .filter(runs)
                .or_else(found)
                .unwrap_or_else(of_this_folder)
        })
    }
}

/// A display, and where the picture goes.
#[derive(Debug, Args)]
pub struct Picture {
    /// The board
    #[command(flatten)]
    pub board: Running,
    /// The display, as `run --device` was told
    #[arg(value_name = "CHIP")]
    pub chip: Attached,
    /// Where to write it: as PNG, or as PPM with the ending .ppm
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// One of a board's serial lines.
#[derive(Debug, Args)]
pub struct Uart {
    /// The board
    #[command(flatten)]
    pub board: Running,
    /// Which of its UARTs; 0 is the console
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub number: u8,
}

/// What a chip has to measure.
#[derive(Debug, Args)]
pub struct Set {
    /// The board
    #[command(flatten)]
    pub board: Running,
    /// The chip, as `run --device` was told
    #[arg(value_name = "CHIP")]
    pub chip: Attached,
    /// What it has to be
    #[arg(value_name = "PROPERTY=VALUE", required = true)]
    pub settings: Vec<String>,
}

fn after_help() -> String {
    format!("Chips, at their usual addresses:\n{}", chips())
}

/// A board, and what is on it.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub struct Run {
    /// The flash image; keeps what the device stores
    #[arg(long, value_name = "FILE")]
    pub flash: PathBuf,
    /// Write the firmware of this image into it first; what the device has stored stays
    #[arg(long, value_name = "FILE")]
    pub firmware: Option<PathBuf>,
    /// Where other berth calls reach the board [default: berth.sock beside the image]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Count instructions: each takes 2^SHIFT ns of the board's time
    #[arg(long, value_name = "SHIFT", value_parser = clap::value_parser!(u8).range(0..=10))]
    pub icount: Option<u8>,
    /// A chip on the I2C bus of shield 1, as tmp105 or tmp105@0x49; again for another
    #[arg(long = "device", value_name = "CHIP[@ADDRESS]")]
    pub devices: Vec<Attached>,
    /// End after so long
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3600)]
    pub limit: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_words_do_not_contradict_each_other() {
        super::Cli::command().debug_assert();
    }
}
