//! An SPI and an I2C bus for tests: the test says when a transfer is over, and what it brings.

use capsules_core::passes::Passes;
use core::cell::{Cell, RefCell};
use kernel::ErrorCode;
use kernel::deferred_call::DeferredCall;
use kernel::hil::i2c::{self, I2CHwMasterClient, I2CMaster};
use kernel::hil::spi::{ClockPhase, ClockPolarity, Refused, SpiMaster, SpiMasterClient};
use kernel::process::ProcessId;
use kernel::utilities::cells::{MapCell, OptionalCell, TakeCell};
use kernel::utilities::leasable_buffer::SubSliceMut;

/// The passes of a board whose kernel has calls that come after the turns of processes.
pub struct Later;

impl Passes for Later {
    fn request(&self, _: ProcessId) -> bool {
        false
    }

    fn put_off(&self, call: &DeferredCall) {
        call.set_later();
    }
}

type Buffers = (SubSliceMut<'static, u8>, Option<SubSliceMut<'static, u8>>);

/// What was seen of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Chip select.
    pub select: u32,
    /// Bits a second.
    pub rate: u32,
    /// Level of the idle clock.
    pub polarity: ClockPolarity,
    /// Edge that samples.
    pub phase: ClockPhase,
    /// What was sent.
    pub sent: Vec<u8>,
    /// The peripheral stays selected behind it.
    pub held: bool,
}

/// The highest rate of the bus.
pub const RATE_MAX: u32 = 10_000_000;

/// The SPI bus.
pub struct TestSpi {
    client: OptionalCell<&'static dyn SpiMasterClient>,
    buffers: MapCell<Buffers>,
    select: Cell<u32>,
    rate: Cell<u32>,
    polarity: Cell<ClockPolarity>,
    phase: Cell<ClockPhase>,
    held: Cell<bool>,
    /// Ends of a selection.
    pub releases: Cell<u32>,
    /// Transfers that are over.
    pub seen: RefCell<Vec<Seen>>,
    /// Whether it takes no transfer.
    pub refuse: Cell<bool>,
}

impl TestSpi {
    /// One that lives for ever.
    #[must_use]
    pub fn leak() -> &'static Self {
        Box::leak(Box::new(Self {
            client: OptionalCell::empty(),
            buffers: MapCell::empty(),
            select: Cell::new(0),
            rate: Cell::new(1_000_000),
            polarity: Cell::new(ClockPolarity::IdleLow),
            phase: Cell::new(ClockPhase::SampleLeading),
            held: Cell::new(false),
            releases: Cell::new(0),
            seen: RefCell::default(),
            refuse: Cell::new(false),
        }))
    }

    /// The transfer under way is over; what was received is each byte sent, inverted.
    ///
    /// # Panics
    ///
    /// When none is.
    pub fn finish(&self, status: Result<(), ErrorCode>) {
        let (write, mut read) = self.buffers.take().expect("no transfer is under way");
        let sent = write.as_slice().to_vec();
        let mut length = sent.len();
        if let Some(read) = &mut read {
            length = length.min(read.len());
            for (to, from) in read.as_mut_slice().iter_mut().zip(&sent) {
                *to = !from;
            }
        }
        self.seen.borrow_mut().push(Seen {
            select: self.select.get(),
            rate: self.rate.get(),
            polarity: self.polarity.get(),
            phase: self.phase.get(),
            sent,
            held: self.held.get(),
        });
        if !self.held.get() {
            self.releases.set(self.releases.get() + 1);
        }
        let status = status.map(|()| length);
        self.client
            .map(|client| client.read_write_done(write, read, status));
    }

    fn idle(&self) -> Result<(), ErrorCode> {
        if self.is_busy() {
            Err(ErrorCode::BUSY)
        } else {
            Ok(())
        }
    }
}

