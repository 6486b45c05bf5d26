//! Everything that a device can refuse.

use berth_protocol::{DeviceError, Distrust, State};

/// An example of each.
pub const REFUSALS: [DeviceError<'static>; 53] = [
    DeviceError::Unsupported,
    DeviceError::BadName,
    DeviceError::BadParameter {
        what: "limit: at least 8192 bytes",
    },
    DeviceError::UnknownName,
    DeviceError::NameTaken,
    DeviceError::WrongState {
        state: State::Paused,
    },
    DeviceError::TooLarge { limit: 98_304 },
    DeviceError::TooManyContainers { limit: 8 },
    DeviceError::DeviceFull {
        needed: 5000,
        free: 4000,
    },
    DeviceError::OutOfMemory {
        needed: 20_000,
        free: 16_384,
    },
    DeviceError::OutOfMemory {
        needed: 0,
        free: 16_384,
    },
    DeviceError::NoUpload,
    DeviceError::BadOffset { expected: 232 },
    DeviceError::Incomplete { expected: 232 },
    DeviceError::HashMismatch,
    DeviceError::InvalidModule {
        offset: 8,
        what: "not a module",
    },
    DeviceError::MissingImports { count: 1 },
    DeviceError::MissingImports { count: 3 },
    DeviceError::LabelBusy {
        label: "fpgaio",
        holder: Some("blink"),
    },
    DeviceError::LabelBusy {
        label: "uart1",
        holder: None,
    },
    DeviceError::ClaimRefused {
        label: "fpgaio",
        code: 9,
    },
    DeviceError::NoDetail,
    DeviceError::Internal { what: "store" },
    DeviceError::SafeMode,
    DeviceError::StoreFull {
        needed: 5000,
        free: 4000,
    },
    DeviceError::StoreFailed { page: 17 },
    DeviceError::Busy,
    DeviceError::StoreLater,
    DeviceError::UploadBusy { name: "blink" },
    DeviceError::Quarantined,
    DeviceError::OtherLog,
    DeviceError::Superseded,
    DeviceError::NoDraft,
    DeviceError::Untrusted {
        why: Distrust::Unsigned,
    },
    DeviceError::Untrusted {
        why: Distrust::UnknownKey,
    },
    DeviceError::Untrusted {
        why: Distrust::Changed,
    },
    DeviceError::Untrusted {
        why: Distrust::Malformed,
    },
    DeviceError::Untrusted {
        why: Distrust::Label,
    },
    DeviceError::Untrusted {
        why: Distrust::Unproven,
    },
    DeviceError::Untrusted {
        why: Distrust::KeyRevoked,
    },
    DeviceError::Untrusted {
        why: Distrust::Revoked,
    },
    DeviceError::Untrusted {
        why: Distrust::NotRevoker,
    },
    DeviceError::KeyNeeded { label: "fpgaio" },
    DeviceError::Older { counter: 7 },
    DeviceError::TooManyPackages { limit: 64 },
    DeviceError::SessionNeeded,
    DeviceError::NoSession,
    DeviceError::Replayed,
    DeviceError::OldChallenge,
    DeviceError::NotAnOperator,
    DeviceError::NotProvisioned,
    DeviceError::Provisioned,
    DeviceError::NoStore,
];

/// The place of a kind among all; a new one has none, and this does not compile.
fn place(error: &DeviceError<'_>) -> usize {
    match error {
        DeviceError::Unsupported => 0,
        DeviceError::BadName => 1,
        DeviceError::BadParameter { .. } => 2,
        DeviceError::UnknownName => 3,
        DeviceError::NameTaken => 4,
        DeviceError::WrongState { .. } => 5,
        DeviceError::TooLarge { .. } => 6,
        DeviceError::TooManyContainers { .. } => 7,
        DeviceError::DeviceFull { .. } => 8,
        DeviceError::OutOfMemory { .. } => 9,
        DeviceError::NoUpload => 10,
        DeviceError::BadOffset { .. } => 11,
        DeviceError::Incomplete { .. } => 12,
        DeviceError::HashMismatch => 13,
        DeviceError::InvalidModule { .. } => 14,
        DeviceError::MissingImports { .. } => 15,
        DeviceError::LabelBusy { .. } => 16,
        DeviceError::Busy => 17,
        DeviceError::ClaimRefused { .. } => 18,
        DeviceError::NoDetail => 19,
        DeviceError::Internal { .. } => 20,
        DeviceError::SafeMode => 21,
        DeviceError::StoreFull { .. } => 22,
        DeviceError::StoreFailed { .. } => 23,
        DeviceError::StoreLater => 24,
        DeviceError::UploadBusy { .. } => 25,
        DeviceError::Quarantined => 26,
        DeviceError::OtherLog => 27,
        DeviceError::Superseded => 28,
        DeviceError::NoDraft => 29,
        DeviceError::Untrusted { .. } => 30,
        DeviceError::KeyNeeded { .. } => 31,
        DeviceError::Older { .. } => 32,
        DeviceError::TooManyPackages { .. } => 33,
        DeviceError::SessionNeeded => 34,
        DeviceError::NoSession => 35,
        DeviceError::Replayed => 36,
        DeviceError::OldChallenge => 37,
        DeviceError::NotAnOperator => 38,
        DeviceError::NotProvisioned => 39,
        DeviceError::Provisioned => 40,
        DeviceError::NoStore => 41,
    }
}

/// How many kinds there are.
const KINDS: usize = 42;

/// Kinds without an example: none.
pub fn forgotten() -> Vec<usize> {
    let has = |kind: &usize| REFUSALS.iter().any(|error| place(error) == *kind);
    (0..KINDS).filter(|kind| !has(kind)).collect()
}
