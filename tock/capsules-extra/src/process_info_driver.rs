//! What processes there are, for a process that shows or manages them.
//!
//! ```text
//!   process ── command, read-write allow 0 ──► ProcessInfo ──► Kernel (by capability)
//! ```
//!
//! | command | arguments | writes to read-write allow 0 | returns |
//! |---|---|---|---|
//! | 0 | | | success |
//! | 1 | | | u32: how many processes |
//! | 2 | | their ids, a u32 each | u32: how many processes |
//! | 3 | | their short ids, a u32 each, 0 for none | u32: how many processes |
//! | 4 | id | the name, UTF-8 | u32: its length |
//! | 5 | id | four u32: time slices used up, system calls, restarts, state | success |
//! | 6 | id, state | | success |
//!
//! States of command 5: 0 running, 1 yielded, 2 yielded for one event, 3 stopped,
//! 4 faulted, 5 terminated. States of command 6: 1 start (what was stopped goes on),
//! 2 stop, 3 fault, 4 terminate, 5 boot (what has ended starts afresh). What each does in which state, and which
//! errors there are, is for whoever implements [`Lives`] to say: the board hands that to the driver.
//!
//! Numbers are little endian. Lists, names and command 5's record are cut to the buffer, numbers
//! only as a whole; the number returned is not. `INVAL`: no such process or state.
//!
//! Command 6 is `NOSUPPORT` unless the board asked for it
//! ([`ProcessInfo::with_lives`]): it is power over other processes. No process
//! can set its own state by it.

use capsules_core::driver;
use kernel::ErrorCode;
use kernel::Kernel;
use kernel::capabilities::ProcessManagementCapability;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use kernel::process::{self, Process, ProcessId, ShortId, State};
use kernel::processbuffer::{WriteableProcessBuffer, WriteableProcessSlice};
use kernel::syscall::{CommandReturn, SyscallDriver};

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::ProcessInfo as usize;

/// Read-write allow numbers.
mod rw_allow {
    pub(super) const INFO: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

/// What command 6 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Let what is held go on.
    Start,
    /// Hold it.
    Stop,
    /// Treat it as if it had faulted.
    Fault,
    /// End it for good.
    Terminate,
    /// Begin again what has ended.
    Boot,
}

impl Change {
    fn from_number(number: usize) -> Option<Self> {
        Some(match number {
            1 => Self::Start,
            2 => Self::Stop,
            3 => Self::Fault,
            4 => Self::Terminate,
            5 => Self::Boot,
            _ => return None,
        })
    }
}

/// The number of a stopped process's state.
pub const STOPPED: u32 = 3;

/// The number of command 5 for a state.
#[must_use]
pub fn state_number(state: State) -> u32 {
    match state {
        State::Running => 0,
        State::Yielded => 1,
        State::YieldedFor(_) => 2,
        State::Stopped(_) => STOPPED,
        State::Faulted => 4,
        State::Terminated => 5,
    }
}

/// What a kernel knows of where in its life a process is, and how it changes that.
pub trait Lives {
    /// Whether there is a command 6.
    const CHANGES: bool;

    /// The number of its state, for command 5.
    fn state(&self, process: &dyn Process) -> u32 {
        state_number(process.get_state())
    }

    /// Carries a change of another process than the caller out.
    ///
    /// # Errors
    ///
    /// Nothing is changed then, and the error is what command 6 returns.
    fn change(&self, process: &dyn Process, change: Change) -> Result<(), ErrorCode>;
}

/// Nothing is changed.
impl Lives for () {
    const CHANGES: bool = false;

    fn change(&self, _: &dyn Process, _: Change) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
}

/// What every kernel of Tock can do by the states it publishes. The one thing that kernels do each in their own way is to begin again
/// what has ended: [`Change::Boot`] is `NOSUPPORT`.
pub struct ByState;

impl Lives for ByState {
    const CHANGES: bool = true;

    /// # Errors
    ///
    /// `ALREADY`: it is so already. `OFF`: the process has ended. `NOSUPPORT`: see above.
    fn change(&self, process: &dyn Process, change: Change) -> Result<(), ErrorCode> {
        match (process.get_state(), change) {
            (_, Change::Boot) => return Err(ErrorCode::NOSUPPORT),
            (State::Faulted | State::Terminated, Change::Terminate) => {
                return Err(ErrorCode::ALREADY);
            }
            (State::Faulted | State::Terminated, _) => return Err(ErrorCode::OFF),
            (_, Change::Terminate) => process.terminate(None),
            (_, Change::Fault) => process.set_fault_state(),
            (State::Stopped(_), Change::Start) => process.resume(),
            (State::Running | State::Yielded | State::YieldedFor(_), Change::Stop) => {
                process.stop()
            }
            _ => return Err(ErrorCode::ALREADY),
        }
        Ok(())
    }
}

/// The driver keeps nothing for a process but the buffer it lends.
#[derive(Default)]
pub struct App {}

/// The grant a board creates for the driver.
pub type ProcessInfoGrant =
    Grant<App, UpcallCount<0>, AllowRoCount<0>, AllowRwCount<{ rw_allow::COUNT }>>;

/// The driver.
pub struct ProcessInfo<C: ProcessManagementCapability, L: Lives = ()> {
    kernel: &'static Kernel,
    apps: ProcessInfoGrant,
    capability: C,
    lives: L,
}

