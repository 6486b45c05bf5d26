//! A chip that exists only in tests.

use core::cell::{Cell, RefCell};
use core::fmt::{self, Display, Write};
use core::num::NonZeroU32;
use std::collections::VecDeque;
use std::vec::Vec;

use crate::platform::chip::Chip;
use crate::platform::mpu::{MPU, Permissions, Region};
use crate::platform::scheduler_timer::SchedulerTimer;
use crate::process::FunctionCall;
use crate::syscall::{ContextSwitchReason, SyscallReturn, UserspaceKernelBoundary};

/// A chip without hardware.
#[derive(Default)]
pub struct FakeChip {
    /// Its MPU.
    pub mpu: FakeMpu,
    /// Its way into processes.
    pub boundary: FakeBoundary,
    /// Whether an interrupt is pending; servicing clears it.
    pub interrupt: Cell<bool>,
    /// How often it slept.
    pub sleeps: Cell<usize>,
}

impl Chip for FakeChip {
    type MPU = FakeMpu;
    type UserspaceKernelBoundary = FakeBoundary;

    fn service_pending_interrupts(&self) {
        self.interrupt.set(false);
        self.boundary.exhausted.set(false);
    }
    fn has_pending_interrupts(&self) -> bool {
        self.interrupt.get() || self.boundary.exhausted.get()
    }
    fn mpu(&self) -> &FakeMpu {
        &self.mpu
    }
    fn userspace_kernel_boundary(&self) -> &FakeBoundary {
        &self.boundary
    }
    fn sleep(&self) {
        self.sleeps.set(self.sleeps.get() + 1);
    }
    fn with_interrupts_disabled<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        f()
    }
    #[allow(unsafe_code)]
    unsafe fn print_state(_this: Option<&Self>, writer: &mut dyn Write) {
        let _ = writer.write_str("fake chip\r\n");
    }
}

/// Bytes a process of the fake chip can use before it first moves its break.
pub(crate) const INITIAL_BREAK: usize = 64;

/// Runs processes from a script and records what the kernel hands them.
#[derive(Default)]
pub struct FakeBoundary {
    /// Why the process stops, one for each time it is run. After the last one
    /// an interrupt is pending, which stops the kernel from running a process on.
    pub script: RefCell<VecDeque<ContextSwitchReason>>,
    /// The script has come to its end.
    exhausted: Cell<bool>,
    /// The last return value handed over.
    pub returned: Cell<Option<SyscallReturn>>,
    /// All functions that processes were made to run.
    pub calls: RefCell<Vec<FunctionCall>>,
    /// Pretend that the process's stack is broken.
    pub broken_stack: Cell<bool>,
}

impl FakeBoundary {
    fn stack(&self) -> Result<(), ()> {
        if self.broken_stack.get() {
            Err(())
        } else {
            Ok(())
        }
    }
}

#[allow(unsafe_code)]
impl UserspaceKernelBoundary for FakeBoundary {
    type StoredState = ();

    fn initial_process_app_brk_size(&self) -> usize {
        INITIAL_BREAK
    }

    unsafe fn initialize_process(&self, _: *const u8, _: *const u8, _: &mut ()) -> Result<(), ()> {
        Ok(())
    }

    unsafe fn set_syscall_return_value(
        &self,
        _: *const u8,
        _: *const u8,
        _: &mut (),
        return_value: SyscallReturn,
    ) -> Result<(), ()> {
        self.stack()?;
        self.returned.set(Some(return_value));
        Ok(())
    }

    unsafe fn set_process_function(
        &self,
        _: *const u8,
        _: *const u8,
        _: &mut (),
        upcall: FunctionCall,
    ) -> Result<(), ()> {
        self.stack()?;
        self.calls.borrow_mut().push(upcall);
        Ok(())
    }

    unsafe fn switch_to_process(
        &self,
        _: *const u8,
        app_brk: *const u8,
        _: &mut (),
    ) -> (ContextSwitchReason, Option<*const u8>) {
        let mut script = self.script.borrow_mut();
        let reason = script.pop_front();
        self.exhausted.set(script.is_empty());
        (
            reason.unwrap_or(ContextSwitchReason::Interrupted),
            Some(app_brk),
        )
    }

    unsafe fn print_context(&self, _: *const u8, _: *const u8, _: &(), writer: &mut dyn Write) {
        let _ = writer.write_str(" registers: none\r\n");
    }
}

/// An MPU with regions of any size at multiples of 32 bytes.
#[derive(Default)]
pub struct FakeMpu {
    /// How often a configuration was written.
    pub configured: Cell<usize>,
    /// The regions of the configuration written last.
    pub active: RefCell<Vec<(Region, Permissions)>>,
}

/// The regions of one process.
#[derive(Default)]
pub struct FakeConfig {
    regions: Vec<(Region, Permissions)>,
    block_start: usize,
}

impl Display for FakeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " MPU: {} regions", self.regions.len())
    }
}

