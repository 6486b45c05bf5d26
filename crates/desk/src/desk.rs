//! A board on the desk: its blocks, its clock, and the record of what was done.

use crate::buses::{Buses, Class};
use crate::device::Traffic;
use crate::trace::{Access, By, Kind, OnBus};
use crate::{Block, Board, Device, Model, Width, Wrong};

/// Microseconds that an access takes, or a look at the clock.
const ACCESS_US: u64 = 1;

/// Most entries of a record that nobody takes: the first are kept.
const RECORD_MAX: usize = 1 << 20;

/// Which block of a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index(pub usize);

struct Standing {
    block: Block,
    device: Box<dyn Device>,
}

/// A board on the desk.
pub struct Desk {
    blocks: Vec<Standing>,
    buses: Buses,
    now_us: u64,
    /// What was accessed, if that is recorded.
    accesses: Option<Vec<Access>>,
    on_bus: Vec<OnBus>,
    by: By,
}

impl Desk {
    /// A board with what a model says stands behind its blocks. A block of which it says nothing has plain registers.
    ///
    /// # Errors
    /// The model names what the board does not have.
    pub fn new(board: &Board, model: &Model) -> Result<Self, Wrong> {
        model.all_are_on(board)?;
        let stand = |block: &Block| {
            Ok(Standing {
                device: model.device(block)?,
                block: block.clone(),
            })
        };
        Ok(Self {
            blocks: board
                .exposures
                .iter()
                .map(stand)
                .collect::<Result<_, Wrong>>()?,
            buses: model.buses(),
            now_us: 0,
            accesses: None,
            on_bus: Vec::new(),
            by: By::Container,
        })
    }

    /// Put another device behind a block.
    ///
    /// # Errors
    /// There is no such block.
    pub fn put(&mut self, label: &str, device: Box<dyn Device>) -> Result<(), Wrong> {
        let standing = self.blocks.iter_mut().find(|s| s.block.label == label);
        let standing = standing.ok_or_else(|| unknown(label))?;
        standing.device = device;
        Ok(())
    }

    /// The block of this label.
    #[must_use]
    pub fn block(&self, label: &str) -> Option<Index> {
        let mut blocks = self.blocks.iter();
        blocks.position(|s| s.block.label == label).map(Index)
    }

    /// What is exposed of a block.
    #[must_use]
    pub fn exposed(&self, index: Index) -> Option<&Block> {
        self.blocks.get(index.0).map(|standing| &standing.block)
    }

    /// The time, in microseconds since the start.
    #[must_use]
    pub const fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Let time pass until `until_us`, and everything happen that does by then.
    pub fn go_on(&mut self, until_us: u64) {
        self.now_us = self.now_us.max(until_us);
        for index in 0..self.blocks.len() {
            self.settle(index);
        }
        self.buses.go_on(self.now_us);
    }

    /// Let the time of a look at the clock pass. Returns the time.
    pub fn look_at_clock(&mut self) -> u64 {
        self.now_us = self.now_us.saturating_add(ACCESS_US);
        self.now_us
    }

    /// When something happens by itself next. `None`: never.
    #[must_use]
    pub fn next_us(&self) -> Option<u64> {
        let next = self.blocks.iter().filter_map(|s| s.device.next_us());
        next.chain(self.buses.next_us()).min()
    }

    /// A transfer on the kernel's I2C bus: send to the chip at `address` (7 bits), then fill `room` from it. No time passes. Returns
    /// whether all was acknowledged.
    pub fn i2c(&mut self, address: u8, sent: &[u8], room: &mut [u8]) -> bool {
        self.buses.go_on(self.now_us);
        let (done, traffic) = self.buses.i2c(address, sent, room);
        self.was_on(Class::I2c.word(), traffic);
        done
    }

    /// A transfer on the kernel's SPI bus, of as many bytes as the longer of both has. No time passes.
    pub fn spi(&mut self, sent: &[u8], room: &mut [u8]) {
        let traffic = self.buses.spi(sent, room);
        self.was_on(Class::Spi.word(), traffic);
    }

    /// Bytes leave the kernel's UART. No time passes.
    pub fn uart_send(&mut self, sent: &[u8]) {
        let traffic = self.buses.uart_send(sent);
        self.was_on(Class::Uart.word(), traffic);
    }

    /// How many bytes have come on it that nobody has taken.
    #[must_use]
    pub fn uart_come(&self) -> usize {
        self.buses.uart_come()
    }

    /// Take as many of them as `room` has, if there are so many.
    pub fn uart_take(&mut self, room: &mut [u8]) {
        let traffic = self.buses.uart_take(room);
        self.was_on(Class::Uart.word(), traffic);
    }

    /// Read a register.
    pub fn read(&mut self, index: Index, offset: u32, width: Width) -> u32 {
        self.now_us = self.now_us.saturating_add(ACCESS_US);
        self.settle(index.0);
        let Some(standing) = self.blocks.get_mut(index.0) else {
            return 0;
        };
        let value = standing.device.read(offset, width) & width.mask();
        self.note(index, (offset, width), Kind::Read, value);
        value
    }

