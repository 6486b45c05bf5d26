//! Everything that can go wrong, with its exit code and the next step.

use crate::{Address, printable::printable};
use berth_protocol::PROTOCOL_VERSION;
use serde::Serialize;
use std::{io, path::PathBuf, time::Duration};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line does not make sense.
    #[error("{0}")]
    Usage(String),
    /// A file of this computer cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nobody said which device.
    #[error("no device given")]
    NoDevice,
    /// The line cannot be opened.
    #[error("cannot open {address}: {source}")]
    Open {
        /// The line.
        address: Address,
        /// Why not.
        source: io::Error,
    },
    /// Another program has the line.
    #[error("{address} is in use by {by}")]
    Busy {
        /// The line.
        address: Address,
        /// The program and its process id.
        by: String,
    },
    /// The line was closed or broke.
    #[error("the line broke: {0}")]
    Line(io::Error),
    /// The device speaks another version of the protocol.
    #[error("the device speaks protocol {device}, this berth speaks {PROTOCOL_VERSION}")]
    Version {
        /// Version of the device.
        device: u16,
    },
    /// The answer makes no sense.
    #[error("the device answered something unexpected to {to}")]
    Unexpected {
        /// What was asked.
        to: &'static str,
    },
    /// No answer, after all retries.
    #[error("no answer to {to} within {:.1} s", after.as_secs_f32())]
    TimedOut {
        /// What was asked.
        to: &'static str,
        /// How long berth waited.
        after: Duration,
    },
    /// What the device has is not what was sent.
    #[error("verification failed: {0}")]
    Verification(String),
    /// The device refused.
    #[error("{0}")]
    Refused(Refusal),
}

/// The refusal of a device, made for people and for scripts.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// One stable word.
    pub code: &'static str,
    /// Container the request was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For people.
    pub message: String,
    /// Imports that the device does not have; all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// An import that a device does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Module of the import.
    pub module: String,
    /// Name of the import.
    pub name: String,
    /// One stable word.
    pub why: &'static str,
    /// For people.
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}: ")?;
        }
        f.write_str(&printable(&self.message))?;
        for missing in &self.missing {
            let import = printable(&format!("{} {}", missing.module, missing.name));
            write!(f, "\n  {import}: {}", missing.message)?;
        }
        Ok(())
    }
}

impl Error {
    /// What the process exits with.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Usage(_) | Self::File { .. } => 2,
            Self::NoDevice
            | Self::Open { .. }
            | Self::Busy { .. }
            | Self::Line(_)
            | Self::Version { .. }
            | Self::Unexpected { .. } => 3,
            Self::TimedOut { .. } => 4,
            Self::Verification(_) => 5,
        }
    }

    /// One stable word, for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::File { .. } => "file",
            Self::NoDevice => "no-device",
            Self::Open { .. } => "cannot-open",
            Self::Busy { .. } => "line-in-use",
            Self::Line(_) => "line-broken",
            Self::Version { .. } => "protocol-version",
            Self::Unexpected { .. } => "unexpected-answer",
            Self::TimedOut { .. } => "timed-out",
            Self::Verification(_) => "verification-failed",
            Self::Refused(refusal) => refusal.code,
        }
    }

    /// What to do next, where there is something to do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoDevice => {
                "say where it is: --device unix:PATH, tcp:HOST:PORT or /dev/tty…, or set BERTH_DEVICE"
            }
            Self::Open { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "is the device connected, or the emulator running?",
                io::ErrorKind::PermissionDenied => {
                    "you may not use this line; serial ports usually belong to the group dialout"
                }
                io::ErrorKind::ConnectionRefused => {
                    "nobody listens there; is the emulator running?"
                }
                _ => return None,
            },
            Self::Busy { .. } => "end that program, or talk through its own socket",
            Self::Line(_) => "check the cable or the emulator, then repeat the command",
            Self::Version { .. } | Self::Unexpected { .. } => {
                "use the berth that came with this firmware"
            }
            Self::TimedOut { .. } => {
                "does the device run, with the supervisor installed? Does another program hold the line?"
            }
            Self::Verification(_) => "repeat the upload",
            Self::Refused(refusal) => return refusal.hint(),
            Self::Usage(_) | Self::File { .. } => return None,
        })
    }
}

impl Refusal {
    fn hint(&self) -> Option<&'static str> {
        Some(match self.code {
            "unsupported" => "the firmware is older than this berth",
            "bad-name" => {
                "1 to 32 of a-z A-Z 0-9 . _ -, beginning with a letter or digit; see --name"
            }
            "unknown-name" => "`berth ps` lists the containers",
            "name-taken" => "choose another --name, or `berth rm` the old container first",
            "wrong-state" => "`berth ps` shows the state; `berth stop` ends an active container",
            "too-many-containers" | "device-full" => "`berth rm` a container that is not needed",
            "out-of-memory" => {
                "`berth stop` another container, or give a smaller --limit or --stack"
            }
            "missing-imports" => "`berth exposures` lists what this device offers",
            "label-busy" => "`berth exposures` shows who holds what; stop that container first",
            _ => return None,
        })
    }
}
