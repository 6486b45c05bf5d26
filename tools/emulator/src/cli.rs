//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{Attached, chips};

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
    /// Open one of a running board's other serial lines on this terminal
    Uart(Uart),
}

/// One of a board's serial lines.
#[derive(Debug, Args)]
pub struct Uart {
    /// The flash image of the board that runs
    #[arg(long, value_name = "FILE", default_value = "target/image/run.bin")]
    pub flash: PathBuf,
    /// Which of its UARTs; 0 is the console
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub number: u8,
}

/// What a chip has to measure.
#[derive(Debug, Args)]
pub struct Set {
    /// The flash image of the board that runs
    #[arg(long, value_name = "FILE", default_value = "target/image/run.bin")]
    pub flash: PathBuf,
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
