//! Devices that come to rest when their user ends.
//!
//! ```text
//!   process ── command ──► Resting ── the same ──► driver (LEDs, pins) ──► device
//!                             │ notes whose run drove it last
//!   board, end of a run ──► process_gone ── the device's safe state, as commands ──► driver
//! ```
//!
//! An LED or a pin belongs to no process: Tock's drivers serve whoever asks, and leave a device as it was driven last. That is not enough
//! where what it switches must not stay on when a container, or the supervisor, ends. This driver stands before such a
//! one, and brings each device for which `exposure.dts` gives a safe state to that state when the run ends that drove it last. Who
//! drives a device takes it over, whoever had it before.
//!
//! Devices come to rest one by one, each in a deferred call of its own, so that the firmware comes between two of them.
//!
//! Commands and errors: those of the driver behind it, and [`LET_GO`]; `README.md` beside this crate.

#![no_std]
#![forbid(unsafe_code)]

use core::cell::Cell;

use berth_exposure::rest::{LET_GO, Rest};
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::process::{self, ProcessId};
use kernel::processbuffer::UserspaceReadableProcessBuffer;
use kernel::syscall::{CommandReturn, SyscallDriver};

/// Who drove a device last.
#[derive(Clone, Copy)]
enum User {
    /// Nobody since it came to rest.
    Nobody,
    /// This run.
    Run(ProcessId),
    /// This run, which has ended: the device is not at rest yet.
    Gone(ProcessId),
}

/// A driver, and the `N` of its devices that have a safe state.
pub struct Resting<D: 'static, const N: usize> {
    driver: &'static D,
    rests: &'static [Rest; N],
    users: [Cell<User>; N],
    call: DeferredCall,
    /// Has the call made after processes that come first.
    later: fn(&DeferredCall),
}

impl<D: SyscallDriver, const N: usize> Resting<D, N> {
    /// Makes a driver that serves as `driver` does and brings the devices of `rests` to rest in deferred calls that `later` sets. It must be
    /// registered for them.
    #[must_use]
    pub fn new(driver: &'static D, rests: &'static [Rest; N], later: fn(&DeferredCall)) -> Self {
        Self {
            driver,
            rests,
            users: [const { Cell::new(User::Nobody) }; N],
            call: DeferredCall::new(),
            later,
        }
    }

    fn devices(&self) -> impl Iterator<Item = (&'static Rest, &Cell<User>)> {
        self.rests.iter().zip(&self.users)
    }

    /// The run of a process ends: what it drove last comes to rest. None has when this returns.
    pub fn process_gone(&self, process: ProcessId) {
        let mut left = false;
        for user in &self.users {
            if matches!(user.get(), User::Run(run) if run == process) {
                user.set(User::Gone(process));
                left = true;
            }
        }
        if left {
            (self.later)(&self.call);
        }
    }

    /// Brings one device of a run that has ended to rest, sooner than the deferred call would: for who waits until the hardware is at
    /// rest. Returns whether any is left.
    pub fn end_pass(&self) -> bool {
        let gone = |(rest, user): (&'static Rest, _)| match Cell::get(user) {
            User::Gone(process) => Some((rest, user, process)),
            _ => None,
        };
        let mut left = self.devices().filter_map(gone);
        let first = left.next();
        let more = left.next().is_some();
        if let Some((rest, user, process)) = first {
            user.set(User::Nobody);
            self.bring_to_rest(rest, process);
        }
        more
    }

    /// What the driver refuses, such as a pin that the board keeps for itself, nobody has driven.
    fn bring_to_rest(&self, rest: &Rest, process: ProcessId) {
        for (command, how) in rest.commands {
            let _ = self.driver.command(*command, rest.index, *how, process);
        }
    }

    fn let_go(&self, index: usize, process: ProcessId) -> CommandReturn {
        let Some((rest, user)) = self.devices().find(|(rest, _)| rest.index == index) else {
            return CommandReturn::failure(ErrorCode::NODEVICE);
        };
        if matches!(user.get(), User::Run(run) if run == process) {
            user.set(User::Nobody);
            self.bring_to_rest(rest, process);
        }
        CommandReturn::success()
    }
}

impl<D: SyscallDriver, const N: usize> SyscallDriver for Resting<D, N> {
    fn command(
        &self,
        command_num: usize,
        index: usize,
        how: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        if command_num == LET_GO {
            return self.let_go(index, process_id);
        }
        let driven = self
            .devices()
            .find(|(rest, _)| rest.is_driven_by(command_num, index));
        if let Some((_, user)) = driven {
            user.set(User::Run(process_id));
        }
        self.driver.command(command_num, index, how, process_id)
    }

    fn allow_userspace_readable(
        &self,
        process_id: ProcessId,
        which: usize,
        buffer: UserspaceReadableProcessBuffer,
    ) -> Result<UserspaceReadableProcessBuffer, (UserspaceReadableProcessBuffer, ErrorCode)> {
        self.driver
            .allow_userspace_readable(process_id, which, buffer)
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.driver.allocate_grant(process_id)
    }
}

impl<D: SyscallDriver, const N: usize> DeferredCallClient for Resting<D, N> {
    fn handle_deferred_call(&self) {
        if self.end_pass() {
            (self.later)(&self.call);
        }
    }

    fn register(&'static self) {
        self.call.register(self);
    }
}
