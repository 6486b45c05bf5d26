//! Opens exposed blocks to the process that claimed them, and to the supervisor the store and the code that it has compiled.

#![allow(unsafe_code)]

use flash_partition::Guard;
use kernel::Kernel;
use kernel::capabilities::ProcessManagementCapability;
use kernel::platform::mpu::{Permissions, Region};
use kernel::process::ProcessId;
use wasm_host::Mapper;

use crate::exposures::MAPPED;
use crate::{layout, places};

/// The protection regions of processes, for `wasm_host` and `flash_partition`.
pub(crate) struct Regions {
    kernel: &'static Kernel,
}

// SAFETY: only mapper and guard below use it, and only to open and close blocks of
// the table of exposures, to tell the supervisor from others, and to let it read its store and execute its code.
unsafe impl ProcessManagementCapability for Regions {}

impl Regions {
    /// For the processes of `kernel`, which from now on opens what may be mapped and
    /// refuses all else.
    pub(crate) fn new(kernel: &'static Kernel) -> Self {
        let regions = Self { kernel };
        kernel.set_openable_regions(openable, &regions);
        regions
    }
}

/// What the table of exposures calls mapped, block by block, the store, the code, and nothing else. However many blocks there are, few are looked at.
fn openable(region: Region) -> bool {
    let block = (region.start_address().addr(), region.size());
    block == layout::store_flash()
        || block == layout::code_flash()
        || MAPPED.binary_search(&block).is_ok()
}

impl Mapper for Regions {
    fn open(&self, process: ProcessId, start: usize, length: usize) -> bool {
        let start = core::ptr::without_provenance(start);
        self.kernel.process_map_or_external(
            false,
            process,
            |process| {
                process
                    .add_peripheral_region(start, length, Permissions::ReadWriteOnly)
                    .is_some()
            },
            self,
        )
    }

    /// The kernel makes a process's regions anew for each run; one that has ended does not execute.
    fn closes_with_run(&self) -> bool {
        true
    }

    fn close(&self, process: ProcessId, start: usize, length: usize) {
        let region = Region::new(core::ptr::without_provenance(start), length);
        self.kernel.process_map_or_external(
            (),
            process,
            // Fails only for a region that is not open, which is as good.
            |process| {
                let _ = process.remove_mpu_region(region);
            },
            self,
        );
    }
}

/// The store is for whatever stands in the supervisor's place, as the filter has it.
impl Guard for Regions {
    fn admits(&self, process: ProcessId) -> bool {
        self.kernel.process_map_or_external(
            false,
            process,
            |process| process.place() == places::SUPERVISOR,
            self,
        )
    }

    /// All of the store's region of the memory map, its unused first page too: so the
    /// shape is one that the hardware can do.
    fn open(&self, process: ProcessId, _start: usize, _length: usize) -> bool {
        let (start, length) = layout::store_flash();
        let start = core::ptr::without_provenance(start);
        self.kernel.process_map_or_external(
            false,
            process,
            |process| process.add_read_only_region(start, length).is_some(),
            self,
        )
    }
}

/// The flash for compiled code is for the same process. Nothing that it can write to it can execute: its RAM, store and blocks
/// are execute-never, and this, like its image, is read-only.
pub(crate) struct CodeGuard(pub(crate) &'static Regions);

impl Guard for CodeGuard {
    fn admits(&self, process: ProcessId) -> bool {
        self.0.admits(process)
    }

    fn open(&self, process: ProcessId, start: usize, length: usize) -> bool {
        let start = core::ptr::without_provenance(start);
        let regions = self.0;
        regions.kernel.process_map_or_external(
            false,
            process,
            |process| process.add_executable_region(start, length).is_some(),
            regions,
        )
    }
}
