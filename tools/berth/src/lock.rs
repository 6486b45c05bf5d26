//! One program holds the line.
//!
//! A file in the folder for temporary files, locked as long as the holder lives, names
//! the holder. The kernel releases the lock when a process dies, so there are no stale
//! locks. A line that a multiplexer offers (a socket `X` beside which a file `X.shared`
//! stands) needs no lock: the multiplexer takes requests in turn. A multiplexer that holds a
//! lock writes its socket into the lock file, so that other calls for the same line find it.

use crate::{Address, Error};
use rustix::fs::OFlags;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Begins the line of a lock file that names a multiplexer's socket.
const SOCKET: &str = "socket ";

/// Held as long as it lives.
#[derive(Debug)]
pub struct LineLock {
    /// `None` for a shared line.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    /// Locked; unlocked by closing it.
    file: File,
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
        let is_shared = match address {
            Address::Unix(path) => shared_marker(path).exists(),
            // It has the line, and takes requests in turn.
            Address::Gateway(_) => true,
            Address::Tcp(_) | Address::Tty(_) => false,
        };
        if is_shared {
            return Ok(Self { held: None });
        }
        let path = lock_path(address);
        loop {
            match try_take(&path) {
                Ok(Some(held)) => return Ok(Self { held: Some(held) }),
                // Removed by its last holder between our opening and locking it.
                Ok(None) => {}
                Err(Refused::Busy { by, socket }) => {
                    return Err(Error::Busy {
                        address: address.clone(),
                        by,
                        socket,
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

impl LineLock {
    /// Is the line ours alone? Otherwise somebody else shares it.
    pub(crate) const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Tell other calls for this line where they are served meanwhile, whatever folder they are made in.
    ///
    /// # Errors
    /// If the lock file cannot be written, or the folder we are in cannot be named.
    pub fn publish(&mut self, socket: &Path) -> io::Result<()> {
        match &mut self.held {
            Some(held) if held.path.is_some() => {
                let socket = std::path::absolute(socket)?;
                writeln!(held.file, "{SOCKET}{}", socket.display())
            }
            // A shared line is known already; another user's lock file is not ours to write.
            _ => Ok(()),
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
            return Err(holder(&mut file)?);
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
        file,
        path: is_ours.then(|| path.to_owned()),
    }))
}

/// What the lock file tells of who has the lock.
fn holder(file: &mut File) -> io::Result<Refused> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let mut lines = text.lines();
    let by = lines.next().map_or("", str::trim);
    // Anybody may write into the folder, so only our own word is taken for where to connect.
    let owner = file.metadata()?.uid();
    let trusted = owner == 0 || owner == rustix::process::geteuid().as_raw();
    let socket = lines
        .find_map(|line| line.strip_prefix(SOCKET))
        .filter(|_| trusted)
        .map(PathBuf::from);
    Ok(Refused::Busy {
        by: if by.is_empty() { "another program" } else { by }.to_owned(),
        socket,
    })
}

enum Refused {
    Busy { by: String, socket: Option<PathBuf> },
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

/// The sockets of all multiplexers that run now and are ours.
pub(crate) fn shared_lines() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return Vec::new();
    };
    let mut sockets: Vec<_> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(LOCK_PREFIX) && name.ends_with(LOCK_SUFFIX)
        })
        .filter_map(|entry| {
            let mut file = OpenOptions::new()
                .read(true)
                .custom_flags(OFlags::NOFOLLOW.bits() as i32)
                .open(entry.path())
                .ok()?;
            // Locked by nobody: left over.
            match file.try_lock_shared() {
                Err(TryLockError::WouldBlock) => {}
                _ => return None,
            }
            match holder(&mut file).ok()? {
                Refused::Busy { socket, .. } => socket,
                Refused::Io(_) => None,
            }
        })
        .collect();
    sockets.sort();
    sockets
}

const LOCK_PREFIX: &str = "berth-";
const LOCK_SUFFIX: &str = ".lock";

/// The same file for every way to write the same line.
fn lock_path(address: &Address) -> PathBuf {
    std::env::temp_dir().join(format!("{LOCK_PREFIX}{}{LOCK_SUFFIX}", line_name(address)))
}

/// A line as part of a file name; the same for every way to write it.
pub(crate) fn line_name(address: &Address) -> String {
    let place = match address {
        Address::Unix(path) | Address::Tty(path) => path
            .canonicalize()
            .unwrap_or_else(|_| path.clone())
            .to_string_lossy()
            .into_owned(),
        Address::Tcp(place) => place.clone(),
        Address::Gateway(place) => place.to_string(),
    };
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() {
            character
        } else {
            '-'
        }
    };
    place.chars().map(plain).collect()
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
    fn the_socket_of_a_multiplexer_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("line"));
        let socket = folder.path().join("served");
        let mut first = LineLock::take(&address).unwrap();
        first.publish(&socket).unwrap();
        let Err(Error::Busy {
            by, socket: found, ..
        }) = LineLock::take(&address)
        else {
            panic!("two have it");
        };
        assert_eq!(found.as_ref(), Some(&socket));
        assert!(!by.contains("socket"), "{by}");
        assert!(shared_lines().contains(&socket));
        drop(first);
        assert!(!shared_lines().contains(&socket));
    }

    #[test]
    fn a_socket_that_is_named_from_a_folder_is_found_from_any() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = LineLock::take(&Address::Unix(folder.path().join("line"))).unwrap();
        let name = format!("served-{}", std::process::id());
        first.publish(Path::new(&name)).unwrap();
        let whole = std::env::current_dir().unwrap().join(&name);
        assert!(shared_lines().contains(&whole), "{:?}", shared_lines());
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
