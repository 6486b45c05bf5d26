//! The border between containers and whatever executes them.
//!
//! ```text
//!   container/        decides what runs, for how long, and what an end means
//!   ───────────────── Engine: load, call, resume, fuel, memory ────────────
//!   executor ─┬─ wasmi/    interprets      ┐
//!             └─ native/   runs what the   ├─ a host call ──► border ──► link ──► Host: what a container may do
//!                          device compiled ┘
//! ```
//!
//! A container has an engine of its own, and everything an engine allocates
//! lies in the container's arena. Each implements what [`Engine`] says and is a [`Caller`](border) of the border, which knows
//! neither. Containers know only [`Executor`]. `native/` is there in a supervisor that is built with the feature `compiled`.

#[cfg(all(feature = "compiled", target_os = "none"))]
use berth_compiler::entry::Direct;
use berth_foreign::PARAMETERS_MAX;
use berth_protocol::Fault;

use crate::admission::{Foreign, Module};
use crate::buses::Place;
use crate::platform::Width;
use crate::programs::{Places, Work};
#[cfg(all(feature = "compiled", target_os = "none"))]
use crate::window::Window;

pub mod border;
pub mod config;
mod executor;
pub mod float;
mod link;
#[cfg(all(feature = "compiled", target_os = "none"))]
pub mod native;
pub mod wasmi;

pub use self::border::Account;
pub(crate) use self::border::part;
pub use self::executor::{Code, Executor, Handler};

