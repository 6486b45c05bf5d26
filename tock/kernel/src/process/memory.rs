//! The memory of a [`ProcessStandard`]: break, lent buffers, regions, grants.

use core::cell::Cell;
use core::mem::size_of;
use core::ptr::NonNull;

use super::standard::{MpuConfig, ProcessStandard, grant_pointer};
use super::tasks::TaskQueue;
use super::{
    Error, Process, ProcessAddress, ProcessAddresses, ProcessGrants, ProcessMemory, ProcessSizes,
};
use crate::errorcode::ErrorCode;
use crate::platform::chip::Chip;
use crate::platform::mpu::{MPU, Permissions, Region};
use crate::processbuffer::{ReadOnlyProcessBuffer, ReadWriteProcessBuffer};
#[cfg(any(test, feature = "test-utils"))]
use crate::utilities::cells::NumericCellExt;

/// Opens a region in a configuration of the MPU.
type Allocate<'a, C> = dyn Fn(&<C as Chip>::MPU, &mut MpuConfig<C>) -> Option<Region> + 'a;

/// Bytes that must be the process's own where it wants a function called.
const FUNCTION_MIN: usize = 4;

/// Where one grant of the process lies.
pub(super) struct GrantSlot {
    driver_num: Cell<usize>,
    /// Address, 0 if not allocated; bit 0: entered.
    base: Cell<usize>,
}

impl GrantSlot {
    pub(super) const fn new() -> Self {
        Self {
            driver_num: Cell::new(0),
            base: Cell::new(0),
        }
    }

    fn address(&self) -> usize {
        self.base.get() & !1
    }

    pub(super) fn is_allocated(&self) -> bool {
        self.address() != 0
    }

    /// Whether it is allocated to this driver.
    pub(super) fn serves(&self, driver_num: usize) -> bool {
        self.is_allocated() && self.driver_num.get() == driver_num
    }

    /// The driver that it is or was allocated to.
    pub(super) fn driver(&self) -> usize {
        self.driver_num.get()
    }

    pub(super) fn is_entered(&self) -> bool {
        self.base.get() & 1 != 0
    }

    /// Not allocated; stays marked as entered until it is left.
    pub(super) fn clear(&self) {
        self.base.set(self.base.get() & 1);
    }
}

impl<C: Chip> ProcessStandard<C> {
    /// Move one border, if the MPU can follow.
    fn move_breaks(&self, app_break: usize, kernel_break: usize) -> Result<(), Error> {
        let mut config = self
            .mpu_config
            .try_borrow_mut()
            .map_err(|_| Error::KernelError)?;
        self.chip
            .mpu()
            .update_app_memory_region(
                core::ptr::with_exposed_provenance(app_break),
                core::ptr::with_exposed_provenance(kernel_break),
                self.standing.memory,
                &mut config,
            )
            .map_err(|()| Error::OutOfMemory)?;
        self.kernel.release_mpu(self.control_block());
        self.app_break.set(app_break);
        self.kernel_break.set(kernel_break);
        Ok(())
    }

    /// Where what the process reaches of its block ends: at the break, or above it as far as the MPU
    /// is coarser.
    pub(super) fn edge(&self) -> usize {
        let known = self
            .mpu_config
            .try_borrow()
            .ok()
            .and_then(|config| self.chip.mpu().app_memory_end(&config));
        // What is not known is taken for open.
        known.map_or(self.kernel_break.get(), |end| end.addr())
    }

    /// Write the configuration to the hardware, unless it is there; whether it is. The kernel knows what
    /// is there, and nobody else does.
    #[inline(always)]
    pub(super) fn activate_mpu(&self) -> bool {
        self.kernel.owns_mpu(self.control_block()) || self.write_mpu()
    }

    #[cold]
    fn write_mpu(&self) -> bool {
        let Ok(config) = self.mpu_config.try_borrow() else {
            return false;
        };
        let mpu = self.chip.mpu();
        // SAFETY: called for the process that runs next, by `switch_to`.
        #[allow(unsafe_code)]
        unsafe {
            mpu.configure_mpu(&config);
        }
        mpu.enable_app_mpu();
        self.kernel.set_mpu_owner(self.control_block());
        true
    }

    /// Open a region with `allocate` and remember it; nothing is opened unless
    /// there is room to remember it and the board allows it. One copy of it for all kinds of regions.
    #[inline(never)]
    fn open_region(&self, allocate: &Allocate<'_, C>) -> Option<Region> {
        if !self.is_running() {
            return None;
        }
        let slot = self.regions.iter().find(|slot| slot.get().is_none())?;
        let mut config = self.mpu_config.try_borrow_mut().ok()?;
        let region = allocate(self.chip.mpu(), &mut config)?;
        if !self.kernel.may_open(region) {
            // Not in the hardware yet: the configuration is written before the process runs.
            let _ = self.chip.mpu().remove_memory_region(region, &mut config);
            return None;
        }
        slot.set(Some(region));
        self.kernel.release_mpu(self.control_block());
        Some(region)
    }

