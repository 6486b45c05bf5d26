//! Containers: what they are, what they may do, and whose turn it is.
//!
//! * [`state`]: the life of a container as a table.
//! * [`table`]: all containers; start, stop, delete, one slice of execution.
//! * [`host`]: the functions a container imports.
//! * [`log`]: what it said.

use alloc::vec::Vec;

use berth_protocol::{Fault, ImageHash, NAME_MAX, Parameters, State};

use crate::arena::Owned;
use crate::engine::wasmi::Wasmi;
use crate::platform::Platform;

pub mod host;
pub mod log;
pub mod state;
pub mod table;

pub use host::{ContainerHost, LastCall, Pending, Shared};
pub use table::{Containers, Refused};

/// Most containers that a device stores.
pub const CONTAINERS_MAX: usize = 16;

/// Share of the CPU of a container that asks for none, relative to others.
pub const SHARE_DEFAULT: u8 = 50;

/// A container name, checked when it was made.
#[derive(Clone, Copy)]
pub struct Name {
    bytes: [u8; NAME_MAX],
    length: u8,
}

impl Name {
    /// `None` if it is not a container name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        if !berth_protocol::is_valid_name(name) {
            return None;
        }
        let mut bytes = [0; NAME_MAX];
        bytes
            .get_mut(..name.len())?
            .copy_from_slice(name.as_bytes());
        Some(Self {
            bytes,
            length: name.len() as u8,
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

/// What is known of a fault; kept after the container's memory is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRecord {
    /// What happened.
    pub fault: Fault,
    /// In which function it was entered.
    pub entry: Entry,
    /// The last host function it had called; `None` if none, or if it ran out
    /// of memory.
    pub last_call: Option<LastCall>,
    /// Fuel used since it was started.
    pub fuel_used: u64,
}

/// How a container's code is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// While it was loaded: segments and the module's start function.
    Start,
    /// `_start`.
    Main,
}

/// One container.
pub struct Container<P: Platform + 'static> {
    name: Name,
    image: Vec<u8>,
    hash: ImageHash,
    parameters: Parameters,
    state: State,
    started_us: u64,
    fuel_used: u64,
    fault: Option<FaultRecord>,
    /// Its engine, while it is active.
    engine: Option<Owned<Wasmi<ContainerHost<P>>>>,
    /// Has main been entered?
    entered: bool,
    /// It sleeps until then.
    wake_us: u64,
}

impl<P: Platform + 'static> Container<P> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Its image.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    /// SHA-256 of its image.
    #[must_use]
    pub const fn hash(&self) -> ImageHash {
        self.hash
    }

    /// What its operator chose.
    #[must_use]
    pub const fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// When it was started last.
    #[must_use]
    pub const fn started_us(&self) -> u64 {
        self.started_us
    }

    /// Fuel used since it was started last.
    #[must_use]
    pub const fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    /// Its last fault.
    #[must_use]
    pub const fn fault(&self) -> Option<FaultRecord> {
        self.fault
    }

    /// Share of the CPU relative to others.
    #[must_use]
    pub fn share(&self) -> u8 {
        self.parameters.share.unwrap_or(SHARE_DEFAULT)
    }
}
