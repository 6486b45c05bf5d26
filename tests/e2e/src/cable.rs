//! Other ways to a board's line: a serial port, a TCP port.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::Result;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::terminal::Pty;

/// A serial port of this computer whose cable is `line`.
pub struct SerialPort {
    /// Where programs find it.
    pub path: PathBuf,
    /// A port stays there when its programs close it.
    _end: File,
}

impl SerialPort {
    /// Make the port and connect the cable.
    ///
    /// # Errors
    /// If the system has no pseudo-terminal.
    pub fn connect(line: UnixStream) -> Result<Self> {
        let Pty { person, end, path } = Pty::open()?;
        let mut raw = tcgetattr(&end)?;
        raw.make_raw();
        tcsetattr(&end, OptionalActions::Now, &raw)?;
        pass_on(line.try_clone()?, person.try_clone()?);
        pass_on(person, line);
        Ok(Self { path, _end: end })
    }
}

/// A gateway: whoever connects to the address it gives talks on a new `line`. It runs until the
/// program ends.
///
/// # Errors
/// If the system has no port.
pub fn gateway(line: impl Fn() -> Result<UnixStream> + Send + 'static) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let ends =
                line().and_then(|line| Ok((line.try_clone()?, line, client.try_clone()?, client)));
            let Ok((from_line, to_line, from_client, to_client)) = ends else {
                return;
            };
            pass_on(from_line, to_client);
            pass_on(from_client, to_line);
        }
    });
    Ok(address)
}

/// Pass on what comes, until either end closes.
fn pass_on(mut from: impl Read + Send + 'static, mut to: impl Write + Send + 'static) {
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to
                .write_all(buffer.get(..count).unwrap_or_default())
                .is_err()
            {
                return;
            }
        }
    });
}
