//! What a device refuses, and the words for it.

use crate::State;
use core::fmt;
use serde::{Deserialize, Serialize};

#[cfg(test)]
use postcard_schema::Schema;

/// Why a device refused. One meaning each. Numbered by position: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum DeviceError<'a> {
    /// The device does not know this operation.
    Unsupported,
    /// The name is not one ([`is_valid_name`](crate::is_valid_name)).
    BadName,
    /// A parameter is out of its range.
    BadParameter {
        /// Which, and the range.
        what: &'a str,
    },
    /// No container has this name.
    UnknownName,
    /// Another container has this name.
    NameTaken,
    /// Not possible in the state the container is in.
    WrongState {
        /// That state.
        state: State,
    },
    /// The image is larger than any this device takes.
    TooLarge {
        /// Most bytes of an image.
        limit: u32,
    },
    /// The device has as many containers as it can have.
    TooManyContainers {
        /// How many.
        limit: u16,
    },
    /// No room for the image now.
    DeviceFull {
        /// Bytes asked for.
        needed: u32,
        /// Bytes free in the largest block.
        free: u32,
    },
    /// The container does not get the memory it needs to run.
    OutOfMemory {
        /// Bytes it needs at least; 0 if not known.
        needed: u32,
        /// Bytes it could have had.
        free: u32,
    },
    /// The upload is not, or no longer, in progress.
    NoUpload,
    /// The part does not follow what the device has.
    BadOffset {
        /// Where the next part must begin.
        expected: u32,
    },
    /// Commit before the last byte.
    Incomplete {
        /// Where the next part must begin.
        expected: u32,
    },
    /// What arrived is not what was announced.
    HashMismatch,
    /// Not a module this device can run.
    InvalidModule {
        /// Where in the image.
        offset: u32,
        /// What is wrong there.
        what: &'a str,
    },
    /// The module imports what the device does not have, or more than one label that is held now.
    /// The list of everything that is not to be had is behind
    /// [`Op::Detail`](crate::Op::Detail).
    MissingImports {
        /// How many.
        count: u16,
    },
    /// Another holds a label the container needs.
    LabelBusy {
        /// The label.
        label: &'a str,
        /// The container that holds it; `None`: another process of the firmware.
        holder: Option<&'a str>,
    },
    /// The kernel refused a claim for another reason.
    ClaimRefused {
        /// The label.
        label: &'a str,
        /// The kernel's error code (Tock `ErrorCode`).
        code: u8,
    },
    /// The list asked for is not (or no longer) kept.
    NoDetail,
    /// A failure inside the supervisor; a bug.
    Internal {
        /// Where.
        what: &'a str,
    },
    /// In safe mode no container starts.
    SafeMode,
    /// The store in flash has no room for this.
    StoreFull {
        /// Bytes asked for.
        needed: u32,
        /// Bytes that the largest image could have.
        free: u32,
    },
    /// The flash failed.
    StoreFailed {
        /// In which of its pages.
        page: u16,
    },
    /// The container is being updated or loaded; ask again later.
    Busy,
    /// The flash takes no more erases for now: its budget is used up.
    StoreLater,
    /// Another upload is in progress; ask again later.
    UploadBusy {
        /// Name of its container.
        name: &'a str,
    },
    /// The supervisor failed while the container's code was executed, and nothing starts it until
    /// [`Op::Lift`](crate::Op::Lift).
    Quarantined,
    /// The log that was read before is not there any more.
    OtherLog,
    /// Another live update of the container came after the one that was asked for.
    Superseded,
    /// The changes of a configuration that the request names are not there: to be sent again, and then the request.
    NoDraft,
    /// The device does not trust the image.
    Untrusted {
        /// Why not.
        why: Distrust,
    },
    /// The container claims a label for which its package is not signed.
    KeyNeeded {
        /// The label.
        label: &'a str,
    },
    /// The device has had a newer version of the package.
    Older {
        /// The counter of that.
        counter: u32,
    },
    /// The device knows the counters of as many packages as it can.
    TooManyPackages {
        /// How many.
        limit: u16,
    },
    /// The device has operators, and this is for them: it needs a session.
    SessionNeeded,
    /// There is no such session, or it is over, or what came is not sealed in it.
    NoSession,
    /// A request of this session that came before. It is not carried out again.
    Replayed,
    /// The device has given no such challenge in this run, or has had an answer to it.
    OldChallenge,
    /// No operator's key of the device has signed this.
    NotAnOperator,
    /// The device has no secret yet that sessions could be agreed on with.
    NotProvisioned,
    /// The device has its secret.
    Provisioned,
    /// Nothing outlives a reset on this device, so no challenge could be told from one before.
    NoStore,
}

