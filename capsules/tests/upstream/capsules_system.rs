//! Of upstream Tock's `capsules-system` what the example board uses: paths and signatures, and no behaviour.

#![no_std]
#![allow(unused_variables, clippy::all)]

pub mod process_policies {
    use kernel::process::{FaultAction, Process, ProcessFaultPolicy};

    pub struct RestartWithDebugFaultPolicy {}

    impl ProcessFaultPolicy for RestartWithDebugFaultPolicy {
        fn action(&self, process: &dyn Process) -> FaultAction {
            FaultAction::Restart
        }
    }
}
