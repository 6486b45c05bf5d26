//! The kernel object and its main loop.

use core::cell::Cell;
use core::num::NonZeroU32;
use core::ptr::NonNull;

use crate::capabilities::{
    ExternalProcessCapability, MainLoopCapability, MemoryAllocationCapability,
    ProcessManagementCapability,
};
use crate::deferred_call::DeferredCall;
use crate::dispatch;
use crate::grant::{AllowRoSize, AllowRwSize, Grant, UpcallSize};
use crate::platform::chip::Chip;
use crate::platform::mpu::{Region, RegionCheck};
use crate::platform::scheduler_timer::SchedulerTimer;
use crate::platform::watchdog::WatchDog;
use crate::platform::{
    ContextSwitchCallback, KernelResources, ProcessFault, SyscallDriverLookup, WorkOf,
};
use crate::process::{
    Priority, Process, ProcessId, ProcessSlot, RunEnd, RunEndClient, RunNumber,
    StoppedExecutingReason, Woken,
};
use crate::scheduler::{Scheduler, SchedulingDecision};
use crate::syscall::ContextSwitchReason;
use crate::utilities::cells::NumericCellExt;

/// Microseconds that processes have, if they use them, before each call that comes after them.
const BEFORE_LATER_US: u32 = 1_000;

/// Turns of processes that something more important ended, one behind the other, before such a call is made all the
/// same. Otherwise a process that causes an interrupt or a deferred call in each of its turns would keep it from being made.
const TURNS_BEFORE_LATER: u32 = 16;
/// How often the kernel looks, when it has nothing else to do, whether a process may begin again.
pub(crate) const RESTART_LOOK_US: NonZeroU32 = NonZeroU32::new(10_000).unwrap();

/// Processes that a kernel has at most.
pub(crate) const PROCESSES_MAX: usize = u32::BITS as usize;

/// Tells a process from all others, in all its runs, by the address of its control block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ControlBlock(NonNull<()>);

impl ControlBlock {
    #[inline(always)]
    pub(crate) const fn of<T: ?Sized>(block: &T) -> Self {
        Self(NonNull::from_ref(block).cast())
    }
}

/// Processes, grants, and what the main loop keeps between two passes.
pub struct Kernel {
    slots: &'static [ProcessSlot],
    /// So many slots hold processes: the first ones. They are filled while processes are loaded and never emptied.
    filled: Cell<usize>,
    /// Number of the next run; `None` after the last there is.
    next_run: Cell<Option<RunNumber>>,
    grants: Cell<usize>,
    /// Something may have become ready since the scheduler last looked.
    work_noted: Cell<bool>,
    /// How long processes have run, in microseconds, since a call began to wait that comes after them.
    later_waited_us: Cell<u32>,
    /// Turns that have ended without it.
    later_waited_turns: Cell<u32>,
    /// They were enough: it is made as soon as no line waits.
    later_is_due: Cell<bool>,
    /// Process whose regions, as they are now, are in the MPU. Nobody else keeps this.
    mpu_owner: Cell<Option<ControlBlock>>,
    /// Process whose turn it is; `None` while the kernel works for none.
    turn: Cell<Option<&'static dyn Process>>,
    /// Slots whose processes may have something to do, a bit each. In no other is one that is ready.
    awake: Cell<u32>,
    /// How often a process was looked at: whether it is ready, what a driver keeps in it.
    #[cfg(any(test, feature = "test-utils"))]
    pub(crate) looks: Cell<usize>,
    /// Is told of the ends of runs.
    run_end_client: Cell<Option<&'static dyn RunEndClient>>,
    /// Processes that ended and are to begin again.
    pending_restarts: Cell<usize>,
    /// Says which regions may be opened to processes; `None`: no region.
    openable: Cell<Option<RegionCheck>>,
}

/// Whether a slice is over. A function of its own, so that a process without one takes no part of it.
#[cold]
#[inline(never)]
fn is_over(timer: &impl SchedulerTimer) -> bool {
    timer.has_expired()
}

impl Kernel {
    /// A kernel for the processes that fit `slots`.
    #[must_use]
    pub const fn new(slots: &'static [ProcessSlot]) -> Self {
        Self {
            slots,
            filled: Cell::new(0),
            next_run: Cell::new(Some(RunNumber::FIRST)),
            grants: Cell::new(0),
            work_noted: Cell::new(false),
            later_waited_us: Cell::new(0),
            later_waited_turns: Cell::new(0),
            later_is_due: Cell::new(false),
            mpu_owner: Cell::new(None),
            turn: Cell::new(None),
            awake: Cell::new(0),
            #[cfg(any(test, feature = "test-utils"))]
            looks: Cell::new(0),
            run_end_client: Cell::new(None),
            pending_restarts: Cell::new(0),
            openable: Cell::new(None),
        }
    }

