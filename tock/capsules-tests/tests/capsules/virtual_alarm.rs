//! Many alarms on one, on a clock that the test turns.

use capsules_core::virtualizers::virtual_alarm::{MuxAlarm, VirtualMuxAlarm};
use capsules_tests::alarm::TestAlarm;
use core::cell::Cell;
use core::cell::RefCell;
use kernel::hil::time::{Alarm, AlarmClient, Ticks, Time};

type Virtual = VirtualMuxAlarm<'static, TestAlarm>;

/// Remembers when it was called, and may set its alarm again.
struct Sleeper {
    alarm: &'static Virtual,
    called: RefCell<Vec<u32>>,
    again: Cell<Option<u32>>,
}

impl AlarmClient for Sleeper {
    fn alarm(&self) {
        let now = self.alarm.now();
        self.called.borrow_mut().push(now.into_u32());
        if let Some(dt) = self.again.take() {
            self.alarm.set_alarm(now, dt.into());
        }
    }
}

fn setup<const N: usize>() -> (&'static TestAlarm, [&'static Sleeper; N]) {
    let hardware = TestAlarm::leak();
    let mux = Box::leak(Box::new(MuxAlarm::new(hardware)));
    hardware.set_alarm_client(mux);
    let sleepers = core::array::from_fn(|_| {
        let alarm: &'static Virtual = Box::leak(Box::new(VirtualMuxAlarm::new(mux)));
        alarm.setup();
        let sleeper: &'static Sleeper = Box::leak(Box::new(Sleeper {
            alarm,
            called: RefCell::default(),
            again: Cell::new(None),
        }));
        alarm.set_alarm_client(sleeper);
        sleeper
    });
    (hardware, sleepers)
}

fn sleep(sleeper: &Sleeper, dt: u32) {
    sleeper.alarm.set_alarm(sleeper.alarm.now(), dt.into());
}

#[test]
fn each_goes_off_once_at_its_time() {
    for start in [0, u32::MAX - 20, u32::MAX / 2] {
        let (hardware, [a, b, c]) = setup();
        hardware.advance(start);
        sleep(a, 30);
        sleep(b, 10);
        sleep(c, 20);
        assert_eq!(a.alarm.get_alarm().into_u32(), start.wrapping_add(30));
        c.alarm.disarm().unwrap();
        assert!(a.alarm.is_armed() && !c.alarm.is_armed());
        hardware.run(100);
        assert_eq!(*a.called.borrow(), [start.wrapping_add(30)]);
        assert_eq!(*b.called.borrow(), [start.wrapping_add(10)]);
        assert!(c.called.borrow().is_empty());
        assert!(!hardware.is_armed());
    }
}

#[test]
fn an_alarm_of_nearly_a_full_turn_goes_off_at_its_end_even_if_served_late() {
    let (hardware, [long, short]) = setup();
    hardware.advance(7);
    sleep(long, u32::MAX);
    sleep(short, 5);
    hardware.run(50);
    assert_eq!(long.called.borrow().len(), 0);
    // Interrupts come up to 1000 ticks late.
    hardware.late.set(1000);
    hardware.run(u64::from(u32::MAX) - 100);
    assert_eq!(long.called.borrow().len(), 0);
    hardware.run(5000);
    assert_eq!(long.called.borrow().len(), 1);
    assert_eq!(short.called.borrow().len(), 1);
}

#[test]
fn a_client_may_set_its_alarm_again_in_its_callback() {
    let (hardware, [a, b]) = setup();
    a.again.set(Some(0));
    sleep(a, 10);
    sleep(b, 10);
    hardware.run(1000);
    assert_eq!(a.called.borrow().len(), 2);
    assert_eq!(b.called.borrow().len(), 1);
}

#[test]
fn a_reference_in_the_past_counts() {
    let (hardware, [a, b]) = setup();
    hardware.advance(100);
    a.alarm.set_alarm(80.into(), 30.into());
    b.alarm.set_alarm(80.into(), 10.into());
    assert!(a.called.borrow().is_empty() && b.called.borrow().is_empty());
    hardware.run(100);
    assert_eq!(*a.called.borrow(), [110]);
    assert_eq!(b.called.borrow().len(), 1);
}
