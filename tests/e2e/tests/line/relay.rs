//! A serial line that breaks, or falls silent, when it has carried so much.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Between a client of its own and a device's line; for one client.
pub(crate) struct Relay {
    folder: TempDir,
    state: Arc<State>,
}

struct State {
    carried: AtomicUsize,
    limit: usize,
    closes: AtomicBool,
}

impl Relay {
    /// Listen for the client of the line at `address`, and carry `limit` bytes from it.
    pub(crate) fn to(address: &str, limit: usize) -> Result<Self> {
        let path = address.strip_prefix("unix:").context("a socket")?;
        let path = path.to_owned();
        let folder = TempDir::with_prefix("berth-relay-")?;
        let listener = UnixListener::bind(folder.path().join("line"))?;
        let state = Arc::new(State {
            carried: AtomicUsize::new(0),
            limit,
            closes: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || -> std::io::Result<()> {
            let (client, _) = listener.accept()?;
            let device = UnixStream::connect(path)?;
            let (mut from, mut to) = (device.try_clone()?, client.try_clone()?);
            thread::spawn(move || {
                let ended = std::io::copy(&mut from, &mut to);
                // The device has gone: so has the line.
                let _ = to.shutdown(Shutdown::Both);
                ended
            });
            shared.carry(client, device)
        });
        Ok(Self { folder, state })
    }

    /// Break then, instead of falling silent.
    pub(crate) fn close_at_end(&self) {
        self.state.closes.store(true, Ordering::Relaxed);
    }

    /// What the client's `--device` is.
    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.folder.path().join("line").display())
    }

    /// Bytes that the client has sent.
    pub(crate) fn carried(&self) -> usize {
        self.state.carried.load(Ordering::Relaxed)
    }

    /// Has it carried all that it may?
    pub(crate) fn is_exhausted(&self) -> bool {
        self.carried() >= self.state.limit
    }
}

impl State {
    fn carry(&self, mut client: UnixStream, mut device: UnixStream) -> std::io::Result<()> {
        let mut buffer = [0; 256];
        loop {
            let count = match client.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let before = self.carried.fetch_add(count, Ordering::Relaxed);
            if before + count <= self.limit {
                device.write_all(buffer.get(..count).unwrap_or_default())?;
            } else if self.closes.load(Ordering::Relaxed) {
                break;
            }
        }
        // An error means that they have ended already.
        let _ = client.shutdown(Shutdown::Both);
        let _ = device.shutdown(Shutdown::Both);
        Ok(())
    }
}