    /// The process, if this run of it still exists.
    #[inline]
    pub(crate) fn process(&self, id: ProcessId) -> Option<&'static dyn Process> {
        self.slots.get(id.index)?.get_run(id.run())
    }

    /// Whether this run of a process still exists and has not ended.
    #[inline]
    pub(crate) fn is_alive(&self, id: ProcessId) -> bool {
        self.process(id).is_some_and(|process| process.is_running())
    }

    /// All processes, in the order of the board's array.
    #[inline]
    pub(crate) fn processes(&self) -> impl Iterator<Item = &'static dyn Process> {
        let filled = self.slots.get(..self.filled.get()).unwrap_or_default();
        filled.iter().filter_map(ProcessSlot::get)
    }

    /// The process in a slot.
    #[inline]
    pub(crate) fn process_at(&self, index: usize) -> Option<&'static dyn Process> {
        self.slots.get(index)?.get()
    }

    /// How many slots hold processes, from the first one on.
    pub(crate) fn process_count(&self) -> usize {
        self.filled.get()
    }

    /// Number of the slot that is filled next; `None` if none is free.
    pub(crate) fn free_slot(&self) -> Option<usize> {
        let slots = self.slots.len().min(PROCESSES_MAX);
        Some(self.filled.get()).filter(|index| *index < slots)
    }

    /// Put a process into the slot that is free.
    pub(crate) fn add(&self, process: &'static dyn Process, priority: Priority) {
        if let Some(slot) = self.slots.get(self.filled.get()) {
            slot.set(process, priority);
            self.note_work(self.filled.get());
            self.filled.increment();
        }
    }

    /// The process in a slot, if it runs with this priority.
    #[inline]
    pub(crate) fn process_with(
        &self,
        index: usize,
        priority: Priority,
    ) -> Option<&'static dyn Process> {
        self.slots.get(index)?.get_with(priority)
    }

    /// An id for the first run of the process in slot `index`; `None` when all numbers are used up.
    pub(crate) fn new_process_id(&'static self, index: usize) -> Option<ProcessId> {
        let run = self.next_run.get()?;
        self.next_run.set(run.next());
        Some(ProcessId::new(self, index, run))
    }

    /// An id for the next run of a process, as above; the old id names nothing from now on.
    pub(crate) fn renew(&'static self, old: ProcessId) -> Option<ProcessId> {
        let id = self.new_process_id(old.index)?;
        if let Some(slot) = self.slots.get(old.index) {
            slot.set_run(id.run());
        }
        Some(id)
    }

    #[cfg(test)]
    pub(crate) fn set_next_run(&self, run: RunNumber) {
        self.next_run.set(Some(run));
    }

    /// A process ended that is to begin again.
    pub(crate) fn add_pending_restart(&self) {
        self.pending_restarts.increment();
    }

    /// It began again, or will not.
    pub(crate) fn remove_pending_restart(&self) {
        self.pending_restarts
            .set(self.pending_restarts.get().saturating_sub(1));
    }

    /// Whether any process that ended is to begin again.
    #[inline]
    pub(crate) fn has_pending_restarts(&self) -> bool {
        self.pending_restarts.get() != 0
    }

    /// Remember that the process in a slot may have become ready. Whatever can make one ready says so here.
    #[inline]
    pub(crate) fn note_work(&self, index: usize) {
        self.awake.set(self.awake.get() | 1 << index);
        self.work_noted.set(true);
    }

    /// The first of these slots whose process is ready, from slot `from` on, and round. Takes as long as there are processes that were
    /// ready before and are no longer, but for one that waits to begin again: each is looked at once.
    #[inline(always)]
    pub(crate) fn first_ready(
        &self,
        slots: u32,
        from: usize,
    ) -> Option<(usize, &'static dyn Process)> {
        match self.awake.get() & slots {
            0 => None,
            awake => self.first_ready_of(awake, from),
        }
    }

    #[inline(never)]
    fn first_ready_of(&self, mut left: u32, from: usize) -> Option<(usize, &'static dyn Process)> {
        while left != 0 {
            let behind = left & u32::MAX << from;
            let index = if behind == 0 { left } else { behind }.trailing_zeros();
            let process = self.process_at(index as usize)?;
            if process.ready() {
                return Some((index as usize, process));
            }
            left &= !(1 << index);
            // The time at which it may begin again comes without a word.
            if !(self.has_pending_restarts() && process.awaits_restart()) {
                self.awake.set(self.awake.get() & !(1 << index));
            }
        }
        None
    }

    /// Whether a process may have become ready since this was last asked.
    #[inline]
    pub(crate) fn take_noted_work(&self) -> bool {
        let noted = self.work_noted.get();
        if noted {
            self.work_noted.set(false);
        }
        noted
    }

    /// Whether the MPU holds the regions of this process as they are now.
    #[inline]
    pub(crate) fn owns_mpu(&self, process: ControlBlock) -> bool {
        self.mpu_owner.get() == Some(process)
    }

    /// The regions of this process have just been written to the MPU.
    pub(crate) fn set_mpu_owner(&self, process: ControlBlock) {
        self.mpu_owner.set(Some(process));
    }

    /// The regions of this process changed: if they are in the MPU, they are to be
    /// written again.
    pub(crate) fn release_mpu(&self, process: ControlBlock) {
        if self.owns_mpu(process) {
            self.mpu_owner.set(None);
        }
    }

    /// Tell `client` of the end of every run of a process, whoever ends it.
    pub fn set_run_end_client(
        &self,
        client: &'static dyn RunEndClient,
        _capability: &dyn ProcessManagementCapability,
    ) {
        self.run_end_client.set(Some(client));
    }

    /// The present run of `process` is about to end.
    pub(crate) fn run_ends(&self, process: &dyn Process, end: RunEnd) {
        if let Some(client) = self.run_end_client.get() {
            client.run_ends(process, end);
            self.wait_for_end_of(process);
        }
    }

    /// Have the process whose turn it is, if it is another one, wait until all that `process` held is at rest: it has asked for
    /// the end of its run, which may have come before.
    pub(crate) fn wait_for_end_of(&self, process: &dyn Process) {
        if let Some(who) = self.turn.get()
            && ControlBlock::of(who) != ControlBlock::of(process)
        {
            who.wait_for_ends();
        }
    }

    /// Have a piece of what ends left to do done. Whether any is left.
    pub(crate) fn end_pass(&self) -> bool {
        // Not a call that comes after processes on top of it, before the next process.
        self.later_waited_us.set(0);
        self.later_waited_turns.set(0);
        let client = self.run_end_client.get();
        client.is_some_and(|client| client.end_pass())
    }

    /// Which regions may be opened to processes, beside their own flash and RAM. Before a board
    /// says so, none may, whoever asks. (Upstream opens any, the kernel's own RAM too.)
    pub fn set_openable_regions(
        &self,
        openable: RegionCheck,
        _capability: &dyn ProcessManagementCapability,
    ) {
        self.openable.set(Some(openable));
    }

    pub(crate) fn may_open(&self, region: Region) -> bool {
        self.openable.get().is_some_and(|openable| openable(region))
    }

    /// Have a driver's work for a process done in passes: each time the process would run, once. It
    /// counts as the process's own time. A driver asks again as long as something is left. Returns whether it comes for certain: not
    /// where the run has ended, or the process is in the background.
    pub fn request_pass(&self, process: ProcessId, driver_num: usize) -> bool {
        let Some(present) = self.process(process) else {
            return false;
        };
        let noted = present.request_pass(driver_num);
        noted && self.process_with(process.index, Priority::Equal).is_some()
    }

    pub(crate) fn grant_count(&self) -> usize {
        self.grants.get()
    }

    pub(crate) fn process_map_or<F, R>(&self, default: R, id: ProcessId, closure: F) -> R
    where
        F: FnOnce(&dyn Process) -> R,
    {
        self.process(id).map_or(default, closure)
    }

    /// Use the process, or return `default` if this run of it exists no more.
    pub fn process_map_or_external<F, R>(
        &self,
        default: R,
        id: ProcessId,
        closure: F,
        _capability: &dyn ProcessManagementCapability,
    ) -> R
    where
        F: FnOnce(&dyn Process) -> R,
    {
        self.process_map_or(default, id, closure)
    }

    /// Use every process, in the order of the board's array.
    pub fn process_each_capability<F>(
        &'static self,
        _capability: &dyn ProcessManagementCapability,
        closure: F,
    ) where
        F: FnMut(&dyn Process),
    {
        self.processes().for_each(closure);
    }

    /// The id of the process in slot `index`.
    pub fn processid_at(
        &self,
        index: usize,
        _capability: &dyn ExternalProcessCapability,
    ) -> Option<ProcessId> {
        Some(self.process_at(index)?.processid())
    }

    /// Fault every process, to see that policies work.
    pub fn hardfault_all_apps(&self, _capability: &dyn ProcessManagementCapability) {
        self.processes()
            .for_each(|process| process.set_fault_state());
    }

    /// A grant for the driver `driver_num`.
    ///
    /// # Panics
    ///
    /// When processes exist already, because their grant tables are made for
    /// the grants there are: a mistake of the board that shows at its first start.
    pub fn create_grant<
        T: Default,
        Upcalls: UpcallSize,
        AllowROs: AllowRoSize,
        AllowRWs: AllowRwSize,
    >(
        &'static self,
        driver_num: usize,
        _capability: &dyn MemoryAllocationCapability,
    ) -> Grant<T, Upcalls, AllowROs, AllowRWs> {
        assert!(
            self.processes().next().is_none(),
            "create grants before loading processes"
        );
        Grant::new(self, driver_num, self.grants.get_and_increment())
    }

    /// Run the system for good.
    pub fn kernel_loop<KR: KernelResources<C>, C: Chip>(
        &self,
        resources: &KR,
        chip: &C,
        capability: &dyn MainLoopCapability,
    ) -> ! {
        resources.watchdog().setup();
        loop {
            self.kernel_loop_operation(resources, chip, false, capability);
        }
    }

    /// One pass of the main loop: kernel work, one process, or sleep (not if
    /// `no_sleep`).
    pub fn kernel_loop_operation<KR: KernelResources<C>, C: Chip>(
        &self,
        resources: &KR,
        chip: &C,
        no_sleep: bool,
        _capability: &dyn MainLoopCapability,
    ) {
        let scheduler = resources.scheduler();
        resources.watchdog().tickle();
        if scheduler.do_kernel_work_now(chip) {
            scheduler.execute_kernel_work(chip);
            return;
        }
        if self.later_is_due.take() {
            let _ = DeferredCall::service_next_later_for_firmware();
            return;
        }
        match scheduler.next() {
            SchedulingDecision::RunProcess((id, slice)) => {
                let mut later = DeferredCall::has_later();
                if later {
                    if self.process_with(id.index, Priority::Background).is_some() {
                        // The loop looks at lines and at the firmware's processes before the next one.
                        let _ = DeferredCall::service_next_later_call();
                        return;
                    }
                    later = DeferredCall::has_later_for_firmware();
                }
                let turn = if later {
                    self.until_later(slice)
                } else {
                    slice
                };
                let (mut reason, used) = match self.process(id) {
                    Some(process) => self.run_process(resources, chip, process, id, turn),
                    None => (StoppedExecutingReason::NoWorkLeft, None),
                };
                if later {
                    reason = self.make_later(reason, used, turn != slice);
                }
                scheduler.result(reason, slice.and(used));
            }
            SchedulingDecision::TrySleep => {
                if DeferredCall::service_next_later_call().is_none() && !no_sleep {
                    self.sleep(resources, chip);
                }
            }
        }
    }

    /// The turn of a process while a call waits that comes after processes: it is made when none but those in the
    /// background has anything to do, or the others have had [`BEFORE_LATER_US`].
    #[cold]
    fn until_later(&self, slice: Option<NonZeroU32>) -> Option<NonZeroU32> {
        let left = BEFORE_LATER_US.saturating_sub(self.later_waited_us.get());
        let wait = NonZeroU32::new(left).unwrap_or(NonZeroU32::MIN);
        Some(slice.map_or(wait, |slice| slice.min(wait)))
    }

    /// Have a call made that came after this turn of a process, if processes have had their time. Why the turn ended, as far as
    /// it concerns the scheduler.
    #[cold]
    fn make_later(
        &self,
        reason: StoppedExecutingReason,
        used: Option<u32>,
        shortened: bool,
    ) -> StoppedExecutingReason {
        let turns = self.later_waited_turns.get() + 1;
        if reason != StoppedExecutingReason::TimesliceExpired && turns < TURNS_BEFORE_LATER {
            self.later_waited_turns.set(turns);
            // Something more important is there, which may make a process ready, or what this one leaves is the next
            // one's: that one has its time. If there is none, the loop comes to the call by itself.
            let waited = self.later_waited_us.get().saturating_add(used.unwrap_or(0));
            self.later_waited_us.set(waited.min(BEFORE_LATER_US / 2));
        } else {
            self.later_waited_us.set(0);
            self.later_waited_turns.set(0);
            // In the loop's next pass, behind a look at the lines.
            self.later_is_due.set(true);
        }
        // For the scheduler a turn that was only shortened is not over.
        if shortened && reason == StoppedExecutingReason::TimesliceExpired {
            StoppedExecutingReason::KernelPreemption
        } else {
            reason
        }
    }

    /// Run one process until it has nothing to do, its slice ends, or
    /// something more important is there. Also how many microseconds it took,
    /// if it had a slice.
    fn run_process<KR: KernelResources<C>, C: Chip>(
        &self,
        resources: &KR,
        chip: &C,
        process: &'static dyn Process,
        // Of the present run. A restart gives another, but not before the loop below is left.
        id: ProcessId,
        slice: Option<NonZeroU32>,
    ) -> (StoppedExecutingReason, Option<u32>) {
        let timer = resources.scheduler_timer();
        // Armed for the whole slice: an expiry while the kernel runs
        // marks the timer, which is read before the process goes on.
        if let Some(slice) = slice {
            timer.reset();
            timer.start(slice);
            timer.arm();
        }
        self.turn.set(Some(process));
        // Whether it is known to be in `State::Running`: after most system calls
        // it is, and need not be asked.
        let mut runs = false;
        let reason = loop {
            // Interrupts before the slice: the look at them takes note of all that happened, the end
            // of the slice too. What happens behind it keeps the chip from entering the process.
            if !resources.scheduler().continue_process(id, chip) {
                break StoppedExecutingReason::KernelPreemption;
            }
            if slice.is_some() && is_over(timer) {
                break StoppedExecutingReason::TimesliceExpired;
            }
            if runs {
                runs = Self::run_once(resources, process, id);
            } else {
                match process.wake() {
                    Ok(Woken::Runs) => runs = true,
                    Ok(Woken::NotYet) => {}
                    Ok(Woken::Pass(driver_num)) => {
                        let lookup = resources.syscall_driver_lookup();
                        if lookup.pass(driver_num, id) == WorkOf::Another {
                            break StoppedExecutingReason::NoWorkLeft;
                        }
                    }
                    Err(reason) => break reason,
                }
            }
        };
        self.turn.set(None);
        let reason = match reason {
            StoppedExecutingReason::KernelPreemption if slice.is_some() && is_over(timer) => {
                StoppedExecutingReason::TimesliceExpired
            }
            reason => reason,
        };
        if reason == StoppedExecutingReason::TimesliceExpired {
            process.debug_timeslice_expired();
        }
        let used = slice.map(|slice| {
            let left = timer.get_remaining_us().map_or(0, NonZeroU32::get);
            timer.reset();
            slice.get().saturating_sub(left)
        });
        (reason, used)
    }

    /// Run a process that is in [`State::Running`](crate::process::State::Running) until it stops, and do what it
    /// asks. Whether it is still in that state.
    #[inline]
    fn run_once<KR: KernelResources<C>, C: Chip>(
        resources: &KR,
        process: &'static dyn Process,
        id: ProcessId,
    ) -> bool {
        resources
            .context_switch_callback()
            .context_switch_hook(process);
        let reason = process.switch_to();
        // First, and by itself: it is nearly always this.
        if let Some(ContextSwitchReason::SyscallFired { syscall }) = reason {
            return dispatch::handle_syscall(
                resources.syscall_driver_lookup(),
                resources.syscall_filter(),
                process,
                id,
                syscall,
            );
        }
        match reason {
            Some(ContextSwitchReason::Interrupted) => true,
            Some(ContextSwitchReason::Fault) => {
                let hook = resources.process_fault();
                if hook.process_fault_hook(process).is_err() {
                    process.set_fault_state();
                }
                false
            }
            _ => {
                // It was found in that state just before, so it cannot be run at all.
                process.set_fault_state();
                false
            }
        }
    }

    /// Wait for an interrupt, unless there is work already. While a process waits to begin again, not for long.
    fn sleep<KR: KernelResources<C>, C: Chip>(&self, resources: &KR, chip: &C) {
        let timer = resources.scheduler_timer();
        let looks = self.has_pending_restarts();
        if looks {
            timer.reset();
            timer.start(RESTART_LOOK_US);
            timer.arm();
        }
        chip.with_interrupts_disabled(|| {
            if !chip.has_pending_interrupts() && !DeferredCall::has_tasks() {
                resources.watchdog().suspend();
                chip.sleep();
                resources.watchdog().resume();
            }
        });
        if looks {
            timer.reset();
        }
    }
}
