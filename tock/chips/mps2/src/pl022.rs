//! Arm PrimeCell SSP (PL022) as SPI controller.
//!
//! It has two FIFOs of eight frames. A transfer keeps at most eight frames between them, so that the receiver
//! never overflows, and goes on at the receiver's interrupts:
//!
//! ```text
//!   read_write_bytes ─► fill ─► interrupt: four frames are there, or some and then silence
//!                        ▲                   │
//!                        └── drain, fill ◄───┘─► all there: client
//! ```
//!
//! An interrupt costs at most eight frames, whatever the length of the transfer, and nothing waits for the hardware
//! but the calls for single bytes, which the interface wants so.
//!
//! A rest of less than four frames raises no interrupt before some silence. Where frames arrive at once, as in an
//! emulator without that interrupt, a deferred call finds them.
//!
//! A chip select is a pin of the board. The one that the controller drives itself ends whenever its FIFO
//! runs empty.

use core::cell::Cell;
use core::ptr;

use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::gpio::Output;
use kernel::hil::spi::cs::ChipSelectPolar;
use kernel::hil::spi::{ClockPhase, ClockPolarity, Refused, SpiMaster, SpiMasterClient};
use kernel::utilities::cells::{MapCell, OptionalCell};
use kernel::utilities::leasable_buffer::SubSliceMut;

use crate::registers::Registers;

/// Byte offsets of the registers (Arm DDI 0194, 3.2).
mod offset {
    pub(super) const CR0: usize = 0x00;
    pub(super) const CR1: usize = 0x04;
    pub(super) const DATA: usize = 0x08;
    pub(super) const STATUS: usize = 0x0c;
    pub(super) const PRESCALE: usize = 0x10;
    pub(super) const MASK: usize = 0x14;
    pub(super) const CLEAR: usize = 0x20;
}

/// In `CR0`: eight bits a frame, Motorola's format.
const EIGHT_BITS: u32 = 7;
/// In `CR0`: the idle clock is high.
const POLARITY: u32 = 1 << 6;
/// In `CR0`: the second edge samples.
const PHASE: u32 = 1 << 7;
/// In `CR0`: where the second divisor less one is.
const RATE_SHIFT: u32 = 8;

/// In `CR1`: what is sent is received.
const LOOPBACK: u32 = 1 << 0;
/// In `CR1`: on.
const ENABLE: u32 = 1 << 1;

/// In `STATUS`: the transmitter has room.
const NOT_FULL: u32 = 1 << 1;
/// In `STATUS`: the receiver has a frame.
const NOT_EMPTY: u32 = 1 << 2;

/// In `MASK` and `CLEAR`: silence behind received frames.
const SILENCE: u32 = 1 << 1;
/// In `MASK`: four received frames or more.
const RECEIVED: u32 = 1 << 2;

/// Frames of each FIFO.
const FIFO: usize = 8;
/// So many received frames interrupt.
const THRESHOLD: usize = 4;

/// The first divisor is even.
const PRESCALE_MIN: u32 = 2;
const PRESCALE_MAX: u32 = 254;
const RATE_MAX: u32 = 256;

/// Chip selects whose settings are kept.
const SELECTS: usize = 4;

/// How often a call that blocks looks before it gives up: more than a byte takes at the slowest rate.
const LOOKS: u32 = 1 << 20;

/// The clock's settings of a chip select, and what goes into the registers for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    polarity: ClockPolarity,
    phase: ClockPhase,
    /// Bits a second, as they come out.
    rate: u32,
    /// First divisor: even, from 2 to 254.
    prescale: u32,
    /// Second divisor: from 1 to 256.
    divisor: u32,
}

impl Settings {
    /// The fastest rate that is not faster than `rate`.
    fn with_rate(self, clock: u32, rate: u32) -> Result<Self, ErrorCode> {
        if rate == 0 {
            return Err(ErrorCode::INVAL);
        }
        // The smallest whose rate is not above, in whole hertz: so a rate that was told can be asked for again.
        let whole = (clock / rate.saturating_add(1) + 1).max(PRESCALE_MIN);
        // The smallest first divisor that leaves no more than the second one can.
        let prescale = whole
            .div_ceil(RATE_MAX)
            .next_multiple_of(2)
            .max(PRESCALE_MIN);
        if prescale > PRESCALE_MAX {
            return Err(ErrorCode::INVAL);
        }
        let divisor = whole.div_ceil(prescale);
        Ok(Self {
            rate: clock / (prescale * divisor),
            prescale,
            divisor,
            ..self
        })
    }

    fn control(self) -> u32 {
        let polarity = match self.polarity {
            ClockPolarity::IdleLow => 0,
            ClockPolarity::IdleHigh => POLARITY,
        };
        let phase = match self.phase {
            ClockPhase::SampleLeading => 0,
            ClockPhase::SampleTrailing => PHASE,
        };
        EIGHT_BITS | polarity | phase | (self.divisor - 1) << RATE_SHIFT
    }
}

