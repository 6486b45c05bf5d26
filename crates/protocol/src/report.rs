//! What `inspect`, `images`, `events`, `doctor` and a live update tell.

use crate::{Distrust, Fault, ImageHash, Parameters};
use core::fmt;
use serde::{Deserialize, Serialize};

#[cfg(test)]
use postcard_schema::Schema;

/// What is known of one container beside what `ps` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Inspection<'a> {
    /// SHA-256 of its image.
    pub hash: ImageHash,
    /// What its operator chose.
    pub parameters: Parameters,
    /// Bytes of state that it saved.
    pub saved_bytes: u32,
    /// Log lines that the device no longer has or never took.
    pub log_dropped: u32,
    /// Its last fault; kept after its memory is gone.
    #[serde(borrow)]
    pub fault: Option<FaultReport<'a>>,
}

/// What is chosen for a container beside its [`Parameters`], with an announcement or a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Chosen {
    /// Number of the [draft](crate::Op::Draft) that changes its configuration.
    pub draft: u32,
    /// Length of that in bytes; 0: there is none, and nothing is changed.
    pub length: u16,
    /// Most bytes of flash that its named values may take; `None` is left to the device, or stays as it is.
    pub values: Option<u32>,
}

/// What the device keeps for a container beside its image and its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Kept<'a> {
    /// How often its configuration was changed since the device started: parts with the same number are of one
    /// configuration.
    pub changes: u32,
    /// At most [`DRAFT_PART_MAX`](crate::DRAFT_PART_MAX) bytes of its configuration ([`crate::configuration`]): whole
    /// settings, if the first of them is not longer.
    #[serde(borrow)]
    pub part: &'a [u8],
    /// How many bytes are behind these.
    pub left: u16,
    /// How many named values it has.
    pub values: u16,
    /// Bytes that these take.
    pub values_bytes: u32,
    /// Most that they may take.
    pub values_limit: u32,
    /// What its operator chose of that.
    pub values_chosen: Option<u32>,
}

/// What was known at a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct FaultReport<'a> {
    /// What happened.
    pub fault: Fault,
    /// In which function it was entered.
    pub entry: Entry,
    /// The last host function it had called.
    #[serde(borrow)]
    pub last_call: Option<HostCall<'a>>,
    /// Fuel used since it was started.
    pub fuel_used: u64,
    /// Bytes of device memory it held.
    pub memory_used: u32,
    /// How often it had been restarted.
    pub restarts: u16,
    /// When: microseconds since the device started.
    pub time_us: u64,
}

/// Where a container's code was, as its package tells: `pack --trace` puts numbers into it, and keeps what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Place {
    /// The number of the place.
    pub number: u32,
    /// The first four bytes of the SHA-256 of the image whose number that is, the first one highest.
    pub image: u32,
}

/// As it stands in a log line.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PLACE_FRONT}{}{PLACE_MIDDLE}{:08x}",
            self.number, self.image
        )
    }
}

const PLACE_FRONT: &str = "at place ";
const PLACE_MIDDLE: &str = " of ";

impl Place {
    /// The place that a log line tells of; `None` if it tells of none.
    #[must_use]
    pub fn in_line(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(PLACE_FRONT)?;
        let (number, rest) = rest.split_once(PLACE_MIDDLE)?;
        Some(Self {
            number: number.parse().ok()?,
            image: u32::from_str_radix(rest.get(..8)?, 16).ok()?,
        })
    }
}

/// A call of a host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct HostCall<'a> {
    /// `module.function`.
    pub name: &'a str,
    /// Its first two arguments: of an access to a register, what the container calls its block, and the offset.
    pub arguments: [u32; 2],
}

/// How a container's code was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Entry {
    /// While it was loaded: segments and the module's start function.
    Start,
    /// `_start`.
    Main,
    /// An interrupt handler.
    Handler {
        /// Number of the source, as its handlers see it.
        source: u32,
    },
    /// `_pause`.
    Pause,
}

impl Entry {
    /// One stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Main => "main",
            Self::Handler { .. } => "handler",
            Self::Pause => "pause",
        }
    }
}

/// An interrupt source of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Source<'a> {
    /// Its label.
    pub label: &'a str,
    /// Lower runs first.
    pub priority: u8,
    /// Interrupts that the kernel took.
    pub taken: u32,
    /// Of these, lost: the container ended, or unregistered, before its handler ran.
    pub dropped: u32,
    /// Pulses that arrived while the line was masked: at least so many.
    pub merged: u32,
    /// Most fuel that one run of its handler used.
    pub longest_fuel: u32,
    /// Longest run of its handler in microseconds.
    pub longest_us: u32,
}

/// A stored image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Image<'a> {
    /// Name of the container.
    pub name: &'a str,
    /// Length in bytes.
    pub bytes: u32,
    /// SHA-256.
    pub hash: ImageHash,
    /// What its operator chose.
    pub parameters: Parameters,
    /// Does it survive a reset?
    pub persistent: bool,
}

