use super::{BusError, Lines, TwoWire};
use embedded_hal::i2c::{Error, ErrorKind, I2c, NoAcknowledgeSource, Operation};
use std::vec;
use std::vec::Vec;

/// What a device on the bus sees and does, told by the edges of the lines.
#[derive(Debug, Default)]
struct Device {
    /// Its address.
    address: u8,
    /// What it sends, byte by byte, again from the front for each transfer.
    sends: Vec<u8>,
    /// Bytes that it takes before it refuses one.
    room: usize,
    /// What has happened on the bus.
    seen: Vec<Seen>,
    state: State,
    /// Bits of the byte under way.
    bits: u8,
    count: u8,
    next: usize,
    taken: usize,
    /// It pulls the data line low.
    pulls: bool,
    /// It holds the clock for so many looks at the end of each byte.
    stretch: u32,
    holds: u32,
    /// It has been cut off while it sent zeros: so many pulses until it lets go.
    hangs: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Start,
    Stop,
    Byte(u8),
    Sent(u8),
    /// Its byte was acknowledged: another is wanted.
    More,
    /// It was the last.
    Last,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Address,
    Takes,
    Sends,
    /// The acknowledgement of the byte before it; what comes then.
    Acknowledges(bool),
    Acknowledged,
    Deaf,
}

/// The lines, with one device at them.
#[derive(Debug)]
struct Simulated {
    clock: bool,
    data: bool,
    device: Device,
}

impl Simulated {
    fn new(device: Device) -> TwoWire<Self> {
        TwoWire::new(Self {
            clock: true,
            data: true,
            device,
        })
    }

    fn level(&self) -> bool {
        self.data && !self.device.pulls && self.device.hangs == 0
    }
}

impl Device {
    fn rising(&mut self, data: bool) {
        if matches!(self.state, State::Address | State::Takes) {
            self.bits = self.bits << 1 | u8::from(data);
            self.count += 1;
        }
        if self.state == State::Acknowledged {
            self.seen.push(if data { Seen::Last } else { Seen::More });
            self.state = if data { State::Deaf } else { State::Sends };
        }
    }

    fn falling(&mut self) {
        self.hangs = self.hangs.saturating_sub(1);
        match self.state {
            State::Address if self.count == 8 => {
                self.seen.push(Seen::Byte(self.bits));
                let mine = self.bits >> 1 == self.address;
                self.pulls = mine;
                self.state = match mine {
                    true => State::Acknowledges(self.bits & 1 != 0),
                    false => State::Deaf,
                };
            }
            State::Takes if self.count == 8 => {
                self.seen.push(Seen::Byte(self.bits));
                self.pulls = self.taken < self.room;
                self.taken += 1;
                self.state = State::Acknowledges(false);
            }
            State::Acknowledges(sends) => {
                self.pulls = false;
                (self.bits, self.count) = (0, 0);
                self.state = if sends { State::Sends } else { State::Takes };
                self.holds = self.stretch;
                if sends {
                    self.send();
                }
            }
            State::Sends => self.send(),
            _ => {}
        }
    }

    /// The next bit onto the line.
    fn send(&mut self) {
        if self.count == 8 {
            self.seen.push(Seen::Sent(self.bits));
            self.pulls = false;
            (self.count, self.next) = (0, self.next + 1);
            self.state = State::Acknowledged;
            return;
        }
        self.bits = self.sends.get(self.next).copied().unwrap_or(0xff);
        self.pulls = self.bits << self.count & 0x80 == 0;
        self.count += 1;
    }
}

impl Lines for Simulated {
    fn set_clock(&mut self, high: bool) {
        if high == self.clock {
            return;
        }
        self.clock = high;
        if high {
            let level = self.level();
            self.device.rising(level);
        } else {
            self.device.falling();
        }
    }

    fn set_data(&mut self, high: bool) {
        let before = self.level();
        self.data = high;
        if self.clock && before != self.level() {
            let device = &mut self.device;
            device
                .seen
                .push(if high { Seen::Stop } else { Seen::Start });
            device.state = if high { State::Idle } else { State::Address };
            (device.bits, device.count, device.next, device.taken) = (0, 0, 0, 0);
            device.pulls = false;
        }
    }

    fn clock(&mut self) -> bool {
        let held = self.device.holds > 0;
        self.device.holds = self.device.holds.saturating_sub(1);
        self.clock && !held
    }

