//! Opens exposed blocks to the process that claimed them.

use kernel::Kernel;
use kernel::capabilities::ProcessManagementCapability;
use kernel::platform::mpu::{Permissions, Region};
use kernel::process::ProcessId;
use wasm_host::Mapper;

/// The protection regions of processes, for `wasm_host`.
pub(crate) struct Regions {
    kernel: &'static Kernel,
}

// SAFETY: only the mapper below uses it, and only to open and close blocks of
// the table of exposures.
unsafe impl ProcessManagementCapability for Regions {}

impl Regions {
    /// For the processes of `kernel`.
    pub(crate) const fn new(kernel: &'static Kernel) -> Self {
        Self { kernel }
    }
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
