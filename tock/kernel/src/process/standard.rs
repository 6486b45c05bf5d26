//! The one implementation of a process.
//!
//! The kernel keeps everything about a process in the process's own RAM block,
//! above what the process itself can reach:
//!
//! ```text
//!  memory_end ─►┌──────────────────────────┐
//!               │ ProcessStandard          │ control block with the event queue
//!               │ grant table              │ two words a grant
//!  kernel_break ├──────────────────────────┤ ▼ grants grow down
//!               │ (free)                   │
//!  app_break ──►├──────────────────────────┤ ▲ moved by brk and sbrk
//!               │ heap, data, stack        │ the process's own
//!  memory_start └──────────────────────────┘
//! ```
//!
//! Invariants: `memory_start <= high_water <= app_break <= kernel_break <=`
//! the grant table; the MPU configuration opens up to `app_break` and nothing
//! from `kernel_break` on. They are what the SAFETY comments below rest on.

use core::cell::{Cell, RefCell};
use core::fmt::Write;
use core::ptr::NonNull;

use super::lone::Lone;
use super::memory::GrantSlot;
use super::tasks::TaskQueue;
use super::work::Work;
use super::{
    FunctionCall, FunctionCallSource, Process, ProcessId, Restart, RunEnd, Standing, State, Task,
};
use crate::errorcode::ErrorCode;
use crate::kernel::{ControlBlock, Kernel};
use crate::platform::chip::Chip;
use crate::platform::mpu::{MPU, Permissions, Region};
use crate::syscall::UserspaceKernelBoundary;
use tock_tbf::types::{StatedPermissions, TbfHeader};

/// Regions beside RAM and flash that a process can be given.
pub(super) const EXTRA_REGIONS: usize = 5;

type StoredState<C> =
    <<C as Chip>::UserspaceKernelBoundary as UserspaceKernelBoundary>::StoredState;
pub(super) type MpuConfig<C> = <<C as Chip>::MPU as MPU>::MpuConfig;

/// A process on chip `C`.
pub struct ProcessStandard<C: Chip + 'static> {
    pub(super) kernel: &'static Kernel,
    pub(super) chip: &'static C,
    pub(super) process_id: Cell<ProcessId>,
    pub(super) header: TbfHeader<'static>,
    /// The permissions of the header: found once, asked at every system call.
    pub(super) permissions: Option<StatedPermissions<'static>>,
    pub(super) flash: &'static [u8],
    /// Where the flash that the process may lend and call begins.
    pub(super) own_flash_start: usize,
    /// What it has of its place.
    pub(super) standing: Standing,

    /// Addresses of the RAM block.
    pub(super) memory_start: usize,
    pub(super) memory_end: usize,
    pub(super) grants: &'static [GrantSlot],
    pub(super) app_break: Cell<usize>,
    pub(super) kernel_break: Cell<usize>,
    /// End of the highest RAM buffer ever lent in this run.
    pub(super) high_water: Cell<usize>,

    pub(super) mpu_config: RefCell<MpuConfig<C>>,
    pub(super) regions: [Cell<Option<Region>>; EXTRA_REGIONS],

    pub(super) stored_state: Lone<StoredState<C>>,
    pub(super) state: Cell<State>,
    /// A run has begun whose end nobody was told of.
    pub(super) in_run: Cell<bool>,
    pub(super) restart: Cell<Restart>,
    pub(super) completion_code: Cell<Option<Option<u32>>>,
    pub(super) tasks: RefCell<TaskQueue>,
    pub(super) work: Work,

    pub(super) heap_start: Cell<usize>,
    pub(super) stack_start: Cell<usize>,
    pub(super) lowest_stack_pointer: Cell<usize>,
    pub(super) syscalls: Cell<usize>,
    pub(super) timeslice_expirations: Cell<usize>,
    pub(super) dropped_upcalls: Cell<usize>,
    pub(super) restarts: Cell<usize>,
}

/// What [`ProcessStandard::new`] is made of; the loader has checked it.
pub(super) struct Parts<C: Chip + 'static> {
    pub(super) kernel: &'static Kernel,
    pub(super) chip: &'static C,
    pub(super) process_id: ProcessId,
    pub(super) header: TbfHeader<'static>,
    pub(super) flash: &'static [u8],
    pub(super) standing: Standing,
    pub(super) memory_start: usize,
    pub(super) memory_end: usize,
    pub(super) grants: &'static [GrantSlot],
    pub(super) mpu_config: MpuConfig<C>,
}

