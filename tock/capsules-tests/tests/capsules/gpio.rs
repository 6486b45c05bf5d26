//! The driver of pins as processes see it.

use capsules_core::gpio::{DRIVER_NUM, GPIO};
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::hil::gpio::{
    Client, Configuration, Configure, FloatingState, Input, Interrupt, InterruptEdge, InterruptPin,
    InterruptValueWrapper, Output, Pin,
};
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use kernel::utilities::cells::OptionalCell;

struct Wire {
    high: Cell<bool>,
    is: Cell<Configuration>,
    held: Cell<FloatingState>,
    edge: Cell<Option<InterruptEdge>>,
    client: OptionalCell<&'static dyn Client>,
}

impl Wire {
    fn leak() -> &'static Self {
        Box::leak(Box::new(Self {
            high: Cell::new(false),
            is: Cell::new(Configuration::LowPower),
            held: Cell::new(FloatingState::PullNone),
            edge: Cell::new(None),
            client: OptionalCell::empty(),
        }))
    }

    fn become_(&self, is: Configuration) -> Configuration {
        self.is.set(is);
        is
    }

    /// Its level changes from outside.
    fn change(&self, high: bool) {
        self.high.set(high);
        let told = match self.edge.get() {
            Some(InterruptEdge::EitherEdge) => true,
            Some(InterruptEdge::RisingEdge) => high,
            Some(InterruptEdge::FallingEdge) => !high,
            None => false,
        };
        if told {
            self.client.map(|client| client.fired());
        }
    }
}

impl Output for Wire {
    fn set(&self) {
        self.high.set(true);
    }
    fn clear(&self) {
        self.high.set(false);
    }
    fn toggle(&self) -> bool {
        self.high.set(!self.high.get());
        self.high.get()
    }
}

impl Input for Wire {
    fn read(&self) -> bool {
        self.high.get()
    }
}

impl Configure for Wire {
    fn configuration(&self) -> Configuration {
        self.is.get()
    }
    fn make_output(&self) -> Configuration {
        self.become_(Configuration::Output)
    }
    fn disable_output(&self) -> Configuration {
        self.become_(Configuration::LowPower)
    }
    fn make_input(&self) -> Configuration {
        self.become_(Configuration::Input)
    }
    fn disable_input(&self) -> Configuration {
        self.become_(Configuration::LowPower)
    }
    fn deactivate_to_low_power(&self) {
        self.is.set(Configuration::LowPower);
    }
    fn set_floating_state(&self, state: FloatingState) {
        self.held.set(state);
    }
    fn floating_state(&self) -> FloatingState {
        self.held.get()
    }
}

impl Interrupt<'static> for Wire {
    fn set_client(&self, client: &'static dyn Client) {
        self.client.set(client);
    }
    fn enable_interrupts(&self, mode: InterruptEdge) {
        self.edge.set(Some(mode));
    }
    fn disable_interrupts(&self) {
        self.edge.set(None);
    }
    fn is_pending(&self) -> bool {
        false
    }
}

impl Pin for Wire {}
impl InterruptPin<'static> for Wire {}

type Wrapped = InterruptValueWrapper<'static, Wire>;

struct Bench {
    wires: [&'static Wire; 2],
    driver: &'static GPIO<'static, Wrapped>,
    processes: Vec<TestProcess>,
}

/// Two pins, and one between them that the board keeps.
fn bench() -> Bench {
    let wires = [Wire::leak(), Wire::leak()];
    let wrapped = wires.map(|wire| {
        let wrapped: &'static Wrapped = Box::leak(Box::new(Wrapped::new(wire)));
        wrapped.finalize()
    });
    let pins = Box::leak(Box::new([Some(wrapped[0]), None, Some(wrapped[1])]));
    let kernel = TestKernel::new();
    let driver: &'static GPIO<'static, Wrapped> =
        Box::leak(Box::new(GPIO::new(pins, kernel.create_grant(DRIVER_NUM))));
    driver.set_client();
    let processes = kernel.start_all(&[TestApp::default(), TestApp::default()]);
    Bench {
        wires,
        driver,
        processes,
    }
}

impl Bench {
    fn call(&self, number: usize, pin: usize, how: usize) -> CommandReturn {
        self.processes[0].command(self.driver, number, pin, how)
    }
}

#[test]
fn pins_do_what_they_are_told_and_no_others_exist() {
    let bench = bench();
    assert!(bench.call(0, 9, 9).is_success());
    assert_eq!(bench.call(10, 0, 0), CommandReturn::success_u32(3));
    assert!(bench.call(1, 2, 0).is_success());
    assert_eq!(bench.wires[1].is.get(), Configuration::Output);
    for (number, level) in [(2, 1), (2, 1), (3, 0), (3, 0), (4, 1), (4, 0)] {
        assert_eq!(bench.call(number, 2, 0), CommandReturn::success());
        assert_eq!(bench.call(6, 2, 0), CommandReturn::success_u32(level));
        assert!(!bench.wires[0].high.get());
    }
    for (how, state) in [
        (0, FloatingState::PullNone),
        (1, FloatingState::PullUp),
        (2, FloatingState::PullDown),
    ] {
        assert!(bench.call(5, 0, how).is_success());
        assert_eq!(bench.wires[0].is.get(), Configuration::Input);
        assert_eq!(bench.wires[0].held.get(), state);
    }
    assert!(bench.call(9, 0, 0).is_success());
    assert_eq!(bench.wires[0].is.get(), Configuration::LowPower);
    let failure = CommandReturn::failure;
    for number in 1..=9 {
        assert_eq!(bench.call(number, 1, 0), failure(ErrorCode::NODEVICE));
        assert_eq!(bench.call(number, 3, 0), failure(ErrorCode::INVAL));
        assert_eq!(bench.call(number, usize::MAX, 0), failure(ErrorCode::INVAL));
    }
    for (number, how) in [(5, 3), (7, 3), (11, 0)] {
        assert_eq!(bench.call(number, 0, how), failure(ErrorCode::NOSUPPORT));
    }
    assert_eq!(bench.wires[0].is.get(), Configuration::LowPower);
}

#[test]
fn an_edge_is_told_to_all_that_have_subscribed() {
    let bench = bench();
    let [first, second] = &bench.processes[..] else {
        panic!("two processes");
    };
    assert!(first.subscribe(DRIVER_NUM, bench.driver, 0).is_ok());
    assert!(bench.call(7, 2, 1).is_success());
    bench.wires[1].change(true);
    bench.wires[1].change(false);
    assert_eq!(first.upcalls(), [(0, (2, 1, 0))]);
    assert_eq!(second.upcalls(), []);
    assert!(second.subscribe(DRIVER_NUM, bench.driver, 0).is_ok());
    assert!(bench.call(7, 2, 0).is_success());
    bench.wires[1].change(true);
    bench.wires[1].change(false);
    for process in [first, second] {
        assert_eq!(process.upcalls(), [(0, (2, 1, 0)), (0, (2, 0, 0))]);
    }
    assert!(bench.call(8, 2, 0).is_success());
    bench.wires[1].change(true);
    assert_eq!(first.upcalls(), []);
}
