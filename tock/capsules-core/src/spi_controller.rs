//! SPI for processes, from the side that drives the clock.
//!
//! ```text
//!   process                         process
//!     │ read-write(len), read(len)     │ rate, phase, polarity
//! ════╪════════════════════════════════╪═══════ system calls, driver 0x20001
//!     └───────────────┬────────────────┘
//!                    Spi    one transfer at a time, chunk by chunk
//!                     │ hil::spi::SpiMasterDevice  (and SharedBus: a transfer is one selection)
//!              VirtualSpiMasterDevice, or a device
//! ```
//!
//! | command | arguments | does |
//! |---|---|---|
//! | 0 | | driver is there |
//! | 2 | length | send that much of read-only allow 0, receive as much into read-write allow 0 if it is lent; upcall 0 |
//! | 5, 6 | rate | set it, get it: bits a second |
//! | 7, 8 | phase | set it, get it: 0 samples at the leading edge, 1 at the trailing one |
//! | 9, 10 | polarity | set it, get it: 0 idles low, 1 idles high |
//! | 11 | length | send zeros, receive that much into read-write allow 0; upcall 0 |
//!
//! | upcall | arguments |
//! |---|---|
//! | 0 | bytes transferred, status (0 or an error code), 0 |
//!
//! **Ownership.** What a process lends stays the process's: bytes are copied to buffers of the kernel before they are
//! sent and from them when they came, in chunks as long as those. So the hardware never sees a process's
//! memory. A process that takes a buffer back, or lends a shorter one, ends its transfer where the
//! buffer ends; one whose run ends leaves a chunk under way, at most, and nothing of it is told to its next run.
//!
//! **Sharing.** Settings are each process's own and come to the bus with its transfer. A transfer begins when those asked
//! for earlier are over. (Upstream gives the driver to the first process that calls it, for as long as that
//! one runs.)
//!
//! **Bounds.** The command copies one chunk, each continuation another one, from a deferred call that leaves
//! processes their turn: no length that a process chooses makes the kernel work longer without asking.

use core::cell::Cell;

use crate::driver;
use crate::passes::{Passes, put_off};
use crate::virtualizers::virtual_spi::SharedBus;
use crate::waiting::Waiting;
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::errorcode::into_statuscode;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, GrantKernelData, UpcallCount};
use kernel::hil::spi::{ClockPhase, ClockPolarity, SpiMasterClient, SpiMasterDevice};
use kernel::process::{self, ProcessId};
use kernel::processbuffer::{ReadableProcessBuffer, WriteableProcessBuffer};
use kernel::syscall::{CommandReturn, SyscallDriver};
use kernel::utilities::cells::{OptionalCell, TakeCell};
use kernel::utilities::leasable_buffer::SubSliceMut;

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::Spi as usize;

