//! The LED driver as processes see it.

use capsules_core::led::LedDriver;
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::hil::led::Led;
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel};

struct Lamp(Cell<Option<bool>>);

impl Led for Lamp {
    fn init(&self) {
        self.0.set(Some(false));
    }
    fn on(&self) {
        self.0.set(Some(true));
    }
    fn off(&self) {
        self.0.set(Some(false));
    }
    fn toggle(&self) {
        self.0.set(self.0.get().map(|on| !on));
    }
    fn read(&self) -> bool {
        self.0.get() == Some(true)
    }
}

#[test]
fn leds_do_what_they_are_told_and_no_others_exist() {
    let lamps = [Lamp(Cell::new(None)), Lamp(Cell::new(None))];
    let leds = [&lamps[0], &lamps[1]];
    let driver = LedDriver::new(&leds);
    let process = TestKernel::new().start(&TestApp::default());
    let call = |number, index| process.command(&driver, number, index, 0);
    assert_eq!(call(0, 0), CommandReturn::success_u32(2));
    for (number, expected) in [(1, 1), (1, 1), (2, 0), (2, 0), (3, 1), (3, 0)] {
        assert!(call(number, 1).is_success());
        assert_eq!(call(4, 1), CommandReturn::success_u32(expected));
        assert_eq!(lamps[0].0.get(), Some(false));
    }
    for number in 1..=4 {
        assert_eq!(call(number, 2), CommandReturn::failure(ErrorCode::INVAL));
    }
    assert_eq!(call(5, 0), CommandReturn::failure(ErrorCode::NOSUPPORT));
}
