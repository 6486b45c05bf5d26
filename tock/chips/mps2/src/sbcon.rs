//! The serial bus control of Arm's boards (SBCon): two lines, driven by the bit, as I2C controller.
//!
//! A transfer is a row of *ticks*, each around one pulse of the clock. Every tick has the same three parts:
//!
//! ```text
//!           before            release the clock,        after
//!           (clock low)       wait until it is high     (clock high, low at the end)
//! start     data high                                   data low
//! bit       data as the bit                             sample
//! stop      data low                                    data high
//! ```
//!
//! Only the middle can take long: a target may stretch the clock. So a transfer goes on in passes of at most
//! [`TICKS_PER_PASS`] ticks, from deferred calls that leave processes their turn; one that finds the clock
//! stretched comes back later. No pass waits. A clock that is low for longer than 25 ms (SMBus 3.1, table 1) ends
//! the transfer.
//!
//! A target that lost its controller in the middle of a byte, by a reset of the board, holds the data line low.
//! It is given up to nine pulses and a stop before a transfer begins (UM10204, 3.1.16).

use core::cell::Cell;

use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::i2c::{Error, I2CHwMasterClient, I2CMaster, Refused};
use kernel::hil::time::{Frequency, Ticks, Time};
use kernel::utilities::cells::{MapCell, OptionalCell};

use crate::registers::Registers;

/// Reading: the level of the lines. Writing: lines to release.
const SET: usize = 0;
/// Writing: lines to drive low.
const CLEAR: usize = 4;
/// The clock.
const SCL: u32 = 1 << 0;
/// The data.
const SDA: u32 = 1 << 1;

/// Most ticks in a pass: a byte with its acknowledgement.
pub const TICKS_PER_PASS: usize = 9;

/// How long a target may hold the clock low.
const STRETCH_MS: u32 = 25;

/// Pulses that free a data line.
const RECOVERY_PULSES: u8 = 9;

/// The last address.
const ADDRESS_MAX: u8 = 0x7f;

/// What a byte on the bus is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Byte {
    /// The address and the direction.
    Address { reads: bool },
    /// Byte of the buffer, sent.
    Sent(usize),
    /// Byte of the buffer, received.
    Received(usize),
}

/// What the next tick is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    /// A start, or a repeated one, before reading or writing.
    Start { reads: bool },
    /// A bit of a byte: 0 to 7 from the most significant one, 8 the acknowledgement.
    Bit { byte: Byte, number: u8, bits: u8 },
    /// A pulse that frees the data line; so many follow.
    Recovery(u8),
    /// A stop that frees the data line.
    RecoveryStop,
    /// The last.
    Stop,
}

/// A transfer under way.
struct Transfer {
    buffer: &'static mut [u8],
    address: u8,
    write_length: usize,
    read_length: usize,
    tick: Tick,
    /// The clock is released, and was found low since then.
    stretched: Option<u32>,
    /// The data line was freed already.
    recovered: bool,
    status: Result<(), Error>,
}

/// What is left to do after a tick.
enum Next {
    Tick(Tick),
    Done,
}

/// An I2C controller over these registers; `T` is the clock that limits stretching.
pub struct Sbcon<'a, R: Registers, T: Time> {
    registers: R,
    clock: &'a T,
    /// Reads of a register that are at least half a period of the bus.
    half: u32,
    client: OptionalCell<&'a dyn I2CHwMasterClient>,
    transfer: MapCell<Transfer>,
    next: DeferredCall,
    enabled: Cell<bool>,
}

impl<'a, R: Registers, T: Time> Sbcon<'a, R, T> {
    /// A controller. `half` reads of its registers take at least half a period of the bus (for a fast-mode bus
    /// 1.3 us).
    pub fn new(registers: R, clock: &'a T, half: u32) -> Self {
        Self {
            registers,
            clock,
            half,
            client: OptionalCell::empty(),
            transfer: MapCell::empty(),
            next: DeferredCall::new(),
            enabled: Cell::new(false),
        }
    }

    fn release(&self, lines: u32) {
        self.registers.write(SET, lines);
    }

    fn pull(&self, lines: u32) {
        self.registers.write(CLEAR, lines);
    }

    fn is_high(&self, line: u32) -> bool {
        self.registers.read(SET) & line != 0
    }