    /// Write a register.
    pub fn write(&mut self, index: Index, offset: u32, width: Width, value: u32) {
        self.now_us = self.now_us.saturating_add(ACCESS_US);
        self.settle(index.0);
        let value = value & width.mask();
        if let Some(standing) = self.blocks.get_mut(index.0) {
            standing.device.write(offset, width, value);
            self.note(index, (offset, width), Kind::Write, value);
        }
    }

    /// Read a word without a trace: no time passes, and it is not recorded.
    #[must_use]
    pub fn peek(&mut self, index: Index, offset: u32) -> u32 {
        let standing = self.blocks.get_mut(index.0);
        standing.map_or(0, |standing| standing.device.read(offset, Width::Bits32))
    }

    /// The interrupts of a block that are raised now, one bit each by number.
    #[must_use]
    pub fn raised(&mut self, index: Index) -> u32 {
        self.settle(index.0);
        let standing = self.blocks.get(index.0);
        standing.map_or(0, |standing| standing.device.raised())
    }

    /// The kernel has taken interrupt `number` of a block.
    pub fn taken(&mut self, index: Index, number: u32) {
        if let Some(standing) = self.blocks.get_mut(index.0) {
            standing.device.taken(number);
        }
    }

    /// Let bytes arrive on the serial line of a block.
    ///
    /// # Errors
    /// There is no such block, or no serial line there.
    pub fn receive(&mut self, label: &str, bytes: &[u8]) -> Result<(), Wrong> {
        let index = self.block(label).ok_or_else(|| unknown(label))?;
        let standing = self.blocks.get_mut(index.0);
        if standing.is_some_and(|standing| standing.device.receive(bytes)) {
            self.settle(index.0);
            Ok(())
        } else {
            Err(Wrong(format!("{label} has no serial line")))
        }
    }

    /// What is accessed from now on is by somebody else. Returns who it was by.
    pub fn set_by(&mut self, by: By) -> By {
        std::mem::replace(&mut self.by, by)
    }

    /// Record every access from now on.
    pub fn record(&mut self) {
        self.accesses.get_or_insert_default();
    }

    /// Take the accesses that were recorded since this was asked last.
    pub fn accesses(&mut self) -> Vec<Access> {
        self.accesses
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Take those to one block: the others stay.
    pub fn accesses_to(&mut self, label: &str) -> Vec<Access> {
        let accesses = self.accesses.iter_mut();
        accesses
            .flat_map(|all| all.extract_if(.., |access| access.block == label))
            .collect()
    }

    /// Take what was on the buses since this was asked last.
    pub fn on_bus(&mut self) -> Vec<OnBus> {
        std::mem::take(&mut self.on_bus)
    }

    /// Take what was on one: the rest stays.
    pub fn on_bus_of(&mut self, bus: &str) -> Vec<OnBus> {
        let on_bus = self.on_bus.extract_if(.., |entry| entry.block == bus);
        on_bus.collect()
    }

    /// Bring a device to the time that it is, and note what was on its bus.
    fn settle(&mut self, index: usize) {
        let now_us = self.now_us;
        let Some(standing) = self.blocks.get_mut(index) else {
            return;
        };
        standing.device.go_on(now_us);
        let traffic = standing.device.traffic();
        if !traffic.is_empty() {
            let label = standing.block.label.clone();
            self.was_on(&label, traffic);
        }
    }

    /// Note what was on a bus, that of a block or one of the kernel's.
    fn was_on(&mut self, bus: &str, traffic: Vec<Traffic>) {
        let room = RECORD_MAX.saturating_sub(self.on_bus.len());
        let time_us = self.now_us;
        let entry = |what| OnBus {
            time_us,
            block: bus.to_owned(),
            what,
        };
        let entries = traffic.into_iter().take(room).map(entry);
        self.on_bus.extend(entries);
    }

    fn note(&mut self, index: Index, (offset, width): (u32, Width), kind: Kind, value: u32) {
        let (time_us, by) = (self.now_us, self.by);
        if let (Some(accesses), Some(standing)) = (&mut self.accesses, self.blocks.get(index.0))
            && accesses.len() < RECORD_MAX
        {
            accesses.push(Access {
                time_us,
                block: standing.block.label.clone(),
                name: standing.block.name_at(offset).map(str::to_owned),
                offset,
                width,
                kind,
                value,
                by,
            });
        }
        self.settle(index.0);
    }
}

fn unknown(label: &str) -> Wrong {
    Wrong(format!("the board has no block \"{label}\""))
}

/// What bytes were on the bus of a block, in order: those that were sent.
impl OnBus {
    /// The bytes that went out to the world.
    #[must_use]
    pub fn bytes_out(&self) -> Vec<u8> {
        match &self.what {
            Traffic::Sent(byte) => vec![*byte],
            Traffic::Exchanged { sent, .. } => vec![*sent as u8],
            Traffic::Transfer {
                reads: false,
                bytes,
                ..
            } => bytes.clone(),
            Traffic::Transfer { .. } | Traffic::Received(_) => Vec::new(),
        }
    }
}