/// Something that happened on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Happening {
    /// The supervisor started.
    Boot {
        /// Restarts of it within the last minute.
        restarts: u8,
        /// Is it in safe mode?
        safe_mode: bool,
    },
    /// An image was stored.
    Stored,
    /// A container was deleted.
    Removed,
    /// Its parameters were changed.
    Edited,
    /// It was started.
    Started,
    /// It was stopped or killed.
    Stopped,
    /// It was paused.
    Paused,
    /// It was resumed.
    Resumed,
    /// It ended by itself.
    Exited {
        /// Its code.
        code: i32,
    },
    /// It was ended by the supervisor.
    Faulted {
        /// What it did.
        fault: Fault,
    },
    /// It will be started again.
    Restarting {
        /// How often it has been restarted in a row.
        count: u16,
    },
    /// A live update came to its end.
    Updated(Update),
    /// It was found to be the cause of a failure of the supervisor: nothing starts it again.
    Quarantined,
    /// The operator lifted that.
    Lifted,
    /// It was not started, since its image is not trusted any more.
    Untrusted {
        /// Why not.
        why: Distrust,
    },
}

impl Happening {
    /// One stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Boot { .. } => "boot",
            Self::Stored => "stored",
            Self::Removed => "deleted",
            Self::Edited => "edited",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Exited { .. } => "exited",
            Self::Faulted { .. } => "faulted",
            Self::Restarting { .. } => "restarting",
            Self::Updated(Update::RolledBack { .. }) => "rolled-back",
            Self::Updated(_) => "updated",
            Self::Quarantined => "quarantined",
            Self::Lifted => "lifted",
            Self::Untrusted { .. } => "untrusted",
        }
    }
}

/// Who may do what on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Operators {
    /// How many keys of operators the device has. Without any, everybody may do everything.
    pub keys: u8,
    /// Reading, too, is for them alone.
    pub closes_reading: bool,
    /// It has the secret that sessions need.
    pub is_provisioned: bool,
    /// Sessions that are open.
    pub sessions: u8,
}

/// Whose packages a device takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Trust {
    /// How many keys its manufacturer gave it; with none nothing is verified, and anything goes.
    pub keys: u8,
    /// It takes signed packages only.
    pub refuses_unsigned: bool,
    /// Of how many packages it keeps counters.
    pub packages: u16,
    /// The most that there can be.
    pub packages_max: u16,
}

/// Where a live update stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Update {
    /// None since the device started.
    None,
    /// The new image runs on trial.
    Trial {
        /// Milliseconds that are left.
        left_ms: u32,
        /// Was the old container stopped before the new one was loaded, because both did not
        /// fit into memory?
        stopped_first: bool,
    },
    /// The new image stays.
    Kept {
        /// As in `Trial`.
        stopped_first: bool,
    },
    /// The new image failed and the old one runs again, with its saved state.
    RolledBack {
        /// What the new one did; `None`: it could not be started.
        fault: Option<Fault>,
    },
}

/// How the device as a whole is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Status<'a> {
    /// In safe mode no container starts.
    pub safe_mode: bool,
    /// The store was not read, because the supervisor failed again and again when it read it.
    pub without_store: bool,
    /// The container that was running code when the supervisor failed last.
    pub suspect: Option<&'a str>,
    /// Restarts of the supervisor since power-on.
    pub restarts: u16,
    /// Longest time in microseconds for which the supervisor could not answer.
    pub longest_stall_us: u32,
    /// Bytes of device memory that a minimal container needs.
    pub minimal_bytes: u32,
    /// The store in flash; `None` where images are kept in memory.
    pub store: Option<StoreStatus>,
}

/// The store in flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct StoreStatus {
    /// Bytes for images and what belongs to them.
    pub total: u32,
    /// Bytes free, after cleaning up.
    pub free: u32,
    /// Largest image that can be stored now.
    pub largest_free: u32,
    /// Erases of the most worn page.
    pub wear_max: u32,
    /// Mean erases of all pages.
    pub wear_mean: u32,
    /// The firmware's budget of erases; `None`: it gives none.
    pub erases: Option<Erases>,
}

/// How often the store's flash may be erased, as the manufacturer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Erases {
    /// Erases that the page with the fewest has left now.
    pub left: u32,
    /// Most that a page has.
    pub most: u32,
    /// Seconds until each page has one more.
    pub period_s: u32,
    /// Erases that were refused for want of budget since the device started.
    pub refused: u32,
}

/// What executes a container. Numbered by position: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Engine {
    /// The interpreter.
    Interpreter,
    /// Code that the device has compiled of its image.
    Compiled,
}

impl Engine {
    /// One stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Interpreter => "interpreter",
            Self::Compiled => "compiled",
        }
    }
}

/// The flash for compiled code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct CodeStatus {
    /// Bytes for code.
    pub total: u32,
    /// Of these, bytes that no code has.
    pub free: u32,
    /// The longest row of them.
    pub largest_free: u32,
    /// Images that there is code of.
    pub objects: u16,
    /// Pages that were erased since it was used first, without those of what was interrupted.
    pub erased: u32,
    /// The firmware's budget of erases; `None`: it gives none.
    pub erases: Option<Erases>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_place_is_found_in_a_line() {
        let place = Place {
            number: 12,
            image: 0x0a2b_3c4d,
        };
        assert_eq!(place.to_string(), "at place 12 of 0a2b3c4d");
        let line = format_args!("faulted: unreachable in main, {place}, fuel 9").to_string();
        assert_eq!(Place::in_line(&line), Some(place));
        for none in [
            "",
            "at place 12",
            "at place x of 0a2b3c4d",
            "at place 1 of 0a2",
        ] {
            assert_eq!(Place::in_line(none), None, "{none}");
        }
    }
}