/// A transfer under way.
struct Transfer {
    write: SubSliceMut<'static, u8>,
    read: Option<SubSliceMut<'static, u8>>,
    length: usize,
    sent: usize,
    received: usize,
}

/// A PL022 over these registers, with chip selects at pins of type `P`.
pub struct Pl022<'a, R: Registers, P: Output> {
    registers: R,
    /// Hertz.
    clock: u32,
    client: OptionalCell<&'a dyn SpiMasterClient>,
    transfer: MapCell<Transfer>,
    /// Looks for the rest of a transfer that raises no interrupt.
    look: DeferredCall,
    selected: Cell<Option<ChipSelectPolar<'a, P>>>,
    hold: Cell<bool>,
    loopback: Cell<bool>,
    settings: Cell<Settings>,
    /// Those of chip selects that are not selected.
    kept: [Cell<Option<(*const P, Settings)>>; SELECTS],
}

impl<'a, R: Registers, P: Output> Pl022<'a, R, P> {
    /// A controller that runs at `clock` hertz, two at least. [`SpiMaster::init`] must follow.
    pub fn new(registers: R, clock: u32) -> Self {
        let settings = Settings {
            polarity: ClockPolarity::IdleLow,
            phase: ClockPhase::SampleLeading,
            rate: clock / PRESCALE_MIN,
            prescale: PRESCALE_MIN,
            divisor: 1,
        };
        Self {
            registers,
            clock,
            client: OptionalCell::empty(),
            transfer: MapCell::empty(),
            look: DeferredCall::new(),
            selected: Cell::new(None),
            hold: Cell::new(false),
            loopback: Cell::new(false),
            settings: Cell::new(settings),
            kept: [const { Cell::new(None) }; SELECTS],
        }
    }

    /// Has the controller receive what it sends, for tests of a board.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way.
    pub fn set_loopback(&self, loopback: bool) -> Result<(), ErrorCode> {
        self.idle()?;
        self.loopback.set(loopback);
        self.configure();
        Ok(())
    }

    /// The controller's interrupt.
    pub fn handle_interrupt(&self) {
        self.registers.write(offset::CLEAR, SILENCE);
        self.proceed();
    }

    fn idle(&self) -> Result<(), ErrorCode> {
        if self.is_busy() {
            Err(ErrorCode::BUSY)
        } else {
            Ok(())
        }
    }

    /// Bring the settings into the registers, which the hardware wants to be off for it.
    fn configure(&self) {
        let settings = self.settings.get();
        let loopback = if self.loopback.get() { LOOPBACK } else { 0 };
        self.registers.write(offset::CR1, loopback);
        self.registers.write(offset::PRESCALE, settings.prescale);
        self.registers.write(offset::CR0, settings.control());
        self.registers.write(offset::CR1, loopback | ENABLE);
    }

    fn change(&self, change: impl FnOnce(Settings) -> Settings) -> Result<(), ErrorCode> {
        self.idle()?;
        self.settings.set(change(self.settings.get()));
        self.configure();
        Ok(())
    }

    fn has(&self, status: u32) -> bool {
        self.registers.read(offset::STATUS) & status != 0
    }

    /// Drain and fill, once. The client is called if that was all.
    fn proceed(&self) {
        let done = self.transfer.map_or(false, |transfer| {
            self.drain(transfer);
            self.fill(transfer);
            transfer.received >= transfer.length
        });
        if done {
            self.finish();
        } else if self.transfer.is_none() {
            // Nobody waits for anything.
            self.registers.write(offset::MASK, 0);
        }
    }

    /// Take what has arrived.
    fn drain(&self, transfer: &mut Transfer) {
        // What was sent and is not received yet is no more than a FIFO.
        while transfer.received < transfer.sent && self.has(NOT_EMPTY) {
            let byte = self.registers.read(offset::DATA) as u8;
            if let Some(read) = &mut transfer.read
                && let Some(place) = read.as_mut_slice().get_mut(transfer.received)
            {
                *place = byte;
            }
            transfer.received += 1;
        }
    }

    /// Hand over as many frames as the receiver has room for.
    fn fill(&self, transfer: &mut Transfer) {
        let most = transfer.length.min(transfer.received + FIFO);
        let bytes = transfer.write.as_slice();
        let rest = bytes.get(transfer.sent..most).unwrap_or_default();
        for byte in rest {
            if !self.has(NOT_FULL) {
                break;
            }
            self.registers.write(offset::DATA, u32::from(*byte));
            transfer.sent += 1;
        }
        if transfer.length - transfer.received < THRESHOLD {
            // Not at once, again and again: how long the rest takes is its client's choice.
            self.look.set_later();
        }
    }

    /// The transfer is over.
    fn finish(&self) {
        self.registers.write(offset::MASK, 0);
        if !self.hold.get() {
            self.deselect();
        }
        if let Some(transfer) = self.transfer.take() {
            let Transfer {
                write,
                read,
                length,
                ..
            } = transfer;
            self.client
                .map(move |client| client.read_write_done(write, read, Ok(length)));
        }
    }