impl<C: Chip> ProcessStandard<C> {
    pub(super) fn new(parts: Parts<C>) -> Self {
        Self {
            kernel: parts.kernel,
            chip: parts.chip,
            process_id: Cell::new(parts.process_id),
            header: parts.header,
            permissions: parts.header.stated_permissions(),
            flash: parts.flash,
            own_flash_start: parts.flash.as_ptr().addr()
                + parts.header.get_protected_size() as usize,
            standing: parts.standing,
            memory_start: parts.memory_start,
            memory_end: parts.memory_end,
            grants: parts.grants,
            app_break: Cell::new(parts.memory_start),
            kernel_break: Cell::new(parts.memory_end),
            high_water: Cell::new(parts.memory_start),
            mpu_config: RefCell::new(parts.mpu_config),
            regions: [const { Cell::new(None) }; EXTRA_REGIONS],
            stored_state: Lone::new(StoredState::<C>::default()),
            state: Cell::new(State::Terminated),
            in_run: Cell::new(false),
            restart: Cell::new(Restart::None),
            completion_code: Cell::new(None),
            tasks: RefCell::new(TaskQueue::new()),
            work: Work::new(),
            heap_start: Cell::new(0),
            stack_start: Cell::new(0),
            lowest_stack_pointer: Cell::new(usize::MAX),
            syscalls: Cell::new(0),
            timeslice_expirations: Cell::new(0),
            dropped_upcalls: Cell::new(0),
            restarts: Cell::new(0),
        }
    }

    /// Address of the grant table, the upper limit of grants.
    fn grants_top(&self) -> usize {
        self.grants.as_ptr().addr()
    }

    /// Bring everything that belongs to one run to its initial state and queue
    /// the start function.
    pub(super) fn begin_run(&self) -> Result<(), ErrorCode> {
        let boundary = self.chip.userspace_kernel_boundary();
        let app_break = self.memory_start + boundary.initial_process_app_brk_size();

        for grant in self.grants {
            grant.clear();
        }
        self.kernel_break.set(self.grants_top());
        self.high_water.set(self.memory_start);
        self.app_break.set(app_break);
        self.lowest_stack_pointer.set(usize::MAX);
        self.tasks.borrow_mut().clear();
        self.open_own_memory(app_break)?;
        // Only what the process reaches from now on; brk clears the rest.
        self.note_clear(self.memory_start, self.edge());

        let mut stored = StoredState::<C>::default();
        // SAFETY: the bounds are this process's.
        #[allow(unsafe_code)]
        let prepared = unsafe {
            boundary.initialize_process(self.start_pointer(), self.break_pointer(), &mut stored)
        };
        prepared.map_err(|()| ErrorCode::FAIL)?;
        // SAFETY: an assignment uses nothing else.
        #[allow(unsafe_code)]
        unsafe {
            self.stored_state.with(|state| *state = stored);
        }

        let flash = self.flash.as_ptr().addr();
        let start = FunctionCall {
            source: FunctionCallSource::Kernel,
            argument0: self.own_flash_start,
            argument1: self.memory_start,
            argument2: self.memory_end - self.memory_start,
            argument3: app_break,
            pc: flash + self.header.get_init_function_offset() as usize,
        };
        self.in_run.set(true);
        self.state.set(State::Yielded);
        self.enqueue_task(Task::FunctionCall(start))
    }

    /// Make the MPU configuration that of a new run: own flash and RAM only.
    fn open_own_memory(&self, app_break: usize) -> Result<(), ErrorCode> {
        let mpu = self.chip.mpu();
        let mut config = self.mpu_config.borrow_mut();
        mpu.reset_config(&mut config);
        for region in &self.regions {
            region.set(None);
        }
        self.kernel.release_mpu(self.control_block());
        let length = self.flash.len();
        mpu.allocate_region(
            self.flash.as_ptr(),
            length,
            length,
            Permissions::ReadExecuteOnly,
            &mut config,
        )
        .ok_or(ErrorCode::FAIL)?;
        let length = self.memory_end - self.memory_start;
        let block = mpu.allocate_app_memory_region(
            self.start_pointer(),
            length,
            length,
            app_break - self.memory_start,
            kernel_memory_size::<C>(self.grants.len()),
            self.standing.memory,
            &mut config,
        );
        // The same question gets the same answer as when the block was chosen.
        match block {
            Some((start, size)) if start.addr() == self.memory_start && size == length => Ok(()),
            _ => Err(ErrorCode::NOMEM),
        }
    }

    pub(super) fn start_pointer(&self) -> *const u8 {
        core::ptr::with_exposed_provenance(self.memory_start)
    }

    pub(super) fn break_pointer(&self) -> *const u8 {
        core::ptr::with_exposed_provenance(self.app_break.get())
    }

