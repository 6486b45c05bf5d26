//! A run of a container: from the moment it begins to be loaded to its end.
//!
//! ```text
//!   Place::take ─► load, start function ─► commit ─► slices, handlers ─► end
//!                  (staged: nothing of it counts yet)                     ▲
//!                        └──────── it fails, or is not wanted ────────────┘
//! ```
//!
//! All that begins and ends with a run belongs to this object: engine and arena, claims,
//! interrupt handlers, messages, clocks. A live update makes a second run of the container and
//! then commits or drops it whole. Dropping a run, wherever that happens, ends everything of it
//! and nothing of another.

use alloc::rc::Rc;

use super::host::ContainerHost;
use super::name::Name;
use super::run_id::{BLOCKS_MAX, Blocks, RunId};
use super::shared::Shared;
use crate::arena::{self, Owned};
use crate::buses::Bus;
use crate::engine::{Code, Engine, Executor, MailPlace};
use crate::platform::Platform;

/// The right to be a run: one id, with all that [`Shared`] keeps for it. Ends that when it goes.
pub(super) struct Place<P: Platform> {
    shared: Rc<Shared<P>>,
    id: RunId,
}

impl<P: Platform> Place<P> {
    /// Begin a run of the container in `slot`, called `name`, whose linear memory may have
    /// `memory_max` bytes. `None` if there are as many as there can be.
    pub(super) fn take(
        shared: &Rc<Shared<P>>,
        slot: usize,
        name: Name,
        memory_max: u32,
    ) -> Option<Self> {
        let id = shared.free_id(slot)?;
        shared.begin_run(id, slot, name, memory_max);
        Some(Self {
            shared: shared.clone(),
            id,
        })
    }

    pub(super) const fn id(&self) -> RunId {
        self.id
    }
}

impl<P: Platform> Drop for Place<P> {
    fn drop(&mut self) {
        self.shared.end_run(self.id);
    }
}

/// Where main stands between two slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Main {
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
    /// It waits for the end of the register program that its host knows.
    Program,
    /// It waits for the end of the transfer on this bus that its host knows.
    Transfer(Bus),
    /// It waits for what the store has for it, as its host knows.
    Keep,
    /// The host function that it has called returns this.
    Returning(u32),
}

/// A period in which the handlers of a run may be called.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Periodic {
    /// When the next period begins.
    pub(super) next_us: u64,
    /// Fuel left in this one; 0: no handler begins before the next.
    pub(super) left: u64,
}

/// Figures of a run that is over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    /// When it was loaded, in microseconds.
    pub(super) started_us: u64,
    /// Fuel that it has used.
    pub(super) fuel_used: u64,
    /// Interrupts taken and dropped for it.
    pub(super) interrupts: (u32, u32),
    /// Most bytes that its arena held.
    pub(super) memory_high: u32,
}

/// The code that executes a run, or why it is the interpreter; `None`: there is nothing else.
pub(super) type Executed = Result<Code, Option<&'static str>>;

/// One run.
pub(super) struct Run<P: Platform + 'static> {
    // Before the place: its arena is free again when its id is.
    /// What executes it. `None` once its memory was given back before it is over.
    pub(super) engine: Option<Owned<Executor<ContainerHost<P>>>>,
    place: Place<P>,
    /// Where main stands.
    pub(super) main: Main,
    started_us: u64,
    /// Bytes of its value stack, at most.
    pub(super) stack_bytes: u32,
    /// Fuel that it has used.
    pub(super) fuel_used: u64,
    /// The period of its handlers, if they have one.
    pub(super) periodic: Periodic,
    /// What executes it.
    pub(super) executed: Executed,
}

impl<P: Platform + 'static> Run<P> {
    /// Returns a run that was just loaded. It is staged until its container takes it.
    pub(super) fn new(
        engine: Owned<Executor<ContainerHost<P>>>,
        place: Place<P>,
        stack_bytes: u32,
        executed: Executed,
        now: u64,
    ) -> Self {
        let mut engine = engine;
        let fuel_used = engine.run(|engine| engine.fuel_used()).unwrap_or(0);
        Self {
            engine: Some(engine),
            place,
            main: Main::Fresh,
            stack_bytes,
            started_us: now,
            fuel_used,
            periodic: Periodic::default(),
            executed,
        }
    }

    /// Returns its id.
    pub(super) const fn id(&self) -> RunId {
        self.place.id()
    }

    /// Returns the blocks that it holds, in the order of their numbers.
    pub(super) fn blocks(&mut self) -> Blocks {
        let engine = self.engine.as_mut();
        engine
            .and_then(|engine| engine.run(|engine| engine.host().blocks()).ok())
            .unwrap_or([None; BLOCKS_MAX])
    }

    /// Returns when it was loaded, in microseconds.
    pub(super) const fn started_us(&self) -> u64 {
        self.started_us
    }

    /// Returns how many interrupts were taken and dropped for it.
    pub(super) fn interrupts(&self) -> (u32, u32) {
        let shared = &self.place.shared;
        shared.handlers.interrupts(&shared.platform, self.id())
    }

    /// Returns the most bytes that its arena held.
    pub(super) fn memory_high(&self) -> u32 {
        let arena = self.id().arena();
        arena.map_or(0, |id| arena::usage(id).peak_bytes)
    }

    /// End it, and return its figures.
    pub(super) fn end(self) -> Figures {
        // What waits for its handlers is dropped, and counts as that.
        let shared = &self.place.shared;
        shared
            .handlers
            .unregister(&shared.platform, self.id(), None);
        Figures {
            started_us: self.started_us,
            fuel_used: self.fuel_used,
            interrupts: self.interrupts(),
            memory_high: self.memory_high(),
        }
    }
}
