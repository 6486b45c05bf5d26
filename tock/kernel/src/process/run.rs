//! Running a [`ProcessStandard`]: state, events, system calls, faults.

use core::fmt::Write;
use core::num::NonZeroU32;

use super::memory::GrantSlot;
use super::standard::ProcessStandard;
use super::work::Report;
use super::{
    CommandPermissions, FaultAction, FunctionCall, Life, Pass, Process, ProcessId, Restart, RunEnd,
    ShortId, State, StoppedExecutingReason, StoppedState, Task, Woken,
};
use crate::errorcode::ErrorCode;
use crate::platform::chip::Chip;
use crate::storage_permissions::StoragePermissions;
use crate::syscall::{ContextSwitchReason, SyscallReturn, UserspaceKernelBoundary};
use crate::upcall::UpcallId;
use crate::utilities::cells::NumericCellExt;

impl<C: Chip> ProcessStandard<C> {
    /// It may have become ready.
    pub(super) fn note_work(&self) {
        self.kernel.note_work(self.process_id.get().index);
    }

    /// Sets whether it is to begin again, and returns whether it was.
    fn set_restart(&self, restart: Restart) -> Restart {
        let before = self.restart.replace(restart);
        match (before, restart) {
            (Restart::Pending, Restart::Pending) => {}
            (Restart::Pending, _) => self.kernel.remove_pending_restart(),
            (_, Restart::Pending) => self.kernel.add_pending_restart(),
            _ => {}
        }
        self.note_work();
        before
    }
}

impl<C: Chip> ProcessStandard<C> {
    /// Hand over the answer of a system call. Returns whether it could be; the process has faulted otherwise.
    fn answer(&self, return_value: SyscallReturn) -> bool {
        let handed_over = self.with_stored_state(|boundary, state| {
            // SAFETY: the bounds are this process's.
            #[allow(unsafe_code)]
            unsafe {
                boundary.set_syscall_return_value(
                    self.start_pointer(),
                    self.break_pointer(),
                    state,
                    return_value,
                )
            }
            .is_ok()
        });
        if !handed_over {
            self.set_fault_state();
        }
        handed_over
    }

    /// The same for a process that does not run. Returns whether it does from now on.
    #[cold]
    #[inline(never)]
    fn answer_if_it_lives(&self, return_value: SyscallReturn) -> bool {
        let awaited_this = matches!(self.state.get(), State::YieldedFor(_));
        // A process that its own system call ended or restarted takes no answer.
        if !self.is_running() || !self.answer(return_value) {
            return false;
        }
        if awaited_this {
            self.state.set(State::Running);
        }
        awaited_this
    }
}

impl<C: Chip> Process for ProcessStandard<C> {
    fn processid(&self) -> ProcessId {
        self.process_id.get()
    }

    fn short_app_id(&self) -> ShortId {
        self.header
            .get_short_id()
            .filter(|_| self.standing.states_ids)
            .map_or(ShortId::LocallyUnique, |id: NonZeroU32| ShortId::Fixed(id))
    }

    fn place(&self) -> usize {
        self.standing.place
    }