    fn half_period(&self) {
        for _ in 0..self.half {
            let _ = self.registers.read(SET);
        }
    }

    fn begin(
        &self,
        address: u8,
        buffer: &'static mut [u8],
        write_length: usize,
        read_length: usize,
        reads: bool,
    ) -> Result<(), Refused> {
        if self.transfer.is_some() {
            return Err((Error::Busy, buffer));
        }
        // Nothing can be read in no bytes: a target drives the first bit right behind its address.
        if !self.enabled.get() || address > ADDRESS_MAX || (reads && read_length == 0) {
            return Err((Error::NotSupported, buffer));
        }
        if write_length.max(read_length) > buffer.len() {
            return Err((Error::Overrun, buffer));
        }
        self.transfer.put(Transfer {
            buffer,
            address,
            write_length,
            read_length,
            tick: Tick::Start { reads },
            stretched: None,
            recovered: false,
            status: Ok(()),
        });
        self.next.set_later();
        Ok(())
    }

    /// Do at most [`TICKS_PER_PASS`] ticks; whether the transfer is over.
    fn pass(&self, transfer: &mut Transfer) -> bool {
        for _ in 0..TICKS_PER_PASS {
            if transfer.stretched.is_none() {
                self.before(transfer);
                self.half_period();
                self.release(SCL);
            }
            if !self.is_high(SCL) {
                return self.is_stuck(transfer);
            }
            transfer.stretched = None;
            self.half_period();
            match self.after(transfer) {
                Next::Tick(tick) => transfer.tick = tick,
                Next::Done => return true,
            }
        }
        false
    }

    /// The clock is low: whether it has been for too long.
    fn is_stuck(&self, transfer: &mut Transfer) -> bool {
        let now = self.clock.now().into_u32();
        let since = *transfer.stretched.get_or_insert(now);
        let most = T::Frequency::frequency() / 1000 * STRETCH_MS;
        let stuck = now.wrapping_sub(since) > most;
        if stuck {
            self.give_up(transfer);
        }
        stuck
    }

    /// Leave the bus to whoever has it.
    fn give_up(&self, transfer: &mut Transfer) {
        self.release(SCL | SDA);
        transfer.status = Err(Error::ArbitrationLost);
    }

    /// The data line before the clock's pulse.
    fn before(&self, transfer: &Transfer) {
        let high = match transfer.tick {
            Tick::Start { .. } | Tick::Recovery(_) => true,
            Tick::Stop | Tick::RecoveryStop => false,
            Tick::Bit { byte, number, bits } => match byte {
                // The target acknowledges.
                Byte::Address { .. } | Byte::Sent(_) => number == 8 || bits & 0x80 >> number != 0,
                // So does this side, but not the last byte.
                Byte::Received(index) => number < 8 || index + 1 >= transfer.read_length,
            },
        };
        if high {
            self.release(SDA);
        } else {
            self.pull(SDA);
        }
    }

    /// What follows a pulse of the clock, which is high.
    fn after(&self, transfer: &mut Transfer) -> Next {
        match transfer.tick {
            Tick::Start { reads } => self.started(transfer, reads),
            Tick::Bit { byte, number, bits } => {
                let sample = self.is_high(SDA);
                self.pull(SCL);
                self.bit(transfer, byte, number, bits, sample)
            }
            Tick::Recovery(left) => {
                let free = self.is_high(SDA);
                self.pull(SCL);
                Next::Tick(match left.checked_sub(1) {
                    Some(left) if !free => Tick::Recovery(left),
                    _ => Tick::RecoveryStop,
                })
            }
            Tick::RecoveryStop => {
                self.release(SDA);
                self.half_period();
                let reads = transfer.write_length == 0 && transfer.read_length > 0;
                Next::Tick(Tick::Start { reads })
            }
            Tick::Stop => {
                self.release(SDA);
                self.half_period();
                Next::Done
            }
        }
    }

    fn started(&self, transfer: &mut Transfer, reads: bool) -> Next {
        if !self.is_high(SDA) {
            if transfer.recovered {
                self.give_up(transfer);
                return Next::Done;
            }
            transfer.recovered = true;
            self.pull(SCL);
            return Next::Tick(Tick::Recovery(RECOVERY_PULSES - 1));
        }
        // Whoever holds it low later on is another controller, or broken.
        transfer.recovered = true;
        self.pull(SDA);
        self.half_period();
        self.pull(SCL);
        Next::Tick(first_bit(transfer, Byte::Address { reads }))
    }

