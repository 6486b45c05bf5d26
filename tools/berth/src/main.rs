//! The program `berth`; everything else is in the library.

#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(berth::run(&berth::cli::Cli::parse()))
}
