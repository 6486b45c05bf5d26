//! The board's memory, registers and interrupt lines, from outside.
//!
//! Uses QEMU's test protocol beside the running processor: lines of text such as
//! `readl 0x40028000`, answered by `OK 0x…`.

use crate::Error;
use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

/// As for the machine protocol.
const PATIENCE: Duration = Duration::from_secs(10);

/// Access to everything on the board's bus, as a debugger would have it: no
/// protection applies.
#[derive(Debug)]
pub struct Bus {
    stream: BufReader<UnixStream>,
}

impl Bus {
    pub(crate) fn new(stream: UnixStream) -> Result<Self, Error> {
        stream
            .set_read_timeout(Some(PATIENCE))
            .map_err(connection)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Read a word.
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Command`].
    pub fn read32(&mut self, address: u32) -> Result<u32, Error> {
        let command = format!("readl {address:#x}");
        let answer = self.ask(&command)?;
        answer
            .strip_prefix("0x")
            // Sixteen digits whatever the width.
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .and_then(|value| u32::try_from(value).ok())
            .ok_or(Error::Command { command, answer })
    }

    /// Write a word.
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Command`].
    pub fn write32(&mut self, address: u32, value: u32) -> Result<(), Error> {
        self.ask(&format!("writel {address:#x} {value:#x}"))?;
        Ok(())
    }

    /// Read `length` bytes (at least one).
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Command`].
    pub fn read(&mut self, address: u32, length: u32) -> Result<Vec<u8>, Error> {
        let command = format!("read {address:#x} {length:#x}");
        let answer = self.ask(&command)?;
        let bytes = answer.strip_prefix("0x").and_then(|digits| {
            (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
                .collect()
        });
        bytes.ok_or(Error::Command { command, answer })
    }

    /// Write bytes (at least one).
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Command`].
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Error> {
        let mut command = format!("write {address:#x} {:#x} 0x", bytes.len());
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(command, "{byte:02x}");
        }
        self.ask(&command)?;
        Ok(())
    }

    /// Drive interrupt line `number` of the processor.
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Command`].
    pub fn set_interrupt(&mut self, number: u8, level: bool) -> Result<(), Error> {
        let level = u8::from(level);
        self.ask(&format!(
            "set_irq_in /machine/armv7m unnamed-gpio-in {number} {level}"
        ))?;
        Ok(())
    }

    /// Send a line; what stands behind `OK` in the answer.
    fn ask(&mut self, command: &str) -> Result<String, Error> {
        let line = format!("{command}\n");
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .map_err(connection)?;
        let mut answer = String::new();
        if self.stream.read_line(&mut answer).map_err(connection)? == 0 {
            return Err(connection(ErrorKind::UnexpectedEof.into()));
        }
        match answer.trim_end().strip_prefix("OK") {
            Some(rest) => Ok(rest.trim_start().to_owned()),
            None => Err(Error::Command {
                command: command.to_owned(),
                answer: answer.trim_end().to_owned(),
            }),
        }
    }
}

fn connection(source: io::Error) -> Error {
    Error::Connection {
        to: "test protocol",
        source,
    }
}
