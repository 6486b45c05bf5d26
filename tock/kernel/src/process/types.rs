//! Small types around processes.

use crate::upcall::UpcallId;

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Runs or can run.
    Running,
    /// Sleeps until an upcall.
    Yielded,
    /// Sleeps until this event.
    YieldedFor(UpcallId),
    /// Held by someone with the right to; keeps what it was doing.
    Stopped(StoppedState),
    /// Ended by a fault.
    Faulted,
    /// Ended.
    Terminated,
}

/// What a stopped process goes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedState {
    /// [`State::Running`].
    Running,
    /// [`State::Yielded`].
    Yielded,
    /// [`State::YieldedFor`].
    YieldedFor(UpcallId),
}

/// Why the kernel stopped running a process; for the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedExecutingReason {
    /// It sleeps or ended.
    NoWorkLeft,
    /// It faulted.
    StoppedFaulted,
    /// It was stopped.
    Stopped,
    /// Its time slice ended.
    TimesliceExpired,
    /// The kernel or a more important process has work.
    KernelPreemption,
}

/// Who asked for a function call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionCallSource {
    /// The kernel: the start of the process.
    Kernel,
    /// A driver's event.
    Driver(UpcallId),
}

/// A function for a process to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionCall {
    /// Who asked.
    pub source: FunctionCallSource,
    /// First argument.
    pub argument0: usize,
    /// Second argument.
    pub argument1: usize,
    /// Third argument.
    pub argument2: usize,
    /// Fourth argument; the appdata of an upcall.
    pub argument3: usize,
    /// The function.
    pub pc: usize,
}

/// An event for which no function is subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnArguments {
    /// Which event.
    pub upcall_id: UpcallId,
    /// First argument.
    pub argument0: usize,
    /// Second argument.
    pub argument1: usize,
    /// Third argument.
    pub argument2: usize,
}

/// Something that waits for a process to yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Run a function.
    FunctionCall(FunctionCall),
    /// Only wakes a process that waits for exactly this.
    ReturnValue(ReturnArguments),
}

impl Task {
    /// The event this is, if it is one.
    #[must_use]
    pub fn upcall_id(&self) -> Option<UpcallId> {
        match self {
            Task::FunctionCall(call) => match call.source {
                FunctionCallSource::Kernel => None,
                FunctionCallSource::Driver(id) => Some(id),
            },
            Task::ReturnValue(value) => Some(value.upcall_id),
        }
    }

    /// The event's three arguments.
    #[must_use]
    pub fn arguments(&self) -> (usize, usize, usize) {
        match self {
            Task::FunctionCall(c) => (c.argument0, c.argument1, c.argument2),
            Task::ReturnValue(v) => (v.argument0, v.argument1, v.argument2),
        }
    }
}

/// Which commands of a driver a process's header allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandPermissions {
    /// The header says nothing about permissions.
    NoPermsAtAll,
    /// The header has permissions, none for this driver.
    NoPermsThisDriver,
    /// Bit `i`: command `64 * offset + i`.
    Mask(u64),
}

/// An address that a process asks for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessAddress {
    /// Its RAM block begins.
    RamStart,
    /// Its RAM block ends (exclusive).
    RamEnd,
    /// Its flash begins (the header).
    FlashStart,
    /// Its flash ends (exclusive).
    FlashEnd,
    /// Its grants begin.
    GrantStart,
}

/// Addresses of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessAddresses {
    /// Its flash begins (the header).
    pub flash_start: usize,
    /// Its own code begins (header and trailer skipped).
    pub flash_non_protected_start: usize,
    /// Its flash ends (exclusive).
    pub flash_end: usize,
    /// Its RAM block begins.
    pub sram_start: usize,
    /// It reaches RAM up to here (exclusive).
    pub sram_app_brk: usize,
    /// Its grants begin.
    pub sram_grant_start: usize,
    /// Its RAM block ends (exclusive).
    pub sram_end: usize,
    /// Where it says its heap begins.
    pub sram_heap_start: Option<usize>,
    /// Where it says its stack begins.
    pub sram_stack_top: Option<usize>,
    /// The lowest stack pointer seen.
    pub sram_stack_bottom: Option<usize>,
}

/// Bytes of RAM that the kernel keeps for a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessSizes {
    /// Grant table.
    pub grant_pointers: usize,
    /// Event queue (inside the control block).
    pub upcall_list: usize,
    /// Control block, with the queue.
    pub process_control_block: usize,
}

/// What [`Process::wake`](super::Process::wake) came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The process can run now.
    Runs,
    /// It cannot yet; ask again.
    NotYet,
    /// A driver has a pass of work to do for it.
    Pass(usize),
}
