//! Ids of runs, who is told of their ends, and how fast they follow each other.

use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::vec::Vec;

use super::driver::{NUM, driver};
use crate::create_capability;
use crate::process::{
    FaultAction, Process, ProcessId, RestartPace, RunEnd, RunEndClient, RunNumber, State,
};
use crate::scheduler::background::BackgroundSched;
use crate::scheduler::{Scheduler, SchedulingDecision};
use crate::syscall::{Syscall, SyscallDriver};
use crate::test_utils::{FakeChip, TestApp, TestKernel, TestPlace, TestProcess};

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Remembers the ends of runs, and what could still be done then.
#[derive(Default)]
struct Told(RefCell<Vec<(ProcessId, RunEnd, State)>>);

impl RunEndClient for Told {
    fn run_ends(&self, process: &dyn Process, end: RunEnd) {
        assert!(process.is_running(), "it is told before the end");
        assert_eq!(process.grant_allocated_count(), 1, "its grants are there");
        let id = process.processid();
        assert!(id.index().is_some(), "its id still names it");
        self.0.borrow_mut().push((id, end, process.get_state()));
        // Whatever a client does, it is told once.
        process.terminate(None);
    }
}

struct Scene {
    test: TestKernel,
    process: TestProcess,
    told: &'static Told,
    driver: &'static dyn SyscallDriver,
}

fn scene(action: FaultAction) -> Scene {
    let test = TestKernel::new();
    let driver = driver(&test);
    let told = leak(Told::default());
    let capability = create_capability!(crate::capabilities::ProcessManagementCapability);
    test.kernel.set_run_end_client(told, &capability);
    let place = TestPlace {
        flash: TestApp::default().image(),
        action,
        ..TestPlace::default()
    };
    test.load_places([place]).unwrap();
    let process = test.process(0);
    let scene = Scene {
        test,
        process,
        told,
        driver,
    };
    scene.allocate();
    scene
}

impl Scene {
    fn allocate(&self) {
        self.process.subscribe(NUM, self.driver, 0).unwrap();
    }

    /// The ends told of since this was last asked.
    fn ends(&self) -> Vec<RunEnd> {
        let told = self.told.0.take();
        told.iter().map(|(_, end, _)| *end).collect()
    }

    fn call(&self, syscall: Syscall) {
        let _ = self
            .process
            .syscall(self.test.chip, NUM, self.driver, syscall);
    }
}

const EXIT_TERMINATE: usize = 0;
const EXIT_RESTART: usize = 1;

fn exit(which: usize) -> Syscall {
    Syscall::Exit {
        which,
        completion_code: 3,
    }
}

