//! Serial text and bytes for processes.
//!
//! ```text
//!   process                       process
//!     │ write(len)                  │ read(len), abort
//! ════╪═════════════════════════════╪═══════════ system calls, driver 0x1
//!     │ write.rs: one write at a    │ read.rs: the receive ring
//!     │ time, whole                 │
//!     └────────────┬────────────────┘
//!             hil::uart::UartData  (a UartDevice of virtual_uart, or a UART)
//! ```
//!
//! | command | arguments | does |
//! |---|---|---|
//! | 0 | | driver is there |
//! | 1 | length | write that much of read-only allow 1; upcall 1 when sent |
//! | 2 | length | read that much into read-write allow 1; upcall 2 when there |
//! | 3 | | complete an outstanding read with what has arrived |
//! | 4 | | how many bytes are kept while nobody reads |
//!
//! | upcall | arguments |
//! |---|---|
//! | 1 | bytes written, 0, 0 |
//! | 2 | status (0 or an error code), bytes read, 0 |
//!
//! A length beyond the allowed buffer is cut to the buffer; zero completes at once.
//! A process has at most one write and one read under way; a second is `BUSY`, and so is a
//! read while another process reads, and a write while those of [`PROCESSES_MAX`](crate::PROCESSES_MAX) others wait.
//!
//! **A write is whole** up to [`TURN_BYTES`]: neither another process's write nor
//! kernel debug output comes in between. Writes are served in the order they were made. A longer one
//! gives the line to those who wait after each [`TURN_BYTES`], so that nobody waits for what another would
//! never end; if nobody waits, it is whole as well.
//!
//! **Writing and reading are the process's own work**: with [`Console::with_passes`] each chunk
//! but a write's first is copied in a pass, when the writer or one that waits for the line would
//! run. The writer is asked for it, and if it is not certain to run, those who wait, in their order, up to the first one that is:
//! so none waits for a process that is never run, and how much is asked does not depend on how many wait. A
//! pass for another's write, which [`Console::pass`] tells, ends the turn of who made it on a board that listens, so no third one waits for more than that pass.
//!
//! **Nothing typed is lost between two reads**: bytes are received all the time into a ring
//! in the kernel, and a read takes them from there first. When nobody reads and
//! the ring is full, the newest bytes are dropped and counted. To take whatever there is,
//! a process reads and aborts: the one upcall says how many bytes came.

mod read;
mod write;

use crate::driver;
use crate::passes::{Passes, SharedLine};
use crate::waiting::Waiting;
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::collections::ring_buffer::RingBuffer;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use kernel::hil::uart::UartData;
use kernel::process::{self, ProcessId};
use kernel::syscall::{CommandReturn, SyscallDriver};
use kernel::utilities::cells::{MapCell, OptionalCell, TakeCell};

/// Bytes of a write that are never divided.
pub const TURN_BYTES: usize = 512;

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::Console as usize;

/// Upcall numbers. Zero is unused, as it is in Tock.
mod upcall {
    pub(super) const WRITE_DONE: usize = 1;
    pub(super) const READ_DONE: usize = 2;
    pub(super) const COUNT: u8 = 3;
}

/// Read-only allow numbers.
mod ro_allow {
    pub(super) const WRITE: usize = 1;
    pub(super) const COUNT: u8 = 2;
}

/// Read-write allow numbers.
mod rw_allow {
    pub(super) const READ: usize = 1;
    pub(super) const COUNT: u8 = 2;
}

/// What the driver keeps for each process.
#[derive(Default)]
pub struct App {
    write: Option<write::Write>,
    read: Option<read::Read>,
}

/// The grant a board creates for the driver.
pub type ConsoleGrant = Grant<
    App,
    UpcallCount<{ upcall::COUNT }>,
    AllowRoCount<{ ro_allow::COUNT }>,
    AllowRwCount<{ rw_allow::COUNT }>,
>;

