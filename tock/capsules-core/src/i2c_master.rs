//! I2C for processes, from the side that drives the clock.
//!
//! ```text
//!   process
//!     │ write, read, write-read (address, lengths)
//! ════╪═══════════════════════════════ system calls, driver 0x20003
//!   I2CMasterDriver    one transfer at a time
//!     │ hil::i2c::I2CMaster
//!   a bus, or virtual_i2c::I2CMasterDevice
//! ```
//!
//! | command | arguments | does |
//! |---|---|---|
//! | 0 | | driver is there |
//! | 1 | address, length | send that much of read-write allow 1; upcall 0 |
//! | 2 | address, length | receive that much into read-write allow 1; upcall 0 |
//! | 3 | address and, from bit 8, length to send; length to receive | send, then receive after a repeated start, into the same buffer; upcall 0 |
//!
//! | upcall | arguments |
//! |---|---|
//! | 0 | status (0 or an error code), 0, 0 |
//!
//! **Ownership.** Bytes are copied from what the process lends when its transfer begins, and to what it lends then when it
//! is over; in between the process may do with its buffer what it likes. One whose run ends leaves the transfer under way to its
//! end, and nothing of it is told to its next run.
//!
//! **Sharing.** A transfer begins when those asked for earlier are over. It is as long as the kernel's buffer at most.

use crate::driver;
use crate::passes::{Passes, put_off};
use crate::waiting::Waiting;
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::errorcode::into_statuscode;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, GrantKernelData, UpcallCount};
use kernel::hil::i2c::{Error, I2CHwMasterClient, I2CMaster};
use kernel::process::{self, ProcessId};
use kernel::processbuffer::{ReadableProcessBuffer, WriteableProcessBuffer};
use kernel::syscall::{CommandReturn, SyscallDriver};
use kernel::utilities::cells::{OptionalCell, TakeCell};

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::I2cMaster as usize;

/// Largest address.
const ADDRESS_MAX: usize = 0x7f;

/// Upcall numbers.
mod upcall {
    pub(super) const DONE: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

/// Read-write allow numbers. Zero is unused, as it is in Tock.
mod rw_allow {
    pub(super) const BUFFER: usize = 1;
    pub(super) const COUNT: u8 = 2;
}

/// What a process asked for.
#[derive(Clone, Copy)]
enum Order {
    Write(usize),
    Read(usize),
    WriteRead(usize, usize),
}

impl Order {
    fn sent(self) -> usize {
        match self {
            Self::Write(length) | Self::WriteRead(length, _) => length,
            Self::Read(_) => 0,
        }
    }

    fn received(self) -> usize {
        match self {
            Self::Read(length) | Self::WriteRead(_, length) => length,
            Self::Write(_) => 0,
        }
    }

    fn longest(self) -> usize {
        self.sent().max(self.received())
    }
}

/// A transfer that is not complete.
#[derive(Clone, Copy)]
struct Transfer {
    address: u8,
    order: Order,
}

/// What the driver keeps for each process.
#[derive(Default)]
pub struct App {
    transfer: Option<Transfer>,
}

/// The grant a board creates for the driver.
pub type I2CGrant =
    Grant<App, UpcallCount<{ upcall::COUNT }>, AllowRoCount<0>, AllowRwCount<{ rw_allow::COUNT }>>;

/// The driver.
pub struct I2CMasterDriver<'a, I: I2CMaster<'a>> {
    i2c: &'a I,
    apps: I2CGrant,
    /// Bytes go and come through this.
    buffer: TakeCell<'static, [u8]>,
    /// Bytes of it.
    room: usize,
    /// Whose transfer is under way.
    owner: OptionalCell<ProcessId>,
    /// Whose transfers wait.
    waiting: Waiting,
    /// Starts the next transfer.
    next: DeferredCall,
    /// How that call is put off, if the board says so.
    passes: Option<&'a dyn Passes>,
}

impl<'a, I: I2CMaster<'a>> I2CMasterDriver<'a, I> {
    /// The driver of this bus, which is enabled and whose client it is. `buffer` bounds a transfer.
    pub fn new(i2c: &'a I, buffer: &'static mut [u8], grant: I2CGrant) -> Self {
        Self {
            i2c,
            apps: grant,
            room: buffer.len(),
            buffer: TakeCell::new(buffer),
            owner: OptionalCell::empty(),
            waiting: Waiting::default(),
            next: DeferredCall::new(),
            passes: None,
        }
    }

    /// Has what follows a transfer put off by `passes`. A board whose kernel lets processes have their turn before it gives them; until
    /// then the bus goes on before any process, as upstream's does.
    #[must_use]
    pub fn with_passes(mut self, passes: &'a dyn Passes) -> Self {
        self.passes = Some(passes);
        self
    }

    /// Take on a transfer.
    fn begin(&self, process: ProcessId, address: usize, order: Order) -> Result<(), ErrorCode> {
        let address = u8::try_from(address)
            .ok()
            .filter(|address| usize::from(*address) <= ADDRESS_MAX)
            .ok_or(ErrorCode::INVAL)?;
        if matches!(order, Order::Read(0)) {
            return Err(ErrorCode::INVAL);
        }
        self.apps.enter(process, |app, kernel_data| {
            if app.transfer.is_some() {
                return Err(ErrorCode::BUSY);
            }
            if order.longest() > lent(kernel_data) {
                return Err(ErrorCode::INVAL);
            }
            if order.longest() > self.room {
                return Err(ErrorCode::SIZE);
            }
            app.transfer = Some(Transfer { address, order });
            Ok(())
        })??;
        self.waiting
            .push_work(process, &self.apps, |app| &mut app.transfer)?;
        self.start_next();
        Ok(())
    }

