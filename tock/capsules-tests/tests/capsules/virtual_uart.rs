//! Several users of one line, which the test plays.

use capsules_core::virtualizers::virtual_uart::{MuxUart, UartDevice};
use capsules_tests::uart::TestUart;
use core::cell::Cell;
use core::cell::RefCell;
use kernel::ErrorCode;
use kernel::hil::uart::{Transmit, TransmitClient};

/// Sends messages of several buffers each, the next buffer from the callback.
struct Talker {
    device: &'static UartDevice<'static>,
    rest: RefCell<Vec<&'static str>>,
    errors: Cell<usize>,
}

impl Talker {
    fn new(mux: &'static MuxUart<'static>) -> &'static Self {
        let device = Box::leak(Box::new(UartDevice::new(mux)));
        device.setup();
        let talker = Box::leak(Box::new(Self {
            device,
            rest: RefCell::default(),
            errors: Cell::new(0),
        }));
        device.set_transmit_client(talker);
        talker
    }

    fn say(&self, message: &[&'static str]) {
        let mut message = message.to_vec();
        message.reverse();
        *self.rest.borrow_mut() = message;
        self.go_on();
    }

    fn go_on(&self) {
        if let Some(part) = self.rest.borrow_mut().pop() {
            let buffer = Box::leak(part.as_bytes().to_vec().into_boxed_slice());
            let length = buffer.len();
            if self.device.transmit_buffer(buffer, length).is_err() {
                self.errors.set(self.errors.get() + 1);
            }
        }
    }
}

impl TransmitClient for Talker {
    fn transmitted_buffer(&self, _: &'static mut [u8], _: usize, result: Result<(), ErrorCode>) {
        match result {
            Ok(()) => self.go_on(),
            Err(_) => self.errors.set(self.errors.get() + 1),
        }
    }
}

fn setup() -> (&'static TestUart, &'static MuxUart<'static>) {
    let uart = TestUart::leak();
    let mux = Box::leak(Box::new(MuxUart::new(uart)));
    mux.initialize();
    (uart, mux)
}

#[test]
fn a_message_is_whole_and_turns_are_taken() {
    let (uart, mux) = setup();
    let (a, b, c) = (Talker::new(mux), Talker::new(mux), Talker::new(mux));
    a.say(&["a1", "a2", "a3"]);
    b.say(&["b1", "b2"]);
    c.say(&["c1"]);
    // The second of a's buffers goes out while the others have long been waiting.
    let mut order = Vec::<String>::new();
    while uart.is_sending() {
        order.push(uart.finish_buffer());
        if order.len() == 3 {
            // A new message of a, not from a callback: behind those who wait.
            a.say(&["a4"]);
        }
    }
    assert!(
        order == ["a1", "a2", "a3", "c1", "b1", "b2", "a4"]
            || order == ["a1", "a2", "a3", "b1", "b2", "c1", "a4"],
        "{order:?}"
    );
    assert_eq!(uart.sent(), order.concat());
}

#[test]
fn one_buffer_a_device() {
    let (uart, mux) = setup();
    let (a, b) = (Talker::new(mux), Talker::new(mux));
    a.say(&["one"]);
    a.say(&["two"]);
    assert_eq!(a.errors.get(), 1);
    b.say(&["b"]);
    b.say(&["c"]);
    assert_eq!(b.errors.get(), 1);
    uart.finish_buffer();
    uart.finish_buffer();
    assert_eq!(uart.sent(), "oneb");
}

#[test]
fn a_refusal_reaches_its_sender_and_the_line_goes_on() {
    let (uart, mux) = setup();
    let (a, b) = (Talker::new(mux), Talker::new(mux));
    uart.refuse.set(true);
    a.say(&["lost"]);
    assert_eq!(a.errors.get(), 1);
    uart.refuse.set(false);
    a.say(&["kept"]);
    b.say(&["lost"]);
    uart.refuse.set(true);
    uart.finish_buffer();
    assert_eq!(b.errors.get(), 1);
    uart.refuse.set(false);
    b.say(&["again"]);
    uart.finish_buffer();
    assert_eq!(uart.sent(), "keptagain");
}

#[test]
fn lengths_that_make_no_sense_are_refused() {
    let (_, mux) = setup();
    let a = Talker::new(mux);
    for length in [0, 4] {
        let buffer = Box::leak(Box::new([0; 3]));
        let (error, back) = a.device.transmit_buffer(buffer, length).unwrap_err();
        assert_eq!((error, back.len()), (ErrorCode::SIZE, 3));
    }
    let stranger = UartDevice::new(mux);
    let buffer = Box::leak(Box::new([0; 3]));
    assert_eq!(
        stranger.transmit_buffer(buffer, 1).unwrap_err().0,
        ErrorCode::OFF
    );
}
