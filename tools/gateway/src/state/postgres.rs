//! The state in PostgreSQL, for several gateways.
//!
//! ```text
//!   State ── mutex ── Session ──(runtime of its own, one thread)── PostgreSQL
//! ```
//!
//! A session that broke is opened anew by whoever needs it next. While the database is away everybody is told so at once: it is
//! looked for once a second, not by each request.

use super::sql::{Row, Sql, Value};
use crate::{Error, tls};
use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::{
    Client, Config, SimpleQueryMessage,
    config::{Host, SslMode},
    types::{FromSql, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The steps from one format to the next. What is here stays; a change is a step behind it.
const STEPS: [&str; 1] = [include_str!("postgres/1.sql")];

/// Whoever changes something has this lock until it is done: changes come one after the other, as in SQLite. The number is
/// "berth" in ASCII, and means nothing.
const CHANGE_LOCK: i64 = 0x62_65_72_74_68;

/// How long opening a session may take, and each statement.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(15);

/// Until a database that was away is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What the server ends by itself, so that a gateway that stands still or has gone holds nobody up.
const LIMITS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '10s';
     SET idle_in_transaction_session_timeout = '10s'; SET client_min_messages = 'warning'";

/// Where the database is, and a session if there is one.
pub(super) struct Postgres {
    config: Config,
    tls: MakeRustlsConnect,
    /// Ended by [`Drop`] without waiting for it.
    runtime: Option<Runtime>,
    session: Option<Session>,
    /// When it was looked for in vain, and why, if it is away.
    away: Option<(Instant, String)>,
}

/// A session that is open.
pub(super) struct Session {
    client: Arc<Client>,
    runtime: Handle,
}

impl Postgres {
    /// Takes a URL, and the file of certificates that the server's is checked by.
    ///
    /// # Errors
    /// [`Error::Usage`] with what makes no sense.
    pub(super) fn of(url: &str, certificates: Option<&Path>) -> Result<Self, Error> {
        // The reason does not repeat the URL, which may have a password in it.
        let mut config: Config = url
            .parse()
            .map_err(|error| Error::Usage(format!("--database: {}", whole(&error))))?;
        let far = config.get_hosts().iter().any(is_far);
        if !url.contains("sslmode=") {
            // A server that answers "without TLS" may be anybody.
            config.ssl_mode(if far {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        }
        config
            .connect_timeout(OPEN_PATIENCE)
            .tcp_user_timeout(PATIENCE)
            .application_name("berth-serve");
        let trust = if config.get_ssl_mode() == SslMode::Disable {
            tls::Trust::Nobody
        } else {
            certificates.map_or(tls::Trust::System, tls::Trust::File)
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("database")
            .enable_all()
            .build()
            .map_err(|error| Error::System(error.to_string()))?;
        Ok(Self {
            config,
            tls: MakeRustlsConnect::new(tls::trust(trust, "--database-certificate")?),
            runtime: Some(runtime),
            session: None,
            away: None,
        })
    }

    /// Sees to it that a session is open, as far as is known.
    ///
    /// # Errors
    /// [`Error::Database`] if the database is away.
    pub(super) fn session(&mut self) -> Result<(), Error> {
        let closed = |session: &Session| session.client.is_closed();
        if self.session.as_ref().is_some_and(closed) {
            self.session = None;
        }
        if self.session.is_none() {
            if let Some((when, why)) = &self.away
                && when.elapsed() < LOOK_AGAIN
            {
                return Err(Error::database(why));
            }
            match self.open() {
                Ok(session) => {
                    if self.away.take().is_some() {
                        eprintln!("note: the database is there again");
                    }
                    self.session = Some(session);
                }
                Err(error) => {
                    let why = match &error {
                        Error::Database { why, .. } => why.clone(),
                        error => error.to_string(),
                    };
                    let before = self.away.replace((Instant::now(), why.clone()));
                    if before.is_none() {
                        eprintln!(
                            "note: the database is away: {why}; nothing is done without it, and it is looked for again"
                        );
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Does something that changes nothing.
    ///
    /// # Errors
    /// [`Error::Database`], and its own.
    pub(super) fn use_session<T>(
        &mut self,
        work: impl FnOnce(&Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.session()?;
        // What a work leaves behind that panics, or over which there was no answer, the server ends with the session.
        let session = self.session.take();
        let session = session.ok_or_else(|| Error::database("there is no session"))?;
        let done = work(&session);
        if !matches!(done, Err(Error::Database { code: None, .. })) {
            self.session = Some(session);
        }
        done
    }

    /// One change, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Database`], and its own.
    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&Sql<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.use_session(|session| {
            let now_ms = session.begin()?;
            let done = change(&Sql::postgres(session, now_ms));
            session.simple(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
            done
        })
    }

    fn open(&self) -> Result<Session, Error> {
        let runtime = self
            .runtime
            .as_ref()
            .ok_or(Error::System("it ends".into()))?;
        let (config, tls) = (self.config.clone(), self.tls.clone());
        let client = wait(runtime.handle(), async move {
            let (client, connection) = config.connect(tls).await?;
            // Its end shows in the client.
            tokio::spawn(connection);
            client.batch_execute(LIMITS).await?;
            Ok(client)
        })?;
        let session = Session {
            client: Arc::new(client),
            runtime: runtime.handle().clone(),
        };
        migrate(&session)?;
        Ok(session)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Whoever drops it may be where nothing may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its configuration has a password.
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Session {
    /// Runs one statement; returns its rows, and how many it was about.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(super) fn ask(
        &self,
        statement: &str,
        values: Vec<(Value, Type)>,
    ) -> Result<(Vec<Row>, u64), Error> {
        let (client, statement) = (Arc::clone(&self.client), statement.to_owned());
        wait(&self.runtime, async move {
            let stream = client.query_typed_raw(&statement, values).await?;
            let mut stream = Box::pin(stream);
            let mut rows = Vec::new();
            while let Some(row) = futures_util::TryStreamExt::try_next(&mut stream).await? {
                rows.push(row_of(&row)?);
            }
            Ok((rows, stream.rows_affected().unwrap_or(0)))
        })
    }

    /// Runs statements without values; returns the first number that they answer with.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(super) fn simple(&self, statements: &str) -> Result<Option<i64>, Error> {
        let (client, statements) = (Arc::clone(&self.client), statements.to_owned());
        let said = wait(&self.runtime, async move {
            client.simple_query(&statements).await
        })?;
        Ok(said.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        }))
    }

    /// Begins a change, and returns what the time is: no other one is under way from here on.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(super) fn begin(&self) -> Result<i64, Error> {
        let now = self.simple(&format!(
            "BEGIN; SELECT pg_advisory_xact_lock({CHANGE_LOCK});
             SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        ))?;
        now.ok_or_else(|| Error::database("it does not say what time it is"))
    }
}

/// Waits for what is done on the database's own thread, wherever one waits.
fn wait<T: Send + 'static>(
    runtime: &Handle,
    done: impl Future<Output = Result<T, tokio_postgres::Error>> + Send + 'static,
) -> Result<T, Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Who waited may have gone.
        let _ = sender.send(tokio::time::timeout(PATIENCE, done).await);
    });
    match receiver.recv() {
        Ok(Ok(done)) => Ok(done?),
        Ok(Err(_)) => Err(Error::database("it does not answer")),
        Err(_) => Err(Error::database("the gateway ends")),
    }
}

fn migrate(session: &Session) -> Result<(), Error> {
    let known = STEPS.len() as i64;
    loop {
        // Two gateways may begin at the same time: who comes second finds the step done.
        session.begin()?;
        let moved = step(session, known);
        let end = if matches!(moved, Ok(true)) {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        session.simple(end)?;
        if !moved? {
            return Ok(());
        }
    }
}

fn step(session: &Session, known: i64) -> Result<bool, Error> {
    session.simple("CREATE TABLE IF NOT EXISTS berth_format (number BIGINT NOT NULL)")?;
    let found = session.simple("SELECT coalesce(max(number), 0) FROM berth_format")?;
    let found = found.unwrap_or(0);
    if found > known {
        return Err(Error::NewerState { found, known });
    }
    let next = usize::try_from(found).ok().and_then(|at| STEPS.get(at));
    let Some(next) = next else {
        return Ok(false);
    };
    session.simple(next)?;
    session.simple(&format!(
        "INSERT INTO berth_format (number) VALUES ({})",
        found + 1
    ))?;
    Ok(true)
}

fn row_of(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let mut values = Vec::new();
    for (index, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            Type::BOOL => got::<bool, _>(row, index, |is| Value::Number(is.into()))?,
            Type::INT4 => got::<i32, _>(row, index, |number| Value::Number(number.into()))?,
            Type::INT8 => got::<i64, _>(row, index, Value::Number)?,
            Type::BYTEA => got::<Vec<u8>, _>(row, index, Value::Bytes)?,
            _ => got::<String, _>(row, index, Value::Text)?,
        };
        values.push(value);
    }
    Ok(Row(values))
}

fn got<'a, T: FromSql<'a>, F: FnOnce(T) -> Value>(
    row: &'a tokio_postgres::Row,
    index: usize,
    value: F,
) -> Result<Value, tokio_postgres::Error> {
    Ok(row
        .try_get::<_, Option<T>>(index)?
        .map_or(Value::Null, value))
}

/// Is it reached over a network?
fn is_far(host: &Host) -> bool {
    match host {
        Host::Unix(_) => false,
        Host::Tcp(name) => {
            name != "localhost"
                && !name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

/// The reason with what is behind it: PostgreSQL's own words come second.
fn whole(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let code = error.code().map(|code| code.code().to_owned());
        let why = error
            .as_db_error()
            .map_or_else(|| whole(&error), |said| said.message().to_owned());
        Self::Database { why, code }
    }
}
