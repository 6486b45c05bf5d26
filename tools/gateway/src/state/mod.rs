//! What the gateway keeps: one SQLite file.
//!
//! Each change is one transaction that is on the disk before it is acknowledged (write-ahead log, `synchronous=FULL`), so
//! the gateway may be killed at any instant. The format has a number; older ones are brought up to date at the
//! start, step by step, each step whole or not at all. Other processes (`berth-serve key add`) may write meanwhile.

mod audit;
mod devices;
mod fleet;
mod keys;
mod wasmico;

pub use audit::AuditEntry;
pub(crate) use audit::NewEntry;
pub(crate) use devices::is_name;
pub use devices::{By, Device};
pub(crate) use fleet::{Applied, Happened, Holds, Rollout, RolloutDevice};
pub use keys::KeyRow;
pub(crate) use keys::random;
pub(crate) use wasmico::Numbers;

use crate::Error;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{
    fs::{DirBuilder, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The steps from one format to the next. What is here stays; a change is a step behind it.
const STEPS: [&str; 2] = [include_str!("1.sql"), include_str!("2.sql")];

/// How long a process waits while another one writes.
const BUSY: Duration = Duration::from_secs(10);

/// The state of a gateway. All methods block; they take as long as the disk.
#[derive(Debug)]
pub struct State {
    connection: Mutex<Connection>,
    folder: PathBuf,
}

impl State {
    /// Opens what is in `folder`, or makes it; only its owner may read it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::State`], [`Error::NewerState`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed(folder))?;
        let file = folder.join("gateway.db");
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file);
        match made {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(failed(&file)(error));
            }
            _ => {}
        }
        let mut connection = Connection::open(&file)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut connection)?;
        Ok(Self {
            connection: Mutex::new(connection),
            folder: folder.to_owned(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a number that changes when another process has changed something.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn version(&self) -> Result<i64, Error> {
        Ok(self
            .hold()
            .pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Whether the file is whole, as SQLite sees it.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn is_whole(&self) -> Result<bool, Error> {
        let answer: String = self
            .hold()
            .pragma_query_value(None, "integrity_check", |row| row.get(0))?;
        Ok(answer == "ok")
    }

    fn hold(&self) -> MutexGuard<'_, Connection> {
        // Whoever panicked has left a transaction behind, which was rolled back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// One change, whole or not at all.
    fn change<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut connection = self.hold();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let known = STEPS.len() as i64;
    loop {
        // Two processes may begin at the same time: who comes second finds the step done.
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = step.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > known {
            return Err(Error::NewerState { found, known });
        }
        let Some(next) = usize::try_from(found)
            .ok()
            .and_then(|found| STEPS.get(found))
        else {
            return Ok(());
        };
        step.execute_batch(next)?;
        step.pragma_update(None, "user_version", found + 1)?;
        step.commit()?;
    }
}

/// Milliseconds since 1970, by this computer's clock.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| {
            i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
        })
}

/// Was a row refused because there is one like it?
fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_a_newer_gateway_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(State::open(folder.path()).unwrap());
        let file = Connection::open(folder.path().join("gateway.db")).unwrap();
        file.pragma_update(None, "user_version", 1000).unwrap();
        let error = State::open(folder.path()).unwrap_err();
        assert!(matches!(error, Error::NewerState { found: 1000, .. }));
    }

    #[test]
    fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("new/state")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(state.folder()), 0o700);
        for file in std::fs::read_dir(state.folder()).unwrap() {
            assert_eq!(mode(&file.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn a_step_that_fails_leaves_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        // A table of the first step is there already: its last statements fail.
        connection
            .execute_batch("CREATE TABLE wasmico_numbers (x)")
            .unwrap();
        migrate(&mut connection).unwrap_err();
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
    }
}