    /// Begin the transfer that waits longest, if none is under way.
    fn start_next(&self) {
        while self.owner.is_none() {
            let Some(process) = self.waiting.pop() else {
                return;
            };
            self.owner.set(process);
            if let Err(error) = self.start(process) {
                self.end(process, Err(error));
            }
        }
    }

    fn start(&self, process: ProcessId) -> Result<(), ErrorCode> {
        let buffer = self.buffer.take().ok_or(ErrorCode::BUSY)?;
        let ready = self.apps.enter(process, |app, kernel_data| {
            let transfer = app.transfer.ok_or(ErrorCode::CANCEL)?;
            collect(transfer.order, kernel_data, buffer)?;
            Ok(transfer)
        });
        let transfer = match ready.map_err(ErrorCode::from).and_then(|ready| ready) {
            Ok(transfer) => transfer,
            Err(error) => {
                self.buffer.replace(buffer);
                return Err(error);
            }
        };
        let address = transfer.address;
        let started = match transfer.order {
            Order::Write(length) => self.i2c.write(address, buffer, length),
            Order::Read(length) => self.i2c.read(address, buffer, length),
            Order::WriteRead(sent, received) => {
                self.i2c.write_read(address, buffer, sent, received)
            }
        };
        started.map_err(|(error, buffer)| {
            self.buffer.replace(buffer);
            error.into()
        })
    }

    /// The transfer under way is over.
    fn end(&self, process: ProcessId, status: Result<(), ErrorCode>) {
        self.owner.clear();
        // A process that is gone need not be told.
        let _ = self.apps.enter(process, |app, kernel_data| {
            if app.transfer.take().is_some() {
                let arguments = (into_statuscode(status), 0, 0);
                // A full queue loses the upcall; the process did not yield for ten events.
                let _ = kernel_data.schedule_upcall(upcall::DONE, arguments);
            }
        });
    }
}

/// How much the process lends.
fn lent(kernel_data: &GrantKernelData) -> usize {
    kernel_data
        .get_readwrite_processbuffer(rw_allow::BUFFER)
        .map_or(0, |buffer| buffer.len())
}

/// Copy what is to be sent.
fn collect(
    order: Order,
    kernel_data: &GrantKernelData,
    buffer: &mut [u8],
) -> Result<(), ErrorCode> {
    // Taken back, or changed for a shorter one, since it was asked for.
    if order.longest() > lent(kernel_data) {
        return Err(ErrorCode::SIZE);
    }
    let to = buffer.get_mut(..order.sent()).ok_or(ErrorCode::SIZE)?;
    if to.is_empty() {
        return Ok(());
    }
    kernel_data
        .get_readwrite_processbuffer(rw_allow::BUFFER)?
        .enter(|bytes| {
            let pairs = to.iter_mut().zip(bytes.iter());
            pairs.for_each(|(to, from)| *to = from.get());
        })?;
    Ok(())
}

/// Copy what came.
fn deliver(order: Order, kernel_data: &GrantKernelData, buffer: &[u8]) -> Result<(), ErrorCode> {
    let from = buffer.get(..order.received()).ok_or(ErrorCode::SIZE)?;
    if from.is_empty() {
        return Ok(());
    }
    kernel_data
        .get_readwrite_processbuffer(rw_allow::BUFFER)?
        .mut_enter(|bytes| {
            if bytes.len() < from.len() {
                return Err(ErrorCode::SIZE);
            }
            let pairs = bytes.iter().zip(from);
            pairs.for_each(|(to, from)| to.set(*from));
            Ok(())
        })?
}

impl<'a, I: I2CMaster<'a>> I2CHwMasterClient for I2CMasterDriver<'a, I> {
    fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), Error>) {
        if let Some(process) = self.owner.get() {
            let delivered = self.apps.enter(process, |app, kernel_data| {
                status?;
                let transfer = app.transfer.ok_or(ErrorCode::CANCEL)?;
                deliver(transfer.order, kernel_data, buffer)
            });
            let status = delivered.map_err(ErrorCode::from).and_then(|status| status);
            self.end(process, status);
        }
        self.buffer.replace(buffer);
        put_off(self.passes, &self.next);
    }
}

impl<I: I2CMaster<'static>> DeferredCallClient for I2CMasterDriver<'static, I> {
    fn handle_deferred_call(&self) {
        self.start_next();
    }

    fn register(&'static self) {
        self.next.register(self);
    }
}

impl<'a, I: I2CMaster<'a>> SyscallDriver for I2CMasterDriver<'a, I> {
    fn command(
        &self,
        command_num: usize,
        first: usize,
        second: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        match command_num {
            0 => CommandReturn::success(),
            1 => self.begin(process_id, first, Order::Write(second)).into(),
            2 => self.begin(process_id, first, Order::Read(second)).into(),
            3 => {
                let order = Order::WriteRead(first >> 8, second);
                self.begin(process_id, first & 0xff, order).into()
            }
            _ => CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.apps.enter(process_id, |_, _| ())
    }
}