    /// Remember that RAM up to `end` is lent.
    fn raise_high_water(&self, end: usize) {
        if end > self.high_water.get() {
            self.high_water.set(end);
        }
    }
}

impl<C: Chip> ProcessMemory for ProcessStandard<C> {
    fn brk(&self, new_break: usize) -> Result<usize, Error> {
        if !self.is_running() {
            return Err(Error::InactiveApp);
        }
        if new_break < self.high_water.get() || new_break >= self.memory_end {
            return Err(Error::AddressOutOfBounds);
        }
        if new_break > self.kernel_break.get() {
            return Err(Error::OutOfMemory);
        }
        let old_break = self.app_break.get();
        self.move_breaks(new_break, self.kernel_break.get())?;
        // Whatever was there before must not show: an earlier run's data, what the kernel left, or
        // this run's own from before it shrank. The MPU opens more than what is below the break.
        self.clear(old_break.min(new_break), self.edge());
        Ok(old_break)
    }

    fn is_being_cleared(&self) -> bool {
        self.work.is_clearing()
    }

    fn sbrk(&self, increment: isize) -> Result<usize, Error> {
        let old_break = self.app_break.get();
        if increment == 0 {
            return if self.is_running() {
                Ok(old_break)
            } else {
                Err(Error::InactiveApp)
            };
        }
        let new_break = old_break
            .checked_add_signed(increment)
            .ok_or(Error::AddressOutOfBounds)?;
        self.brk(new_break)
    }

    fn address(&self, which: ProcessAddress) -> usize {
        match which {
            ProcessAddress::RamStart => self.memory_start,
            ProcessAddress::RamEnd => self.memory_end,
            ProcessAddress::FlashStart => self.flash.as_ptr().addr(),
            ProcessAddress::FlashEnd => self.flash.as_ptr().addr() + self.flash.len(),
            ProcessAddress::GrantStart => self.kernel_break.get(),
        }
    }

    fn get_addresses(&self) -> ProcessAddresses {
        let flash_start = self.flash.as_ptr().addr();
        let known = |cell: &Cell<usize>| Some(cell.get()).filter(|&address| address != 0);
        ProcessAddresses {
            flash_start,
            flash_non_protected_start: self.own_flash_start,
            flash_end: flash_start + self.flash.len(),
            sram_start: self.memory_start,
            sram_app_brk: self.app_break.get(),
            sram_grant_start: self.kernel_break.get(),
            sram_end: self.memory_end,
            sram_heap_start: known(&self.heap_start),
            sram_stack_top: known(&self.stack_start),
            sram_stack_bottom: Some(self.lowest_stack_pointer.get())
                .filter(|&address| address != usize::MAX),
        }
    }

    fn get_sizes(&self) -> ProcessSizes {
        ProcessSizes {
            grant_pointers: size_of_val(self.grants),
            upcall_list: size_of::<TaskQueue>(),
            process_control_block: size_of::<Self>(),
        }
    }

    fn number_writeable_flash_regions(&self) -> usize {
        self.header.number_writeable_flash_regions()
    }

    fn get_writeable_flash_region(&self, index: usize) -> Option<(usize, usize)> {
        self.header
            .get_writeable_flash_region(index)
            .map(|(offset, size)| (offset as usize, size as usize))
    }

    fn update_stack_start_pointer(&self, stack_pointer: usize) {
        if self.in_own_ram(stack_pointer, 0) {
            self.stack_start.set(stack_pointer);
        }
    }

    fn update_heap_start_pointer(&self, heap_pointer: usize) {
        if self.in_own_ram(heap_pointer, 0) {
            self.heap_start.set(heap_pointer);
        }
    }

    fn build_readwrite_process_buffer(
        &self,
        buf_start_addr: usize,
        size: usize,
    ) -> Result<ReadWriteProcessBuffer, ErrorCode> {
        if !self.is_running() {
            return Err(ErrorCode::FAIL);
        }
        // TRD104 4.4: a buffer of length zero may have any address.
        if size != 0 {
            if !self.in_own_ram(buf_start_addr, size) {
                return Err(ErrorCode::INVAL);
            }
            self.raise_high_water(buf_start_addr + size);
        }
        // SAFETY: empty, or `in_own_ram` just found the range below the break,
        // which the high-water mark now keeps above it; the kernel makes no
        // references to that memory except cells.
        #[allow(unsafe_code)]
        Ok(unsafe { ReadWriteProcessBuffer::new(buf_start_addr, size, self.processid()) })
    }

    fn build_readonly_process_buffer(
        &self,
        buf_start_addr: usize,
        size: usize,
    ) -> Result<ReadOnlyProcessBuffer, ErrorCode> {
        if !self.is_running() {
            return Err(ErrorCode::FAIL);
        }
        if size != 0 {
            if self.in_own_ram(buf_start_addr, size) {
                self.raise_high_water(buf_start_addr + size);
            } else if !self.in_own_flash(buf_start_addr, size) {
                return Err(ErrorCode::INVAL);
            }
        }
        // SAFETY: as above; flash is never written through it.
        #[allow(unsafe_code)]
        Ok(unsafe { ReadOnlyProcessBuffer::new(buf_start_addr, size, self.processid()) })
    }

