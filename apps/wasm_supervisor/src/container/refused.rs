//! Why something was not done with a container.

use berth_protocol::{Distrust, State};

use crate::admission::Malformed;

/// Why something was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not possible in this state.
    State(State),
    /// There is one trial at a time, and one is going on.
    OnTrial,
    /// Nothing starts in safe mode.
    SafeMode,
    /// Every slot is taken.
    TooMany,
    /// No memory for the image and what belongs to it.
    NoRoom,
    /// Not a module for this device.
    Invalid(Malformed),
    /// So many imports cannot be satisfied, or not now; more than one, or some
    /// that never can.
    Missing(u16),
    /// Its `claim`-th label is held by a container or by the firmware.
    Busy {
        /// Which of its labels.
        claim: usize,
        /// Slot of the holder; `None` if it is the firmware.
        holder: Option<usize>,
    },
    /// The kernel does not give its `claim`-th label for another reason.
    Claim {
        /// Which of its labels.
        claim: usize,
        /// The kernel's error code.
        code: u8,
    },
    /// Its `claim`-th label is for packages that are signed for it.
    KeyNeeded {
        /// Which of its labels.
        claim: usize,
    },
    /// Its signature is not what it has to be.
    Untrusted(Distrust),
    /// A newer version of the package was here, with this counter.
    Older(u32),
    /// There are counters of as many packages as there can be.
    TooManyPackages,
    /// A configuration that cannot be, in words.
    Configuration(&'static str),
    /// The store does not take it.
    Store(berth_store::Error),
    /// It may need more memory than it can have.
    Memory {
        /// Bytes it needs at most.
        needed: u32,
        /// Bytes it can have: its limit, what is free, or what is free in one
        /// piece, whichever does not suffice.
        room: u32,
    },
}
