//! The program `berth`; everything else is in the library.

#![forbid(unsafe_code)]

use clap::{CommandFactory, Parser};
use std::process::ExitCode;

fn main() -> ExitCode {
    // A shell that asks for words to complete; does nothing otherwise.
    clap_complete::CompleteEnv::with_factory(berth::cli::Cli::command).complete();
    ExitCode::from(match berth::cli::Cli::try_parse() {
        Ok(cli) => berth::run(&cli),
        Err(error) => berth::not_understood(&error),
    })
}