/// Execution ended inside a host function; the host knows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// What the functions that a container imports do. Pointers and lengths have
/// been turned into slices of its memory by the engine; `None` stands for one
/// that does not lie inside.
pub trait Host {
    /// The handle of the `block`-th claimed block.
    fn claim(&mut self, block: u8) -> u32;
    /// Read a register, and note what this costs beside the price of the smallest call.
    ///
    /// # Errors
    /// The access is not allowed; the container is to be ended.
    fn read(&mut self, width: Width, handle: u32, offset: u32) -> Result<u32, Stop>;
    /// Write a register, and note what this costs beside the price of the smallest call.
    ///
    /// # Errors
    /// As [`read`](Host::read).
    fn write(&mut self, width: Width, handle: u32, offset: u32, value: u32) -> Result<(), Stop>;
    /// Change the bits of `mask` in a register, and note what this costs beside the price of the smallest call.
    ///
    /// # Errors
    /// As [`read`](Host::read).
    fn modify32(&mut self, handle: u32, offset: u32, mask: u32, value: u32) -> Result<(), Stop>;
    /// An access has just been refused. Makes it after all where that is because registers were captured, and returns what was read, or 0.
    /// Returns `None` if the container is to be ended.
    fn again(&mut self) -> Option<u32>;
    /// Returns the windows of the claimed blocks in their order, through which an engine may make accesses by whole words itself.
    #[cfg(all(feature = "compiled", target_os = "none"))]
    fn windows(&self) -> &[Window];
    /// The engine has made this access itself, with this handle and offset.
    #[cfg(all(feature = "compiled", target_os = "none"))]
    fn accessed(&mut self, access: Direct, arguments: [u32; 2]);
    /// Begin a register program for a claimed block, and make at most `passes`, at least one. Returns what the call returns, or `None` if the program is
    /// not over, and what work it was.
    ///
    /// # Errors
    /// It is not one that may be carried out; the container is to be ended.
    fn begin_program(
        &mut self,
        handle: u32,
        places: Places,
        passes: u32,
        memory: &mut [u8],
    ) -> Result<(Option<u32>, Work), Stop>;
    /// Go on with the program that was begun last, for at most `passes`. Returns as [`begin_program`](Host::begin_program).
    ///
    /// # Errors
    /// As [`begin_program`](Host::begin_program).
    fn continue_program(
        &mut self,
        passes: u32,
        memory: &mut [u8],
    ) -> Result<(Option<u32>, Work), Stop>;
    /// Suspend the container until that program is over.
    fn await_program(&mut self) -> Stop;
    /// Write a line to the container's log.
    ///
    /// # Errors
    /// The text is not inside the memory.
    fn log(&mut self, level: u32, text: Option<&[u8]>) -> Result<(), Stop>;
    /// Microseconds since the device started.
    fn now_us(&mut self) -> u64;
    /// Suspend the container for some time.
    fn sleep_us(&mut self, duration: u64) -> Stop;
    /// Let others run.
    fn yield_now(&mut self) -> Stop;
    /// End the container.
    fn exit(&mut self, code: i32) -> Stop;
    /// Keep `state` beyond the container's end; 0, or a number that says why not.
    ///
    /// # Errors
    /// It is not inside the memory.
    fn state_save(&mut self, state: Option<&[u8]>) -> Result<i32, Stop>;
    /// Copy what was kept to the front of `buffer`; how many bytes are kept.
    ///
    /// # Errors
    /// The buffer is not inside the memory.
    fn state_load(&mut self, buffer: Option<&mut [u8]>) -> Result<u32, Stop>;
    /// Send `message` to the container called `name`; 0, or a number that says why not.
    ///
    /// # Errors
    /// One of them is not inside the memory.
    fn send(&mut self, name: Option<&[u8]>, message: Option<&[u8]>) -> Result<i32, Stop>;
    /// Suspend the container until there is a message for it. `inside`: are both places
    /// for it inside the memory?
    fn receive(&mut self, place: MailPlace, inside: bool) -> Stop;
    /// Suspend the container until the store was asked for something that is kept for it.
    fn keep(&mut self, asked: Asked) -> Stop;
    /// How often its configuration was changed since the device started.
    fn config_changes(&mut self) -> u32;
    /// Call `function` for an interrupt of the `block`-th claimed block; `how` has its number
    /// in bits 8 to 15 and the priority below. 0 or a negative number that says why not.
    ///
    /// # Errors
    /// The function cannot be a handler, or the list of captures or a target is not inside
    /// the memory, which is `memory` bytes long.
    fn register(
        &mut self,
        block: u8,
        how: u32,
        function: Result<Handler, Fault>,
        captures: Option<&[u8]>,
        memory: usize,
    ) -> Result<i32, Stop>;
    /// Call no function for interrupts of the `block`-th claimed block any more. Returns whether one was called for any.
    fn unregister(&mut self, block: u8) -> bool;
    /// Attach a conveyor to the `block`-th claimed block: the moves of `list`, with memory from `pointer` on, synchronised when `when` says
    /// ([`When::of`](crate::conveyors::When::of)). 0 or a negative number that says why not. The linear memory is `memory` bytes long.
    ///
    /// # Errors
    /// It is no conveyor, or moves what may not be moved, or the list or its memory is not inside the memory.
    fn attach(
        &mut self,
        block: u8,
        list: Option<&[u8]>,
        pointer: u32,
        when: u32,
        memory: usize,
    ) -> Result<i32, Stop>;
    /// Make `count` moves from the `first` one on of the conveyor of the `block`-th claimed block. Returns how many accesses they were.
    ///
    /// # Errors
    /// It has no conveyor, or not these moves, or the bus answered with an error; the container is to be ended.
    fn sync(&mut self, block: u8, first: u32, count: u32, memory: &mut [u8]) -> Result<u32, Stop>;
    /// Detach the conveyor of the `block`-th claimed block, if it has one.
    fn detach(&mut self, block: u8);
    /// What its calls have cost and was not taken from its fuel yet.
    fn account(&mut self) -> &mut Account;
    /// The module's start function, or filling its memory and tables, has failed after it used
    /// `fuel`; all of the container is dropped after this.
    fn start_failed(&mut self, fuel: u64);
    /// Does a handler wait for the end of this slice? Asked at every call.
    fn interrupted(&self) -> bool;
    /// Carry out a function of another system with these arguments, as bits, for a
    /// container with this memory; what it returns, if it returns something. The second
    /// number is the bytes of text that it took.
    ///
    /// An error ends or suspends the container, which gets 0 when it goes on.
    fn foreign(
        &mut self,
        function: Foreign,
        arguments: &[u64; PARAMETERS_MAX],
        memory: &mut [u8],
    ) -> (Result<u32, Stop>, u32);
    /// May the linear memory have `bytes` bytes, with `beside` others in one piece with it? Asked before each growth and before one is
    /// made; `grows`: it may grow later, or does.
    fn may_have_memory(&mut self, bytes: usize, beside: usize, grows: bool) -> bool;
}

/// Where in its memory a container wants a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailPlace {
    /// Address of the message.
    pub pointer: u32,
    /// Bytes there are for it.
    pub length: u32,
    /// Address of [`NAME_MAX`](berth_protocol::NAME_MAX) bytes for the sender's name; 0: it
    /// is not wanted.
    pub from: u32,
}