    fn data(&mut self) -> bool {
        self.level()
    }
}

fn device() -> Device {
    Device {
        address: 0x48,
        sends: vec![0xa5, 0x00, 0xff, 0x3c],
        room: usize::MAX,
        ..Device::default()
    }
}

#[test]
fn a_register_is_read_without_a_stop_between() {
    let mut bus = Simulated::new(device());
    let mut read = [0; 3];
    bus.write_read(0x48, &[0x01], &mut read).unwrap();
    assert_eq!(read, [0xa5, 0x00, 0xff]);
    let expected = [
        Seen::Start,
        Seen::Byte(0x90),
        Seen::Byte(0x01),
        Seen::Start,
        Seen::Byte(0x91),
        Seen::Sent(0xa5),
        Seen::More,
        Seen::Sent(0x00),
        Seen::More,
        Seen::Sent(0xff),
        Seen::Last,
        Seen::Stop,
    ];
    assert_eq!(bus.release().device.seen, expected);
}

#[test]
fn parts_in_the_same_direction_are_one() {
    let mut bus = Simulated::new(device());
    let (mut first, mut second) = ([0; 1], [0; 2]);
    bus.transaction(
        0x48,
        &mut [
            Operation::Write(&[1, 2]),
            Operation::Write(&[]),
            Operation::Write(&[3]),
            Operation::Read(&mut first),
            Operation::Read(&mut []),
            Operation::Read(&mut second),
            Operation::Read(&mut []),
        ],
    )
    .unwrap();
    assert_eq!((first, second), ([0xa5], [0x00, 0xff]));
    let seen = bus.release().device.seen;
    let starts = seen.iter().filter(|seen| **seen == Seen::Start).count();
    assert_eq!(starts, 2);
    assert_eq!(seen.iter().filter(|seen| **seen == Seen::Last).count(), 1);
    let bytes = [0x90, 1, 2, 3, 0x91].map(Seen::Byte);
    let taken: Vec<_> = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Byte(_)))
        .copied()
        .collect();
    assert_eq!(taken, bytes);
}

#[test]
fn nobody_and_a_full_device_are_told_apart_and_the_bus_is_idle() {
    let mut bus = Simulated::new(device());
    let error = bus.write(0x49, &[1]).unwrap_err();
    assert_eq!(error, BusError::NoDevice);
    let address = NoAcknowledgeSource::Address;
    assert_eq!(error.kind(), ErrorKind::NoAcknowledge(address));
    assert_eq!(bus.lines.device.seen.last(), Some(&Seen::Stop));

    bus.lines.device.room = 2;
    let error = bus.write(0x48, &[1, 2, 3]).unwrap_err();
    assert_eq!(error, BusError::NotTaken);
    assert_eq!(
        error.kind(),
        ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data)
    );
    let lines = bus.release();
    assert_eq!(lines.device.seen.last(), Some(&Seen::Stop));
    assert!(lines.clock && lines.data);
}

#[test]
fn a_device_may_stretch_the_clock_but_not_for_ever() {
    let mut bus = Simulated::new(Device {
        stretch: 50,
        ..device()
    });
    bus.write(0x48, &[1, 2]).unwrap();
    bus.lines.device.stretch = u32::MAX;
    assert_eq!(bus.write(0x48, &[1]), Err(BusError::TooSlow));
}

#[test]
fn a_device_that_was_cut_off_is_clocked_until_it_lets_go() {
    for hangs in 1..=9 {
        let mut bus = Simulated::new(Device { hangs, ..device() });
        let mut read = [0; 1];
        bus.read(0x48, &mut read).unwrap();
        assert_eq!(read, [0xa5], "{hangs}");
    }
    let mut bus = Simulated::new(Device {
        hangs: u32::MAX,
        ..device()
    });
    assert_eq!(bus.write(0x48, &[1]), Err(BusError::HeldLow));
}

/// 0x90 is how some data sheets write 0x48: with the bit that says who sends.
#[test]
fn an_address_of_eight_bits_is_refused_and_nobody_is_asked() {
    let mut bus = Simulated::new(device());
    for address in [0x80, 0x90, 0xc8, 0xff] {
        let error = bus.write(address, &[1]).unwrap_err();
        assert_eq!(
            (error, error.kind()),
            (BusError::BadAddress, ErrorKind::Other)
        );
    }
    assert_eq!(bus.release().device.seen, []);
}
