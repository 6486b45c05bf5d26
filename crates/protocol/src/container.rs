//! What the messages tell of containers, exposures and memory.

use core::fmt;
use serde::{Deserialize, Serialize};

#[cfg(test)]
use postcard_schema::Schema;

/// How a container is to run. What is `None` is left to the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Parameters {
    /// Most bytes of value stack for the interpreter.
    pub stack: Option<u32>,
    /// Most bytes that its linear memory may grow to.
    pub memory: Option<u32>,
    /// Most bytes of device memory, everything included.
    pub limit: Option<u32>,
    /// Share of the CPU relative to other containers, 1 to 100.
    pub share: Option<u8>,
    /// When it is started again after it ended.
    pub restart: Option<Restart>,
    /// Is it started when the device starts?
    pub boot: Option<bool>,
    /// Log lines less important than this are not kept.
    pub log_level: Option<Level>,
    /// Its interrupt handlers run at a fixed period instead of at once.
    pub service: Option<Service>,
    /// Most writes of its state to flash a day that follow from what it does.
    pub writes: Option<u16>,
}

/// When a container that ended is started again. The operator's `stop` and
/// `kill` end it for good, whatever stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Restart {
    /// Never.
    No,
    /// After a fault.
    OnFailure {
        /// At most this often in a row; a run of ten minutes begins anew. 0: without limit.
        limit: u8,
        /// Milliseconds before the first restart; doubles with each that follows.
        backoff_ms: u16,
    },
    /// After a fault and when it ended by itself.
    Always {
        /// Milliseconds before the first restart; doubles with each that follows.
        backoff_ms: u16,
    },
}

/// Interrupt handlers at a fixed period (Wasm-IO's periodic server).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Service {
    /// Milliseconds from one service to the next, at least 1.
    pub period_ms: u16,
    /// Fuel of all handlers of the container in one period.
    pub budget: u32,
}

/// Where a container stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum State {
    /// Image on the device, never started.
    Stored,
    /// Being loaded and linked.
    Starting,
    /// Its main runs, sleeps or waits.
    Running,
    /// Suspended by the operator.
    Paused,
    /// Ended by the operator.
    Stopped,
    /// Ended by itself.
    Exited {
        /// What it gave to `exit`; 0 if `_start` returned.
        code: i32,
    },
    /// Ended by the supervisor.
    Faulted {
        /// What it did.
        fault: Fault,
    },
    /// Ended, and waiting to be started again.
    Restarting {
        /// How often it has been restarted in a row.
        count: u16,
    },
    /// Its code was being executed when the supervisor failed. Nothing starts it until the operator says that it may.
    Quarantined,
}

impl State {
    /// Does the container hold memory and claims?
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Paused)
    }

    /// Returns one stable word, without what belongs to the state.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Exited { .. } => "exited",
            Self::Faulted { .. } => "faulted",
            Self::Restarting { .. } => "restarting",
            Self::Quarantined => "quarantined",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Exited { code } => write!(f, "({code})"),
            Self::Faulted { fault } => write!(f, "({})", fault.word()),
            Self::Restarting { count } => write!(f, "({count})"),
            _ => Ok(()),
        }
    }
}

/// What made the supervisor end a container. Numbered by position: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Fault {
    /// Executed `unreachable` (a panic, in Rust).
    Unreachable,
    /// Touched linear memory outside its bounds.
    MemoryBounds,
    /// Touched a table outside its bounds.
    TableBounds,
    /// Called an empty table element.
    NullCall,
    /// Called a table element of another signature.
    Signature,
    /// Divided by zero.
    DivisionByZero,
    /// Integer overflow in a division.
    IntegerOverflow,
    /// Converted a float that has no integer value.
    Conversion,
    /// Calls nested too deep, or the value stack was used up.
    StackOverflow,
    /// Used up its memory limit, or the device's memory.
    OutOfMemory,
    /// Gave a host function a handle it does not hold.
    BadHandle,
    /// Touched a register outside its block, with a width or direction not exposed.
    BadRegister,
    /// Gave a host function a pointer outside its memory.
    BadPointer,
    /// Called a function that suspends where nothing may suspend.
    MaySuspend,
    /// Did not finish its module's start function in its slice.
    StartTooLong,
    /// The engine gave up for another reason.
    Engine,
    /// An interrupt handler used up its budget.
    HandlerTooLong,
    /// Its `_pause` did not return in its budget.
    PauseTooLong,
    /// Asked for a register program that is none, or is too large.
    BadProgram,
    /// Asked for a conveyor that is none, or is too large, or for moves that its conveyor has not.
    BadConveyor,
}

