//! Everything that can go wrong, with its exit code and the next step.

use crate::{Address, Refusal};
use berth_pack::printable;
use berth_protocol::PROTOCOL_VERSION;
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line does not make sense.
    #[error("{0}")]
    Usage(String),
    /// A file of this computer cannot be read.
    #[error("cannot read {}: {source}", shown(path))]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of this computer cannot be written.
    #[error("cannot write {}: {source}", shown(path))]
    Written {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What was read from the device cannot be written into a file.
    #[error("cannot save {}: {source}", shown(path))]
    Save {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A package is not signed as it should be.
    #[error("{0}")]
    Unsigned(String),
    /// There is no key to sign or to verify with.
    #[error(transparent)]
    Key(#[from] berth_pack::keys::KeyError),
    /// What was found out cannot be printed.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    /// A program that does a part of the work is not there.
    #[error("the program {program} is not installed")]
    NotInstalled {
        /// Its name.
        program: &'static str,
    },
    /// A file of a project cannot be made.
    #[error("cannot make {}: {source}", shown(path))]
    NotMade {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of a project does not say what it has to.
    #[error("{}: {why}", shown(path))]
    Project {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        why: String,
    },
    /// A project cannot be built.
    #[error("the build has failed: {what}: {why}")]
    Build {
        /// The command, or the module that cannot be packed.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A module cannot be packed, and would fail on the device.
    #[error("cannot pack {}: {why}", shown(path))]
    NotPacked {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The device has refused a file that is no module at all.
    #[error("{} is {what}, and no WebAssembly module", shown(path))]
    NoModule {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// The device's word.
        code: &'static str,
    },
    /// The list of devices is not one.
    #[error("{}: {why}", shown(path))]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        why: String,
    },
    /// Nobody said which device.
    #[error("no device given")]
    NoDevice,
    /// Nobody said which of several devices.
    #[error("which device? {}", printable(&names.join(", ")))]
    WhichDevice {
        /// The names of all.
        names: Vec<String>,
    },
    /// The registry has no device of this name.
    #[error("no device is called \"{}\"", printable(name))]
    UnknownDevice {
        /// The name.
        name: String,
    },
    /// The line cannot be opened.
    #[error("cannot open {}: {source}", printable(&address.to_string()))]
    Open {
        /// The line.
        address: Address,
        /// Why not.
        source: io::Error,
    },
    /// Another program has the line.
    #[error("{} is in use by {}", printable(&address.to_string()), printable(by))]
    Busy {
        /// The line.
        address: Address,
        /// The program and its process id.
        by: String,
        /// Where that program serves others.
        socket: Option<PathBuf>,
    },
    /// The line was closed or broke.
    #[error("the line broke: {0}")]
    Line(io::Error),
    /// The gateway does not let whoever has this key do it.
    #[error("the gateway refuses: {0}")]
    Denied(String),
    /// The gateway has no answer of the device.
    #[error("{}: {why}", printable(place))]
    Gateway {
        /// The gateway and the device's name there.
        place: String,
        /// What it says.
        why: String,
    },
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
    /// The device answers, and what is waited for has not come.
    #[error("{what} after {:.1} s", after.as_secs_f32())]
    NotYet {
        /// What there is instead.
        what: String,
        /// How long berth waited.
        after: Duration,
        /// What to do.
        hint: &'static str,
    },
    /// What the device has is not what was sent.
    #[error("verification failed: {0}")]
    Verification(String),
    /// The device refused.
    #[error("{0}")]
    Refused(Refusal),
}

/// A path as it may stand on a terminal: names of files hold what they like.
pub(crate) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

impl Error {
    /// Why a line does not go on: what was found out where it is, if that is known.
    pub(crate) fn of_line(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(known) => known,
            Err(error) => Self::Line(error),
        }
    }

    /// Returns whether the device has refused with this code.
    #[must_use]
    pub fn is_refusal(&self, code: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == code)
    }

    /// What the process exits with.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::NoModule { .. } | Self::Denied(_) => 1,
            Self::Usage(_)
            | Self::File { .. }
            | Self::Written { .. }
            | Self::Save { .. }
            | Self::Key(_)
            | Self::Output(_)
            | Self::NotInstalled { .. }
            | Self::NotMade { .. }
            | Self::Project { .. }
            | Self::Build { .. }
            | Self::NotPacked { .. }
            | Self::Config { .. } => 2,
            Self::NoDevice
            | Self::WhichDevice { .. }
            | Self::UnknownDevice { .. }
            | Self::Open { .. }
            | Self::Busy { .. }
            | Self::Line(_)
            | Self::Gateway { .. }
            | Self::Version { .. }
            | Self::Unexpected { .. } => 3,
            Self::TimedOut { .. } | Self::NotYet { .. } => 4,
            Self::Verification(_) | Self::Unsigned(_) => 5,
        }
    }

    /// One stable word, for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::File { .. } => "file",
            Self::Written { .. } => "cannot-write",
            Self::Save { .. } => "cannot-save",
            Self::Key(_) => "no-key",
            Self::Unsigned(_) => "not-signed",
            Self::Output(_) => "cannot-print",
            Self::NotInstalled { .. } => "not-installed",
            Self::NotMade { .. } => "cannot-make",
            Self::Project { .. } => "bad-project",
            Self::Build { .. } => "not-built",
            Self::NotPacked { .. } => "not-packed",
            Self::NoModule { code, .. } => code,
            Self::Config { .. } => "bad-config",
            Self::NoDevice => "no-device",
            Self::WhichDevice { .. } => "which-device",
            Self::UnknownDevice { .. } => "unknown-device",
            Self::Open { .. } => "cannot-open",
            Self::Busy { .. } => "line-in-use",
            Self::Line(_) => "line-broken",
            Self::Denied(_) => "denied",
            Self::Gateway { .. } => "gateway",
            Self::Version { .. } => "protocol-version",
            Self::Unexpected { .. } => "unexpected-answer",
            Self::TimedOut { .. } => "timed-out",
            Self::NotYet { .. } => "not-yet",
            Self::Verification(_) => "verification-failed",
            Self::Refused(refusal) => refusal.code,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoDevice => {
                "`berth scan` looks for devices; say which with --device, BERTH_DEVICE or `berth config NAME ADDRESS`"
            }
            Self::WhichDevice { .. } => "say --device NAME, or choose one with `berth select NAME`",
            Self::UnknownDevice { .. } => {
                "`berth devices` lists the names; an address is unix:PATH, HOST:PORT or a path such as /dev/ttyACM0"
            }
            Self::Open { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => {
                    "is the device connected, or the emulator running? `berth scan` looks for devices"
                }
                io::ErrorKind::PermissionDenied => {
                    "you may not use this line; serial ports usually belong to the group dialout"
                }
                io::ErrorKind::ConnectionRefused => {
                    "nobody listens there; is the emulator running?"
                }
                _ => "`berth scan` looks for devices",
            },
            Self::Busy { .. } => {
                "end that program; `berth console` would share the line with others"
            }
            Self::Line(_) => "check the cable or the emulator, then repeat the command",
            Self::Denied(_) => {
                "BERTH_KEY takes a key; `berth serve key add NAME --role operate`, where the gateway runs, makes one"
            }
            Self::Gateway { .. } => {
                "`berth serve device list`, where the gateway runs, names its devices; BERTH_CERTIFICATE takes its certificate if it made one itself"
            }
            Self::Version { device } if *device < PROTOCOL_VERSION => {
                "update the device's supervisor (`tockloader install`), or use the berth that came with it"
            }
            Self::Version { .. } => "update berth: this device needs a newer one",
            Self::Unexpected { .. } => {
                "use the berth that came with this firmware; `berth doctor` shows both versions"
            }
            Self::TimedOut { .. } => {
                "does the device run, with the supervisor installed? `berth doctor` looks step by step"
            }
            Self::NotYet { hint, .. } => hint,
            Self::Verification(_) => "repeat the command",
            Self::Refused(refusal) => return refusal.hint(),
            Self::Config { .. } => "correct the file, or delete it and use `berth config` again",
            Self::NotInstalled { .. } => {
                "`make install` of berth's repository installs it beside berth"
            }
            Self::NotMade { .. } => "is there room, and may you write there?",
            Self::Project { .. } => {
                "`berth new` writes such a file; compare with one that it has written"
            }
            Self::Build { .. } => {
                "what is wrong stands above, or here; `berth.toml` says how the project is built"
            }
            Self::NotPacked { .. } => {
                "`pack` says the same; --no-pack sends the file as it is, and the device decides"
            }
            Self::NoModule { .. } => {
                "FILE is what a compiler for WebAssembly has made, such as target/wasm32-unknown-unknown/release/NAME.wasm; in the folder of a project no FILE is needed"
            }
            Self::Written { .. } => "make the folder writable, or set XDG_CONFIG_HOME",
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::IsADirectory => {
                "in the folder of a project `berth run` and `berth sim` build it: they need no FILE there"
            }
            Self::File { .. } => "check the name of the file",
            Self::Save { .. } => "say with --output where to write",
            Self::Unsigned(_) => {
                "`pack PACKAGE --sign KEY --counter N` signs; --key takes the key of whoever should have signed"
            }
            Self::Key(_) => {
                "`berth keys list` shows the keys that have a name; `berth keys new NAME` makes one"
            }
            Self::Output(_) => "is there room where it goes? what was asked for was done",
            Self::Usage(_) => "`berth COMMAND --help` says what a command takes",
        })
    }
}
