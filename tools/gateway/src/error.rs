//! What can go wrong before a request is served, with its exit code and the next step.

use std::{io, path::PathBuf};

/// Why the gateway does not start, or a command of its operator failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line does not make sense.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is to be told cannot be written to standard output.
    #[error("standard output: {0}")]
    Output(io::Error),
    /// The address to listen at cannot be had.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("certificate: {0}")]
    Certificate(String),
    /// The state was written by a newer gateway.
    #[error("the state has format {found}, this gateway knows up to {known}")]
    NewerState {
        /// Its format.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// SQLite reports an error.
    #[error("the state: {0}")]
    State(#[from] rusqlite::Error),
    /// The database that gateways share reports an error, or is away.
    #[error("the database: {why}")]
    Database {
        /// Its words.
        why: String,
        /// PostgreSQL's own code, if it has answered.
        code: Option<String>,
    },
    /// The device is another gateway's by now, so nothing of it is written.
    #[error("{0} is another gateway's by now")]
    LeaseLost(String),
    /// The audit log was changed by something other than a gateway.
    #[error("the audit log was changed: entry {0} does not follow from the one before")]
    AuditChanged(i64),
    /// Nothing has this name.
    #[error("there is no {kind} \"{name}\"")]
    Unknown {
        /// What was looked for.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Something has this name already.
    #[error("there is a {kind} \"{name}\" already")]
    Taken {
        /// What it is.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The system has no randomness, threads or other means.
    #[error("the system: {0}")]
    System(String),
}

impl Error {
    /// Something about the database that it does not say itself.
    pub(crate) fn database(why: &str) -> Self {
        Self::Database {
            why: why.to_owned(),
            code: None,
        }
    }

    /// Is it that the database is away, or was for a moment, so that the same may be tried again?
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Database { code: None, .. } => true,
            // Its classes of broken connections, conflicts, means that are used up, locks, and ends of the server.
            Self::Database {
                code: Some(code), ..
            } => ["08", "40", "53", "55", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class)),
            _ => false,
        }
    }

    /// Was a row refused because there is one like it?
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            Self::State(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
            }
            // Its class of broken constraints.
            Self::Database { code, .. } => code.as_ref().is_some_and(|code| code.starts_with("23")),
            _ => false,
        }
    }

    /// What the process exits with, as `berth` does.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Unknown { .. } | Self::Taken { .. } => 1,
            Self::AuditChanged(_) => 5,
            _ => 2,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Usage(_) => "`berth-serve --help` says what there is",
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "check the name of the file; what a fleet's file names is looked for from where that file is"
            }
            Self::File { .. } => "may you write there? --state FOLDER takes another place",
            Self::Output(_) => "is there room where it goes? what was asked for was done",
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "another program listens there; is a gateway running? --listen takes another address"
            }
            Self::Listen { .. } => "--listen takes HOST:PORT, such as 127.0.0.1:7380",
            Self::Certificate(_) => {
                "--certificate and --private-key take files in PEM; without them one is made"
            }
            Self::NewerState { .. } => {
                "use the gateway that wrote it, or --state with another folder"
            }
            Self::State(_) => "is the disk full, or the file another program's?",
            Self::Database { .. } => {
                "is PostgreSQL there, and the address in --database or BERTH_SERVE_DATABASE right?"
            }
            Self::LeaseLost(_) => "`device list` shows whose it is",
            Self::AuditChanged(_) => {
                "entries up to the one before are as they were written; keep a copy of the file"
            }
            Self::Unknown { .. } => "`list` shows what there is",
            Self::Taken { kind, .. } if kind.starts_with("roll-out") => {
                "wait for its end (`fleet rollouts`), or take it back with `fleet abort`"
            }
            Self::Taken { .. } => "choose another name, or remove the old one first",
            Self::System(_) => "is this computer out of memory or threads?",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_told_otherwise_than_one_that_may_not_be_written() {
        let hint = |kind: io::ErrorKind| {
            let (path, source) = ("lamp.wasm".into(), kind.into());
            Error::File { path, source }.hint()
        };
        assert!(hint(io::ErrorKind::NotFound).contains("the name of the file"));
        assert!(hint(io::ErrorKind::PermissionDenied).contains("may you write there"));
    }
}
