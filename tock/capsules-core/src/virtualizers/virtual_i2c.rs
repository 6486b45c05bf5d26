//! Many users of one I2C bus.
//!
//! ```text
//!   I2CMasterDriver (processes)     other capsules, one address each
//!       │ hil::i2c::I2CMaster            │ hil::i2c::I2CDevice
//!   I2CMasterDevice                  I2CDevice
//!       └──────────────┬─────────────────┘
//!                    MuxI2C
//!                      │ hil::i2c::I2CMaster
//!                 hardware I2C
//! ```
//!
//! ```ignore
//! let mux = static_init!(MuxI2C<'static, Master>, MuxI2C::new(master));
//! master.set_master_client(mux);
//! let sensor = static_init!(I2CDevice<'static, Master>, I2CDevice::new(mux, 0x48));
//! sensor.setup();
//! ```
//!
//! Transfers wait by turns: whoever had the bus is asked last. The bus is on while one of its users is.

use core::cell::Cell;
use core::ptr;

use kernel::hil::i2c::{self, Error, I2CClient, I2CHwMasterClient, I2CMaster};
use kernel::utilities::cells::{OptionalCell, TakeCell};

/// Why a transfer was refused, with its buffer.
type Refused = (Error, &'static mut [u8]);

/// A transfer, but for its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    address: u8,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Write(usize),
    Read(usize),
    WriteRead(usize, usize),
}

/// Shares a bus. It must be that bus's client.
pub struct MuxI2C<'a, I: I2CMaster<'a>> {
    i2c: &'a I,
    first: Cell<Option<&'a User<'a, I>>>,
    active: Cell<Option<&'a User<'a, I>>>,
    last: Cell<Option<&'a User<'a, I>>>,
    /// A client is being told that its transfer is over.
    telling: Cell<bool>,
    /// Users that have the bus on.
    enabled: Cell<usize>,
}

impl<'a, I: I2CMaster<'a>> MuxI2C<'a, I> {
    /// Shares this bus.
    pub const fn new(i2c: &'a I) -> Self {
        Self {
            i2c,
            first: Cell::new(None),
            active: Cell::new(None),
            last: Cell::new(None),
            telling: Cell::new(false),
            enabled: Cell::new(0),
        }
    }

    fn users(&self) -> impl Iterator<Item = &'a User<'a, I>> + use<'a, I> {
        core::iter::successors(self.first.get(), |user| user.next.get())
    }

    fn start(
        &self,
        user: &'a User<'a, I>,
        order: Order,
        buffer: &'static mut [u8],
    ) -> Result<(), Refused> {
        let Order { address, kind } = order;
        match kind {
            Kind::Write(length) => self.i2c.write(address, buffer, length),
            Kind::Read(length) => self.i2c.read(address, buffer, length),
            Kind::WriteRead(sent, received) => self.i2c.write_read(address, buffer, sent, received),
        }?;
        self.active.set(Some(user));
        self.last.set(Some(user));
        Ok(())
    }

    /// Give the bus to who waits for it longest, by turns.
    fn start_next(&self) {
        // Each once at most: a transfer that cannot be started is over.
        for user in self.users() {
            user.refused.set(false);
        }
        while self.active.get().is_none() && !self.telling.get() {
            let waits = |user: &&'a User<'a, I>| user.buffer.is_some() && !user.refused.get();
            let is_last =
                |user: &User<'a, I>| self.last.get().is_some_and(|last| ptr::eq(last, user));
            let behind = self.users().skip_while(|user| !is_last(user)).skip(1);
            let Some(user) = behind.chain(self.users()).find(waits) else {
                return;
            };
            let (Some(order), Some(buffer)) = (user.order.get(), user.buffer.take()) else {
                return;
            };
            if let Err((error, buffer)) = self.start(user, order, buffer) {
                user.refused.set(true);
                self.tell(user, buffer, Err(error));
            }
        }
    }

    fn tell(&self, user: &'a User<'a, I>, buffer: &'static mut [u8], status: Result<(), Error>) {
        self.telling.set(true);
        match user.client.get() {
            Some(Client::Master(client)) => client.command_complete(buffer, status),
            Some(Client::Device(client)) => client.command_complete(buffer, status),
            None => {}
        }
        self.telling.set(false);
    }
}

impl<'a, I: I2CMaster<'a>> I2CHwMasterClient for MuxI2C<'a, I> {
    fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), Error>) {
        if let Some(user) = self.active.take() {
            self.tell(user, buffer, status);
        }
        self.start_next();
    }
}

