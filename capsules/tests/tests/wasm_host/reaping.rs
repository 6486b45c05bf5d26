//! Claims end with their process on a kernel without a hook for it.

use super::board;
use crate::{Reaper, ReapingScheduler, WasmHost};
use kernel::platform::ContextSwitchCallback;
use kernel::process::StoppedExecutingReason;
use kernel::scheduler::{Scheduler, SchedulingDecision};
use kernel::test_utils::{FakeChip, TestProcess};
use std::cell::Cell;

/// Finds nothing to run, and counts what it is asked and told.
#[derive(Default)]
struct Idle(Cell<u32>);

impl Scheduler<FakeChip> for &Idle {
    fn next(&self) -> SchedulingDecision {
        self.0.set(self.0.get() + 1);
        SchedulingDecision::TrySleep
    }

    fn result(&self, _: StoppedExecutingReason, _: Option<u32>) {
        self.0.set(self.0.get() + 1);
    }
}

type Pass = fn(&WasmHost<3>, &TestProcess);

#[test]
fn every_place_that_a_kernel_passes_ends_the_claims_of_the_dead() {
    // What the kernel does next after process 0 has ended: nothing else is to be called.
    let passes: [(&str, Pass); 3] = [
        ("another process goes on", |host, other| {
            Reaper::new(host).context_switch_hook(other.as_process());
        }),
        ("its own run is left", |host, _| {
            let idle = Idle::default();
            ReapingScheduler::new(&idle, host).result(StoppedExecutingReason::NoWorkLeft, Some(1));
            assert_eq!(idle.0.get(), 1);
        }),
        ("nothing is to run", |host, _| {
            let idle = Idle::default();
            let decision = ReapingScheduler::new(&idle, host).next();
            assert_eq!((decision, idle.0.get()), (SchedulingDecision::TrySleep, 1));
        }),
    ];
    type End = fn(&TestProcess);
    let ends: [(&str, End); 3] = [
        ("terminated", TestProcess::terminate),
        ("restarted", TestProcess::restart),
        ("faulted", |process| process.as_process().set_fault_state()),
    ];
    for (ended, end) in ends {
        for (passed, pass) in passes {
            let board = board();
            let theirs = board.claim(1, 1, "uart1").unwrap();
            let handle = board.claim(0, 1, "leds").unwrap();
            board.work(0, handle);
            pass(&board.host, &board.processes[1]);
            assert!(!board.is_safe(), "{passed}: nobody has ended");
            end(&board.processes[0]);
            pass(&board.host, &board.processes[1]);
            assert!(board.is_safe(), "{ended}, {passed}");
            assert!(board.claim(1, 1, "leds").is_ok(), "{ended}, {passed}");
            assert!(
                board.read32(1, theirs, 0).is_success_u32(),
                "{ended}, {passed}"
            );
        }
    }
}
