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
//! errors there are, is [`process::change`]'s to say.
//!
//! Numbers are little endian. Lists and names are cut to the buffer; the number
//! returned is not. `INVAL`: no such process or state. `SIZE`: no room for
//! command 5's record.
//!
//! Command 6 is `NOSUPPORT` unless the board asked for it
//! ([`ProcessInfo::with_control`]): it is power over other processes. No process
//! can set its own state by it.

use capsules_core::driver;
use kernel::ErrorCode;
use kernel::Kernel;
use kernel::capabilities::ProcessManagementCapability;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use kernel::process::{self, Change, Life, Process, ProcessId, ShortId, State};
use kernel::processbuffer::{WriteableProcessBuffer, WriteableProcessSlice};
use kernel::syscall::{CommandReturn, SyscallDriver};

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::ProcessInfo as usize;

/// Read-write allow numbers.
mod rw_allow {
    pub(super) const INFO: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

/// The driver keeps nothing for a process but the buffer it lends.
#[derive(Default)]
pub struct App {}

/// The grant a board creates for the driver.
pub type ProcessInfoGrant =
    Grant<App, UpcallCount<0>, AllowRoCount<0>, AllowRwCount<{ rw_allow::COUNT }>>;

/// The driver.
pub struct ProcessInfo<C: ProcessManagementCapability> {
    kernel: &'static Kernel,
    apps: ProcessInfoGrant,
    capability: C,
    control: bool,
}

impl<C: ProcessManagementCapability> ProcessInfo<C> {
    /// A driver that tells, and changes nothing.
    pub fn new(kernel: &'static Kernel, grant: ProcessInfoGrant, capability: C) -> Self {
        Self {
            kernel,
            apps: grant,
            capability,
            control: false,
        }
    }

    /// Let processes that reach this driver change the state of others.
    #[must_use]
    pub fn with_control(mut self) -> Self {
        self.control = true;
        self
    }

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
                .get_readwrite_processbuffer(rw_allow::INFO)
                .and_then(|buffer| buffer.mut_enter(write))
                .unwrap_or(Err(ErrorCode::SIZE))
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
                    // The last chunk may be too short for a number, and stays as it is.
                    let _ = place.copy_from_slice_or_err(&number(process).to_le_bytes());
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
                state_number(process),
            ];
            Ok(())
        })?;
        self.with_buffer(caller, &mut |buffer| {
            let record = buffer
                .get_to(..size_of_val(&numbers))
                .ok_or(ErrorCode::SIZE)?;
            for (place, number) in record.chunks(size_of::<u32>()).zip(numbers) {
                place.copy_from_slice_or_err(&number.to_le_bytes())?;
            }
            Ok(())
        })
    }

    fn set_state(&self, caller: ProcessId, id: usize, state: usize) -> Result<(), ErrorCode> {
        if !self.control {
            return Err(ErrorCode::NOSUPPORT);
        }
        // The kernel still has to answer the caller's own call.
        if caller.id() == id {
            return Err(ErrorCode::INVAL);
        }
        self.with_process(id, &mut |process| {
            let change = match state {
                1 => Change::Resume,
                2 => Change::Stop,
                3 => Change::Fault,
                4 => Change::End,
                5 => Change::Boot,
                _ => return Err(ErrorCode::INVAL),
            };
            process::change(process, change)
        })
    }
}

fn state_number(process: &dyn Process) -> u32 {
    match process.get_state() {
        _ if process.life() == Life::RestartStopped => 3,
        State::Running => 0,
        State::Yielded => 1,
        State::YieldedFor(_) => 2,
        State::Stopped(_) => 3,
        State::Faulted => 4,
        State::Terminated => 5,
    }
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

impl<C: ProcessManagementCapability> SyscallDriver for ProcessInfo<C> {
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
