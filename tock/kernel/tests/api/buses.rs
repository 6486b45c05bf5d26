//! What stands between several users and one bus, as upstream's virtualizers of I2C and SPI are written.

use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::i2c::{self, I2CMaster, NoSMBus, SMBusMaster};
use kernel::hil::spi::{self, ClockPhase, ClockPolarity, SpiSlaveClient};
use kernel::utilities::cells::OptionalCell;

type I2CRefused = (i2c::Error, &'static mut [u8]);
type Lent = Option<&'static mut [u8]>;

/// A bus for several, and perhaps its other way to be used.
struct Mux<'a, I: i2c::I2CMaster<'a>, S: i2c::SMBusMaster<'a> = NoSMBus> {
    bus: &'a I,
    smbus: Option<&'a S>,
    user: OptionalCell<&'a Device<'a, I, S>>,
    later: DeferredCall,
}

impl<'a, I: i2c::I2CMaster<'a>, S: i2c::SMBusMaster<'a>> i2c::I2CHwMasterClient for Mux<'a, I, S> {
    fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), i2c::Error>) {
        if let Some(user) = self.user.take() {
            i2c::I2CClient::command_complete(user, buffer, status);
        }
    }
}

impl<'a, I: i2c::I2CMaster<'a>, S: i2c::SMBusMaster<'a>> DeferredCallClient for Mux<'a, I, S> {
    fn handle_deferred_call(&self) {}

    fn register(&'static self) {
        self.later.register(self);
    }
}

struct Device<'a, I: i2c::I2CMaster<'a>, S: i2c::SMBusMaster<'a> = NoSMBus> {
    mux: &'a Mux<'a, I, S>,
    address: u8,
    client: OptionalCell<&'a dyn i2c::I2CClient>,
}

impl<'a, I: i2c::I2CMaster<'a>, S: i2c::SMBusMaster<'a>> i2c::I2CClient for Device<'a, I, S> {
    fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), i2c::Error>) {
        self.client
            .map(move |client| client.command_complete(buffer, status));
    }
}

impl<'a, I: i2c::I2CMaster<'a>, S: i2c::SMBusMaster<'a>> i2c::I2CDevice for Device<'a, I, S> {
    fn enable(&self) {
        self.mux.bus.enable();
    }

    fn disable(&self) {
        self.mux.bus.disable();
    }

    fn write_read(
        &self,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), I2CRefused> {
        self.mux
            .bus
            .write_read(self.address, data, write_len, read_len)
    }

    fn write(&self, data: &'static mut [u8], len: usize) -> Result<(), I2CRefused> {
        self.mux.bus.write(self.address, data, len)
    }

    fn read(&self, buffer: &'static mut [u8], len: usize) -> Result<(), I2CRefused> {
        self.mux.bus.read(self.address, buffer, len)
    }
}

impl<'a, I: i2c::I2CMaster<'a>, S: i2c::SMBusMaster<'a>> i2c::SMBusDevice for Device<'a, I, S> {
    fn smbus_write_read(
        &self,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), I2CRefused> {
        match self.mux.smbus {
            Some(bus) => bus.smbus_write_read(self.address, data, write_len, read_len),
            None => Err((i2c::Error::NotSupported, data)),
        }
    }

    fn smbus_write(&self, data: &'static mut [u8], len: usize) -> Result<(), I2CRefused> {
        match self.mux.smbus {
            Some(bus) => bus.smbus_write(self.address, data, len),
            None => Err((i2c::Error::NotSupported, data)),
        }
    }

    fn smbus_read(&self, buffer: &'static mut [u8], len: usize) -> Result<(), I2CRefused> {
        match self.mux.smbus {
            Some(bus) => bus.smbus_read(self.address, buffer, len),
            None => Err((i2c::Error::NotSupported, buffer)),
        }
    }
}

/// A board without SMBus names none.
fn board<'a, I: i2c::I2CMaster<'a>>(bus: &'a I) -> Mux<'a, I> {
    Mux {
        bus,
        smbus: None,
        user: OptionalCell::empty(),
        later: DeferredCall::new(),
    }
}

fn transfer<'a, I: i2c::I2CMaster<'a>>(
    mux: &'a Mux<'a, I>,
    client: &'a dyn i2c::I2CClient,
    buffer: &'static mut [u8],
) {
    let device = Device {
        mux,
        address: 0x10,
        client: OptionalCell::new(client),
    };
    let device: &dyn i2c::SMBusDevice = &device;
    if let Err((i2c::Error::NotSupported | i2c::Error::Busy, buffer)) = device.smbus_read(buffer, 1)
        && let Err((_, buffer)) = NoSMBus.smbus_write_read(0x10, buffer, 1, 1)
    {
        let _: Result<(), I2CRefused> = NoSMBus.write(0x10, buffer, 1);
    }
}

/// What is between a capsule and a chip's peripheral side of SPI.
struct Follower<'a, Spi: spi::SpiSlave<'a>> {
    spi: &'a Spi,
    client: OptionalCell<&'a dyn SpiSlaveClient>,
}

impl<'a, Spi: spi::SpiSlave<'a>> SpiSlaveClient for Follower<'a, Spi> {
    fn chip_selected(&self) {
        self.client.map(|client| client.chip_selected());
    }

    fn read_write_done(
        &self,
        write_buffer: Lent,
        read_buffer: Lent,
        len: usize,
        status: Result<(), ErrorCode>,
    ) {
        self.client
            .map(move |client| client.read_write_done(write_buffer, read_buffer, len, status));
    }
}

impl<'a, Spi: spi::SpiSlave<'a>> spi::SpiSlaveDevice<'a> for Follower<'a, Spi> {
    fn set_client(&self, client: &'a dyn SpiSlaveClient) {
        self.client.set(client);
    }

    fn configure(&self, cpol: ClockPolarity, cpal: ClockPhase) -> Result<(), ErrorCode> {
        self.spi.set_polarity(cpol)?;
        self.spi.set_phase(cpal)
    }

    fn read_write_bytes(
        &self,
        write_buffer: Lent,
        read_buffer: Lent,
        len: usize,
    ) -> Result<(), (ErrorCode, Lent, Lent)> {
        self.spi.read_write_bytes(write_buffer, read_buffer, len)
    }

    fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode> {
        self.spi.set_polarity(polarity)
    }

    fn get_polarity(&self) -> ClockPolarity {
        self.spi.get_polarity()
    }

    fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode> {
        self.spi.set_phase(phase)
    }

    fn get_phase(&self) -> ClockPhase {
        self.spi.get_phase()
    }
}

fn follow<'a>(
    spi: &'a impl spi::SpiSlave<'a>,
    client: &'a dyn SpiSlaveClient,
    buffer: &'static mut [u8],
) -> Result<(), ErrorCode> {
    spi.init()?;
    if spi.has_client() {
        spi.set_client(None);
    }
    spi.set_write_byte(0xff);
    let follower = Follower {
        spi,
        client: OptionalCell::empty(),
    };
    let device: &dyn spi::SpiSlaveDevice<'a> = &follower;
    device.set_client(client);
    device.configure(ClockPolarity::IdleHigh, ClockPhase::SampleTrailing)?;
    device
        .read_write_bytes(Some(buffer), None, 3)
        .map_err(|(error, _, _)| error)
}

fn in_turn<'a>(spi: &'a impl spi::SpiSlave<'a>, follower: &'a dyn SpiSlaveClient) {
    spi.set_client(Some(follower));
}
