//! One program holds the line.
//!
//! A file in the folder for temporary files, locked as long as the holder lives, names
//! the holder. The kernel releases the lock when a process dies, so there are no stale
//! locks. A line that a multiplexer offers (a socket `X` beside which a file `X.shared`
//! stands) needs no lock: the multiplexer takes requests in turn.

use crate::{Address, Error};
use rustix::fs::OFlags;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Held as long as it lives.
#[derive(Debug)]
pub struct LineLock {
    /// `None` for a shared line.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    /// Locked; unlocked by closing it.
    _file: File,
    /// To be removed, if we may.
    path: Option<PathBuf>,
}

impl LineLock {
    /// Take the lock of `address`.
    ///
    /// # Errors
    /// [`Error::Busy`] if another program has it; [`Error::Open`] if the lock file
    /// cannot be used.
    pub fn take(address: &Address) -> Result<Self, Error> {
        if let Address::Unix(path) = address
            && shared_marker(path).exists()
        {
            return Ok(Self { held: None });
        }
        let path = lock_path(address);
        loop {
            match try_take(&path) {
                Ok(Some(held)) => return Ok(Self { held: Some(held) }),
                // Removed by its last holder between our opening and locking it.
                Ok(None) => {}
                Err(Refused::Busy(by)) => {
                    return Err(Error::Busy {
                        address: address.clone(),
                        by,
                    });
                }
                Err(Refused::Io(source)) => {
                    return Err(Error::Open {
                        address: address.clone(),
                        source,
                    });
                }
            }
        }
    }
}

impl Drop for LineLock {
    fn drop(&mut self) {
        if let Some(Held {
            path: Some(path), ..
        }) = &self.held
        {
            // Before it is unlocked. If it cannot be removed it does no harm either.
            let _ = fs::remove_file(path);
        }
    }
}

/// `None` if the file locked is no longer the one at `path`.
fn try_take(path: &Path) -> Result<Option<Held>, Refused> {
    // The folder is everybody's: a link that somebody put there is not followed.
    let no_links = OFlags::NOFOLLOW.bits() as i32;
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o666)
        .custom_flags(no_links)
        .open(path);
    let (mut file, is_ours) = match opened {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            // Another user's file can still be locked, only not written.
            let mut reading = OpenOptions::new();
            let file = reading.read(true).custom_flags(no_links).open(path)?;
            (file, false)
        }
        other => (other?, true),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut by = String::new();
            file.read_to_string(&mut by)?;
            return Err(Refused::Busy(match by.trim() {
                "" => "another program".into(),
                by => by.into(),
            }));
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    let is_current = fs::symlink_metadata(path)
        .is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino()));
    if !is_current {
        return Ok(None);
    }
    if is_ours {
        file.set_len(0)?;
        file.rewind()?;
        let program = std::env::args_os().next().unwrap_or_default();
        let program = Path::new(&program).file_name().unwrap_or_default();
        writeln!(
            file,
            "{} (process {})",
            program.to_string_lossy(),
            std::process::id()
        )?;
    }
    Ok(Some(Held {
        _file: file,
        path: is_ours.then(|| path.to_owned()),
    }))
}

enum Refused {
    Busy(String),
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The file that says: this socket takes many clients.
pub(crate) fn shared_marker(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".shared");
    name.into()
}

/// The same file for every way to write the same line.
fn lock_path(address: &Address) -> PathBuf {
    let place = match address {
        Address::Unix(path) | Address::Tty(path) => path
            .canonicalize()
            .unwrap_or_else(|_| path.clone())
            .to_string_lossy()
            .into_owned(),
        Address::Tcp(place) => place.clone(),
    };
    let mut name = String::from("berth-");
    for character in place.chars() {
        name.push(if character.is_ascii_alphanumeric() {
            character
        } else {
            '-'
        });
    }
    name.push_str(".lock");
    std::env::temp_dir().join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("line"));
        let first = LineLock::take(&address).unwrap();
        let error = LineLock::take(&address).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let id = std::process::id().to_string();
        assert!(error.to_string().contains(&id), "{error}");
        drop(first);
        drop(LineLock::take(&address).unwrap());
        assert!(!lock_path(&address).exists());
    }

    #[test]
    fn of_many_at_once_one_has_it() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("line"));
        let holders = AtomicU32::new(0);
        let taken = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        if let Ok(_lock) = LineLock::take(&address) {
                            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                            taken.fetch_add(1, Ordering::SeqCst);
                            holders.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert!(taken.into_inner() > 4);
    }

    #[test]
    fn a_link_in_place_of_the_lock_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let address = Address::Unix(folder.path().join("line"));
        let path = lock_path(&address);
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert_eq!(LineLock::take(&address).unwrap_err().exit_code(), 3);
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_shared_line_takes_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("line");
        std::fs::write(shared_marker(&path), "").unwrap();
        let address = Address::Unix(path);
        let _first = LineLock::take(&address).unwrap();
        let _second = LineLock::take(&address).unwrap();
    }
}
