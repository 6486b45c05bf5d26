//! What can go wrong with an emulator.

use crate::process::Ending;
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
    /// Another board is reached where this one is to be.
    #[error("another board is reached at {}: give this one a place of its own with --socket PATH", socket.display())]
    SocketTaken {
        /// The place.
        socket: PathBuf,
    },
    /// No board runs from this flash.
    #[error("no board runs from {}; `make run` starts one", flash.display())]
    NotRunning {
        /// The file of the flash.
        flash: PathBuf,
    },
    /// There is no flash image to boot.
    #[error("{}: {source}; `make build` makes target/image/flash.bin, which --firmware writes into a file of your own", flash.display())]
    NoFlash {
        /// The file.
        flash: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The board runs, and has no such chip.
    #[error(
        "the board has no {chip}: it is named here as when the board was started (`make run DEVICES={chip}`, `berth-emulator run --device {chip}`)"
    )]
    NoChip {
        /// The chip, as it was named.
        chip: String,
    },
    /// A serial line has somebody at its other end.
    #[error(
        "UART {number} has somebody at its other end already: one terminal at a time; leave the other with Ctrl-]"
    )]
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
    #[error("the emulator ended ({ending}){}", said(ending, stderr))]
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

/// What QEMU said, and what to do about it.
fn said(ending: &str, stderr: &str) -> String {
    let next = if stderr.contains("Lockup") {
        "the processor found no firmware, or it failed where nothing catches that: is the file a flash image \
         (target/image/flash.bin)?"
    } else if stderr.contains("not a valid device model name")
        || stderr.contains("unsupported machine")
    {
        "this QEMU lacks what the board has; tested is Debian 12's, 7.2 (`qemu-system-arm --version`)"
    } else if stderr.trim().is_empty() && ending == Ending::Exited(None).to_string() {
        "somebody ended it; `make run` starts it again"
    } else {
        ""
    };
    let lines = [stderr.trim(), next]
        .into_iter()
        .filter(|text| !text.is_empty());
    lines.map(|text| format!("\n{text}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_qemu_said_is_followed_by_what_to_do() {
        let said = |ending: Ending, stderr: &str| {
            Error::Ended {
                ending: ending.to_string(),
                stderr: stderr.into(),
            }
            .to_string()
        };
        let lockup = said(
            Ending::Exited(None),
            "qemu: fatal: Lockup: can't escalate 3 to HardFault\n",
        );
        assert!(
            lockup.contains("escalate") && lockup.contains("is the file a flash image"),
            "{lockup}"
        );
        let old = said(
            Ending::Exited(Some(1)),
            "-device x: 'x' is not a valid device model name",
        );
        assert!(old.contains("qemu-system-arm --version"), "{old}");
        assert!(said(Ending::Exited(None), "").contains("make run"));
    }
}
