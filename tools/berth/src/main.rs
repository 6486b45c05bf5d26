//! The program `berth`; everything else is in the library.

#![forbid(unsafe_code)]

use clap::{CommandFactory, Parser};
use std::process::ExitCode;

fn main() -> ExitCode {
    // A shell that asks for words to complete; does nothing otherwise.
    clap_complete::CompleteEnv::with_factory(berth::cli::Cli::command).complete();
    ExitCode::from(berth::run(&berth::cli::Cli::parse()))
}
