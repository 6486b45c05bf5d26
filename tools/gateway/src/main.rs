//! The program `berth-serve`; everything else is in the library.

#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(berth_gateway::run(&berth_gateway::cli::Cli::parse()))
}