impl<C: ProcessManagementCapability> ProcessInfo<C> {
    /// A driver that tells, and changes nothing.
    pub fn new(kernel: &'static Kernel, grant: ProcessInfoGrant, capability: C) -> Self {
        Self {
            kernel,
            apps: grant,
            capability,
            lives: (),
        }
    }

    /// Tell states as these have them, and let processes that reach this driver change
    /// those of others.
    pub fn with_lives<L: Lives>(self, lives: L) -> ProcessInfo<C, L> {
        ProcessInfo {
            kernel: self.kernel,
            apps: self.apps,
            capability: self.capability,
            lives,
        }
    }
}

impl<C: ProcessManagementCapability, L: Lives> ProcessInfo<C, L> {
    /// Do something with every process. (Not generic, as the next two: all of this is
    /// asked for by people, and one copy of each loop is enough.)
    fn each(&self, run: &mut dyn FnMut(&dyn Process)) {
        self.kernel.process_each_capability(&self.capability, run);
    }

    fn count(&self) -> u32 {
        let mut count = 0;
        self.each(&mut |_| count += 1);
        count
    }

    /// Do something with the process of an id.
    fn with_process(
        &self,
        id: usize,
        run: &mut dyn FnMut(&dyn Process) -> Result<(), ErrorCode>,
    ) -> Result<(), ErrorCode> {
        let mut result = Err(ErrorCode::INVAL);
        self.each(&mut |process| {
            if process.processid().id() == id {
                result = run(process);
            }
        });
        result
    }

    /// Write to the caller's buffer; none is as one of length zero.
    fn with_buffer(
        &self,
        caller: ProcessId,
        write: &mut dyn FnMut(&WriteableProcessSlice) -> Result<(), ErrorCode>,
    ) -> Result<(), ErrorCode> {
        self.apps.enter(caller, |_, kernel_data| {
            kernel_data
                .get_readwrite_processbuffer(rw_allow::INFO)?
                .mut_enter(write)?
        })?
    }

    /// Write one number for every process.
    fn list(&self, caller: ProcessId, number: fn(&dyn Process) -> u32) -> Result<u32, ErrorCode> {
        let mut count = 0;
        self.with_buffer(caller, &mut |buffer| {
            let mut places = buffer.chunks(size_of::<u32>());
            self.each(&mut |process| {
                count += 1;
                if let Some(place) = places.next() {
                    put(place, number(process));
                }
            });
            Ok(())
        })?;
        Ok(count)
    }

    fn name(&self, caller: ProcessId, id: usize) -> Result<u32, ErrorCode> {
        let mut name = "";
        self.with_process(id, &mut |process| {
            name = process.get_process_name();
            Ok(())
        })?;
        self.with_buffer(caller, &mut |buffer| {
            for (to, from) in buffer.iter().zip(name.bytes()) {
                to.set(from);
            }
            Ok(())
        })?;
        Ok(name.len() as u32)
    }

    fn statistics(&self, caller: ProcessId, id: usize) -> Result<(), ErrorCode> {
        let mut numbers = [0; 4];
        self.with_process(id, &mut |process| {
            numbers = [
                process.debug_timeslice_expiration_count() as u32,
                process.debug_syscall_count() as u32,
                process.get_restart_count() as u32,
                self.lives.state(process),
            ];
            Ok(())
        })?;
        self.with_buffer(caller, &mut |buffer| {
            for (place, number) in buffer.chunks(size_of::<u32>()).zip(numbers) {
                put(place, number);
            }
            Ok(())
        })
    }

    fn set_state(&self, caller: ProcessId, id: usize, state: usize) -> Result<(), ErrorCode> {
        if !L::CHANGES {
            return Err(ErrorCode::NOSUPPORT);
        }
        // The kernel still has to answer the caller's own call.
        if caller.id() == id {
            return Err(ErrorCode::INVAL);
        }
        let change = Change::from_number(state).ok_or(ErrorCode::INVAL)?;
        self.with_process(id, &mut |process| self.lives.change(process, change))
    }
}

/// A last chunk may be too short for a number, and stays as it is.
fn put(place: &WriteableProcessSlice, number: u32) {
    let _ = place.copy_from_slice_or_err(&number.to_le_bytes());
}

fn short_id_number(id: ShortId) -> u32 {
    match id {
        ShortId::LocallyUnique => 0,
        ShortId::Fixed(id) => id.get(),
    }
}

fn returned(result: Result<u32, ErrorCode>) -> CommandReturn {
    match result {
        Ok(number) => CommandReturn::success_u32(number),
        Err(error) => CommandReturn::failure(error),
    }
}

impl<C: ProcessManagementCapability, L: Lives> SyscallDriver for ProcessInfo<C, L> {
    fn command(
        &self,
        command_num: usize,
        id: usize,
        state: usize,
        caller: ProcessId,
    ) -> CommandReturn {
        match command_num {
            0 => CommandReturn::success(),
            1 => CommandReturn::success_u32(self.count()),
            2 => returned(self.list(caller, |process| process.processid().id() as u32)),
            3 => returned(self.list(caller, |process| short_id_number(process.short_app_id()))),
            4 => returned(self.name(caller, id)),
            5 => self.statistics(caller, id).into(),
            6 => self.set_state(caller, id, state).into(),
            _ => CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.apps.enter(process_id, |_, _| ())
    }
}
