//! A line that is held for long is served to others meanwhile.
//!
//! ```text
//!   berth console, logs -f, stats …  ── lock file names the socket ◄── other berth calls
//!        Client ──┐                                                        │
//!   terminal text ┴── Mux ──► line        socket ◄───────────────────────── ┘
//! ```

use crate::{Address, Client, DeviceInfo, Error, LineLock, Mux, device, lock};
use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    io,
    path::PathBuf,
    time::Duration,
};

/// Longest path of a unix socket that every system takes.
const SOCKET_PATH_MAX: usize = 100;

/// A connection; while it lasts, other calls are served too. Fields are dropped in order.
pub(crate) struct Shared {
    /// The connection.
    pub(crate) client: Client,
    /// `None` if somebody else shares the line.
    _mux: Option<Mux>,
    _lock: LineLock,
}

/// Connect for long.
///
/// # Errors
/// As [`device::connect`].
pub(crate) fn connect(address: &Address, timeout: Duration) -> Result<(Shared, DeviceInfo), Error> {
    let (mut lock, place) = device::take_line(address)?;
    let mux = if lock.is_held() {
        let socket = socket_for(&place);
        let mux = Mux::start(crate::open(&place)?, Some(&socket), |_| {}).map_err(Error::Line)?;
        lock.publish(&socket).map_err(Error::Line)?;
        Some((mux, Address::Unix(socket)))
    } else {
        None
    };
    let line = crate::open(mux.as_ref().map_or(&place, |(_, socket)| socket))?;
    let mut client = Client::new(line)?;
    client.set_timeout(timeout);
    let info = device::hello(&mut client)?;
    let shared = Shared {
        client,
        _mux: mux.map(|(mux, _)| mux),
        _lock: lock,
    };
    Ok((shared, info))
}

/// Where the holder of `address` serves others: the same place for the same line and user, so
/// that what a killed program left there is replaced by the next.
pub(crate) fn socket_for(address: &Address) -> PathBuf {
    let folder = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|folder| folder.is_dir())
        .unwrap_or_else(std::env::temp_dir);
    let user = rustix::process::geteuid().as_raw();
    let line = lock::line_name(address);
    let path = folder.join(format!("berth-{user}-{line}.sock"));
    if path.as_os_str().len() <= SOCKET_PATH_MAX {
        return path;
    }
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    folder.join(format!("berth-{user}-{:016x}.sock", hasher.finish()))
}

/// The sockets of all lines that are shared now and answer.
pub(crate) fn running() -> Vec<Address> {
    lock::shared_lines()
        .into_iter()
        .map(Address::Unix)
        .collect()
}

/// The error of a line that ended.
pub(crate) fn closed() -> Error {
    Error::Line(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "closed by the other side",
    ))
}
