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

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::test_utils::{TestApp, TestKernel};
    use std::vec::Vec;

    struct Management;
    // SAFETY: of this test.
    unsafe impl ProcessManagementCapability for Management {}

    #[test]
    fn what_the_unit_cannot_do_exactly_is_not_opened() {
        let test = TestKernel::new();
        let process = test.start(&TestApp::default());
        let mapper = RegionMapper::new(test.kernel, Management);
        for (start, length) in [
            (0x4000_3000, 0x30),
            (0x4000_3010, 0x20),
            (0x4000_0000, 16),
            (0, 0),
        ] {
            assert!(!mapper.open(process.id(), start, length), "{start:#x}");
        }
        assert!(mapper.open(process.id(), 0x4000_2000, 0x1000));
        assert!(
            !mapper.open(process.id(), 0x4000_2000, 0x1000),
            "it is open"
        );
        process.as_process().setup_mpu();
        let regions = test.chip.mpu.active.borrow();
        assert!(regions.iter().any(|(region, _)| region.size() == 0x1000));
    }

    #[test]
    fn never_more_is_asked_for_than_upstreams_table_holds() {
        let test = TestKernel::new();
        let process = test.start(&TestApp::default());
        let mapper = RegionMapper::new(test.kernel, Management);
        let open = |from: usize| -> Vec<usize> {
            (from..from + 6)
                .map(|number| 0x4000_0000 + number * 0x1000)
                .filter(|start| mapper.open(process.id(), *start, 0x1000))
                .collect()
        };
        let first = open(0);
        assert_eq!(first.len(), 5);
        for start in &first[..3] {
            mapper.close(process.id(), *start, 0x1000);
        }
        assert_eq!(open(8).len(), 3);
        // A run that ends with its regions open: two of the table's places are as good as lost, by upstream's way of counting.
        let id = process.id();
        for start in [8, 9, 10].map(|number| 0x4000_0000 + number * 0x1000) {
            mapper.close(id, start, 0x1000);
        }
        process.restart();
        for start in &first[3..] {
            mapper.close(id, *start, 0x1000);
        }
        assert_eq!(open(16).len(), 3);
    }
}