impl DeviceError<'_> {
    /// One stable word, for JSON and scripts.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::BadName => "bad-name",
            Self::BadParameter { .. } => "bad-parameter",
            Self::UnknownName => "unknown-name",
            Self::NameTaken => "name-taken",
            Self::WrongState { .. } => "wrong-state",
            Self::TooLarge { .. } => "too-large",
            Self::TooManyContainers { .. } => "too-many-containers",
            Self::DeviceFull { .. } => "device-full",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::NoUpload => "no-upload",
            Self::BadOffset { .. } => "bad-offset",
            Self::Incomplete { .. } => "incomplete",
            Self::HashMismatch => "hash-mismatch",
            Self::InvalidModule { .. } => "invalid-module",
            Self::MissingImports { .. } => "missing-imports",
            Self::LabelBusy { .. } => "label-busy",
            Self::ClaimRefused { .. } => "claim-refused",
            Self::NoDetail => "no-detail",
            Self::Internal { .. } => "internal",
            Self::SafeMode => "safe-mode",
            Self::StoreFull { .. } => "store-full",
            Self::StoreFailed { .. } => "store-failed",
            Self::Busy => "busy",
            Self::StoreLater => "store-later",
            Self::UploadBusy { .. } => "upload-busy",
            Self::Quarantined => "quarantined",
            Self::OtherLog => "other-log",
            Self::Superseded => "superseded",
            Self::NoDraft => "no-draft",
            Self::Untrusted { why } => why.word(),
            Self::KeyNeeded { .. } => "key-needed",
            Self::Older { .. } => "older",
            Self::TooManyPackages { .. } => "too-many-packages",
            Self::SessionNeeded => "session-needed",
            Self::NoSession => "no-session",
            Self::Replayed => "replayed",
            Self::OldChallenge => "old-challenge",
            Self::NotAnOperator => "not-an-operator",
            Self::NotProvisioned => "not-provisioned",
            Self::Provisioned => "provisioned",
            Self::NoStore => "no-store",
        }
    }
}

/// The text for people, at the shell and in berth alike.
impl fmt::Display for DeviceError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("the device does not know this operation"),
            Self::BadName => f.write_str("not a container name"),
            Self::BadParameter { what } => write!(f, "parameter out of range: {what}"),
            Self::UnknownName => f.write_str("no container of this name"),
            Self::NameTaken => f.write_str("the name is taken by another container"),
            Self::WrongState { state } => write!(f, "the container is {state}"),
            Self::TooLarge { limit } => {
                write!(f, "image too large, at most {limit} bytes")
            }
            Self::TooManyContainers { limit } => {
                write!(f, "the device is full: {limit} containers are stored")
            }
            Self::DeviceFull { needed, free } => write!(
                f,
                "the device is full: {needed} bytes needed, {free} free in one piece"
            ),
            Self::OutOfMemory { needed: 0, free } => {
                write!(f, "out of memory with {free} bytes")
            }
            Self::OutOfMemory { needed, free } => {
                write!(f, "out of memory: {needed} bytes needed, {free} available")
            }
            Self::NoUpload => f.write_str("this upload is not in progress"),
            Self::BadOffset { expected } => {
                write!(f, "part out of order, expected offset {expected}")
            }
            Self::Incomplete { expected } => {
                write!(f, "image incomplete, only {expected} bytes arrived")
            }
            Self::HashMismatch => f.write_str("the image arrived damaged (hash differs)"),
            Self::InvalidModule { offset, what } => {
                write!(f, "invalid module at offset {offset}: {what}")
            }
            Self::MissingImports { count: 1 } => {
                f.write_str("1 import is not available on this device")
            }
            Self::MissingImports { count } => {
                write!(f, "{count} imports are not available on this device")
            }
            Self::LabelBusy {
                label,
                holder: Some(holder),
            } => {
                write!(f, "{label} is in use by container {holder}")
            }
            Self::LabelBusy {
                label,
                holder: None,
            } => {
                write!(f, "{label} is in use by another process of the firmware")
            }
            Self::ClaimRefused { label, code } => {
                write!(f, "the kernel refused {label} (error {code})")
            }
            Self::NoDetail => f.write_str("no such detail"),
            Self::Internal { what } => write!(f, "internal error: {what}"),
            Self::SafeMode => f.write_str("the device is in safe mode, no container starts"),
            Self::StoreFull { needed, free } => write!(
                f,
                "the store is full: {needed} bytes needed, {free} free in one piece"
            ),
            Self::StoreFailed { page } => write!(f, "the flash failed in page {page}"),
            Self::Busy => f.write_str("the container is being loaded or updated"),
            Self::StoreLater => f.write_str(
                "the flash has been erased as often as the manufacturer allows for now; try again in some hours",
            ),
            Self::UploadBusy { name } => write!(f, "an upload of {name} is in progress"),
            Self::Quarantined => {
                f.write_str("quarantined: the device's supervisor failed while it ran")
            }
            Self::OtherLog => f.write_str("the log read before is gone, with its container or by a reset"),
            Self::Superseded => f.write_str("another live update came after this one"),
            Self::NoDraft => f.write_str("the changes of the configuration did not arrive"),
            Self::Untrusted { why } => why.fmt(f),
            Self::KeyNeeded { label } => write!(f, "{label} needs a package signed for it"),
            Self::Older { counter } => write!(f, "older than what was here: counter {counter}"),
            Self::TooManyPackages { limit } => {
                write!(f, "the device has counters of {limit} packages, and no room for another")
            }
            Self::SessionNeeded => f.write_str("for operators: log in"),
            Self::NoSession => f.write_str("the session is over"),
            Self::Replayed => f.write_str("this request came before"),
            Self::OldChallenge => f.write_str("the challenge is used up"),
            Self::NotAnOperator => f.write_str("not an operator's signature"),
            Self::NotProvisioned => f.write_str("the device has no secret for sessions yet"),
            Self::Provisioned => f.write_str("the device has its secret already"),
            Self::NoStore => f.write_str("nothing is kept here, so nobody can log in"),
        }
    }
}

