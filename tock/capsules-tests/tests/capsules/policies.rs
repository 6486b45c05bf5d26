//! What becomes of a process that faults, by each policy.

use capsules_system::process_policies::*;
use kernel::process::{FaultAction, ProcessFaultPolicy};
use kernel::test_utils::{TestApp, TestKernel};

#[test]
fn each_policy_does_what_its_name_says() {
    use FaultAction::{Panic, Restart, Stop};
    let process = TestKernel::new().start(&TestApp::default());
    let policies: [(&dyn ProcessFaultPolicy, [FaultAction; 3]); 7] = [
        (&PanicFaultPolicy {}, [Panic; 3]),
        (&StopFaultPolicy {}, [Stop; 3]),
        (&StopWithDebugFaultPolicy {}, [Stop; 3]),
        (&RestartFaultPolicy {}, [Restart; 3]),
        (&RestartWithDebugFaultPolicy {}, [Restart; 3]),
        (
            &ThresholdRestartFaultPolicy::new(1),
            [Restart, Restart, Stop],
        ),
        (
            &ThresholdRestartThenPanicFaultPolicy::new(0),
            [Restart, Panic, Panic],
        ),
    ];
    for restarts in 0..3 {
        for (policy, expected) in &policies {
            let action = policy.action(process.as_process());
            assert_eq!(action, expected[restarts]);
        }
        process.restart();
    }
}