impl Fault {
    /// One stable word, for JSON and tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::MemoryBounds => "memory-bounds",
            Self::TableBounds => "table-bounds",
            Self::NullCall => "null-call",
            Self::Signature => "signature",
            Self::DivisionByZero => "division-by-zero",
            Self::IntegerOverflow => "integer-overflow",
            Self::Conversion => "conversion",
            Self::StackOverflow => "stack-overflow",
            Self::OutOfMemory => "out-of-memory",
            Self::BadHandle => "bad-handle",
            Self::BadRegister => "bad-register",
            Self::BadPointer => "bad-pointer",
            Self::MaySuspend => "may-suspend",
            Self::StartTooLong => "start-too-long",
            Self::Engine => "engine",
            Self::HandlerTooLong => "handler-too-long",
            Self::PauseTooLong => "pause-too-long",
            Self::BadProgram => "bad-program",
            Self::BadConveyor => "bad-conveyor",
        }
    }
}

/// One container, as `ps` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Container<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its state.
    pub state: State,
    /// Length of its image in bytes.
    pub image_bytes: u32,
    /// Microseconds since it was started; 0 unless active.
    pub uptime_us: u64,
    /// Fuel used since it was started.
    pub fuel_used: u64,
    /// Bytes of device memory it holds.
    pub memory_used: u32,
    /// Most bytes of device memory it may hold.
    pub memory_limit: u32,
    /// Share of the CPU relative to other containers.
    pub share: u8,
    /// Share of the CPU that it had lately, in thousandths.
    pub cpu_permille: u16,
    /// Most bytes of device memory it has held since it was started.
    pub memory_high: u32,
    /// Deepest use of the shadow stack in its linear memory in bytes; `None` if
    /// the module does not tell where its stack lies.
    pub stack_high: Option<u32>,
    /// Interrupts taken for it since it was started.
    pub interrupts: u32,
    /// Interrupts that were lost: it ended, or unregistered, before its handler ran.
    pub interrupts_dropped: u32,
    /// How often it has been restarted since the operator started it.
    pub restarts: u16,
}

/// How important a log line is: the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may go wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For the author.
    Debug,
    /// For the author, in quantity.
    Trace,
}

impl Level {
    /// All levels, the most important first: containers give one by its place.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// Returns the level that containers give by number, counted from 0; unknown ones are the least important.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        let level = Self::ALL.get(number as usize);
        level.copied().unwrap_or(Self::Trace)
    }

    /// One stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// One register block that the manufacturer exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Exposure<'a> {
    /// The name containers import it by.
    pub label: &'a str,
    /// Length of the block in bytes.
    pub length: u32,
    /// How accesses travel.
    pub access: Access,
    /// How many of its registers are exposed.
    pub registers: u8,
    /// Who has claimed it.
    pub holder: Holder<'a>,
}

/// How accesses to an exposed block travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Access {
    /// Through the kernel, with masks.
    Mediated,
    /// Directly, the block being mapped.
    Mapped,
    /// Through the kernel although it may be mapped: the process that holds it
    /// had no protection region left.
    Fallback,
}

impl Access {
    /// One stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mediated => "mediated",
            Self::Mapped => "mapped",
            Self::Fallback => "mediated-fallback",
        }
    }
}

/// Who has claimed an exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Holder<'a> {
    /// Nobody.
    Free,
    /// The container of this name.
    Container(&'a str),
    /// Another process of the firmware.
    Firmware,
}

/// Memory of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Heap {
    /// Bytes for images and containers together.
    pub total: u32,
    /// Bytes free.
    pub free: u32,
    /// Largest free block in bytes.
    pub largest_free: u32,
    /// Containers stored.
    pub containers: u16,
    /// Most containers that can be stored.
    pub containers_max: u16,
}