/// Upcall numbers.
mod upcall {
    pub(super) const DONE: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

/// Read-only allow numbers.
mod ro_allow {
    pub(super) const WRITE: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

/// Read-write allow numbers.
mod rw_allow {
    pub(super) const READ: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

/// A transfer that is not complete.
#[derive(Clone, Copy)]
struct Transfer {
    length: usize,
    done: usize,
    /// Bytes of the process are sent, not zeros.
    writes: bool,
    /// What comes is kept.
    reads: bool,
}

/// What the clock does in a process's transfers.
#[derive(Clone, Copy, PartialEq)]
struct Settings {
    polarity: ClockPolarity,
    phase: ClockPhase,
    /// Bits a second, as asked for.
    rate: u32,
}

/// What the driver keeps for each process.
#[derive(Default)]
pub struct App {
    transfer: Option<Transfer>,
    /// `None`: as the board has it.
    settings: Option<Settings>,
    /// The rate that came of its settings.
    rate: u32,
}

/// The grant a board creates for the driver.
pub type SpiGrant = Grant<
    App,
    UpcallCount<{ upcall::COUNT }>,
    AllowRoCount<{ ro_allow::COUNT }>,
    AllowRwCount<{ rw_allow::COUNT }>,
>;

/// The driver.
pub struct Spi<'a, S: SpiMasterDevice<'a>> {
    device: &'a S,
    /// Who keeps the peripheral selected between two chunks.
    bus: Option<&'a dyn SharedBus>,
    apps: SpiGrant,
    /// Chunks go and come through these.
    write_buffer: TakeCell<'static, [u8]>,
    read_buffer: TakeCell<'static, [u8]>,
    /// Whose transfer is under way.
    owner: OptionalCell<ProcessId>,
    /// Whose transfers wait.
    waiting: Waiting,
    /// Sends the next chunk, or starts the next transfer.
    next: DeferredCall,
    /// How that call is put off, if the board says so.
    passes: Option<&'a dyn Passes>,
    /// What the board set the device to.
    board: Settings,
    /// What it is set to now.
    current: Cell<Settings>,
}

impl<'a, S: SpiMasterDevice<'a>> Spi<'a, S> {
    /// The driver of this device, set up as processes find it. [`config_buffers`](Self::config_buffers) must follow, and this object be the
    /// device's client.
    pub fn new(device: &'a S, grant: SpiGrant) -> Self {
        let board = Settings {
            polarity: device.get_polarity(),
            phase: device.get_phase(),
            rate: device.get_rate(),
        };
        Self {
            device,
            bus: None,
            apps: grant,
            write_buffer: TakeCell::empty(),
            read_buffer: TakeCell::empty(),
            owner: OptionalCell::empty(),
            waiting: Waiting::default(),
            next: DeferredCall::new(),
            passes: None,
            board,
            current: Cell::new(board),
        }
    }

    /// Keeps the peripheral selected for the whole of a transfer; `bus` is the device that was given to [`new`](Self::new).
    /// Without it, a transfer that is longer than a chunk is several selections.
    #[must_use]
    pub fn with_bus(mut self, bus: &'a dyn SharedBus) -> Self {
        self.bus = Some(bus);
        self
    }

    /// Gives the driver its buffers; the shorter one is the longest chunk.
    pub fn config_buffers(&self, read_buffer: &'static mut [u8], write_buffer: &'static mut [u8]) {
        self.read_buffer.replace(read_buffer);
        self.write_buffer.replace(write_buffer);
    }

    /// Has what follows a chunk put off by `passes`. A board whose kernel lets processes have their turn before it gives them; until
    /// then the bus goes on before any process, as upstream's does.
    #[must_use]
    pub fn with_passes(mut self, passes: &'a dyn Passes) -> Self {
        self.passes = Some(passes);
        self
    }

    /// Take on a transfer.
    fn begin(&self, process: ProcessId, length: usize, writes: bool) -> Result<(), ErrorCode> {
        self.apps.enter(process, |app, kernel_data| {
            if app.transfer.is_some() {
                return Err(ErrorCode::BUSY);
            }
            let room = room(kernel_data);
            let reads = !writes || room > 0;
            let given = given(kernel_data);
            let most = match (writes, reads) {
                (true, true) => given.min(room),
                (true, false) => given,
                (false, _) => room,
            };
            if length == 0 || length > most {
                return Err(ErrorCode::INVAL);
            }
            app.transfer = Some(Transfer {
                length,
                done: 0,
                writes,
                reads,
            });
            Ok(())
        })??;
        self.waiting
            .push_work(process, &self.apps, |app| &mut app.transfer)?;
        if self.owner.is_none() {
            self.start_next();
        }
        Ok(())
    }

    /// Begin the transfer that waits longest.
    fn start_next(&self) {
        while self.owner.is_none() {
            let Some(process) = self.waiting.pop() else {
                return;
            };
            let transfer = self.apps.enter(process, |app, _| {
                let settings = app.settings.unwrap_or(self.board);
                app.transfer.map(|_| settings)
            });
            // One that is gone has none.
            let Ok(Some(settings)) = transfer else {
                continue;
            };
            self.owner.set(process);
            match self.configure(settings) {
                Ok(()) => {
                    let rate = self.device.get_rate();
                    // A process that is gone has no transfer either, as the next line finds.
                    let _ = self.apps.enter(process, |app, _| app.rate = rate);
                    self.send_chunk(process);
                }
                Err(error) => self.end(process, Err(error)),
            }
        }
    }

