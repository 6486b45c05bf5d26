//! The emulated board for people: its console on the terminal, `berth` beside it.

#![forbid(unsafe_code)]

use berth_emulator::{Board, Error, Icount, Sleep};
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Run an emulated board.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Boot a flash image, with the board's console on this terminal
    Run(Run),
}

#[derive(Debug, Args)]
struct Run {
    /// The flash image; keeps what the device stores
    #[arg(long, value_name = "FILE")]
    flash: PathBuf,
    /// Where other berth calls reach the board [default: berth.sock beside the image]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Count instructions: each takes 2^SHIFT ns of the board's time
    #[arg(long, value_name = "SHIFT", value_parser = clap::value_parser!(u8).range(0..=10))]
    icount: Option<u8>,
    /// End after so long
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3600)]
    limit: u64,
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(run) => match interactive(&run) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn interactive(run: &Run) -> Result<(), Error> {
    let socket = run
        .socket
        .clone()
        .unwrap_or_else(|| run.flash.with_file_name("berth.sock"));
    let mut board = Board::new(&run.flash)
        .keep_store()
        .limit(Duration::from_secs(run.limit))
        .raw_console()
        .paused();
    if let Some(shift) = run.icount {
        board = board.icount(Icount {
            shift,
            sleep: Sleep::RealTime,
        });
    }
    let mut emulator = board.start()?;
    let failed = |error: berth::Error| Error::Connection {
        to: "console",
        source: std::io::Error::other(error),
    };
    let address = emulator.address().parse().map_err(failed)?;
    // First the line, then the processor: not a byte of the start is lost.
    // The lock tells `berth scan` of the socket.
    let mut lock = berth::LineLock::take(&address).map_err(failed)?;
    let line = berth::open(&address).map_err(failed)?;
    emulator.wait_for_client(0)?;
    emulator.resume()?;
    let result = berth::console::run(line, Some(&socket), |socket| lock.publish(socket));
    match emulator.ending() {
        Some(ending) => {
            eprintln!("The emulator ended: {ending}.");
            Ok(())
        }
        None => {
            let left = result.map_err(failed)?;
            // The emulator ends with us, and the line is free again.
            drop((emulator, lock));
            left.obey();
            Ok(())
        }
    }
}