/// The driver.
pub struct Console<'a> {
    uart: &'a dyn UartData<'a>,
    apps: ConsoleGrant,

    /// Who shares the line and asks for passes, if the board has that.
    passes: Option<(&'a dyn SharedLine, &'a dyn Passes)>,

    /// Chunks of a write go out through this.
    tx_buffer: TakeCell<'static, [u8]>,
    /// Whose write is on the line.
    writer: OptionalCell<ProcessId>,
    /// Bytes until it gives the line to others.
    turn: Cell<usize>,
    /// Whose writes wait.
    waiting: Waiting,
    /// Starts the next write once the last has left the line to others.
    next_writer: DeferredCall,

    /// The UART receives into this, a byte at a time.
    rx_byte: TakeCell<'static, [u8]>,
    ring: MapCell<RingBuffer<'static, u8>>,
    /// Bytes that had no room in the ring or were broken on the line.
    lost: Cell<u32>,
    /// Whose read is outstanding.
    reader: OptionalCell<ProcessId>,
    /// How many bytes the ring must hold before the reader is served.
    serve_at: Cell<usize>,
}

impl<'a> Console<'a> {
    /// A console on a UART whose clients are then set to it.
    ///
    /// `tx_buffer` may have any length but zero; longer ones mean fewer interrupts
    /// between chunks. `rx_byte` is one byte long. `ring` keeps what was received
    /// until a process reads it: give it 1 KiB or more. (The board makes it, since
    /// versions of Tock differ in what a ring is made from.)
    pub fn new(
        uart: &'a dyn UartData<'a>,
        tx_buffer: &'static mut [u8],
        rx_byte: &'static mut [u8],
        ring: RingBuffer<'static, u8>,
        grant: ConsoleGrant,
    ) -> Self {
        Self {
            uart,
            apps: grant,
            passes: None,
            tx_buffer: TakeCell::new(tx_buffer),
            writer: OptionalCell::empty(),
            turn: Cell::new(0),
            waiting: Waiting::default(),
            next_writer: DeferredCall::new(),
            rx_byte: TakeCell::new(rx_byte),
            ring: MapCell::new(ring),
            lost: Cell::new(0),
            reader: OptionalCell::empty(),
            serve_at: Cell::new(0),
        }
    }

    /// Write and read in passes of this board; `line` is the device that was given to [`new`](Self::new).
    #[must_use]
    pub fn with_passes(mut self, line: &'a dyn SharedLine, passes: &'a dyn Passes) -> Self {
        self.passes = Some((line, passes));
        self
    }

    /// Do one pass of work for a process: a chunk of the write that has the line, and a piece of
    /// the process's read. Returns whether the write was another's.
    pub fn pass(&self, process: ProcessId) -> bool {
        let is_anothers = self.writer.get().is_some_and(|writer| writer != process);
        self.continue_write();
        self.continue_read(process);
        is_anothers
    }

    /// Become the UART's client and receive from now on; once, at boot.
    pub fn start(&'static self)
    where
        'a: 'static,
    {
        self.register();
        self.uart.set_transmit_client(self);
        self.uart.set_receive_client(self);
        self.receive_next();
    }

    /// How many bytes the ring has room for.
    fn kept(&self) -> u32 {
        let room = self.ring.map_or(0, |ring| read::ring_room(ring));
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    /// How many received bytes were lost since boot: no room in the ring, or broken
    /// on the line.
    pub fn lost(&self) -> u32 {
        self.lost.get()
    }
}

impl DeferredCallClient for Console<'static> {
    fn handle_deferred_call(&self) {
        self.start_next_write();
    }

    fn register(&'static self) {
        self.next_writer.register(self);
    }
}

impl SyscallDriver for Console<'_> {
    fn command(
        &self,
        command_num: usize,
        length: usize,
        _: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        match command_num {
            0 => CommandReturn::success(),
            1 => self.write(process_id, length).into(),
            2 => self.read(process_id, length).into(),
            3 => self.abort_read(process_id).into(),
            // Upstream's keeps none and answers that it knows no such command.
            4 => CommandReturn::success_u32(self.kept()),
            _ => CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.apps.enter(process_id, |_, _| ())
    }
}