impl SpiMaster<'static> for TestSpi {
    type ChipSelect = u32;

    fn init(&self) -> Result<(), ErrorCode> {
        Ok(())
    }
    fn set_client(&self, client: &'static dyn SpiMasterClient) {
        self.client.set(client);
    }
    fn is_busy(&self) -> bool {
        self.buffers.is_some()
    }
    fn read_write_bytes(
        &self,
        write: SubSliceMut<'static, u8>,
        read: Option<SubSliceMut<'static, u8>>,
    ) -> Result<(), Refused> {
        assert!(!self.is_busy(), "the bus was given two transfers");
        if self.refuse.get() {
            return Err((ErrorCode::OFF, write, read));
        }
        self.buffers.put((write, read));
        Ok(())
    }
    fn write_byte(&self, _: u8) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
    fn read_byte(&self) -> Result<u8, ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
    fn read_write_byte(&self, _: u8) -> Result<u8, ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
    fn specify_chip_select(&self, select: u32) -> Result<(), ErrorCode> {
        self.idle()?;
        assert!(
            !self.held.get() || select == self.select.get(),
            "another peripheral while one is held"
        );
        self.select.set(select);
        Ok(())
    }
    fn set_rate(&self, rate: u32) -> Result<u32, ErrorCode> {
        self.idle()?;
        if rate == 0 || rate > RATE_MAX {
            return Err(ErrorCode::INVAL);
        }
        // In whole kilohertz.
        self.rate.set(rate / 1000 * 1000);
        Ok(self.rate.get())
    }
    fn get_rate(&self) -> u32 {
        self.rate.get()
    }
    fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode> {
        self.idle()?;
        self.polarity.set(polarity);
        Ok(())
    }
    fn get_polarity(&self) -> ClockPolarity {
        self.polarity.get()
    }
    fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode> {
        self.idle()?;
        self.phase.set(phase);
        Ok(())
    }
    fn get_phase(&self) -> ClockPhase {
        self.phase.get()
    }
    fn hold_low(&self) {
        self.held.set(true);
    }
    fn release_low(&self) {
        if self.held.replace(false) && !self.is_busy() {
            self.releases.set(self.releases.get() + 1);
        }
    }
}

/// A transfer on the I2C bus: address, bytes sent, how many are to come.
pub type Order = (u8, Vec<u8>, usize);

/// The I2C bus.
pub struct TestI2C {
    client: OptionalCell<&'static dyn I2CHwMasterClient>,
    buffer: TakeCell<'static, [u8]>,
    /// Transfers that were begun.
    pub orders: RefCell<Vec<Order>>,
    /// Whether it is on.
    pub enabled: Cell<bool>,
    /// Whether it takes no transfer.
    pub refuse: Cell<bool>,
}

impl TestI2C {
    /// One that lives for ever.
    #[must_use]
    pub fn leak() -> &'static Self {
        Box::leak(Box::new(Self {
            client: OptionalCell::empty(),
            buffer: TakeCell::empty(),
            orders: RefCell::default(),
            enabled: Cell::new(false),
            refuse: Cell::new(false),
        }))
    }

    /// Whether a transfer is under way.
    pub fn is_busy(&self) -> bool {
        self.buffer.is_some()
    }

    /// The transfer under way is over; these bytes came.
    ///
    /// # Panics
    ///
    /// When none is.
    pub fn finish(&self, came: &[u8], status: Result<(), i2c::Error>) {
        let buffer = self.buffer.take().expect("no transfer is under way");
        buffer[..came.len()].copy_from_slice(came);
        self.client
            .map(|client| client.command_complete(buffer, status));
    }

    fn order(
        &self,
        address: u8,
        buffer: &'static mut [u8],
        sent: usize,
        received: usize,
    ) -> Result<(), i2c::Refused> {
        assert!(!self.is_busy(), "the bus was given two transfers");
        assert!(self.enabled.get());
        if self.refuse.get() {
            return Err((i2c::Error::NotSupported, buffer));
        }
        let sent = buffer[..sent].to_vec();
        self.orders.borrow_mut().push((address, sent, received));
        self.buffer.replace(buffer);
        Ok(())
    }
}

impl I2CMaster<'static> for TestI2C {
    fn set_master_client(&self, client: &'static dyn I2CHwMasterClient) {
        self.client.set(client);
    }
    fn enable(&self) {
        self.enabled.set(true);
    }
    fn disable(&self) {
        self.enabled.set(false);
    }
    fn write_read(
        &self,
        addr: u8,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), i2c::Refused> {
        self.order(addr, data, write_len, read_len)
    }
    fn write(&self, addr: u8, data: &'static mut [u8], len: usize) -> Result<(), i2c::Refused> {
        self.order(addr, data, len, 0)
    }
    fn read(&self, addr: u8, buffer: &'static mut [u8], len: usize) -> Result<(), i2c::Refused> {
        self.order(addr, buffer, 0, len)
    }
}