    fn set_byte(&self, addr: usize, value: u8) -> bool {
        self.write_byte(addr, value)
    }

    fn is_valid_upcall_function_pointer(&self, upcall_fn: usize) -> bool {
        self.in_own_flash(upcall_fn, FUNCTION_MIN) || self.in_own_ram(upcall_fn, FUNCTION_MIN)
    }

    fn setup_mpu(&self) {
        let _ = self.activate_mpu();
    }

    fn add_mpu_region(
        &self,
        unallocated_memory_start: *const u8,
        unallocated_memory_size: usize,
        min_region_size: usize,
    ) -> Option<Region> {
        self.open_region(&|mpu, config| {
            mpu.allocate_region(
                unallocated_memory_start,
                unallocated_memory_size,
                min_region_size,
                Permissions::ReadWriteOnly,
                config,
            )
        })
    }

    fn add_peripheral_region(
        &self,
        start: *const u8,
        size: usize,
        permissions: Permissions,
    ) -> Option<Region> {
        self.open_region(&|mpu, config| {
            mpu.allocate_peripheral_region(start, size, permissions, config)
        })
    }

    fn add_read_only_region(&self, start: *const u8, size: usize) -> Option<Region> {
        // With nothing to spare, a region that fits is exact.
        self.open_region(&|mpu, config| {
            mpu.allocate_region(start, size, size, Permissions::ReadOnly, config)
        })
    }

    fn add_executable_region(&self, start: *const u8, size: usize) -> Option<Region> {
        self.open_region(&|mpu, config| {
            mpu.allocate_region(start, size, size, Permissions::ReadExecuteOnly, config)
        })
    }

    fn remove_mpu_region(&self, region: Region) -> Result<(), ErrorCode> {
        let slot = self
            .regions
            .iter()
            .find(|slot| slot.get() == Some(region))
            .ok_or(ErrorCode::INVAL)?;
        let mut config = self
            .mpu_config
            .try_borrow_mut()
            .map_err(|_| ErrorCode::FAIL)?;
        self.chip
            .mpu()
            .remove_memory_region(region, &mut config)
            .map_err(|()| ErrorCode::INVAL)?;
        slot.set(None);
        self.kernel.release_mpu(self.control_block());
        Ok(())
    }
}

impl<C: Chip> ProcessGrants for ProcessStandard<C> {
    fn allocate_grant(
        &self,
        grant_num: usize,
        driver_num: usize,
        size: usize,
        align: usize,
    ) -> Result<NonNull<u8>, Error> {
        if !self.is_running() {
            return Err(Error::InactiveApp);
        }
        let slot = self.grants.get(grant_num).ok_or(Error::KernelError)?;
        let taken = |slot: &GrantSlot| slot.serves(driver_num);
        if slot.is_allocated() || slot.is_entered() || self.grants.iter().any(taken) {
            return Err(Error::AlreadyInUse);
        }
        // Bit 0 of the address is the entered mark.
        let align = align.max(2);
        let lowered = self.kernel_break.get().checked_sub(size);
        let base = lowered.ok_or(Error::OutOfMemory)? & !(align - 1);
        if base < self.app_break.get() {
            return Err(Error::OutOfMemory);
        }
        self.move_breaks(self.app_break.get(), base)?;
        slot.driver_num.set(driver_num);
        slot.base.set(base);
        grant_pointer(base).ok_or(Error::KernelError)
    }

    fn grant_is_allocated(&self, grant_num: usize) -> Option<bool> {
        #[cfg(any(test, feature = "test-utils"))]
        self.kernel.looks.increment();
        if !self.is_running() {
            return None;
        }
        self.grants.get(grant_num).map(GrantSlot::is_allocated)
    }

    fn enter_grant(&self, grant_num: usize) -> Result<NonNull<u8>, Error> {
        #[cfg(any(test, feature = "test-utils"))]
        self.kernel.looks.increment();
        if !self.is_running() {
            return Err(Error::InactiveApp);
        }
        let slot = self.grants.get(grant_num).ok_or(Error::KernelError)?;
        let base = slot.base.get();
        if base & 1 != 0 {
            return Err(Error::AlreadyInUse);
        }
        let pointer = grant_pointer(base).ok_or(Error::OutOfMemory)?;
        slot.base.set(base | 1);
        Ok(pointer)
    }

    fn leave_grant(&self, grant_num: usize) {
        if let Some(slot) = self.grants.get(grant_num) {
            slot.base.set(slot.address());
        }
    }

    fn lookup_grant_from_driver_num(&self, driver_num: usize) -> Option<NonNull<u8>> {
        let slot = self.grants.iter().find(|slot| slot.serves(driver_num))?;
        grant_pointer(slot.address())
    }

    fn grant_allocated_count(&self) -> usize {
        self.grants.iter().filter(|s| s.is_allocated()).count()
    }
}
