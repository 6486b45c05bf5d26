//! Devices that come to rest when their user ends, as processes see them.

use std::cell::RefCell;
use std::vec::Vec;

use berth_exposure::rest::{LET_GO, Rest};
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::process::{self, ProcessId};
use kernel::syscall::{CommandReturn, SyscallDriver};
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use resting::Resting;

/// Commands of the driver below: 1 drives a device, 2 brings it to rest, 3 looks at it.
const RESTS: &[Rest; 3] = &[rest(0), rest(1), rest(63)];

const fn rest(index: usize) -> Rest {
    Rest {
        index,
        drives: 1 << 1,
        commands: &[(2, 7), (2, 8)],
    }
}

/// Writes down what it is told.
#[derive(Default)]
struct Recorder(RefCell<Vec<(usize, usize, usize)>>);

impl SyscallDriver for Recorder {
    fn command(&self, number: usize, index: usize, how: usize, _: ProcessId) -> CommandReturn {
        self.0.borrow_mut().push((number, index, how));
        match index {
            0..64 => CommandReturn::success(),
            _ => CommandReturn::failure(ErrorCode::INVAL),
        }
    }

    fn allocate_grant(&self, _: ProcessId) -> Result<(), process::Error> {
        Ok(())
    }
}

struct Scene {
    driver: &'static Resting<Recorder, 3>,
    recorder: &'static Recorder,
    processes: Vec<TestProcess>,
}

fn scene() -> Scene {
    let kernel = TestKernel::new();
    let processes = kernel.start_all(&[TestApp::default(), TestApp::default()]);
    let recorder: &'static Recorder = Box::leak(Box::default());
    let driver: &'static Resting<Recorder, 3> =
        Box::leak(Box::new(Resting::new(recorder, RESTS, DeferredCall::set)));
    driver.register();
    Scene {
        driver,
        recorder,
        processes,
    }
}

impl Scene {
    fn call(&self, process: usize, number: usize, index: usize) -> CommandReturn {
        self.processes[process].command(self.driver, number, index, 5)
    }

    /// What the driver was told since the last time.
    fn told(&self) -> Vec<(usize, usize, usize)> {
        self.recorder.0.take()
    }

    fn end(&self, process: usize) {
        self.driver.process_gone(self.processes[process].id());
    }

    /// All deferred calls.
    fn settle(&self) {
        while DeferredCall::service_next_pending_call().is_some() {}
    }
}

/// What brings a device to rest.
fn at_rest(index: usize) -> [(usize, usize, usize); 2] {
    [(2, index, 7), (2, index, 8)]
}

#[test]
fn what_a_run_drove_last_comes_to_rest_when_it_ends_and_once() {
    let s = scene();
    assert!(s.call(0, 1, 0).is_success());
    assert!(s.call(0, 1, 63).is_success());
    assert!(s.call(0, 3, 1).is_success());
    assert_eq!(s.told(), [(1, 0, 5), (1, 63, 5), (3, 1, 5)]);
    s.end(0);
    assert_eq!(s.told(), [], "not before the deferred call");
    // One in each of them.
    DeferredCall::service_next_pending_call().unwrap();
    assert_eq!(s.told(), at_rest(0));
    s.settle();
    assert_eq!(s.told(), at_rest(63));
    s.end(0);
    s.settle();
    assert_eq!(s.told(), []);
}

#[test]
fn who_waits_has_it_sooner() {
    let s = scene();
    s.call(0, 1, 0);
    s.call(0, 1, 1);
    s.end(0);
    s.told();
    assert!(s.driver.end_pass());
    assert!(!s.driver.end_pass());
    assert_eq!(s.told(), [at_rest(0), at_rest(1)].concat());
    s.settle();
    assert!(!s.driver.end_pass());
    assert_eq!(s.told(), []);
}

#[test]
fn who_drives_a_device_takes_it_over_even_from_one_that_has_ended() {
    let s = scene();
    s.call(0, 1, 0);
    s.call(1, 1, 0);
    s.end(0);
    s.settle();
    s.told();
    s.call(0, 1, 1);
    s.end(0);
    s.call(1, 1, 1);
    s.settle();
    assert_eq!(s.told(), [(1, 1, 5), (1, 1, 5)]);
    s.end(1);
    s.settle();
    assert_eq!(s.told(), [at_rest(0), at_rest(1)].concat());
}

#[test]
fn looking_at_a_device_takes_nothing_over() {
    let s = scene();
    s.call(0, 1, 0);
    s.call(1, 3, 0);
    s.told();
    s.end(1);
    s.settle();
    assert_eq!(s.told(), []);
    s.end(0);
    s.settle();
    assert_eq!(s.told(), at_rest(0));
}

#[test]
fn letting_go_is_for_who_drove_last() {
    let s = scene();
    s.call(0, 1, 0);
    s.told();
    assert!(s.call(1, LET_GO, 0).is_success());
    assert_eq!(s.told(), []);
    assert!(s.call(0, LET_GO, 0).is_success());
    assert_eq!(s.told(), at_rest(0));
    assert!(s.call(0, LET_GO, 0).is_success());
    s.end(0);
    s.settle();
    assert_eq!(s.told(), []);
    for index in [2, 64, usize::MAX] {
        let refused = s.call(0, LET_GO, index);
        assert_eq!(refused.get_failure(), Some(ErrorCode::NODEVICE), "{index}");
    }
    assert_eq!(s.told(), []);
}

#[test]
fn a_run_that_begins_after_another_one_of_its_process_has_driven_nothing() {
    let s = scene();
    s.call(0, 1, 0);
    s.end(0);
    s.processes[0].restart();
    s.settle();
    s.told();
    s.call(0, LET_GO, 0);
    s.end(0);
    s.settle();
    assert_eq!(s.told(), []);
}

#[test]
fn commands_outside_every_set_drive_nothing() {
    let s = scene();
    for (number, index) in [(64 + 1, 0), (usize::MAX, 0), (1, 64), (1, usize::MAX)] {
        s.call(0, number, index);
    }
    s.told();
    s.end(0);
    s.settle();
    assert_eq!(s.told(), []);
}
