//! The alarm driver as processes see it, on a clock that the test turns.

use crate::alarm::{AlarmDriver, DRIVER_NUM};
use crate::test_alarm::TestAlarm;
use kernel::ErrorCode;
use kernel::hil::time::Alarm;
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use std::boxed::Box;
use std::vec::Vec;

const STOP: usize = 3;
const RELATIVE: usize = 5;
const ABSOLUTE: usize = 6;

struct Clock {
    hardware: &'static TestAlarm,
    driver: &'static AlarmDriver<'static, TestAlarm>,
    processes: Vec<TestProcess>,
}

fn clock(start: u32) -> Clock {
    let hardware = TestAlarm::leak();
    hardware.advance(start);
    let kernel = TestKernel::new();
    let driver: &'static AlarmDriver<_> = Box::leak(Box::new(AlarmDriver::new(
        hardware,
        kernel.create_grant(DRIVER_NUM),
    )));
    hardware.set_alarm_client(driver);
    let processes = kernel.start_all(&[TestApp::default(), TestApp::default()]);
    Clock {
        hardware,
        driver,
        processes,
    }
}

impl Clock {
    fn call(&self, process: usize, number: usize, a: u32, b: u32) -> CommandReturn {
        self.processes[process].command(self.driver, number, a as usize, b as usize)
    }

    /// Expiries that the process was told of; each not before its time.
    fn told(&self, process: usize) -> Vec<u32> {
        let upcalls = self.processes[process].upcalls();
        upcalls
            .into_iter()
            .map(|(number, (now, expiry, third))| {
                assert_eq!((number, third), (0, 0));
                let (now, expiry) = (now as u32, expiry as u32);
                assert!(now.wrapping_sub(expiry) < 1 << 31, "{now} before {expiry}");
                expiry
            })
            .collect()
    }
}

#[test]
fn the_clock_is_told() {
    let clock = clock(77);
    assert!(clock.call(0, 0, 0, 0).is_success());
    assert_eq!(
        clock.call(0, 1, 0, 0),
        CommandReturn::success_u32(1_000_000)
    );
    assert_eq!(clock.call(0, 2, 0, 0), CommandReturn::success_u32(77));
    for unknown in [4, 7] {
        let result = clock.call(0, unknown, 0, 0);
        assert_eq!(result, CommandReturn::failure(ErrorCode::NOSUPPORT));
    }
}

#[test]
fn alarms_of_several_processes_go_off_once_each_in_time() {
    for start in [0, u32::MAX - 15, (1 << 31) - 5] {
        let clock = clock(start);
        let at = |dt| start.wrapping_add(dt);
        assert_eq!(
            clock.call(0, RELATIVE, 20, 0),
            CommandReturn::success_u32(at(20))
        );
        assert_eq!(
            clock.call(1, RELATIVE, 10, 0),
            CommandReturn::success_u32(at(10))
        );
        assert_eq!((clock.told(0), clock.told(1)), ([].into(), [].into()));
        clock.hardware.run(15);
        assert_eq!((clock.told(0), clock.told(1)), ([].into(), [at(10)].into()));
        clock.hardware.run(15);
        assert_eq!((clock.told(0), clock.told(1)), ([at(20)].into(), [].into()));
        clock.hardware.run(1000);
        assert_eq!((clock.told(0), clock.told(1)), ([].into(), [].into()));
    }
}

#[test]
fn a_new_alarm_replaces_the_old_and_stop_ends_it() {
    let clock = clock(100);
    clock.call(0, RELATIVE, 10, 0);
    clock.call(0, RELATIVE, 30, 0);
    clock.hardware.run(20);
    assert_eq!(clock.told(0), []);
    clock.hardware.run(20);
    assert_eq!(clock.told(0), [130]);
    clock.call(0, RELATIVE, 30, 0);
    clock.call(0, RELATIVE, 10, 0);
    assert!(clock.call(0, STOP, 0, 0).is_success());
    let again = CommandReturn::failure(ErrorCode::ALREADY);
    assert_eq!(clock.call(0, STOP, 0, 0), again);
    assert_eq!(clock.call(1, STOP, 0, 0), again);
    clock.hardware.run(100);
    assert_eq!(clock.told(0), []);
}

#[test]
fn absolute_alarms_count_from_their_reference() {
    let clock = clock(1000);
    assert_eq!(
        clock.call(0, ABSOLUTE, 990, 30),
        CommandReturn::success_u32(1020)
    );
    // Past already: at once, but not from within the command.
    assert_eq!(
        clock.call(1, ABSOLUTE, 900, 50),
        CommandReturn::success_u32(950)
    );
    assert_eq!(clock.told(1), []);
    clock.hardware.run(0);
    assert_eq!((clock.told(0), clock.told(1)), ([].into(), [950].into()));
    clock.hardware.run(25);
    assert_eq!(clock.told(0), [1020]);
}

#[test]
fn an_alarm_of_nearly_a_turn_is_not_taken_for_past() {
    let clock = clock(5);
    clock.hardware.late.set(100);
    clock.call(0, RELATIVE, u32::MAX, 0);
    clock.call(1, RELATIVE, 0, 0);
    clock.hardware.run(u64::from(u32::MAX) - 1000);
    assert_eq!((clock.told(0), clock.told(1)), ([].into(), [5].into()));
    clock.hardware.run(3000);
    assert_eq!(clock.told(0), [4]);
}

#[test]
fn an_alarm_dies_with_its_process() {
    let clock = clock(0);
    clock.call(0, RELATIVE, 10, 0);
    clock.call(1, RELATIVE, 20, 0);
    clock.processes[0].restart();
    clock.hardware.run(30);
    assert_eq!((clock.told(0), clock.told(1)), ([].into(), [20].into()));
}
