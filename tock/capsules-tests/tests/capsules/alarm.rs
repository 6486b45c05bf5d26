//! The alarm driver as processes see it, on a clock that the test turns.

use capsules_core::alarm::{AlarmDriver, DRIVER_NUM};
use capsules_tests::alarm::TestAlarm;
use kernel::ErrorCode;
use kernel::hil::time::{Alarm, Ticks, Time};
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use proptest::prelude::*;

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

/// Another process sets an alarm far away after the first one's time has come and before its
/// interrupt is served.
#[test]
fn an_alarm_that_is_due_is_not_lost_to_a_later_one() {
    for far in [1000, 1 << 30, u32::MAX] {
        let clock = clock(u32::MAX - 12);
        clock.call(0, RELATIVE, 10, 0);
        clock.hardware.advance(15);
        clock.call(1, RELATIVE, far, 0);
        clock.hardware.run(1);
        assert_eq!(clock.told(0), [u32::MAX - 2], "beside one in {far}");
    }
}

/// What one process asks for, and when.
#[derive(Clone, Debug)]
enum Step {
    Relative(usize, u32),
    Absolute(usize, u32, u32),
    Stop(usize),
    /// Time passes and interrupts are served.
    Run(u32),
    /// Time passes and none is served.
    Hold(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![
        0..50_u32,
        0..50_u32,
        any::<u32>(),
        (0..50_u32).prop_map(|n| u32::MAX - n)
    ];
    prop_oneof![
        (0..2_usize, wait.clone()).prop_map(|(p, dt)| Step::Relative(p, dt)),
        (0..2_usize, 0..40_u32, wait.clone()).prop_map(|(p, ago, dt)| Step::Absolute(p, ago, dt)),
        (0..2_usize).prop_map(Step::Stop),
        wait.clone().prop_map(Step::Run),
        (0..60_u32).prop_map(Step::Hold),
    ]
}

proptest! {
    /// Each alarm that was neither stopped nor replaced before its time is told exactly once, not
    /// before its time, and at the next moment at which interrupts are served for longer than they are late.
    #[test]
    fn every_alarm_goes_off_once_and_in_time(
        start: u32,
        late in 0..5_u64,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let clock = clock(start);
        clock.hardware.late.set(late);
        // Of each process: the ticks that its alarm still has, and its expiry.
        let mut expected: [Option<(u64, u32)>; 2] = [None; 2];
        let mut held = 0;
        for step in steps {
            let now = clock.hardware.now().into_u32();
            match step {
                Step::Relative(process, dt) => {
                    clock.call(process, RELATIVE, dt, 0);
                    expected[process] = Some((dt.into(), now.wrapping_add(dt)));
                }
                Step::Absolute(process, ago, dt) => {
                    let reference = now.wrapping_sub(ago);
                    clock.call(process, ABSOLUTE, reference, dt);
                    let left = u64::from(dt.saturating_sub(ago));
                    expected[process] = Some((left, reference.wrapping_add(dt)));
                }
                Step::Stop(process) => {
                    let was = expected[process].take().is_some();
                    prop_assert_eq!(clock.call(process, STOP, 0, 0).is_success(), was);
                }
                Step::Hold(ticks) => {
                    // Not for half a turn: an interrupt that nobody serves for so long is beyond any rule.
                    held += 1;
                    clock.hardware.advance(ticks);
                    for (left, _) in expected.iter_mut().flatten() {
                        *left = left.saturating_sub(ticks.into());
                    }
                }
                Step::Run(ticks) => {
                    clock.hardware.run(ticks.into());
                    for (process, expected) in expected.iter_mut().enumerate() {
                        let told = clock.told(process);
                        let Some((left, expiry)) = *expected else {
                            prop_assert_eq!(told, []);
                            continue;
                        };
                        // Each pass may be late, and takes a tick.
                        let slack = 8 * (late + 1) + held;
                        match told[..] {
                            [] => {
                                prop_assert!(u64::from(ticks) <= left + slack, "{left} left, {ticks} passed");
                                *expected = Some((left.saturating_sub(ticks.into()), expiry));
                            }
                            [at] => {
                                prop_assert_eq!(at, expiry);
                                prop_assert!(u64::from(ticks) >= left);
                                *expected = None;
                            }
                            _ => prop_assert!(false, "told {told:?}"),
                        }
                    }
                }
            }
        }
    }
}