/// What is kept for a container, and what it wants of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// A setting of its configuration.
    ConfigGet,
    /// Its configuration, as the environment of a WASI program: pointers and texts.
    Environ,
    /// How many settings that are, and how long they are.
    EnvironSizes,
    /// A named value.
    ValueGet,
    /// To give a name a value.
    ValueSet,
    /// That a name has no value.
    ValueRemove,
}

/// A question about what is kept for a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it wants.
    pub keep: Keep,
    /// Where in its memory the name stands; of the environment, where the first part goes.
    pub name: Place,
    /// Where the value stands or goes; of the environment, where the second part goes.
    pub value: Place,
}

/// How much an engine may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest value stack of one call in bytes.
    pub stack_bytes: u32,
    /// Fuel of the module's start function.
    pub start_fuel: u64,
    /// Does the module have interrupt handlers?
    pub handlers: bool,
    /// What the device has compiled the image to, if it has.
    pub code: Option<Code>,
}

/// How a slice of execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The function returned.
    Finished,
    /// The fuel is used up; [`Engine::resume`] goes on.
    OutOfFuel,
    /// A host function ended it; it can go on if the host says so.
    Stopped,
    /// A trap; it cannot go on.
    Trapped(Fault),
}

/// Why a module could not be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It is not valid.
    Invalid {
        /// Where in the image.
        offset: u32,
    },
    /// Its start function or its segments failed.
    Trapped(Fault),
    /// Its start function was ended by a host function.
    Stopped,
    /// It exports no main of the right type.
    NoMain,
}

/// Something that executes one module for one container.
pub trait Engine<H: Host>: Sized {
    /// A function that handles interrupts. Only a number.
    type Handler: Copy;

    /// Compile `image`, link it and run its start function. `host` serves it.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    fn load(
        image: &[u8],
        module: &Module<'_>,
        blocks: &BlockNumbers,
        limits: Limits,
        host: H,
    ) -> Result<Self, LoadError>;

    /// Is the image valid? Leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`LoadError::Invalid`].
    fn validate(image: &[u8]) -> Result<(), LoadError>;

    /// Begin main with `fuel`.
    fn call(&mut self, fuel: u64) -> Step;

    /// Go on where main ended with [`Step::OutOfFuel`] or [`Step::Stopped`]. `result` is what
    /// the host function returns that ended it, if it returns an `i32`.
    fn resume(&mut self, fuel: u64, result: Option<i32>) -> Step;

    /// Is there an exported function `name` without parameters and results?
    fn exports(&self, name: &str) -> bool;

    /// Call the exported function `name` with at most `fuel`, beside main, which stays where it
    /// is. `None` if there is no such export without parameters and results. The call
    /// does not go on later: what it has not done when this returns, it will not do.
    fn aside(&mut self, name: &str, fuel: u64) -> Option<Step>;

    /// Call a handler with at most `fuel`, beside main, which stays where it is. The call does
    /// not go on later.
    fn handle(&mut self, handler: Self::Handler, source: u32, count: u32, fuel: u64) -> Step;

    /// Fuel that the last step used.
    fn fuel_used(&self) -> u64;

    /// The host that serves the module.
    fn host(&mut self) -> &mut H;

    /// The linear memory; empty without one.
    fn memory(&mut self) -> &mut [u8];

    /// The linear memory, to be looked at.
    fn memory_now(&self) -> &[u8];

    /// The number of the place where the module says that it is; `None` if it does not say.
    fn place(&self) -> Option<u32>;
}

/// For each import that claims a block: its number among the claimed blocks.
#[derive(Clone, Copy, Debug)]
pub struct BlockNumbers([u8; BlockNumbers::MAX]);

impl BlockNumbers {
    /// Most imports that claim, of one container.
    pub const MAX: usize = 16;

    /// Nothing known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; Self::MAX])
    }

    /// The `claim`-th claiming import means block `block`. Returns whether there was room.
    pub fn set(&mut self, claim: usize, block: u8) -> bool {
        match self.0.get_mut(claim) {
            Some(place) => {
                *place = block;
                true
            }
            None => false,
        }
    }

    /// The block of the `claim`-th claiming import.
    #[must_use]
    pub fn get(&self, claim: usize) -> u8 {
        self.0.get(claim).copied().unwrap_or(u8::MAX)
    }
}

impl Default for BlockNumbers {
    fn default() -> Self {
        Self::new()
    }
}
