//! Where a device is: `unix:PATH`, `tcp:HOST:PORT` or `HOST:PORT`, the path of a serial port, or behind a gateway.

use crate::{Error, gateway::Place};
use std::{fmt, path::PathBuf, str::FromStr};

/// The place of a device's serial line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// Host and port of a TCP server that passes bytes to the line.
    Tcp(String),
    /// A serial port, 115200 8N1.
    Tty(PathBuf),
    /// A gateway's name and the device's there.
    Gateway(Place),
}

/// Is this meant as an address, not as a name in the registry of devices? Names have neither
/// slashes nor colons.
pub(crate) fn looks_like_address(text: &str) -> bool {
    text.contains(['/', ':'])
}

impl Address {
    /// The same place, wherever it is said from.
    ///
    /// # Errors
    /// If the folder we are in cannot be named.
    pub(crate) fn absolute(self) -> Result<Self, Error> {
        let path = |path: PathBuf| {
            std::path::absolute(&path).map_err(|source| Error::File { path, source })
        };
        Ok(match self {
            Self::Unix(socket) => Self::Unix(path(socket)?),
            Self::Tty(port) => Self::Tty(path(port)?),
            elsewhere @ (Self::Tcp(_) | Self::Gateway(_)) => elsewhere,
        })
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::Usage(format!("device \"{text}\": {why}"));
        if Place::is_meant(text) {
            return Place::read(text).map(Self::Gateway).map_err(wrong);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(wrong("the path of the socket is missing"))
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        if let Some(place) = text.strip_prefix("tcp:") {
            return host_and_port(place).ok_or_else(|| wrong("expected tcp:HOST:PORT"));
        }
        if text.contains('/') {
            return Ok(Self::Tty(text.into()));
        }
        host_and_port(text).ok_or_else(|| {
            wrong("expected unix:PATH, HOST:PORT, the path of a serial port such as /dev/ttyACM0, or https://GATEWAY/NAME")
        })
    }
}

fn host_and_port(place: &str) -> Option<Address> {
    match place.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Some(Address::Tcp(place.to_owned()))
        }
        _ => None,
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(place) => write!(f, "tcp:{place}"),
            Self::Tty(path) => write!(f, "{}", path.display()),
            Self::Gateway(place) => write!(f, "{place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_read_and_written() {
        for text in [
            "unix:/run/board.sock",
            "tcp:localhost:4000",
            "tcp:::1:4000",
            "/dev/ttyACM0",
            "https://gateway.example:7380/roof",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn tcp_may_be_left_out() {
        let address = "gateway:4000".parse::<Address>().unwrap();
        assert_eq!(address, Address::Tcp("gateway:4000".into()));
    }

    #[test]
    fn anything_else_says_what_was_expected() {
        for text in [
            "",
            "board",
            "unix:",
            "tcp:",
            "tcp:host",
            "tcp::80",
            "tcp:host:http",
            "host:",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.exit_code(), 2, "{text}");
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