/// Why an image is not trusted. Numbered by position: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Distrust {
    /// It is not signed, and the device takes signed ones only.
    Unsigned,
    /// The device does not have the key that signed it.
    UnknownKey,
    /// The signature is not that of these bytes: they were changed, or are not whole.
    Changed,
    /// The signature cannot be read.
    Malformed,
    /// It is signed for a label for which its key may not sign.
    Label,
    /// The kernel could not tell.
    Unproven,
    /// The key that signed it was revoked.
    KeyRevoked,
    /// This version of the package, or this image, was revoked.
    Revoked,
    /// A list of what is revoked that is signed by a key that may not do so.
    NotRevoker,
}

impl Distrust {
    /// One stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::UnknownKey => "unknown-key",
            Self::Changed => "changed",
            Self::Malformed => "bad-signature",
            Self::Label => "not-for-label",
            Self::Unproven => "unproven",
            Self::KeyRevoked => "key-revoked",
            Self::Revoked => "revoked",
            Self::NotRevoker => "not-revoker",
        }
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsigned => "not signed, and this device takes signed packages only",
            Self::UnknownKey => "signed with a key that this device does not have",
            Self::Changed => "changed after it was signed",
            Self::Malformed => "its signature cannot be read",
            Self::Label => "signed for a label for which its key may not sign",
            Self::Unproven => "the kernel could not verify its signature",
            Self::KeyRevoked => "signed with a key that was revoked",
            Self::Revoked => "this version was revoked",
            Self::NotRevoker => "signed with a key that may not revoke",
        })
    }
}

/// Why an import cannot be satisfied. Numbered by position: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum MissingWhy {
    /// No such import module.
    UnknownModule,
    /// The module has no such function.
    UnknownFunction,
    /// The function has another signature.
    Signature,
    /// The board does not expose this label.
    NotExposed,
    /// Only functions can be imported.
    NotAFunction,
    /// The board exposes this label, but somebody holds it
    /// ([`Reply::Held`](crate::Reply::Held) says who).
    InUse,
    /// The board carries out no register programs.
    NoPrograms,
    /// The board attaches no conveyors.
    NoConveyors,
}

impl MissingWhy {
    /// One stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnknownModule => "unknown-module",
            Self::UnknownFunction => "unknown-function",
            Self::Signature => "signature",
            Self::NotExposed => "not-exposed",
            Self::NotAFunction => "not-a-function",
            Self::InUse => "in-use",
            Self::NoPrograms => "no-programs",
            Self::NoConveyors => "no-conveyors",
        }
    }
}

impl fmt::Display for MissingWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownModule => "no such module",
            Self::UnknownFunction => "no such function in this module",
            Self::Signature => "the function has another signature",
            Self::NotExposed => "not exposed by this board",
            Self::NotAFunction => "only functions can be imported",
            Self::InUse => "in use",
            Self::NoPrograms => "this board carries out no register programs",
            Self::NoConveyors => "this board attaches no conveyors",
        })
    }
}