#[test]
fn every_end_is_told_once_whoever_ends_the_run() {
    type Way = (&'static str, RunEnd, fn(&Scene));
    let ways: [Way; 7] = [
        ("by another process", RunEnd::Asked, |s| {
            s.process.terminate()
        }),
        ("restarted by another", RunEnd::Asked, |s| {
            s.process.restart()
        }),
        ("exit", RunEnd::Asked, |s| s.call(exit(EXIT_TERMINATE))),
        ("exit and restart", RunEnd::Asked, |s| {
            s.call(exit(EXIT_RESTART))
        }),
        ("a fault", RunEnd::Faulted, |s| {
            s.process.as_process().set_fault_state();
        }),
        ("a fault that all have", RunEnd::Faulted, |s| {
            let capability = create_capability!(crate::capabilities::ProcessManagementCapability);
            s.test.kernel.hardfault_all_apps(&capability);
        }),
        ("a call whose answer has no room", RunEnd::Faulted, |s| {
            s.test.chip.boundary.broken_stack.set(true);
            s.call(Syscall::Memop {
                operand: 7,
                arg0: 0,
            });
        }),
    ];
    for (name, end, way) in ways {
        for action in [FaultAction::Stop, FaultAction::Restart] {
            let s = scene(action);
            s.process.as_process().set_process_function(CALL);
            way(&s);
            assert_eq!(s.ends(), [end], "{name}");
            // Unless the next run has begun.
            if !s.process.as_process().is_running() {
                s.process.terminate();
                s.process.as_process().set_fault_state();
                assert_eq!(s.ends(), [], "{name}: it had ended");
            }
        }
    }
}

const CALL: crate::process::FunctionCall = crate::process::FunctionCall {
    source: crate::process::FunctionCallSource::Kernel,
    argument0: 0,
    argument1: 0,
    argument2: 0,
    argument3: 0,
    pc: 0,
};

#[test]
fn each_run_has_its_own_end() {
    let s = scene(FaultAction::Restart);
    for _ in 0..3 {
        let id = s.process.id();
        s.process.restart();
        assert_eq!(s.told.0.take()[0].0, id);
        s.allocate();
    }
}

#[test]
fn no_number_of_a_run_is_used_twice() {
    let s = scene(FaultAction::Stop);
    // As far as 32 bits reach, and on.
    let mut ids = std::vec![s.process.id()];
    s.test
        .kernel
        .set_next_run(RunNumber::of(u64::from(u32::MAX) - 1));
    for _ in 0..4 {
        s.process.restart();
        assert!(ids.iter().all(|id| *id != s.process.id()), "{ids:?}");
        assert!(s.process.as_process().is_running());
        ids.push(s.process.id());
        s.allocate();
    }
    for old in &ids[..4] {
        assert_eq!(old.index(), None, "{old:?} names nothing any more");
    }
    // And to the end of all numbers: what would come next does not begin.
    s.test.kernel.set_next_run(RunNumber::of(u64::MAX));
    s.process.restart();
    let last = s.process.id();
    assert!(s.process.as_process().is_running());
    s.allocate();
    s.process.restart();
    assert!(!s.process.as_process().is_running());
    assert_eq!(s.process.id(), last);
    assert_eq!(last.index(), None);
}

/// Which regions the hardware has is known by the process, not by its run: a restarted one, whose regions are new,
/// finds none of an earlier run's.
#[test]
fn the_hardware_holds_the_regions_of_whoever_runs() {
    let test = TestKernel::new();
    let all = test.start_all(&[TestApp::default(), TestApp::default()]);
    let mpu = &test.chip.mpu;
    let [a, b] = [all[0].as_process(), all[1].as_process()];
    let ram = |process: &dyn Process| process.get_addresses().sram_start;
    let holds = |process: &dyn Process| {
        let regions = mpu.active.borrow();
        let mut starts = regions.iter().map(|(region, _)| region.start_address());
        starts.any(|start| start.addr() == ram(process))
    };
    test.kernel.set_next_run(RunNumber::of(u64::from(u32::MAX)));
    for process in [a, b, a, b] {
        process.setup_mpu();
        assert!(holds(process));
    }
    let written = mpu.configured.get();
    b.setup_mpu();
    assert_eq!(mpu.configured.get(), written, "it is there already");
    for _ in 0..2 {
        // A run with the number that 32 bits would wrap to, and the next.
        all[0].restart();
        a.setup_mpu();
        assert!(holds(a) && !holds(b));
        b.setup_mpu();
        assert!(holds(b) && !holds(a));
    }
}

/// As many runs as were given, by hand.
#[derive(Default)]
struct Given(Cell<u32>);

impl RestartPace for Given {
    fn is_due(&self) -> bool {
        self.0.get() > 0
    }

    fn restarted(&self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn a_process_that_may_not_begin_again_yet_waits_and_keeps_nobody_out() {
    let test = TestKernel::new();
    let pace = leak(Given::default());
    let place = |name, pace| TestPlace {
        flash: TestApp {
            name,
            ..TestApp::default()
        }
        .image(),
        pace,
        ..TestPlace::default()
    };
    test.load_places([place("again", pace as _), place("other", &())])
        .unwrap();
    let (again, other) = (test.process(0), test.process(1).as_process());
    let scheduler = BackgroundSched::new(test.kernel);
    let next = || {
        let scheduler: &dyn Scheduler<FakeChip> = &scheduler;
        match scheduler.next() {
            SchedulingDecision::RunProcess((id, slice)) => Some((id, slice.is_some())),
            SchedulingDecision::TrySleep => None,
        }
    };
    let id = again.id();
    again.restart();
    assert_eq!(again.id(), id, "not yet");
    assert!(again.as_process().awaits_restart() && !again.as_process().ready());
    // No event tells that the time has come, so the other one runs in turns.
    assert_eq!(next(), Some((other.processid(), true)));
    while other.dequeue_task().is_some() {}
    assert_eq!(next(), None);
    assert!(test.kernel.has_pending_restarts(), "the sleep is short");
    pace.0.set(1);
    assert_eq!(next().map(|(id, _)| id), Some(id));
    assert!(again.as_process().wake().is_err());
    assert_ne!(again.id(), id);
    assert!(again.as_process().is_running() && !test.kernel.has_pending_restarts());
    // Whoever ends it while it waits, ends the waiting.
    again.restart();
    again.terminate();
    pace.0.set(1);
    assert!(!again.as_process().ready() && !test.kernel.has_pending_restarts());
    assert_eq!(next(), None);
    // And it can be started again.
    again.restart();
    assert!(again.as_process().is_running());
}
