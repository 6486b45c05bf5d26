//! QEMU's machine protocol: one JSON object a line, over a unix socket.

use crate::Error;
use berth::Address;
use serde_json::{Value, json};
use std::{
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long QEMU may take for a command. It answers in milliseconds unless it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the emulator of a flash image is reached.
pub(crate) fn control_of(flash: &Path) -> PathBuf {
    flash.with_extension("control")
}

/// A connection that is ready for commands.
#[derive(Debug)]
pub struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Greet QEMU.
    pub(crate) fn new(stream: UnixStream) -> Result<Self, Error> {
        stream
            .set_read_timeout(Some(PATIENCE))
            .map_err(connection)?;
        let mut qmp = Self {
            stream: BufReader::new(stream),
        };
        // Its greeting; the capabilities it offers do not matter here.
        qmp.read()?;
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Reach the emulator that another process has started with this flash image, as one that is
    /// [`reachable`](crate::Board::reachable).
    ///
    /// # Errors
    /// [`Error::Connection`] if there is none.
    pub fn reach(flash: &Path) -> Result<Self, Error> {
        Self::new(UnixStream::connect(control_of(flash)).map_err(connection)?)
    }

    /// Where serial line `number` is served.
    ///
    /// # Errors
    /// [`Error::InUse`] if somebody has it, as there can be one at a time; those of [`execute`](Self::execute).
    pub fn serial_line(&mut self, number: u8) -> Result<Address, Error> {
        let lines = self.execute("query-chardev", json!({}))?;
        let label = format!("serial{number}");
        let mut lines = lines.as_array().into_iter().flatten();
        let line = lines.find(|line| line["label"] == *label);
        let place = line
            .and_then(|line| line["filename"].as_str())
            .unwrap_or_default();
        place_of(place).ok_or(Error::InUse { number })
    }

    /// Run a command and return its result.
    ///
    /// # Errors
    /// [`Error::Command`] if QEMU refuses it, [`Error::Connection`].
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, Error> {
        let line = json!({ "execute": command, "arguments": arguments }).to_string() + "\n";
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .map_err(connection)?;
        loop {
            let mut answer = self.read()?;
            if let Some(result) = answer.get_mut("return") {
                return Ok(result.take());
            }
            if let Some(error) = answer.get("error") {
                return Err(Error::Command {
                    command: command.to_owned(),
                    answer: match error["desc"].as_str() {
                        Some(description) => description.to_owned(),
                        None => error.to_string(),
                    },
                });
            }
            // Else an event.
        }
    }

    /// Run a command of the monitor for people and return what it prints.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn monitor(&mut self, command: &str) -> Result<String, Error> {
        let arguments = json!({ "command-line": command });
        match self.execute("human-monitor-command", arguments)? {
            Value::String(text) => Ok(text),
            other => Err(Error::Command {
                command: command.to_owned(),
                answer: other.to_string(),
            }),
        }
    }

    fn read(&mut self) -> Result<Value, Error> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).map_err(connection)? == 0 {
            return Err(connection(ErrorKind::UnexpectedEof.into()));
        }
        serde_json::from_str(&line).map_err(|error| connection(io::Error::other(error)))
    }
}

fn connection(source: io::Error) -> Error {
    Error::Connection { to: "QMP", source }
}

/// The path in what QEMU says of a line that waits for somebody: `disconnected:unix:PATH,server=on`.
fn place_of(place: &str) -> Option<Address> {
    let path = place.strip_prefix("disconnected:unix:")?;
    let (path, _) = path.rsplit_once(",server").unwrap_or((path, ""));
    Some(Address::Unix(path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_waits_has_a_place() {
        let found = place_of("disconnected:unix:/tmp/a,b/uart2,server=on");
        assert!(matches!(found, Some(Address::Unix(path)) if path == Path::new("/tmp/a,b/uart2")));
        assert!(place_of("unix:/tmp/a/uart2,server=on").is_none());
    }
}
