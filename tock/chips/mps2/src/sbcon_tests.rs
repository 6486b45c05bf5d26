//! The controller over a model of the two lines with a target on them, which sees levels only.

use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::i2c::{Error, I2CHwMasterClient, I2CMaster};
use kernel::hil::time::{Freq1MHz, Ticks32, Time};
use proptest::prelude::*;

use crate::registers::Registers;
use crate::sbcon::Sbcon;

const SCL: u32 = 1;
const SDA: u32 = 2;
const ADDRESS: u8 = 0x48;

/// Where a target is in what it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// Bits of the address so far.
    Address(u8, u8),
    /// Bits of a byte from the controller.
    Hears(u8, u8),
    /// Bit of the byte that it says.
    Says(u8),
    /// An acknowledgement of its own: what comes then.
    Acks(bool),
    /// The controller's acknowledgement.
    Asks,
    /// The byte was refused.
    Refuses,
}

/// Both lines, and a target with `memory` to read and a list of what it was told.
struct Lines {
    driven: Cell<u32>,
    /// What the target holds low.
    held: Cell<u32>,
    phase: Cell<Phase>,
    told: RefCell<Vec<u8>>,
    memory: RefCell<Vec<u8>>,
    at: Cell<usize>,
    starts: Cell<u32>,
    stops: Cell<u32>,
    /// Bytes it takes before it refuses one.
    takes: Cell<usize>,
    /// Reads of the lines for which it stretches the clock before each acknowledgement.
    stretches: Cell<u32>,
    stretching: Cell<u32>,
    /// Pulses of the clock until it lets go of the data line.
    stuck: Cell<u32>,
    accesses: Cell<u32>,
    /// Pulses of the clock.
    pulses: Cell<u32>,
}

impl Lines {
    fn leak() -> &'static Self {
        Box::leak(Box::new(Self {
            driven: Cell::new(0),
            held: Cell::new(0),
            phase: Cell::new(Phase::Idle),
            told: RefCell::default(),
            memory: RefCell::default(),
            at: Cell::new(0),
            starts: Cell::new(0),
            stops: Cell::new(0),
            takes: Cell::new(usize::MAX),
            stretches: Cell::new(0),
            stretching: Cell::new(0),
            stuck: Cell::new(0),
            accesses: Cell::new(0),
            pulses: Cell::new(0),
        }))
    }

    fn level(&self) -> u32 {
        self.driven.get() & !self.held.get()
    }

    fn change(&self, driven: u32) {
        let before = self.level();
        self.driven.set(driven);
        let mut after = self.level();
        if before & SCL != 0 && after & SCL != 0 && before & SDA != after & SDA {
            if after & SDA == 0 {
                self.starts.set(self.starts.get() + 1);
                self.phase.set(Phase::Address(0, 0));
            } else {
                self.stops.set(self.stops.get() + 1);
                self.phase.set(Phase::Idle);
            }
        }
        if before & SCL == 0 && after & SCL != 0 {
            self.rises(after & SDA != 0);
        }
        if before & SCL != 0 && after & SCL == 0 {
            self.falls();
            after = self.level();
        }
        let _ = after;
    }

    /// The clock rises: the target samples.
    fn rises(&self, data: bool) {
        self.pulses.set(self.pulses.get() + 1);
        let bit = u8::from(data);
        self.phase.set(match self.phase.get() {
            Phase::Address(count, bits) => Phase::Address(count + 1, bits << 1 | bit),
            Phase::Hears(count, bits) => Phase::Hears(count + 1, bits << 1 | bit),
            Phase::Asks if data => Phase::Idle,
            phase => phase,
        });
    }

    /// The clock has fallen: the target changes what it holds.
    fn falls(&self) {
        if self.stuck.get() > 0 {
            self.stuck.set(self.stuck.get() - 1);
            if self.stuck.get() == 0 {
                self.held.set(0);
            }
            return;
        }
        let mut held = 0;
        let next = match self.phase.get() {
            Phase::Address(8, bits) if bits >> 1 == ADDRESS => {
                held = SDA;
                Phase::Acks(bits & 1 != 0)
            }
            Phase::Address(8, _) => Phase::Idle,
            Phase::Hears(8, bits) => {
                if self.told.borrow().len() < self.takes.get() {
                    self.told.borrow_mut().push(bits);
                    held = SDA;
                    Phase::Acks(false)
                } else {
                    Phase::Refuses
                }
            }
            Phase::Acks(true) => self.says(0, &mut held),
            Phase::Acks(false) => Phase::Hears(0, 0),
            Phase::Says(8) => Phase::Asks,
            Phase::Says(number) => self.says(number, &mut held),
            Phase::Asks => {
                self.at.set(self.at.get() + 1);
                self.says(0, &mut held)
            }
            phase => phase,
        };
        self.phase.set(next);
        if matches!(next, Phase::Acks(_)) && self.stretches.get() > 0 {
            held |= SCL;
            self.stretching.set(self.stretches.get());
        }
        self.held.set(held);
    }

    fn says(&self, number: u8, held: &mut u32) -> Phase {
        let byte = self.memory.borrow().get(self.at.get()).copied();
        if byte.unwrap_or(0xff) & 0x80 >> number == 0 {
            *held = SDA;
        }
        Phase::Says(number + 1)
    }
}