    fn select(&self) {
        if let Some(select) = self.selected.get() {
            select.activate();
        }
    }

    fn deselect(&self) {
        if let Some(select) = self.selected.get() {
            select.deactivate();
        }
    }

    /// Empty the receiver; a whole FIFO at most.
    fn discard(&self) {
        for _ in 0..FIFO {
            if !self.has(NOT_EMPTY) {
                return;
            }
            let _ = self.registers.read(offset::DATA);
        }
    }

    fn wait_for(&self, status: u32) -> Result<(), ErrorCode> {
        for _ in 0..LOOKS {
            if self.has(status) {
                return Ok(());
            }
        }
        Err(ErrorCode::FAIL)
    }

    /// The settings that were kept for a pin. `None`: there is no room to keep any.
    fn entry(&self, pin: *const P) -> Option<&Cell<Option<(*const P, Settings)>>> {
        let of = |entry: &&Cell<Option<(*const P, Settings)>>| {
            entry.get().is_some_and(|(other, _)| ptr::eq(other, pin))
        };
        let mut free = self.kept.iter().filter(|entry| entry.get().is_none());
        self.kept.iter().find(of).or_else(|| free.next())
    }
}

impl<R: Registers, P: Output> DeferredCallClient for Pl022<'static, R, P> {
    fn handle_deferred_call(&self) {
        self.proceed();
    }

    fn register(&'static self) {
        self.look.register(self);
    }
}

impl<'a, R: Registers, P: Output> SpiMaster<'a> for Pl022<'a, R, P> {
    type ChipSelect = ChipSelectPolar<'a, P>;

    fn init(&self) -> Result<(), ErrorCode> {
        self.idle()?;
        self.registers.write(offset::MASK, 0);
        self.configure();
        self.discard();
        Ok(())
    }

    fn set_client(&self, client: &'a dyn SpiMasterClient) {
        self.client.set(client);
    }

    fn is_busy(&self) -> bool {
        self.transfer.is_some()
    }

    fn read_write_bytes(
        &self,
        write: SubSliceMut<'static, u8>,
        read: Option<SubSliceMut<'static, u8>>,
    ) -> Result<(), Refused> {
        if self.is_busy() {
            return Err((ErrorCode::BUSY, write, read));
        }
        let room = read.as_ref().map_or(usize::MAX, SubSliceMut::len);
        let length = write.len().min(room);
        if length == 0 {
            return Err((ErrorCode::INVAL, write, read));
        }
        self.select();
        let mut transfer = Transfer {
            write,
            read,
            length,
            sent: 0,
            received: 0,
        };
        self.fill(&mut transfer);
        self.transfer.put(transfer);
        self.registers.write(offset::MASK, RECEIVED | SILENCE);
        Ok(())
    }

    fn write_byte(&self, val: u8) -> Result<(), ErrorCode> {
        self.read_write_byte(val).map(drop)
    }

    fn read_byte(&self) -> Result<u8, ErrorCode> {
        self.read_write_byte(0)
    }

    fn read_write_byte(&self, val: u8) -> Result<u8, ErrorCode> {
        self.idle()?;
        self.select();
        self.registers.write(offset::DATA, u32::from(val));
        let arrived = self.wait_for(NOT_EMPTY);
        let byte = self.registers.read(offset::DATA) as u8;
        if !self.hold.get() {
            self.deselect();
        }
        arrived.map(|()| byte)
    }

    fn specify_chip_select(&self, select: Self::ChipSelect) -> Result<(), ErrorCode> {
        self.idle()?;
        let settings = self.settings.get();
        let mut settings_of_new = settings;
        if let Some(old) = self.selected.get() {
            if ptr::eq(old.pin, select.pin) {
                return Ok(());
            }
            let place = self.entry(old.pin).ok_or(ErrorCode::INVAL)?;
            place.set(Some((ptr::from_ref(old.pin), settings)));
            let kept = self.entry(select.pin).ok_or(ErrorCode::INVAL)?;
            if let Some((_, kept)) = kept.get() {
                settings_of_new = kept;
            }
            old.deactivate();
        }
        select.deactivate();
        self.selected.set(Some(select));
        self.settings.set(settings_of_new);
        self.configure();
        Ok(())
    }

    fn set_rate(&self, rate: u32) -> Result<u32, ErrorCode> {
        let settings = self.settings.get().with_rate(self.clock, rate)?;
        self.change(|_| settings)?;
        Ok(settings.rate)
    }

    fn get_rate(&self) -> u32 {
        self.settings.get().rate
    }

    fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode> {
        self.change(|settings| Settings {
            polarity,
            ..settings
        })
    }

    fn get_polarity(&self) -> ClockPolarity {
        self.settings.get().polarity
    }

    fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode> {
        self.change(|settings| Settings { phase, ..settings })
    }

    fn get_phase(&self) -> ClockPhase {
        self.settings.get().phase
    }

    fn hold_low(&self) {
        self.hold.set(true);
    }

    fn release_low(&self) {
        self.hold.set(false);
        if !self.is_busy() {
            self.deselect();
        }
    }
}