/// Who is told.
#[derive(Clone, Copy)]
enum Client<'a> {
    Master(&'a dyn I2CHwMasterClient),
    Device(&'a dyn I2CClient),
}

/// What both kinds of users are made of.
struct User<'a, I: I2CMaster<'a>> {
    mux: &'a MuxI2C<'a, I>,
    next: Cell<Option<&'a User<'a, I>>>,
    client: OptionalCell<Client<'a>>,
    order: Cell<Option<Order>>,
    /// Waits for the bus.
    buffer: TakeCell<'static, [u8]>,
    refused: Cell<bool>,
    enabled: Cell<bool>,
}

impl<'a, I: I2CMaster<'a>> User<'a, I> {
    const fn new(mux: &'a MuxI2C<'a, I>) -> Self {
        Self {
            mux,
            next: Cell::new(None),
            client: OptionalCell::empty(),
            order: Cell::new(None),
            buffer: TakeCell::empty(),
            refused: Cell::new(false),
            enabled: Cell::new(false),
        }
    }

    fn setup(&'a self) {
        self.next.set(self.mux.first.get());
        self.mux.first.set(Some(self));
    }

    fn enable(&self, enable: bool) {
        let mux = self.mux;
        match (self.enabled.replace(enable), enable) {
            (false, true) => {
                mux.enabled.set(mux.enabled.get() + 1);
                if mux.enabled.get() == 1 {
                    mux.i2c.enable();
                }
            }
            (true, false) => {
                mux.enabled.set(mux.enabled.get() - 1);
                if mux.enabled.get() == 0 {
                    mux.i2c.disable();
                }
            }
            _ => {}
        }
    }

    fn ask(&self, address: u8, kind: Kind, buffer: &'static mut [u8]) -> Result<(), Refused> {
        let is_active = |user: &User<'a, I>| ptr::eq(user, self);
        if self.buffer.is_some() || self.mux.active.get().is_some_and(is_active) {
            return Err((Error::Busy, buffer));
        }
        // Without `enable`, or before `setup`, there is no bus.
        let this = self.mux.users().find(|user| ptr::eq(*user, self));
        let Some(this) = this.filter(|user| user.enabled.get()) else {
            return Err((Error::NotSupported, buffer));
        };
        let order = Order { address, kind };
        if self.mux.active.get().is_none() {
            return self.mux.start(this, order, buffer);
        }
        self.order.set(Some(order));
        self.buffer.replace(buffer);
        Ok(())
    }
}

/// One address on a shared bus.
pub struct I2CDevice<'a, I: I2CMaster<'a>> {
    user: User<'a, I>,
    address: u8,
}

impl<'a, I: I2CMaster<'a>> I2CDevice<'a, I> {
    /// A user of this multiplexer that speaks to one address. [`setup`](Self::setup) must follow.
    pub const fn new(mux: &'a MuxI2C<'a, I>, address: u8) -> Self {
        Self {
            user: User::new(mux),
            address,
        }
    }

    /// Joins the multiplexer; once, before the first use.
    pub fn setup(&'a self) {
        self.user.setup();
    }

    /// Says who gets the buffers back.
    pub fn set_client(&self, client: &'a dyn I2CClient) {
        self.user.client.set(Client::Device(client));
    }
}

impl<'a, I: I2CMaster<'a>> i2c::I2CDevice for I2CDevice<'a, I> {
    fn enable(&self) {
        self.user.enable(true);
    }

    fn disable(&self) {
        self.user.enable(false);
    }

    fn write_read(
        &self,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), Refused> {
        self.user
            .ask(self.address, Kind::WriteRead(write_len, read_len), data)
    }

    fn write(&self, data: &'static mut [u8], len: usize) -> Result<(), Refused> {
        self.user.ask(self.address, Kind::Write(len), data)
    }

    fn read(&self, buffer: &'static mut [u8], len: usize) -> Result<(), Refused> {
        self.user.ask(self.address, Kind::Read(len), buffer)
    }
}

/// A whole bus that is shared: for a driver that is told addresses by its own users.
pub struct I2CMasterDevice<'a, I: I2CMaster<'a>> {
    user: User<'a, I>,
}

impl<'a, I: I2CMaster<'a>> I2CMasterDevice<'a, I> {
    /// A user of this multiplexer that speaks to all addresses. [`setup`](Self::setup) must follow.
    pub const fn new(mux: &'a MuxI2C<'a, I>) -> Self {
        Self {
            user: User::new(mux),
        }
    }

    /// Joins the multiplexer; once, before the first use.
    pub fn setup(&'a self) {
        self.user.setup();
    }
}

impl<'a, I: I2CMaster<'a>> I2CMaster<'a> for I2CMasterDevice<'a, I> {
    fn set_master_client(&self, master_client: &'a dyn I2CHwMasterClient) {
        self.user.client.set(Client::Master(master_client));
    }

    fn enable(&self) {
        self.user.enable(true);
    }

    fn disable(&self) {
        self.user.enable(false);
    }

    fn write_read(
        &self,
        addr: u8,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), Refused> {
        self.user
            .ask(addr, Kind::WriteRead(write_len, read_len), data)
    }

    fn write(&self, addr: u8, data: &'static mut [u8], len: usize) -> Result<(), Refused> {
        self.user.ask(addr, Kind::Write(len), data)
    }

    fn read(&self, addr: u8, buffer: &'static mut [u8], len: usize) -> Result<(), Refused> {
        self.user.ask(addr, Kind::Read(len), buffer)
    }
}