impl Registers for &'static Lines {
    fn read(&self, offset: usize) -> u32 {
        assert_eq!(offset, 0);
        self.accesses.set(self.accesses.get() + 1);
        if self.stretching.get() > 0 {
            self.stretching.set(self.stretching.get() - 1);
            if self.stretching.get() == 0 {
                self.held.set(self.held.get() & !SCL);
                if self.driven.get() & SCL != 0 {
                    self.rises(self.level() & SDA != 0);
                }
            }
        }
        self.level()
    }

    fn write(&self, offset: usize, value: u32) {
        self.accesses.set(self.accesses.get() + 1);
        let driven = self.driven.get();
        self.change(match offset {
            0 => driven | value,
            4 => driven & !value,
            _ => panic!("no such register"),
        });
    }
}

struct Clock(Cell<u32>);

impl Time for Clock {
    type Frequency = Freq1MHz;
    type Ticks = Ticks32;
    fn now(&self) -> Ticks32 {
        self.0.get().into()
    }
}

/// What came back.
type Outcome = (Vec<u8>, Result<(), Error>);

#[derive(Default)]
struct Client(RefCell<Vec<Outcome>>);

impl I2CHwMasterClient for Client {
    fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), Error>) {
        self.0.borrow_mut().push((buffer.to_vec(), status));
    }
}

struct Bench {
    lines: &'static Lines,
    clock: &'static Clock,
    bus: &'static Sbcon<'static, &'static Lines, Clock>,
    client: &'static Client,
}

fn bench() -> Bench {
    let lines = Lines::leak();
    let clock: &'static Clock = Box::leak(Box::new(Clock(Cell::new(u32::MAX - 100))));
    let bus: &'static Sbcon<'static, &'static Lines, Clock> =
        Box::leak(Box::new(Sbcon::new(lines, clock, 2)));
    bus.register();
    let client: &'static Client = Box::leak(Box::default());
    bus.set_master_client(client);
    bus.enable();
    Bench {
        lines,
        clock,
        bus,
        client,
    }
}

impl Bench {
    /// Lets passes come until the transfer is over; what came back.
    fn run(&self) -> Outcome {
        assert!(
            self.client.0.borrow().is_empty(),
            "never from within the call"
        );
        for _ in 0..1_000_000 {
            let before = self.lines.accesses.get();
            if DeferredCall::service_next_later_call().is_none() {
                break;
            }
            let took = self.lines.accesses.get() - before;
            assert!(took <= 110, "{took} accesses in a pass");
            self.clock.0.set(self.clock.0.get().wrapping_add(10));
        }
        let mut outcomes = self.client.0.take();
        assert_eq!(outcomes.len(), 1, "one answer");
        outcomes.remove(0)
    }

    /// The bus is as it was found.
    fn is_idle(&self) {
        assert_eq!(self.lines.level(), SCL | SDA);
        assert_eq!(self.lines.phase.get(), Phase::Idle);
    }
}

fn alone(test: impl FnOnce() + Send + 'static) {
    std::thread::spawn(test).join().unwrap();
}

proptest! {
    #[test]
    fn bytes_arrive_in_both_directions(
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
        memory in proptest::collection::vec(any::<u8>(), 0..20),
        stretches in 0..40u32,
        stuck in 0..9u32,
    ) {
        alone(move || both(&bytes, &memory, stretches, stuck));
    }
}

fn both(bytes: &[u8], memory: &[u8], stretches: u32, stuck: u32) {
    let bench = bench();
    let lines = bench.lines;
    lines.stretches.set(stretches);
    lines.stuck.set(stuck);
    lines.held.set(if stuck > 0 { SDA } else { 0 });
    *lines.memory.borrow_mut() = memory.to_vec();
    let mut data = bytes.to_vec();
    data.resize(bytes.len().max(memory.len()) + 3, 0xee);
    let sent = bench
        .bus
        .write_read(ADDRESS, data.leak(), bytes.len(), memory.len());
    sent.unwrap();
    let (data, status) = bench.run();
    assert_eq!(status, Ok(()));
    assert_eq!(*lines.told.borrow(), bytes);
    assert_eq!(&data[..memory.len()], memory);
    assert_eq!(data.last(), Some(&0xee));
    let starts = if bytes.is_empty() || memory.is_empty() {
        1
    } else {
        2
    };
    if stuck == 0 {
        assert_eq!((lines.starts.get(), lines.stops.get()), (starts, 1));
    }
    bench.is_idle();
}