    fn bit(&self, transfer: &mut Transfer, byte: Byte, number: u8, bits: u8, sample: bool) -> Next {
        let next = |bits| {
            let number = number + 1;
            Next::Tick(Tick::Bit { byte, number, bits })
        };
        match (byte, number) {
            (Byte::Received(_), 0..8) => next(bits << 1 | u8::from(sample)),
            (_, 0..8) => {
                let sent = bits & 0x80 >> number != 0;
                if sent && !sample {
                    self.give_up(transfer);
                    return Next::Done;
                }
                next(bits)
            }
            _ => Next::Tick(acknowledged(transfer, byte, bits, sample)),
        }
    }

    fn proceed(&self) {
        let Some(done) = self.transfer.map(|transfer| self.pass(transfer)) else {
            return;
        };
        if !done {
            return self.next.set_later();
        }
        if let Some(transfer) = self.transfer.take() {
            let Transfer { buffer, status, .. } = transfer;
            self.client
                .map(move |client| client.command_complete(buffer, status));
        }
    }
}

/// The first bit of a byte.
fn first_bit(transfer: &Transfer, byte: Byte) -> Tick {
    let bits = match byte {
        Byte::Address { reads } => transfer.address << 1 | u8::from(reads),
        Byte::Sent(index) => transfer.buffer.get(index).copied().unwrap_or(0xff),
        Byte::Received(_) => 0,
    };
    let number = 0;
    Tick::Bit { byte, number, bits }
}

/// What follows a whole byte. `sample`: the data line was high when it was to be acknowledged.
fn acknowledged(transfer: &mut Transfer, byte: Byte, bits: u8, sample: bool) -> Tick {
    let following = match byte {
        Byte::Address { .. } if sample => {
            transfer.status = Err(Error::AddressNak);
            return Tick::Stop;
        }
        Byte::Sent(_) if sample => {
            transfer.status = Err(Error::DataNak);
            return Tick::Stop;
        }
        Byte::Address { reads: true } => 0,
        Byte::Address { reads: false } => return after_sent(transfer, 0),
        Byte::Sent(index) => return after_sent(transfer, index + 1),
        Byte::Received(index) => {
            if let Some(place) = transfer.buffer.get_mut(index) {
                *place = bits;
            }
            index + 1
        }
    };
    if following < transfer.read_length {
        first_bit(transfer, Byte::Received(following))
    } else {
        Tick::Stop
    }
}

/// What follows when the byte at `index` is the next to be sent, if there is one.
fn after_sent(transfer: &Transfer, index: usize) -> Tick {
    if index < transfer.write_length {
        first_bit(transfer, Byte::Sent(index))
    } else if transfer.read_length > 0 {
        Tick::Start { reads: true }
    } else {
        Tick::Stop
    }
}

impl<R: Registers, T: Time> DeferredCallClient for Sbcon<'static, R, T> {
    fn handle_deferred_call(&self) {
        self.proceed();
    }

    fn register(&'static self) {
        self.next.register(self);
    }
}

impl<'a, R: Registers, T: Time> I2CMaster<'a> for Sbcon<'a, R, T> {
    fn set_master_client(&self, master_client: &'a dyn I2CHwMasterClient) {
        self.client.set(master_client);
    }

    fn enable(&self) {
        self.release(SCL | SDA);
        self.enabled.set(true);
    }

    /// What is under way is finished.
    fn disable(&self) {
        self.enabled.set(false);
    }

    fn write_read(
        &self,
        addr: u8,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), Refused> {
        self.begin(
            addr,
            data,
            write_len,
            read_len,
            write_len == 0 && read_len > 0,
        )
    }

    fn write(&self, addr: u8, data: &'static mut [u8], len: usize) -> Result<(), Refused> {
        self.begin(addr, data, len, 0, false)
    }

    fn read(&self, addr: u8, buffer: &'static mut [u8], len: usize) -> Result<(), Refused> {
        self.begin(addr, buffer, 0, len, true)
    }
}