    fn configure(&self, settings: Settings) -> Result<(), ErrorCode> {
        if self.current.get() == settings {
            return Ok(());
        }
        let Settings {
            polarity,
            phase,
            rate,
        } = settings;
        self.device.configure(polarity, phase, rate)?;
        self.current.set(settings);
        Ok(())
    }

    fn keep(&self, keep: bool) {
        if let Some(bus) = self.bus {
            bus.keep(keep);
        }
    }

    /// Send what comes next of the transfer under way, or end it.
    fn send_chunk(&self, process: ProcessId) {
        let (Some(write), Some(read)) = (self.write_buffer.take(), self.read_buffer.take()) else {
            return;
        };
        let longest = write.len().min(read.len());
        let filled = self.apps.enter(process, |app, kernel_data| {
            let transfer = app.transfer?;
            let left = transfer.length - transfer.done;
            let chunk = write.get_mut(..left.min(longest)).unwrap_or_default();
            let length = fill(&transfer, kernel_data, chunk);
            (length > 0).then_some((length, length < left))
        });
        // Without a process there is no transfer.
        let Some((length, goes_on)) = filled.ok().flatten() else {
            self.write_buffer.replace(write);
            self.read_buffer.replace(read);
            return self.end(process, Ok(()));
        };
        let (mut write, mut read) = (SubSliceMut::new(write), SubSliceMut::new(read));
        write.slice(..length);
        read.slice(..length);
        match self.device.read_write_bytes(write, Some(read)) {
            // Not before: the selection ends with a transfer that is under way, not with the one before.
            Ok(()) => self.keep(goes_on),
            Err((error, write, read)) => {
                self.take_back(write, read);
                self.end(process, Err(error));
            }
        }
    }

    fn take_back(&self, write: SubSliceMut<'static, u8>, read: Option<SubSliceMut<'static, u8>>) {
        self.write_buffer.replace(write.take());
        if let Some(read) = read {
            self.read_buffer.replace(read.take());
        }
    }

    /// The transfer under way is over: tell its process how far it came.
    fn end(&self, process: ProcessId, status: Result<(), ErrorCode>) {
        self.owner.clear();
        self.keep(false);
        // A process that is gone need not be told.
        let _ = self.apps.enter(process, |app, kernel_data| {
            if let Some(transfer) = app.transfer.take() {
                let arguments = (transfer.done, into_statuscode(status), 0);
                // A full queue loses the upcall; the process did not yield for ten events.
                let _ = kernel_data.schedule_upcall(upcall::DONE, arguments);
            }
        });
    }

    /// Change the settings of a process, if the device can have them. While another's transfer is under way, that
    /// shows when this one's next transfer begins: nobody's settings wait for others.
    fn set(
        &self,
        process: ProcessId,
        change: impl FnOnce(Settings) -> Settings,
    ) -> Result<(), ErrorCode> {
        self.apps.enter(process, |app, _| {
            if app.transfer.is_some() {
                return Err(ErrorCode::BUSY);
            }
            let settings = change(app.settings.unwrap_or(self.board));
            app.rate = if self.owner.is_some() {
                settings.rate
            } else {
                self.configure(settings)?;
                self.device.get_rate()
            };
            app.settings = Some(settings);
            Ok(())
        })?
    }