#[test]
fn nobody_answers_to_another_address() {
    let bench = bench();
    bench.bus.write(0x49, vec![1, 2].leak(), 2).unwrap();
    assert_eq!(bench.run().1, Err(Error::AddressNak));
    assert!(bench.lines.told.borrow().is_empty());
    bench.is_idle();
    bench.bus.read(0x49, vec![1, 2].leak(), 2).unwrap();
    assert_eq!(bench.run(), (vec![1, 2], Err(Error::AddressNak)));
    // No byte at all asks whether somebody is there.
    bench.bus.write(ADDRESS, vec![].leak(), 0).unwrap();
    assert_eq!(bench.run().1, Ok(()));
    bench.is_idle();
}

#[test]
fn a_byte_that_is_not_acknowledged_is_the_last() {
    let bench = bench();
    bench.lines.takes.set(2);
    bench
        .bus
        .write_read(ADDRESS, vec![1, 2, 3, 4].leak(), 4, 1)
        .unwrap();
    assert_eq!(bench.run().1, Err(Error::DataNak));
    assert_eq!(*bench.lines.told.borrow(), [1, 2]);
    bench.is_idle();
}

#[test]
fn a_clock_that_is_held_for_ever_ends_the_transfer() {
    let bench = bench();
    bench.lines.stretches.set(u32::MAX);
    let start = bench.clock.0.get();
    bench.bus.write(ADDRESS, vec![1].leak(), 1).unwrap();
    assert_eq!(bench.run().1, Err(Error::ArbitrationLost));
    let took = bench.clock.0.get().wrapping_sub(start);
    assert!((25_000..26_000).contains(&took), "{took}");
    assert_eq!(
        bench.lines.driven.get(),
        SCL | SDA,
        "nothing is held by this side"
    );
}

#[test]
fn a_data_line_that_stays_low_ends_the_transfer() {
    let bench = bench();
    bench.lines.held.set(SDA);
    bench.lines.stuck.set(1000);
    bench.bus.write(ADDRESS, vec![1].leak(), 1).unwrap();
    assert_eq!(bench.run().1, Err(Error::ArbitrationLost));
    assert!(
        bench.lines.pulses.get() <= 12,
        "{}",
        bench.lines.pulses.get()
    );
    assert_eq!(bench.lines.driven.get(), SCL | SDA);
}

#[test]
fn who_loses_arbitration_lets_go() {
    let bench = bench();
    bench.bus.write(ADDRESS, vec![0xff; 9].leak(), 9).unwrap();
    // Another controller pulls the data line in the middle.
    for _ in 0..3 {
        DeferredCall::service_next_later_call();
    }
    bench.lines.stuck.set(1000);
    bench.lines.held.set(SDA);
    assert_eq!(bench.run().1, Err(Error::ArbitrationLost));
    assert_eq!(bench.lines.driven.get(), SCL | SDA);
    assert_eq!(bench.lines.stops.get(), 0);
}

#[test]
fn what_cannot_be_is_refused_with_the_buffer() {
    let bench = bench();
    let bus = bench.bus;
    let refused = |refused: Result<(), (Error, &'static mut [u8])>| {
        let (error, buffer) = refused.unwrap_err();
        assert_eq!(buffer, [7; 4]);
        error
    };
    let buffer = || vec![7; 4].leak();
    assert_eq!(refused(bus.write(ADDRESS, buffer(), 5)), Error::Overrun);
    assert_eq!(refused(bus.read(ADDRESS, buffer(), 5)), Error::Overrun);
    assert_eq!(
        refused(bus.write_read(ADDRESS, buffer(), 1, 5)),
        Error::Overrun
    );
    assert_eq!(refused(bus.read(ADDRESS, buffer(), 0)), Error::NotSupported);
    assert_eq!(refused(bus.write(0x80, buffer(), 1)), Error::NotSupported);
    bus.write(ADDRESS, buffer(), 4).unwrap();
    assert_eq!(refused(bus.write(ADDRESS, buffer(), 1)), Error::Busy);
    bus.disable();
    assert_eq!(bench.run().1, Ok(()));
    assert_eq!(
        refused(bus.write(ADDRESS, buffer(), 1)),
        Error::NotSupported
    );
    assert_eq!(bench.lines.told.borrow().len(), 4);
}
