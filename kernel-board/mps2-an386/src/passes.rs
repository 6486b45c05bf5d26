//! Between drivers that work in passes and the kernel that gives them.

use capsules_core::passes::Passes;
use kernel::Kernel;
use kernel::deferred_call::DeferredCall;
use kernel::process::ProcessId;

/// Asks the kernel for passes of one driver.
pub(crate) struct Requests {
    kernel: &'static Kernel,
    driver_num: usize,
}

impl Requests {
    /// For the driver with this number.
    pub(crate) const fn new(kernel: &'static Kernel, driver_num: usize) -> Self {
        Self { kernel, driver_num }
    }
}

impl Passes for Requests {
    fn request(&self, process: ProcessId) -> bool {
        self.kernel.request_pass(process, self.driver_num)
    }

    fn put_off(&self, call: &DeferredCall) {
        call.set_later();
    }
}
