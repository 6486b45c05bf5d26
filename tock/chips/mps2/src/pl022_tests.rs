//! The driver over a model of the controller whose frames take as long as a test says.

use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::gpio::Output;
use kernel::hil::spi::cs::{ActiveLow, ChipSelectPolar, IntoChipSelect};
use kernel::hil::spi::{ClockPhase, ClockPolarity, SpiMaster, SpiMasterClient};
use kernel::utilities::leasable_buffer::SubSliceMut;
use proptest::prelude::*;

use crate::pl022::Pl022;
use crate::registers::Registers;

const CLOCK: u32 = 25_000_000;

/// The controller with its loopback closed or a peripheral that inverts.
#[derive(Default)]
struct Model {
    registers: RefCell<[u32; 9]>,
    to_send: RefCell<VecDeque<u8>>,
    received: RefCell<VecDeque<u8>>,
    /// A frame is through as soon as it is written, as in the emulator; there is no interrupt for silence then.
    instant: Cell<bool>,
    /// Frames that found no room: a fault of the driver.
    lost: Cell<u32>,
    accesses: Cell<u32>,
    wire: RefCell<Vec<u8>>,
}

impl Model {
    fn leak(instant: bool) -> &'static Self {
        let model = Self::default();
        model.instant.set(instant);
        Box::leak(Box::new(model))
    }

    fn shift(&self) {
        let control = self.registers.borrow()[1];
        if control & 2 == 0 {
            return;
        }
        let Some(byte) = self.to_send.borrow_mut().pop_front() else {
            return;
        };
        self.wire.borrow_mut().push(byte);
        let answer = if control & 1 != 0 { byte } else { !byte };
        let mut received = self.received.borrow_mut();
        if received.len() == 8 {
            self.lost.set(self.lost.get() + 1);
        } else {
            received.push_back(answer);
        }
    }

    /// Whether the line is raised; `silent`: nothing has arrived for a while.
    fn line(&self, silent: bool) -> bool {
        let mask = self.registers.borrow()[5];
        let waiting = self.received.borrow().len();
        mask & 4 != 0 && waiting >= 4
            || mask & 2 != 0 && silent && waiting > 0 && !self.instant.get()
    }
}

impl Registers for &'static Model {
    fn read(&self, offset: usize) -> u32 {
        self.accesses.set(self.accesses.get() + 1);
        match offset {
            0x08 => u32::from(self.received.borrow_mut().pop_front().unwrap_or(0)),
            0x0c => {
                let room = self.to_send.borrow().len() < 8;
                let some = !self.received.borrow().is_empty();
                u32::from(room) << 1 | u32::from(some) << 2
            }
            _ => self.registers.borrow()[offset / 4],
        }
    }

    fn write(&self, offset: usize, value: u32) {
        self.accesses.set(self.accesses.get() + 1);
        if offset != 0x08 {
            self.registers.borrow_mut()[offset / 4] = value;
            return;
        }
        assert!(self.to_send.borrow().len() < 8, "the transmitter overflows");
        self.to_send.borrow_mut().push_back(value as u8);
        if self.instant.get() {
            self.shift();
        }
    }
}

#[derive(Default)]
struct Pin(Cell<bool>, Cell<u32>);

impl Output for Pin {
    fn set(&self) {
        self.0.set(true);
    }
    fn clear(&self) {
        if self.0.replace(false) {
            self.1.set(self.1.get() + 1);
        }
    }
    fn toggle(&self) -> bool {
        self.0.set(!self.0.get());
        self.0.get()
    }
}

type Driver = Pl022<'static, &'static Model, Pin>;
/// What came back: both buffers whole, and the status.
type Outcome = (Vec<u8>, Option<Vec<u8>>, Result<usize, ErrorCode>);

#[derive(Default)]
struct Client(RefCell<Vec<Outcome>>);

impl SpiMasterClient for Client {
    fn read_write_done(
        &self,
        write: SubSliceMut<'static, u8>,
        read: Option<SubSliceMut<'static, u8>>,
        status: Result<usize, ErrorCode>,
    ) {
        let read = read.map(|read| read.take().to_vec());
        self.0
            .borrow_mut()
            .push((write.take().to_vec(), read, status));
    }
}

struct Bench {
    model: &'static Model,
    driver: &'static Driver,
    client: &'static Client,
    pin: &'static Pin,
}

