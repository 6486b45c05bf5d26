//! Containers: what they are, what they may do, and whose turn it is.
//!
//! * [`state`]: the life of a container as a table; [`restart`]: what follows its end.
//! * [`table`]: all containers; `loading`: from image to engine; `lifecycle`: what operators
//!   do with them; `running`: one slice of execution; [`schedule`]: whose turn it is.
//! * [`handlers`]: its interrupt handlers.
//! * [`host`]: the functions a container imports; [`saved`]: the state it saves; [`mail`]: what
//!   containers tell each other.
//! * [`storage`]: images and saved state in flash.
//! * [`log`]: what it said; [`events`]: what happened to all of them; [`notes`]: what survives
//!   the supervisor's own failure.

use berth_protocol::{FaultReport, ImageHash, NAME_MAX, Parameters, State, Update};

use crate::admission::Module;
use crate::arena::{self, Owned};
use crate::engine::wasmi::Wasmi;
use crate::engine::{Engine, MailPlace};
use crate::platform::Platform;

#[cfg(test)]
mod boot_tests;
pub mod events;
#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod handler_tests;
pub mod handlers;
pub mod host;
pub(crate) mod lifecycle;
mod load;
mod loading;
pub mod log;
pub mod mail;
#[cfg(test)]
mod mail_tests;
#[cfg(test)]
mod model_tests;
pub mod notes;
#[cfg(test)]
mod pause_tests;
pub mod restart;
mod running;
pub mod saved;
pub mod schedule;
pub mod state;
pub mod storage;
pub mod table;
pub mod update;
#[cfg(test)]
mod update_tests;

pub use host::{ContainerHost, LastCall, Pending, Shared};
pub use schedule::SHARE_DEFAULT;
pub use table::{Containers, Refused};

use notes::Tag;
use restart::Restarts;
use schedule::Turns;
use storage::Image;

/// Most containers that a device stores.
pub const CONTAINERS_MAX: usize = 16;

/// A container name, checked when it was made.
#[derive(Clone, Copy, Debug)]
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

/// What a container's last fault was; kept after its memory is gone.
pub type FaultRecord = FaultReport<'static>;

/// Where main stands between two slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Main {
    /// It has not begun.
    Fresh,
    /// Its slice was over in the middle of something.
    Cut,
    /// It has called a host function that suspends: a border of its own choice.
    Waiting {
        /// It goes on then, in microseconds.
        until_us: u64,
    },
    /// As `Waiting`, in a function that returns 0.
    Polling {
        /// It goes on then, in microseconds.
        until_us: u64,
    },
    /// It waits for a message.
    Receiving(MailPlace),
}

/// One container.
pub struct Container<P: Platform + 'static> {
    name: Name,
    tag: Tag,
    image: Image,
    hash: ImageHash,
    parameters: Parameters,
    state: State,
    started_us: u64,
    fuel_used: u64,
    fault: Option<FaultRecord>,
    /// Its engine, while it is active. A paused container may have none: then
    /// its `_pause` has saved what it needs.
    engine: Option<Owned<Wasmi<ContainerHost<P>>>>,
    main: Main,
    restarts: Restarts,
    /// How its last run ended, for when its policy gives it up.
    ended: State,
    turns: Turns,
    load: load::Load,
    /// Most bytes that its arena held in the run before this one.
    memory_high: u32,
    periodic: handlers::Periodic,
    /// Taken and dropped for registrations that have ended.
    interrupts: (u32, u32),
    /// How its last live update ended.
    update: Update,
}

impl<P: Platform + 'static> Container<P> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// What stands for its name in the supervisor's notes.
    #[must_use]
    pub const fn tag(&self) -> Tag {
        self.tag
    }

    /// Is its image in the store, and comes back after a reset?
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        !matches!(self.image, Image::Kept(_))
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

    /// Its restarts since the operator started it.
    #[must_use]
    pub const fn restarts(&self) -> Restarts {
        self.restarts
    }

    /// Give up its engine and with it all of its memory; how much it was, is kept.
    fn drop_engine(&mut self) {
        if let Some(engine) = self.engine.take() {
            self.memory_high = arena::usage(engine.arena()).peak_bytes;
        }
    }

    /// Deepest use of its stack in linear memory so far, with `image` as its image, in bytes; `None` while it has no
    /// memory, and where the module does not tell where its stack is.
    #[must_use]
    pub fn stack_high(&self, image: &[u8]) -> Option<u32> {
        let engine = self.engine.as_ref()?.peek()?;
        let top = Module::scan(image).ok()?.stack_top()?;
        let stack = engine.memory_now().get(..top as usize)?;
        // Memory begins as zeros and the stack grows downwards, so whatever is not zero
        // was written. (Zeros written at its deepest point are not seen.)
        let untouched = stack.iter().take_while(|byte| **byte == 0).count();
        Some(top - untouched as u32)
    }

    /// Share of the CPU that it had lately, in thousandths.
    #[must_use]
    pub const fn cpu_permille(&self) -> u16 {
        self.load.permille()
    }

    /// Share of the CPU relative to others.
    #[must_use]
    pub fn share(&self) -> u8 {
        self.parameters.share.unwrap_or(SHARE_DEFAULT)
    }
}
