//! A chip of somebody else: interrupts, memory protection, the border to processes, timers.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt::Write;
use core::num::NonZeroU32;

use kernel::ErrorCode;
use kernel::platform::chip::{Chip, InterruptService};
use kernel::platform::mpu::{self, MPU};
use kernel::platform::scheduler_timer::SchedulerTimer;
use kernel::platform::watchdog::WatchDog;
use kernel::process::FunctionCall;
use kernel::syscall::{ContextSwitchReason, SyscallReturn, UserspaceKernelBoundary};

pub(crate) struct OtherChip {
    protection: Protection,
    boundary: Boundary,
}

impl Chip for OtherChip {
    type MPU = Protection;
    type UserspaceKernelBoundary = Boundary;

    fn service_pending_interrupts(&self) {}
    fn has_pending_interrupts(&self) -> bool {
        false
    }
    fn mpu(&self) -> &Protection {
        &self.protection
    }
    fn userspace_kernel_boundary(&self) -> &Boundary {
        &self.boundary
    }
    fn sleep(&self) {}
    fn with_interrupts_disabled<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        f()
    }
    unsafe fn print_state(_: Option<&Self>, _: &mut dyn Write) {}
}

impl InterruptService for OtherChip {
    fn service_interrupt(&self, interrupt: u32) -> bool {
        interrupt == 0
    }
}

pub(crate) struct Protection;

// SAFETY: never used; only its signatures are looked at.
unsafe impl MPU for Protection {
    type MpuConfig = u32;

    fn enable_app_mpu(&self) {}
    unsafe fn disable_app_mpu(&self) {}
    fn number_total_regions(&self) -> usize {
        0
    }
    fn new_config(&self) -> Option<u32> {
        None
    }
    fn reset_config(&self, config: &mut u32) {
        *config = 0;
    }
    fn allocate_region(
        &self,
        _unallocated_memory_start: *const u8,
        _unallocated_memory_size: usize,
        _min_region_size: usize,
        permissions: mpu::Permissions,
        _config: &mut u32,
    ) -> Option<mpu::Region> {
        match permissions {
            mpu::Permissions::ReadWriteExecute
            | mpu::Permissions::ReadWriteOnly
            | mpu::Permissions::ReadExecuteOnly
            | mpu::Permissions::ReadOnly
            | mpu::Permissions::ExecuteOnly => None,
        }
    }
    fn remove_memory_region(&self, region: mpu::Region, _: &mut u32) -> Result<(), ()> {
        let _: (*const u8, usize) = (region.start_address(), region.size());
        Err(())
    }
    fn allocate_app_memory_region(
        &self,
        _unallocated_memory_start: *const u8,
        _unallocated_memory_size: usize,
        _min_memory_size: usize,
        _initial_app_memory_size: usize,
        _initial_kernel_memory_size: usize,
        _permissions: mpu::Permissions,
        _config: &mut u32,
    ) -> Option<(*const u8, usize)> {
        None
    }
    fn update_app_memory_region(
        &self,
        _app_memory_break: *const u8,
        _kernel_memory_break: *const u8,
        _permissions: mpu::Permissions,
        _config: &mut u32,
    ) -> Result<(), ()> {
        Err(())
    }
    unsafe fn configure_mpu(&self, _: &u32) {}
}

pub(crate) struct Boundary;

impl UserspaceKernelBoundary for Boundary {
    type StoredState = ();

    fn initial_process_app_brk_size(&self) -> usize {
        0
    }
    unsafe fn initialize_process(
        &self,
        _accessible_memory_start: *const u8,
        _app_brk: *const u8,
        _state: &mut (),
    ) -> Result<(), ()> {
        Ok(())
    }
    unsafe fn set_syscall_return_value(
        &self,
        _accessible_memory_start: *const u8,
        _app_brk: *const u8,
        _state: &mut (),
        _return_value: SyscallReturn,
    ) -> Result<(), ()> {
        Ok(())
    }
    unsafe fn set_process_function(
        &self,
        _accessible_memory_start: *const u8,
        _app_brk: *const u8,
        _state: &mut (),
        _callback: FunctionCall,
    ) -> Result<(), ()> {
        Ok(())
    }
    unsafe fn switch_to_process(
        &self,
        _accessible_memory_start: *const u8,
        _app_brk: *const u8,
        _state: &mut (),
    ) -> (ContextSwitchReason, Option<*const u8>) {
        (ContextSwitchReason::Fault, None)
    }
    unsafe fn print_context(
        &self,
        _accessible_memory_start: *const u8,
        _app_brk: *const u8,
        _state: &(),
        _writer: &mut dyn Write,
    ) {
    }
    fn store_context(&self, _state: &(), _out: &mut [u8]) -> Result<usize, ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
}

struct SliceTimer(Cell<u32>);

impl SchedulerTimer for SliceTimer {
    fn start(&self, us: NonZeroU32) {
        self.0.set(us.get());
    }
    fn reset(&self) {}
    fn arm(&self) {}
    fn disarm(&self) {}
    fn get_remaining_us(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.0.get())
    }
}

impl WatchDog for SliceTimer {
    fn setup(&self) {}
    fn tickle(&self) {}
    fn suspend(&self) {}
    fn resume(&self) {}
}