fn select(pin: &'static Pin) -> ChipSelectPolar<'static, Pin> {
    IntoChipSelect::<_, ActiveLow>::into_cs(pin)
}

fn bench(instant: bool) -> Bench {
    let model = Model::leak(instant);
    let driver: &'static Driver = Box::leak(Box::new(Pl022::new(model, CLOCK)));
    driver.register();
    let client: &'static Client = Box::leak(Box::default());
    driver.set_client(client);
    driver.init().unwrap();
    let pin: &'static Pin = Box::leak(Box::default());
    driver.specify_chip_select(select(pin)).unwrap();
    assert!(pin.0.get(), "not selected before a transfer");
    Bench {
        model,
        driver,
        client,
        pin,
    }
}

fn buffer(bytes: &[u8]) -> SubSliceMut<'static, u8> {
    SubSliceMut::new(bytes.to_vec().leak())
}

impl Bench {
    /// Lets time pass until nothing happens any more; `pace` frames go between two looks at the line.
    fn run(&self, pace: usize) {
        for _ in 0..100_000 {
            if !self.model.instant.get() {
                (0..pace).for_each(|_| self.model.shift());
            }
            let silent = self.model.to_send.borrow().is_empty();
            let before = self.model.accesses.get();
            if self.model.line(silent) {
                self.driver.handle_interrupt();
            } else if DeferredCall::service_next_later_call().is_none() && silent {
                return;
            }
            let took = self.model.accesses.get() - before;
            assert!(took <= 40, "{took} accesses in a pass");
        }
        panic!("the transfer has no end");
    }
}

proptest! {
    #[test]
    fn every_length_arrives_whole_at_every_pace(
        bytes in proptest::collection::vec(any::<u8>(), 1..70),
        room in 1..80usize,
        reads: bool,
        pace in 0..9usize,
    ) {
        // A thread has deferred calls of its own, and not more of them than a board.
        alone(move || whole(&bytes, reads.then_some(room), pace));
    }

    #[test]
    fn a_rate_is_the_next_one_below(rate in 385..30_000_000u32) {
        alone(move || next_below(rate));
    }
}

fn alone(test: impl FnOnce() + Send + 'static) {
    std::thread::spawn(test).join().unwrap();
}

fn whole(bytes: &[u8], room: Option<usize>, pace: usize) {
    let bench = bench(pace == 0);
    let read = room.map(|room| buffer(&vec![0; room]));
    bench.driver.read_write_bytes(buffer(bytes), read).unwrap();
    assert!(bench.driver.is_busy() && !bench.pin.0.get());
    assert!(
        bench.client.0.borrow().is_empty(),
        "never from within the call"
    );
    bench.run(pace);
    let length = bytes.len().min(room.unwrap_or(usize::MAX));
    let outcome = bench.client.0.take();
    assert_eq!(outcome.len(), 1);
    let (written, read, status) = &outcome[0];
    assert_eq!(*status, Ok(length));
    assert_eq!(written, bytes);
    assert_eq!(&*bench.model.wire.borrow(), &bytes[..length]);
    if let Some(read) = read {
        let expected: Vec<u8> = bytes[..length].iter().map(|byte| !byte).collect();
        assert_eq!(&read[..length], &expected[..]);
        assert!(read[length..].iter().all(|byte| *byte == 0));
    }
    assert!(bench.pin.0.get() && bench.pin.1.get() == 1);
    assert_eq!(bench.model.lost.get(), 0);
    assert!(!bench.model.line(true), "nothing is left to interrupt");
}

fn next_below(rate: u32) {
    let bench = bench(true);
    let real = bench.driver.set_rate(rate).unwrap();
    assert!(real <= rate && real <= CLOCK / 2);
    assert_eq!(bench.driver.get_rate(), real);
    let registers = bench.model.registers.borrow();
    let (prescale, divisor) = (registers[4], (registers[0] >> 8) + 1);
    assert!(prescale.is_multiple_of(2) && (2..=254).contains(&prescale) && divisor <= 256);
    assert_eq!(real, CLOCK / (prescale * divisor));
    // No smaller second divisor would do.
    assert!(divisor == 1 || CLOCK / (prescale * (divisor - 1)) > rate);
}

#[test]
fn rates_that_the_bus_has_not_are_refused() {
    let bench = bench(true);
    for rate in [0, 1, 383] {
        assert_eq!(bench.driver.set_rate(rate), Err(ErrorCode::INVAL));
    }
    assert_eq!(bench.driver.set_rate(u32::MAX), Ok(CLOCK / 2));
}

