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
            Self::File { .. } => "may you write there? --state FOLDER takes another place",
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