    fn get_process_name(&self) -> &'static str {
        self.header.get_package_name().unwrap_or("")
    }

    fn get_restart_count(&self) -> usize {
        self.restarts.get()
    }

    fn get_completion_code(&self) -> Option<Option<u32>> {
        self.completion_code.get()
    }

    fn get_state(&self) -> State {
        self.state.get()
    }

    fn ready(&self) -> bool {
        #[cfg(any(test, feature = "test-utils"))]
        self.kernel.looks.increment();
        let tasks = || self.tasks.try_borrow().ok();
        let runs = match self.state.get() {
            State::Running => true,
            State::Yielded => tasks().is_some_and(|tasks| tasks.has_function()),
            State::YieldedFor(id) => tasks().is_some_and(|tasks| tasks.contains(id)),
            State::Stopped(_) => false,
            State::Faulted | State::Terminated => {
                self.restart.get() == Restart::Pending && self.standing.pace.is_due()
            }
        };
        runs || self.work.is_some()
    }

    fn is_running(&self) -> bool {
        !matches!(self.state.get(), State::Faulted | State::Terminated)
    }

    fn has_tasks(&self) -> bool {
        self.tasks
            .try_borrow()
            .is_ok_and(|tasks| tasks.has_function())
    }

    fn pending_tasks(&self) -> usize {
        self.tasks.try_borrow().map_or(0, |tasks| tasks.len())
    }

    fn enqueue_task(&self, task: Task) -> Result<(), ErrorCode> {
        if !self.is_running() {
            return Err(ErrorCode::NODEVICE);
        }
        let awaited = match self.state.get() {
            State::YieldedFor(id) | State::Stopped(StoppedState::YieldedFor(id)) => {
                task.upcall_id() == Some(id)
            }
            _ => false,
        };
        let mut tasks = self.tasks.try_borrow_mut().map_err(|_| ErrorCode::FAIL)?;
        if tasks.enqueue(task, awaited) {
            self.note_work();
            Ok(())
        } else {
            self.dropped_upcalls.increment();
            Err(ErrorCode::NOMEM)
        }
    }

    fn dequeue_task(&self) -> Option<Task> {
        self.tasks.try_borrow_mut().ok()?.dequeue()
    }

    fn remove_upcall(&self, upcall_id: UpcallId) -> Option<Task> {
        self.tasks.try_borrow_mut().ok()?.remove_upcall(upcall_id)
    }

    fn remove_pending_upcalls(&self, upcall_id: UpcallId) -> usize {
        self.tasks
            .try_borrow_mut()
            .map_or(0, |mut tasks| tasks.remove_all(upcall_id))
    }

    fn set_yielded_state(&self) {
        if matches!(self.state.get(), State::Running) {
            self.state.set(State::Yielded);
        }
    }

    fn set_yielded_for_state(&self, upcall_id: UpcallId) {
        if matches!(self.state.get(), State::Running) {
            self.state.set(State::YieldedFor(upcall_id));
        }
    }

    fn life(&self) -> Life {
        Life::of(self.state.get(), self.restart.get())
    }

    fn stop(&self) {
        let stopped = match self.state.get() {
            State::Running => StoppedState::Running,
            State::Yielded => StoppedState::Yielded,
            State::YieldedFor(id) => StoppedState::YieldedFor(id),
            State::Stopped(_) => return,
            State::Faulted | State::Terminated => {
                if self.restart.get() == Restart::Pending {
                    self.set_restart(Restart::Held);
                    self.amend_report("is stopped, and not restarted.");
                }
                return self.kernel.wait_for_end_of(self);
            }
        };
        self.state.set(State::Stopped(stopped));
    }

    fn resume(&self) {
        if let State::Stopped(stopped) = self.state.get() {
            self.state.set(match stopped {
                StoppedState::Running => State::Running,
                StoppedState::Yielded => State::Yielded,
                StoppedState::YieldedFor(id) => State::YieldedFor(id),
            });
            self.note_work();
        } else if self.restart.get() == Restart::Held {
            self.set_restart(Restart::Pending);
        }
    }

    fn set_fault_state(&self) {
        if !self.is_running() {
            return;
        }
        let held = matches!(self.state.get(), State::Stopped(_));
        self.tell_end(RunEnd::Faulted);
        self.state.set(State::Faulted);
        match self.standing.fault_policy.action(self) {
            FaultAction::Panic => panic!("process {} faulted", self.get_process_name()),
            FaultAction::Restart => {
                // Its report tells of the runs before this one.
                let before = self.completion_code.get();
                self.try_restart(None);
                self.completion_code.set(before);
                // Until it begins again, which may take a while.
                self.state.set(State::Faulted);
                if held {
                    self.stop();
                }
            }
            FaultAction::Stop => {
                self.end_run();
                self.state.set(State::Faulted);
            }
        }
    }

    fn try_restart(&self, completion_code: Option<u32>) {
        self.completion_code.set(Some(completion_code));
        self.end_run();
        self.set_restart(Restart::Pending);
    }

    fn terminate(&self, completion_code: Option<u32>) {
        // One that waits to begin again will not.
        let restart = self.set_restart(Restart::None);
        if self.is_running() {
            self.completion_code.set(Some(completion_code));
            self.end_run();
        } else if restart != Restart::None {
            self.completion_code.set(Some(completion_code));
            self.state.set(State::Terminated);
            self.amend_report("is ended, and not restarted.");
            self.kernel.wait_for_end_of(self);
        }
    }

    fn awaits_restart(&self) -> bool {
        self.restart.get() == Restart::Pending
    }

    fn finish_restart(&self) {
        // A grant that is entered up the stack keeps its memory until then.
        let busy = self.grants.iter().any(GrantSlot::is_entered);
        let may = !busy && self.standing.pace.is_due();
        if !may || self.restart.get() != Restart::Pending {
            return;
        }
        self.set_restart(Restart::None);
        self.forget_report();
        if self.state.get() == State::Faulted {
            self.completion_code.set(Some(None));
        }
        self.standing.pace.restarted();
        self.restarts.increment();
        let Some(id) = self.kernel.renew(self.process_id.get()) else {
            return;
        };
        self.process_id.set(id);
        if self.begin_run().is_err() {
            self.end_run();
        }
    }

    fn set_syscall_return_value(&self, return_value: SyscallReturn) -> bool {
        // First, and by itself: it is nearly always in this state.
        if matches!(self.state.get(), State::Running) {
            return self.answer(return_value);
        }
        self.answer_if_it_lives(return_value)
    }

    fn set_process_function(&self, callback: FunctionCall) -> bool {
        let handed_over = self.with_stored_state(|boundary, state| {
            // SAFETY: the bounds are this process's.
            #[allow(unsafe_code)]
            unsafe {
                boundary.set_process_function(
                    self.start_pointer(),
                    self.break_pointer(),
                    state,
                    callback,
                )
            }
            .is_ok()
        });
        if handed_over {
            self.state.set(State::Running);
        } else {
            self.set_fault_state();
        }
        handed_over
    }

    fn wake(&self) -> Result<Woken, StoppedExecutingReason> {
        if self.work.is_some() {
            return match self.do_pass() {
                Some(Pass::Driver(driver_num)) => Ok(Woken::Pass(driver_num)),
                Some(Pass::Done) | None => Ok(Woken::NotYet),
                Some(Pass::Last) => Err(StoppedExecutingReason::NoWorkLeft),
            };
        }
        let runs = match self.state.get() {
            State::Running => Ok(true),
            State::Yielded => loop {
                match self.dequeue_task() {
                    Some(Task::FunctionCall(call)) => break Ok(self.set_process_function(call)),
                    // TRD104 4.1: an event without a function wakes no Yield-Wait.
                    Some(Task::ReturnValue(_)) => {}
                    None => break Err(StoppedExecutingReason::NoWorkLeft),
                }
            },
            State::YieldedFor(id) => {
                let task = self
                    .remove_upcall(id)
                    .ok_or(StoppedExecutingReason::NoWorkLeft)?;
                let (r0, r1, r2) = task.arguments();
                Ok(self.set_syscall_return_value(SyscallReturn::YieldWaitFor(r0, r1, r2)))
            }
            State::Stopped(_) => Err(StoppedExecutingReason::Stopped),
            State::Faulted | State::Terminated => {
                if self.ready() {
                    self.finish_restart();
                }
                Err(if self.is_running() {
                    StoppedExecutingReason::KernelPreemption
                } else {
                    StoppedExecutingReason::StoppedFaulted
                })
            }
        };
        runs.map(|runs| if runs { Woken::Runs } else { Woken::NotYet })
    }

    fn pass(&self) -> Option<Pass> {
        self.do_pass()
    }

    fn request_pass(&self, driver_num: usize) -> bool {
        self.note_driver(driver_num)
    }

    fn wait_for_ends(&self) {
        self.note_ends();
    }

    fn request_report(&self, outcome: &'static str) {
        self.begin_report(outcome);
    }

    fn switch_to(&self) -> Option<ContextSwitchReason> {
        if !matches!(self.state.get(), State::Running) {
            return None;
        }
        // Never with the regions of another.
        if !self.activate_mpu() {
            return None;
        }
        let (reason, stack_pointer) = self.with_stored_state(|boundary, state| {
            // SAFETY: the bounds are this process's, and `activate_mpu` says that
            // the MPU holds its regions.
            #[allow(unsafe_code)]
            unsafe {
                boundary.switch_to_process(self.start_pointer(), self.break_pointer(), state)
            }
        });
        if let ContextSwitchReason::SyscallFired { .. } = reason {
            self.syscalls.increment();
        }
        if let Some(pointer) = stack_pointer
            && pointer.addr() < self.lowest_stack_pointer.get()
        {
            self.lowest_stack_pointer.set(pointer.addr());
        }
        Some(reason)
    }

    fn has_command_permissions(&self) -> bool {
        self.permissions.is_some()
    }

    fn get_command_permissions(&self, driver_num: usize, offset: usize) -> CommandPermissions {
        match &self.permissions {
            None => CommandPermissions::NoPermsAtAll,
            Some(stated) => match stated.mask(driver_num, offset) {
                Some(mask) => CommandPermissions::Mask(mask),
                None => CommandPermissions::NoPermsThisDriver,
            },
        }
    }

    fn get_storage_permissions(&self) -> Option<StoragePermissions> {
        StoragePermissions::of(self.header).filter(|_| self.standing.states_ids)
    }

    fn debug_timeslice_expiration_count(&self) -> usize {
        self.timeslice_expirations.get()
    }

    fn debug_syscall_count(&self) -> usize {
        self.syscalls.get()
    }

    fn debug_dropped_upcall_count(&self) -> usize {
        self.dropped_upcalls.get()
    }

    fn debug_timeslice_expired(&self) {
        self.timeslice_expirations.increment();
    }

    fn print_full_process(&self, writer: &mut dyn Write) {
        let mut report = Report::of(self);
        while self.print_part(&report, writer) {
            report.part += 1;
        }
    }
}