#[test]
fn while_a_transfer_is_under_way_everything_else_is_busy() {
    let bench = bench(false);
    let (driver, pin) = (bench.driver, bench.pin);
    driver.read_write_bytes(buffer(&[1; 20]), None).unwrap();
    let busy = Err(ErrorCode::BUSY);
    let (code, write, read) = driver
        .read_write_bytes(buffer(b"ab"), Some(buffer(b"cd")))
        .unwrap_err();
    assert_eq!(code, ErrorCode::BUSY);
    assert_eq!(
        (write.take(), read.unwrap().take()),
        (&mut b"ab"[..].to_vec()[..], &mut b"cd"[..].to_vec()[..])
    );
    assert_eq!(driver.set_polarity(ClockPolarity::IdleHigh), busy);
    assert_eq!(driver.set_phase(ClockPhase::SampleTrailing), busy);
    assert_eq!(driver.set_rate(1000), Err(ErrorCode::BUSY));
    assert_eq!(driver.specify_chip_select(select(pin)), busy);
    assert_eq!(driver.set_loopback(true), busy);
    assert_eq!(driver.init(), busy);
    assert_eq!(driver.write_byte(1), busy);
    bench.run(1);
    assert_eq!(bench.client.0.borrow().len(), 1);
    assert!(!driver.is_busy());
    let (code, ..) = driver.read_write_bytes(buffer(b""), None).unwrap_err();
    assert_eq!(code, ErrorCode::INVAL);
    let (code, ..) = driver
        .read_write_bytes(buffer(b"a"), Some(buffer(b"")))
        .unwrap_err();
    assert_eq!(code, ErrorCode::INVAL);
}

#[test]
fn a_held_peripheral_stays_selected_until_it_is_released() {
    let bench = bench(true);
    bench.driver.hold_low();
    for _ in 0..3 {
        bench
            .driver
            .read_write_bytes(buffer(&[7; 9]), None)
            .unwrap();
        bench.run(0);
        assert!(!bench.pin.0.get());
    }
    assert_eq!((bench.client.0.borrow().len(), bench.pin.1.get()), (3, 1));
    bench.driver.release_low();
    assert!(bench.pin.0.get());
}

#[test]
fn settings_belong_to_a_chip_select() {
    let bench = bench(true);
    let driver = bench.driver;
    driver.set_polarity(ClockPolarity::IdleHigh).unwrap();
    driver.set_rate(1_000_000).unwrap();
    let other: &'static Pin = Box::leak(Box::default());
    driver.specify_chip_select(select(other)).unwrap();
    driver.set_polarity(ClockPolarity::IdleLow).unwrap();
    driver.set_phase(ClockPhase::SampleTrailing).unwrap();
    driver.set_rate(100_000).unwrap();
    assert_eq!(bench.model.registers.borrow()[0] & 0xff, 0x87);
    driver.specify_chip_select(select(bench.pin)).unwrap();
    assert_eq!(driver.get_polarity(), ClockPolarity::IdleHigh);
    assert_eq!(driver.get_phase(), ClockPhase::SampleLeading);
    assert_eq!(driver.get_rate(), 961_538);
    assert_eq!(bench.model.registers.borrow()[0] & 0xff, 0x47);
    driver.specify_chip_select(select(other)).unwrap();
    assert_eq!(driver.get_rate(), 100_000);
}

#[test]
fn single_bytes_and_loopback() {
    let bench = bench(true);
    assert_eq!(bench.driver.read_write_byte(0x0f), Ok(0xf0));
    assert_eq!(bench.driver.read_byte(), Ok(0xff));
    bench.driver.set_loopback(true).unwrap();
    assert_eq!(bench.driver.read_write_byte(0x0f), Ok(0x0f));
    assert_eq!(bench.driver.write_byte(1), Ok(()));
    // A controller that is stuck is no reason to wait for ever.
    bench.model.instant.set(false);
    assert_eq!(bench.driver.read_write_byte(1), Err(ErrorCode::FAIL));
}

#[test]
fn an_interrupt_without_a_transfer_silences_the_line() {
    let bench = bench(true);
    bench.model.registers.borrow_mut()[5] = 6;
    bench.model.received.borrow_mut().extend([1, 2, 3, 4]);
    assert!(bench.model.line(false));
    bench.driver.handle_interrupt();
    assert!(!bench.model.line(false));
}
