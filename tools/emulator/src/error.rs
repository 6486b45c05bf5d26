//! What can go wrong with an emulator.

use std::{io, path::PathBuf, time::Duration};

/// Why something with the emulator failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// `layout.ld` is not as expected.
    #[error("memory layout, line {line}: {what}")]
    Layout {
        /// Line, from 1; 0 for the whole file.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A board runs from this flash already.
    #[error(
        "a board is running already from {}; `berth --device {address}` reaches it, Ctrl-] in its terminal ends it",
        flash.display()
    )]
    Running {
        /// The file of the flash.
        flash: PathBuf,
        /// Where that board is reached.
        address: String,
    },
    /// No board runs from this flash.
    #[error("no board runs from {}; `make run` starts one", flash.display())]
    NotRunning {
        /// The file of the flash.
        flash: PathBuf,
    },
    /// A serial line has somebody at its other end.
    #[error("UART {number} has somebody at its other end already")]
    InUse {
        /// Its number.
        number: u8,
    },
    /// A setting is not one.
    #[error("{0}")]
    Setting(String),
    /// QEMU cannot be started.
    #[error("cannot start {program}: {source} (Debian: apt-get install qemu-system-arm)")]
    Start {
        /// The program.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// QEMU ended.
    #[error("the emulator ended ({ending}){}", said(stderr))]
    Ended {
        /// How.
        ending: String,
        /// What it said.
        stderr: String,
    },
    /// A connection to QEMU broke.
    #[error("{to}: {source}")]
    Connection {
        /// Which one.
        to: &'static str,
        /// Why.
        source: io::Error,
    },
    /// QEMU refused a command.
    #[error("{command}: {answer}")]
    Command {
        /// The command.
        command: String,
        /// What it answered.
        answer: String,
    },
    /// The text did not appear.
    #[error("\"{text}\" did not appear within {:.1} s; the console's last lines:\n{tail}", after.as_secs_f32())]
    TextMissing {
        /// The text.
        text: String,
        /// How long was waited.
        after: Duration,
        /// The end of what appeared.
        tail: String,
    },
    /// Something else did not happen.
    #[error("{what} did not happen within {:.1} s", after.as_secs_f32())]
    TimedOut {
        /// What.
        what: &'static str,
        /// How long was waited.
        after: Duration,
    },
}

fn said(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        text => format!(":\n{text}"),
    }
}
