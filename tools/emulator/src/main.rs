//! The emulated board for people: its console on the terminal, `berth` beside it.

#![forbid(unsafe_code)]

use berth::console::Left;
use berth_emulator::cli::{Cli, Command, Picture, Run, Set, Uart};
use berth_emulator::{Board, Ending, Error, Icount, Layout, Qmp, Sleep};
use clap::Parser;
use std::{
    fs::{File, TryLockError},
    io::IsTerminal,
    os::unix::net::UnixStream,
    path::Path,
    process::ExitCode,
    time::Duration,
};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(run) => interactive(&run),
        Command::Set(set) => change(&set),
        Command::Picture(picture) => picture_of(&picture),
        Command::Uart(uart) => serial_line(&uart),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The emulator of this flash.
fn reach(flash: &Path) -> Result<Qmp, Error> {
    Qmp::reach(flash).map_err(|_| Error::NotRunning {
        flash: flash.to_owned(),
    })
}

/// What is typed here goes to a UART, and what it sends is shown.
fn serial_line(uart: &Uart) -> Result<(), Error> {
    let address = reach(&uart.board.flash())?.serial_line(uart.number)?;
    let failed = |error: berth::Error| Error::Connection {
        to: "serial line",
        source: std::io::Error::other(error),
    };
    let line = berth::open(&address).map_err(failed)?;
    let left = berth::console::run(line, None, |_| Ok(())).map_err(failed)?;
    left.obey();
    Ok(())
}

/// Change what a chip measures.
fn change(set: &Set) -> Result<(), Error> {
    let mut qmp = reach(&set.board.flash())?;
    for setting in &set.settings {
        let arguments = set.chip.set(setting).map_err(Error::Setting)?;
        qmp.execute("qom-set", arguments)
            .map_err(|error| set.chip.refused(setting, error))?;
    }
    Ok(())
}

/// Save what a display shows.
fn picture_of(picture: &Picture) -> Result<(), Error> {
    let Picture { board, chip, file } = picture;
    let failed = |source| Error::File {
        path: file.clone(),
        source,
    };
    // The emulator is in a folder of its own.
    let absolute = std::path::absolute(file).map_err(failed)?;
    let arguments = chip.picture(&absolute).map_err(Error::Setting)?;
    reach(&board.flash())?
        .execute("screendump", arguments)
        .map(drop)
        .map_err(|error| chip.not_pictured(error))
}

/// One board to a flash: who has it holds a lock on a file beside it, as long as the process lives.
fn alone(flash: &Path, socket: &Path) -> Result<File, Error> {
    let path = flash.with_extension("running");
    let failed = |source| Error::File {
        path: path.clone(),
        source,
    };
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Running {
            flash: flash.to_owned(),
            address: format!("unix:{}", socket.display()),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// All before the store as in `firmware`; the store as it is.
fn firmware_into(firmware: &Path, flash: &Path) -> Result<(), Error> {
    let file_error = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../layout.ld");
    let layout = Layout::read(&layout)?;
    let mut new = std::fs::read(firmware).map_err(file_error(firmware))?;
    match (std::fs::read(flash), layout.region("STORE_FLASH")) {
        (Ok(old), Some(store)) => {
            let begin = store.origin as usize;
            let kept = old.get(begin..).unwrap_or_default();
            new.resize(new.len().max(old.len()), 0xff);
            if let Some(place) = new.get_mut(begin..begin + kept.len()) {
                place.copy_from_slice(kept);
            }
        }
        (Err(error), _) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(file_error(flash)(error));
        }
        _ => {}
    }
    std::fs::write(flash, new).map_err(file_error(flash))
}

fn interactive(run: &Run) -> Result<(), Error> {
    let socket = run
        .socket
        .clone()
        .unwrap_or_else(|| run.flash.with_file_name("berth.sock"));
    let _alone = alone(&run.flash, &socket)?;
    if UnixStream::connect(&socket).is_ok() {
        return Err(Error::SocketTaken { socket });
    }
    if let Some(firmware) = &run.firmware {
        firmware_into(firmware, &run.flash)?;
    }
    let mut board = Board::new(&run.flash)
        .keep_store()
        .limit(Duration::from_secs(run.limit))
        .reachable()
        .raw_console()
        .paused();
    board = run.devices.iter().cloned().fold(board, Board::attach);
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
        Some(ending @ (Ending::TimedOut | Ending::Exited(Some(0)))) => {
            eprintln!("The emulator ended: {ending}.");
            Ok(())
        }
        // What made it end is in what it said.
        Some(ending) => Err(emulator.ended_error(ending)),
        None => {
            let left = result.map_err(failed)?;
            if left == Left::ByChoice && !std::io::stdin().is_terminal() {
                eprintln!(
                    "The input has ended, and the board with it. For a board that stays: `make run` in a terminal, or an input \
                     that stays open, as in `sleep infinity | berth-emulator run ...`."
                );
            }
            // The emulator ends with us, and the line is free again.
            drop((emulator, lock));
            left.obey();
            Ok(())
        }
    }
}
