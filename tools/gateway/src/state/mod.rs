//! What gateways keep: one SQLite file of one gateway, or a PostgreSQL that several share.
//!
//! ```text
//!   devices, keys, audit, fleet, rollouts, wasmico ── what is kept, in statements that both understand
//!                     │
//!                    sql ── values and rows
//!                  ┌──┴───┐
//!               SQLite  postgres ── lease (who owns which device)
//! ```
//!
//! Each change is one transaction that is on the disk before it is acknowledged (SQLite: write-ahead log, `synchronous=FULL`;
//! PostgreSQL: as its own configuration says, which is so unless somebody has changed it), so the gateway may be killed at any
//! instant. Changes come one after the other, whoever makes them. The format has a number; older ones are brought up to date at
//! the start, step by step, each step whole or not at all. Other processes (`berth-serve key add`) may write meanwhile.

mod audit;
#[cfg(test)]
mod both;
mod devices;
mod fleet;
mod keys;
mod lease;
mod postgres;
mod rollouts;
mod sql;
mod wasmico;

pub use audit::AuditEntry;
pub(crate) use audit::NewEntry;
pub(crate) use devices::is_name;
pub use devices::{By, Device};
pub(crate) use fleet::{Applied, Happened, Holds};
pub use keys::KeyRow;
pub(crate) use keys::random;
pub(crate) use lease::{Fence, Leases, Use, Whose};
pub(crate) use rollouts::{Fact, Rollout, RolloutDevice};
pub(crate) use wasmico::Numbers;

use crate::Error;
use postgres::Postgres;
use rusqlite::{Connection, TransactionBehavior};
use sql::{Sql, values};
use std::{
    fs::{DirBuilder, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The steps from one format of the SQLite file to the next. What is here stays; a change is a step behind it.
const STEPS: [&str; 3] = [
    include_str!("1.sql"),
    include_str!("2.sql"),
    include_str!("3.sql"),
];

/// How long a process waits while another one writes.
const BUSY: Duration = Duration::from_secs(10);

/// The state of a gateway. All methods block; they take as long as the disk.
#[derive(Debug)]
pub struct State {
    store: Store,
    folder: PathBuf,
}

#[derive(Debug)]
enum Store {
    Sqlite(Mutex<Connection>),
    Postgres(Box<Shared>),
}

#[derive(Debug)]
struct Shared {
    database: Mutex<Postgres>,
    leases: Leases,
}

impl State {
    /// Opens the file in `folder`, or makes it; only its owner may read it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::State`], [`Error::NewerState`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        make_folder(folder)?;
        let file = folder.join("gateway.db");
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file);
        match made {
            Err(source) if source.kind() != ErrorKind::AlreadyExists => {
                return Err(Error::File { path: file, source });
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
            store: Store::Sqlite(Mutex::new(connection)),
            folder: folder.to_owned(),
        })
    }

    /// Opens the PostgreSQL at `url`, which other gateways may use, too; `folder` is for what is this one's only.
    ///
    /// # Errors
    /// [`Error::Usage`], [`Error::Certificate`], [`Error::File`], [`Error::Database`], [`Error::NewerState`].
    pub fn open_shared(
        folder: &Path,
        url: &str,
        certificates: Option<&Path>,
        lease: Duration,
    ) -> Result<Self, Error> {
        make_folder(folder)?;
        let mut database = Postgres::of(url, certificates)?;
        database.session()?;
        let shared = Shared {
            database: Mutex::new(database),
            leases: Leases::new(Postgres::of(url, certificates)?, lease),
        };
        Ok(Self {
            store: Store::Postgres(Box::new(shared)),
            folder: folder.to_owned(),
        })
    }

    /// Where it is, or what is this gateway's only.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who owns which device, if there may be other gateways.
    pub(crate) const fn leases(&self) -> Option<&Leases> {
        match &self.store {
            Store::Sqlite(_) => None,
            Store::Postgres(shared) => Some(&shared.leases),
        }
    }

    /// Returns a number that changes when another process has changed devices or keys.
    ///
    /// # Errors
    /// [`Error::State`], [`Error::Database`].
    pub fn version(&self) -> Result<i64, Error> {
        match &self.store {
            Store::Sqlite(connection) => {
                Ok(hold(connection).pragma_query_value(None, "data_version", |row| row.get(0))?)
            }
            // Each change of them has its entry.
            Store::Postgres(..) => self.look(|sql| {
                sql.one("SELECT coalesce(max(number), 0) FROM audit", values![])?
                    .get(0)
            }),
        }
    }

    /// Whether what is kept is whole, as the database sees it.
    ///
    /// # Errors
    /// [`Error::State`], [`Error::Database`].
    pub fn is_whole(&self) -> Result<bool, Error> {
        match &self.store {
            Store::Sqlite(connection) => {
                let answer: String =
                    hold(connection)
                        .pragma_query_value(None, "integrity_check", |row| row.get(0))?;
                Ok(answer == "ok")
            }
            Store::Postgres(..) => self.look(|_| Ok(true)),
        }
    }

    /// Returns what the time is by the clock that stands behind all times in the state: milliseconds since 1970.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(crate) fn clock(&self) -> Result<i64, Error> {
        match &self.store {
            Store::Sqlite(_) => Ok(now_ms()),
            Store::Postgres(..) => self.look(|sql| {
                let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
                sql.one(now, values![])?.get(0)
            }),
        }
    }

    /// Looks something up.
    fn look<T>(&self, look: impl FnOnce(&Sql<'_>) -> Result<T, Error>) -> Result<T, Error> {
        match &self.store {
            Store::Sqlite(connection) => look(&Sql::sqlite(&hold(connection), 0)),
            Store::Postgres(shared) => {
                hold(&shared.database).use_session(|session| look(&Sql::postgres(session, 0)))
            }
        }
    }

    /// One change, whole or not at all.
    fn change<T>(&self, change: impl FnOnce(&Sql<'_>) -> Result<T, Error>) -> Result<T, Error> {
        match &self.store {
            Store::Sqlite(connection) => {
                let mut connection = hold(connection);
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let done = change(&Sql::sqlite(&transaction, now_ms()))?;
                transaction.commit()?;
                Ok(done)
            }
            Store::Postgres(shared) => hold(&shared.database).change(change),
        }
    }

    /// One change of what is known of a device, by its owner. Where there may be other gateways it is looked at, in the same
    /// transaction, whether this one still is.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] if not; nothing is written then.
    fn change_of<T>(
        &self,
        device: &str,
        change: impl FnOnce(&Sql<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.change(|sql| {
            if !self.is_ours(sql, device)? {
                return Err(Error::LeaseLost(device.to_owned()));
            }
            change(sql)
        })
    }

    fn is_ours(&self, sql: &Sql<'_>, device: &str) -> Result<bool, Error> {
        self.leases()
            .map_or(Ok(true), |leases| leases.is_ours(sql, device))
    }
}

/// Whoever panicked has left a transaction behind, which was rolled back.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Only its owner may read it.
fn make_folder(folder: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| Error::File {
        path: folder.to_owned(),
        source,
    })
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
