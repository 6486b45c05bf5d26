//! The program `berth`; everything else is in the library.

#![forbid(unsafe_code)]

use clap::{CommandFactory, Parser};
use std::process::ExitCode;
use wasm_supervisor::arena::ArenaAllocator;

/// The system's, except for what a simulated device does: that has the memory of a device.
#[global_allocator]
static ALLOCATOR: ArenaAllocator = ArenaAllocator;

fn main() -> ExitCode {
    // A shell that asks for words to complete; does nothing otherwise.
    clap_complete::CompleteEnv::with_factory(berth::cli::Cli::command).complete();
    ExitCode::from(match berth::cli::Cli::try_parse() {
        Ok(cli) => {
            berth::have_arenas();
            berth::run(&cli)
        }
        Err(error) => berth::not_understood(&error),
    })
}
