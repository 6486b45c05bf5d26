//! Byte streams to a device, all alike.

use crate::{Address, Error, gateway, holders};
use rustix::{
    fs::{Mode, OFlags},
    io::{Errno, ioctl_fionread},
    termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr},
};
use serialport::{SerialPort, TTYPort};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream, ToSocketAddrs},
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

/// How long a read waits before it reports [`io::ErrorKind::TimedOut`] or
/// [`io::ErrorKind::WouldBlock`]; so long a reader needs to notice that it is to end.
pub(crate) const READ_TICK: Duration = Duration::from_millis(50);

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a line may take no byte: a request has at most 256, which 115200 baud send in 23 ms. The other side does not
/// read then, and whoever writes would wait for ever.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Rate of the console of every board.
const BAUD: u32 = 115_200;

/// A byte stream with two handles: one to read in a thread, one to write.
pub trait Transport: Read + Write + Send {
    /// A second handle of the same stream.
    ///
    /// # Errors
    /// If the system has no more handles.
    fn second_handle(&self) -> io::Result<Box<dyn Transport>>;

    /// End the stream for all handles, as far as it can be ended.
    fn shut_down(&self);

    /// What the system calls the stream, where it tells when there are bytes.
    fn descriptor(&self) -> Option<RawFd> {
        None
    }

    /// Are there bytes that no handle has read? `false` where nobody can tell.
    fn has_unread(&self) -> bool {
        false
    }
}

impl Transport for UnixStream {
    fn second_handle(&self) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(self.try_clone()?))
    }

    fn shut_down(&self) {
        // An error means that it has ended already.
        let _ = self.shutdown(Shutdown::Both);
    }

    fn descriptor(&self) -> Option<RawFd> {
        Some(self.as_raw_fd())
    }

    fn has_unread(&self) -> bool {
        ioctl_fionread(self).is_ok_and(|count| count > 0)
    }
}

impl Transport for TcpStream {
    fn second_handle(&self) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(self.try_clone()?))
    }

    fn shut_down(&self) {
        // An error means that it has ended already.
        let _ = self.shutdown(Shutdown::Both);
    }

    fn descriptor(&self) -> Option<RawFd> {
        Some(self.as_raw_fd())
    }

    fn has_unread(&self) -> bool {
        ioctl_fionread(self).is_ok_and(|count| count > 0)
    }
}

/// A serial port.
struct Tty(TTYPort);

impl Read for Tty {
    /// Where the other end of a pseudo-terminal is closed, or the adapter was pulled, the system says EIO or
    /// (hung up) EPIPE: the end of the line, as zero bytes are elsewhere.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Err(error) if is_hangup(&error) => Ok(0),
            other => other,
        }
    }
}

fn is_hangup(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// What the reader of such a line is told, for who writes.
fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the other side")
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if is_hangup(&error) => Err(closed()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            // The library does not say why; what was written can only not go out if there is no line.
            Err(error) if !is_tick(&error) => Err(closed()),
            other => other,
        }
    }
}

impl Transport for Tty {
    fn second_handle(&self) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(Self(self.0.try_clone_native()?)))
    }

    /// A port has no end; its handles are closed when they are dropped.
    fn shut_down(&self) {}

    fn descriptor(&self) -> Option<RawFd> {
        Some(self.0.as_raw_fd())
    }

    fn has_unread(&self) -> bool {
        self.0.bytes_to_read().is_ok_and(|count| count > 0)
    }
}

/// Connect to `address`. Does not take the line's lock.
///
/// # Errors
/// [`Error::Open`]; [`Error::Busy`] if another program has the port.
pub fn open(address: &Address) -> Result<Box<dyn Transport>, Error> {
    if let Address::Tty(path) = address
        && let Some(by) = holders::of(path)
    {
        return Err(Error::Busy {
            address: address.clone(),
            by,
            socket: None,
        });
    }
    connect(address).map_err(|source| Error::Open {
        address: address.clone(),
        source,
    })
}

fn connect(address: &Address) -> io::Result<Box<dyn Transport>> {
    match address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(READ_TICK))?;
            stream.set_write_timeout(Some(WRITE_PATIENCE))?;
            Ok(Box::new(stream))
        }
        Address::Tcp(place) => {
            let mut last = io::Error::new(io::ErrorKind::NotFound, "host unknown");
            for socket in place.to_socket_addrs()? {
                match TcpStream::connect_timeout(&socket, CONNECT_TIMEOUT) {
                    Ok(stream) => {
                        stream.set_nodelay(true)?;
                        stream.set_read_timeout(Some(READ_TICK))?;
                        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
                        return Ok(Box::new(stream));
                    }
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
        Address::Tty(path) => {
            let _held = keep_lines_up(path);
            let port = serialport::new(path.to_string_lossy(), BAUD)
                .timeout(READ_TICK)
                .open_native()?;
            Ok(Box::new(Tty(port)))
        }
        Address::Gateway(place) => gateway::open(place),
    }
}

/// Tell the system to leave DTR and RTS as they are when the port is closed: boards with one of them wired to reset would
/// be reset by every command. From the first opening on they are up and stay so; what this gives back holds the port
/// until it is open for good.
fn keep_lines_up(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // What cannot be opened, or is no terminal, has no such lines; opening it for good says what it is.
    let port = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    if let Ok(mut settings) = tcgetattr(&port)
        && settings.control_modes.contains(ControlModes::HUPCL)
    {
        settings.control_modes.remove(ControlModes::HUPCL);
        tcsetattr(&port, OptionalActions::Now, &settings).ok()?;
    }
    Some(port)
}

/// Is this the end of a tick, not of the stream?
pub(crate) fn is_tick(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_line_that_takes_nothing_is_broken_at_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("line");
        // Connections are made, and nobody reads.
        let _listener = UnixListener::bind(&path).unwrap();
        let mut line = open(&Address::Unix(path)).unwrap();
        let full = std::iter::repeat_with(|| line.write_all(&[0; 4096])).find_map(Result::err);
        assert!(is_tick(&full.unwrap()));
    }
}
