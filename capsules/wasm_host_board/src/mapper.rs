//! Opens blocks to processes through what upstream's kernel has for it.
//!
//! `Process::add_mpu_region` makes regions of strongly ordered memory, readable and writeable, never executable. Three
//! things about it have to be known, and this module keeps within what is safe of each:
//!
//! * It is exact for blocks whose length is a power of two and that are aligned to it. Others are not opened.
//! * The processor has eight regions, of which five are left beside a process's RAM and flash.
//! * The kernel keeps a table of six, and forgets to clear it when the process restarts. If it is full, a region is opened
//!   and refused at once. So never more than five are asked for, those counted that a process took to its end.

use core::cell::Cell;
use core::ptr;
use kernel::Kernel;
use kernel::capabilities::ProcessManagementCapability;
use kernel::platform::mpu::Region;
use kernel::process::ProcessId;
use wasm_host::Mapper;

/// Regions that may be open, and that the kernel may believe to be.
const REGIONS: u8 = 5;

/// Smallest region of a PMSAv7 unit.
const SMALLEST: usize = 32;

/// The mapper of a board on which one process has claims: the supervisor.
pub struct RegionMapper<C: ProcessManagementCapability> {
    kernel: &'static Kernel,
    capability: C,
    /// Regions that are open, and those that were when the process ended.
    taken: Cell<u8>,
}

impl<C: ProcessManagementCapability> RegionMapper<C> {
    /// A mapper for the processes of `kernel`.
    pub const fn new(kernel: &'static Kernel, capability: C) -> Self {
        Self {
            kernel,
            capability,
            taken: Cell::new(0),
        }
    }
}

impl<C: ProcessManagementCapability> Mapper for RegionMapper<C> {
    fn open(&self, process: ProcessId, start: usize, length: usize) -> bool {
        let exact = length >= SMALLEST && length.is_power_of_two() && start % length == 0;
        if !exact || self.taken.get() >= REGIONS {
            return false;
        }
        let first = ptr::without_provenance(start);
        let opened = self.kernel.process_map_or_external(
            false,
            process,
            |process| match process.add_mpu_region(first, length, length) {
                Some(region) if region.start_address() == first && region.size() == length => true,
                Some(other) => {
                    let _ = process.remove_mpu_region(other);
                    false
                }
                None => false,
            },
            &self.capability,
        );
        if opened {
            self.taken.set(self.taken.get() + 1);
        }
        opened
    }

    fn close(&self, process: ProcessId, start: usize, length: usize) {
        let region = Region::new(ptr::without_provenance(start), length);
        let removed = self.kernel.process_map_or_external(
            false,
            process,
            |process| process.remove_mpu_region(region).is_ok(),
            &self.capability,
        );
        // A process that is gone has taken its place in the kernel's table with it.
        if removed {
            self.taken.set(self.taken.get().saturating_sub(1));
        }
    }
}