    /// Write zeros from `start` to `end`, inside the process's part of its RAM.
    pub(super) fn zero(&self, start: usize, end: usize) {
        /// Words that are written one after the other; the library's function takes three times as many instructions.
        type Block = [u32; 4];
        if self.memory_start <= start && start <= end && end <= self.kernel_break.get() {
            let first = start.next_multiple_of(align_of::<Block>()).min(end);
            let blocks = (end - first) / size_of::<Block>();
            let last = first + blocks * size_of::<Block>();
            // SAFETY: checked to lie in the RAM block below all kernel data, to
            // which no Rust reference exists; `first` is aligned, or there are no blocks.
            #[allow(unsafe_code)]
            unsafe {
                let memory = |address| core::ptr::with_exposed_provenance_mut::<u8>(address);
                memory(start).write_bytes(0, first - start);
                for block in (first..last).step_by(size_of::<Block>()) {
                    let words = memory(block).cast::<u32>();
                    // Volatile, so that no compiler makes that function of it again.
                    words.write_volatile(0);
                    words.add(1).write_volatile(0);
                    words.add(2).write_volatile(0);
                    words.add(3).write_volatile(0);
                }
                memory(last).write_bytes(0, end - last);
            }
        }
    }

    /// Write one byte below the break.
    pub(super) fn write_byte(&self, address: usize, value: u8) -> bool {
        let inside = self.memory_start <= address && address < self.app_break.get();
        if inside {
            let memory = core::ptr::with_exposed_provenance_mut::<u8>(address);
            // SAFETY: checked to lie in the process's own RAM.
            #[allow(unsafe_code)]
            unsafe {
                memory.write(value);
            }
        }
        inside
    }

    /// Use the stored registers.
    pub(super) fn with_stored_state<R>(
        &self,
        f: impl FnOnce(&C::UserspaceKernelBoundary, &mut StoredState<C>) -> R,
    ) -> R {
        let boundary = self.chip.userspace_kernel_boundary();
        // SAFETY: the uses are those of this module: each calls one method of the boundary, which knows no
        // process and calls nothing of the kernel.
        #[allow(unsafe_code)]
        unsafe {
            self.stored_state.with(|state| f(boundary, state))
        }
    }

    /// Print a part of the registers, for a report; whether there are more parts.
    pub(super) fn print_registers(&self, part: usize, writer: &mut dyn Write) -> bool {
        self.with_stored_state(|boundary, state| {
            // SAFETY: the bounds are this process's.
            #[allow(unsafe_code)]
            unsafe {
                boundary.print_context_part(
                    self.start_pointer(),
                    self.break_pointer(),
                    state,
                    part,
                    writer,
                )
            }
        })
    }

    /// Tell of the end of the run, once, before anything of it is gone.
    pub(super) fn tell_end(&self, end: RunEnd) {
        if self.in_run.replace(false) {
            self.kernel.run_ends(self, end);
        }
    }

    /// What tells this process's regions from those of others. A control block is made once and stays.
    #[inline(always)]
    pub(super) fn control_block(&self) -> ControlBlock {
        ControlBlock::of(self)
    }

    /// End the run; what it kept is gone. Nobody ends a run but through here.
    pub(super) fn end_run(&self) {
        self.tell_end(RunEnd::Asked);
        if let Ok(mut tasks) = self.tasks.try_borrow_mut() {
            tasks.clear();
        }
        for grant in self.grants {
            grant.clear();
        }
        self.work.end_run();
        self.state.set(State::Terminated);
    }
}

/// How many bytes at the end of a RAM block the kernel takes for a process with
/// this many grants: table, control block, and what aligning them may cost.
pub(super) const fn kernel_memory_size<C: Chip + 'static>(grants: usize) -> usize {
    size_of::<ProcessStandard<C>>()
        + align_of::<ProcessStandard<C>>()
        + grants * size_of::<GrantSlot>()
}

/// The base of a grant as a pointer.
pub(super) fn grant_pointer(address: usize) -> Option<NonNull<u8>> {
    NonNull::new(core::ptr::with_exposed_provenance_mut(address))
}

/// What of the RAM block a process uses itself.
impl<C: Chip> ProcessStandard<C> {
    /// Whether `[start, start + length)` is RAM below the break.
    pub(super) fn in_own_ram(&self, start: usize, length: usize) -> bool {
        start >= self.memory_start
            && start
                .checked_add(length)
                .is_some_and(|end| end <= self.app_break.get())
    }

    /// Whether `[start, start + length)` is own flash behind the protected part.
    pub(super) fn in_own_flash(&self, start: usize, length: usize) -> bool {
        let flash_end = self.flash.as_ptr().addr() + self.flash.len();
        start >= self.own_flash_start
            && start
                .checked_add(length)
                .is_some_and(|end| end <= flash_end)
    }
}
