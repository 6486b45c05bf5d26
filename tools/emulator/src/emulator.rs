//! A board that runs.

use crate::{
    Access, Bus, ConsoleText, Error, LedChange, Qmp, accesses,
    board::{START_LIMIT, uart_path},
    leds,
    process::{Ending, Process},
};
use berth::Mux;
use serde_json::json;
use std::{
    fs,
    ops::Range,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a process takes to end after it closed its connections.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(2);

/// A running board. Killed when dropped.
pub struct Emulator {
    /// Memory, registers and interrupt lines.
    pub bus: Bus,
    /// QEMU's machine protocol.
    pub qmp: Qmp,
    /// Text of UART0; stays empty with [`Board::raw_console`](crate::Board::raw_console).
    pub console: Arc<ConsoleText>,
    pub(crate) mux: Option<Mux>,
    pub(crate) process: Process,
    pub(crate) socket: PathBuf,
    pub(crate) folder: TempDir,
}

impl Emulator {
    /// Let the processor run. A firmware that ends the emulator at once is no error.
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Command`].
    pub fn resume(&mut self) -> Result<(), Error> {
        match self.qmp.execute("cont", json!({})) {
            // The connection may end before the answer comes.
            Err(Error::Connection { .. }) if self.process.wait(END_LIMIT).is_some() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Let the processor stand still.
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Command`].
    pub fn pause(&mut self) -> Result<(), Error> {
        self.qmp.execute("stop", json!({})).map(drop)
    }

    /// Let the processor stand still while it executes code in `code`, and no exception's: a process's, say, with nothing
    /// on the way into the kernel or out of it.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if it has not been seen there within `limit`, [`Error::Connection`], [`Error::Command`].
    pub fn pause_in(&mut self, code: &Range<u32>, limit: Duration) -> Result<(), Error> {
        let until = Instant::now() + limit;
        loop {
            self.pause()?;
            let registers = self.qmp.monitor("info registers")?;
            let register = |name: &str| {
                let (_, rest) = registers.split_once(name)?;
                u32::from_str_radix(rest.get(..8)?, 16).ok()
            };
            let (counter, status) = (register("R15="), register("XPSR="));
            // The status has the number of the exception in its low bits.
            let of_no_exception = status.is_some_and(|status| status & 0x1ff == 0);
            if of_no_exception && counter.is_some_and(|counter| code.contains(&counter)) {
                return Ok(());
            }
            self.resume()?;
            if Instant::now() >= until {
                return Err(Error::TimedOut {
                    what: "the processor's coming to that code",
                    after: limit,
                });
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Reset the board, as its reset button would; the flash image is loaded anew.
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Command`].
    pub fn reset(&mut self) -> Result<(), Error> {
        self.qmp.execute("system_reset", json!({})).map(drop)
    }

    /// Where `berth` reaches the board: the value for `--device`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Type on the console.
    ///
    /// # Errors
    /// [`Error::Connection`], also if the console is raw.
    pub fn type_text(&self, text: &str) -> Result<(), Error> {
        let failed = |source| Error::Connection {
            to: "UART0",
            source,
        };
        match &self.mux {
            Some(mux) => mux.type_text(text.as_bytes()).map_err(failed),
            None => Err(failed(std::io::Error::other("left to a direct client"))),
        }
    }

    /// Connect to serial line `number`; there can be one client at a time.
    ///
    /// # Errors
    /// [`Error::Connection`], also for a line that the board does not have;
    /// [`Error::TimedOut`] if another client has the line.
    pub fn uart(&mut self, number: usize) -> Result<UnixStream, Error> {
        let path = uart_path(self.folder.path(), number);
        let stream = UnixStream::connect(path).map_err(|source| Error::Connection {
            to: "serial line",
            source,
        })?;
        self.wait_for_client(number)?;
        Ok(stream)
    }

    /// Wait until the client that connected to serial line `number` is served: what the
    /// board sends before that is lost.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if there is none.
    pub fn wait_for_client(&mut self, number: usize) -> Result<(), Error> {
        wait_for_client(&mut self.qmp, number)
    }

    /// What the LEDs did since the start ([`Board::trace_leds`](crate::Board::trace_leds)), oldest first. QEMU
    /// begins with every LED on, until the firmware writes its register.
    ///
    /// # Errors
    /// [`Error::File`] if they are not traced.
    pub fn leds(&self) -> Result<Vec<LedChange>, Error> {
        let path = self.folder.path().join("trace");
        fs::read_to_string(&path)
            .map(|trace| leds::parse(&trace))
            .map_err(|source| Error::File { path, source })
    }

    /// What the processor did to devices since the start
    /// ([`Board::trace_accesses`](crate::Board::trace_accesses)), oldest first.
    ///
    /// # Errors
    /// [`Error::File`] if nothing is traced.
    pub fn accesses(&self) -> Result<Vec<Access>, Error> {
        let path = self.folder.path().join("trace");
        fs::read_to_string(&path)
            .map(|trace| accesses::parse(&trace))
            .map_err(|source| Error::File { path, source })
    }

    /// Wait until an LED ([`LedChange::led`]) is as wanted.
    ///
    /// # Errors
    /// [`Error::TimedOut`]; [`Error::File`] if the LEDs are not traced.
    pub fn wait_for_led(&self, led: &str, on: bool, limit: Duration) -> Result<(), Error> {
        let until = Instant::now() + limit;
        loop {
            let changes = self.leds()?;
            let last = changes.iter().rfind(|change| change.led == led);
            if last.is_some_and(|change| change.on == on) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(Error::TimedOut {
                    what: "the change of the LED",
                    after: limit,
                });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Wait until it ends by itself or at its limit.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if it still runs after `limit`.
    pub fn wait(&self, limit: Duration) -> Result<Ending, Error> {
        self.process.wait(limit).ok_or(Error::TimedOut {
            what: "the emulator's end",
            after: limit,
        })
    }

    /// Returns how it ended, if it has.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.process.wait(Duration::ZERO)
    }

    /// The error that says how it ended, and what it said.
    #[must_use]
    pub fn ended_error(&self, ending: Ending) -> Error {
        self.process.ended_error(ending)
    }

    /// Its process id.
    #[must_use]
    pub const fn process_id(&self) -> u32 {
        self.process.id()
    }
}

/// A connection that the system has made is not yet one that QEMU has accepted.
pub(crate) fn wait_for_client(qmp: &mut Qmp, number: usize) -> Result<(), Error> {
    let label = format!("serial{number}");
    let until = Instant::now() + START_LIMIT;
    loop {
        let devices = qmp.execute("query-chardev", json!({}))?;
        let connected = devices.as_array().into_iter().flatten().any(|device| {
            device["label"] == label.as_str()
                && device["filename"]
                    .as_str()
                    .is_some_and(|name| !name.starts_with("disconnected:"))
        });
        if connected {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(Error::TimedOut {
                what: "the connection to a serial line",
                after: START_LIMIT,
            });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