const GRANULE: usize = 32;
const REGIONS: usize = 8;

fn overlaps(a: &Region, start: usize, size: usize) -> bool {
    let a_start = a.start_address().addr();
    a_start < start + size && start < a_start + a.size()
}

#[allow(unsafe_code)]
// SAFETY: protects nothing, but nothing runs on it either.
unsafe impl MPU for FakeMpu {
    type MpuConfig = FakeConfig;

    fn enable_app_mpu(&self) {}

    unsafe fn disable_app_mpu(&self) {}

    fn number_total_regions(&self) -> usize {
        REGIONS
    }

    fn new_config(&self) -> Option<FakeConfig> {
        Some(FakeConfig::default())
    }

    fn reset_config(&self, config: &mut FakeConfig) {
        *config = FakeConfig::default();
    }

    fn allocate_region(
        &self,
        unallocated_memory_start: *const u8,
        unallocated_memory_size: usize,
        min_region_size: usize,
        permissions: Permissions,
        config: &mut FakeConfig,
    ) -> Option<Region> {
        let start = unallocated_memory_start.addr();
        let size = min_region_size.next_multiple_of(GRANULE);
        let fits = start.is_multiple_of(GRANULE) && size <= unallocated_memory_size;
        let free = !config.regions.iter().any(|(r, _)| overlaps(r, start, size));
        if !fits || !free || config.regions.len() >= REGIONS {
            return None;
        }
        let region = Region::new(unallocated_memory_start, size);
        config.regions.push((region, permissions));
        Some(region)
    }

    fn allocate_peripheral_region(
        &self,
        start: *const u8,
        size: usize,
        permissions: Permissions,
        config: &mut FakeConfig,
    ) -> Option<Region> {
        if !size.is_multiple_of(GRANULE) {
            return None;
        }
        self.allocate_region(start, size, size, permissions, config)
    }

    fn remove_memory_region(&self, region: Region, config: &mut FakeConfig) -> Result<(), ()> {
        let index = config.regions.iter().position(|(r, _)| *r == region);
        config.regions.remove(index.ok_or(())?);
        Ok(())
    }

    fn allocate_app_memory_region(
        &self,
        unallocated_memory_start: *const u8,
        unallocated_memory_size: usize,
        min_memory_size: usize,
        initial_app_memory_size: usize,
        initial_kernel_memory_size: usize,
        permissions: Permissions,
        config: &mut FakeConfig,
    ) -> Option<(*const u8, usize)> {
        let raw = unallocated_memory_start.addr();
        let start = raw.next_multiple_of(GRANULE);
        let needed = initial_app_memory_size.next_multiple_of(GRANULE)
            + initial_kernel_memory_size.next_multiple_of(GRANULE);
        let size = min_memory_size.max(needed).next_multiple_of(GRANULE);
        if start - raw + size > unallocated_memory_size {
            return None;
        }
        let start = core::ptr::with_exposed_provenance(start);
        let own = Region::new(start, initial_app_memory_size.next_multiple_of(GRANULE));
        config.regions.push((own, permissions));
        config.block_start = start.addr();
        Some((start, size))
    }

    fn update_app_memory_region(
        &self,
        app_memory_break: *const u8,
        kernel_memory_break: *const u8,
        permissions: Permissions,
        config: &mut FakeConfig,
    ) -> Result<(), ()> {
        let size = app_memory_break.addr() - config.block_start;
        let size = size.next_multiple_of(GRANULE);
        if config.block_start + size > kernel_memory_break.addr() {
            return Err(());
        }
        let start = config.block_start;
        for (region, allowed) in &mut config.regions {
            if region.start_address().addr() == start {
                *region = Region::new(region.start_address(), size);
                *allowed = permissions;
            }
        }
        Ok(())
    }

    fn app_memory_end(&self, config: &FakeConfig) -> Option<*const u8> {
        let block = config
            .regions
            .iter()
            .find(|(region, _)| region.start_address().addr() == config.block_start)?;
        Some(block.0.start_address().wrapping_add(block.0.size()))
    }

    unsafe fn configure_mpu(&self, config: &FakeConfig) {
        self.configured.set(self.configured.get() + 1);
        *self.active.borrow_mut() = config.regions.clone();
    }
}

/// A time-slice timer that a test turns by hand.
#[derive(Default)]
pub struct FakeTimer {
    /// What is left of the slice in microseconds; 0 expired.
    pub left: Cell<u32>,
    /// A slice is over as soon as it begins.
    pub expires_at_once: Cell<bool>,
}

impl SchedulerTimer for FakeTimer {
    fn start(&self, us: NonZeroU32) {
        let us = if self.expires_at_once.get() {
            0
        } else {
            us.get()
        };
        self.left.set(us);
    }
    fn reset(&self) {
        self.left.set(0);
    }
    fn arm(&self) {}
    fn disarm(&self) {}
    fn get_remaining_us(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.left.get())
    }
}