    fn get(&self, process: ProcessId, number: impl FnOnce(Settings, u32) -> u32) -> CommandReturn {
        let number = self.apps.enter(process, |app, _| match app.settings {
            Some(settings) => number(settings, app.rate),
            None => number(self.board, self.board.rate),
        });
        match number {
            Ok(number) => CommandReturn::success_u32(number),
            Err(error) => CommandReturn::failure(error.into()),
        }
    }
}

/// How much the process lends to read from.
fn given(kernel_data: &GrantKernelData) -> usize {
    kernel_data
        .get_readonly_processbuffer(ro_allow::WRITE)
        .map_or(0, |buffer| buffer.len())
}

/// How much it lends to write to.
fn room(kernel_data: &GrantKernelData) -> usize {
    kernel_data
        .get_readwrite_processbuffer(rw_allow::READ)
        .map_or(0, |buffer| buffer.len())
}

/// Copy the next bytes of a transfer; how many. None if the process has since taken a buffer back.
fn fill(transfer: &Transfer, kernel_data: &GrantKernelData, chunk: &mut [u8]) -> usize {
    let mut most = chunk.len();
    if transfer.reads {
        most = most.min(room(kernel_data).saturating_sub(transfer.done));
    }
    let chunk = chunk.get_mut(..most).unwrap_or_default();
    if !transfer.writes {
        chunk.fill(0);
        return most;
    }
    let copied = kernel_data
        .get_readonly_processbuffer(ro_allow::WRITE)
        .and_then(|buffer| {
            buffer.enter(|bytes| {
                let from = bytes.iter().skip(transfer.done);
                chunk
                    .iter_mut()
                    .zip(from)
                    .map(|(to, from)| *to = from.get())
                    .count()
            })
        });
    copied.unwrap_or(0)
}

/// Copy what came to where the process wants it, if it still lends that.
fn deliver(transfer: &Transfer, kernel_data: &GrantKernelData, came: &[u8]) {
    if !transfer.reads {
        return;
    }
    // A buffer that was taken back meanwhile gets nothing.
    let _ = kernel_data
        .get_readwrite_processbuffer(rw_allow::READ)
        .and_then(|buffer| {
            buffer.mut_enter(|bytes| {
                let to = bytes.iter().skip(transfer.done);
                to.zip(came).for_each(|(to, from)| to.set(*from));
            })
        });
}

impl<'a, S: SpiMasterDevice<'a>> SpiMasterClient for Spi<'a, S> {
    fn read_write_done(
        &self,
        write: SubSliceMut<'static, u8>,
        read: Option<SubSliceMut<'static, u8>>,
        status: Result<usize, ErrorCode>,
    ) {
        let process = self.owner.get();
        let outcome = process.map(|process| {
            let came = read.as_ref().map_or(&[][..], |read| &read[..]);
            let goes_on = self.apps.enter(process, |app, kernel_data| {
                let transfer = app.transfer.as_mut()?;
                let length = status.ok()?.min(came.len());
                deliver(transfer, kernel_data, came.get(..length)?);
                transfer.done += length;
                (transfer.done < transfer.length).then_some(())
            });
            (process, goes_on.ok().flatten())
        });
        self.take_back(write, read);
        match outcome {
            Some((_, Some(()))) => {}
            Some((process, None)) => self.end(process, status.map(drop)),
            None => self.keep(false),
        }
        put_off(self.passes, &self.next);
    }
}

impl<S: SpiMasterDevice<'static>> DeferredCallClient for Spi<'static, S> {
    fn handle_deferred_call(&self) {
        if let Some(process) = self.owner.get() {
            self.send_chunk(process);
        }
        self.start_next();
    }

    fn register(&'static self) {
        self.next.register(self);
    }
}

impl<'a, S: SpiMasterDevice<'a>> SyscallDriver for Spi<'a, S> {
    fn command(
        &self,
        command_num: usize,
        argument: usize,
        _: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        match command_num {
            0 => CommandReturn::success(),
            2 => self.begin(process_id, argument, true).into(),
            5 => {
                // No bus has a rate of more than 32 bits.
                let rate = u32::try_from(argument).unwrap_or(u32::MAX);
                self.set(process_id, |settings| Settings { rate, ..settings })
                    .into()
            }
            6 => self.get(process_id, |_, rate| rate),
            7 => {
                let phase = match argument {
                    0 => ClockPhase::SampleLeading,
                    _ => ClockPhase::SampleTrailing,
                };
                self.set(process_id, |settings| Settings { phase, ..settings })
                    .into()
            }
            8 => self.get(process_id, |settings, _| settings.phase as u32),
            9 => {
                let polarity = match argument {
                    0 => ClockPolarity::IdleLow,
                    _ => ClockPolarity::IdleHigh,
                };
                self.set(process_id, |settings| Settings {
                    polarity,
                    ..settings
                })
                .into()
            }
            10 => self.get(process_id, |settings, _| settings.polarity as u32),
            11 => self.begin(process_id, argument, false).into(),
            // 1, 3 and 4 chose the chip select and sent single bytes, long ago.
            _ => CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.apps.enter(process_id, |_, _| ())
    }
}
