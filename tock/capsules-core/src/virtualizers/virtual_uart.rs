//! One serial line for several users.
//!
//! ```text
//!   Console      LowLevelDebug   debug writer
//!      │ hil::uart::Transmit (and Receive) │
//!   UartDevice    UartDevice      UartDevice
//!      └──────────────┬───────────────┘
//!                 MuxUart
//!                     │ hil::uart
//!                 hardware UART
//! ```
//!
//! **Who speaks.** A buffer goes out whole. A device that sends its next buffer from
//! within the callback for the last one keeps the line, so a message may be longer
//! than a buffer and still reach the line in one piece. So does one that has asked to
//! [keep](SharedLine::keep) it until its next buffer is there. A device that has more *messages*
//! must start the next one later, from a deferred call; then the others get their
//! turn, round robin.
//!
//! **Who listens.** One device at a time: while its receive is outstanding, another
//! gets `BUSY`.

use crate::passes::SharedLine;
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::hil::uart::{Error, Receive, ReceiveClient, Transmit, TransmitClient, UartData};
use kernel::utilities::cells::{OptionalCell, TakeCell};

/// Shares one UART.
pub struct MuxUart<'a> {
    uart: &'a dyn UartData<'a>,
    first: Cell<Option<&'a UartDevice<'a>>>,
    /// A buffer is on the line, or callbacks for one are running, or a device keeps the line.
    busy: Cell<bool>,
    /// Whose buffer is on the line.
    sender: OptionalCell<&'a UartDevice<'a>>,
    /// Who keeps the line while none of its buffers is on it.
    keeper: OptionalCell<&'a UartDevice<'a>>,
    /// Who has a receive outstanding.
    receiver: OptionalCell<&'a UartDevice<'a>>,
}

impl<'a> MuxUart<'a> {
    /// Share a UART that the board has configured.
    pub fn new(uart: &'a dyn UartData<'a>) -> Self {
        Self {
            uart,
            first: Cell::new(None),
            busy: Cell::new(false),
            sender: OptionalCell::empty(),
            keeper: OptionalCell::empty(),
            receiver: OptionalCell::empty(),
        }
    }

    /// Become the UART's client; once, before the first use.
    pub fn initialize(&'a self) {
        self.uart.set_transmit_client(self);
        self.uart.set_receive_client(self);
    }

    fn devices(&self) -> impl Iterator<Item = &'a UartDevice<'a>> + use<'a> {
        core::iter::successors(self.first.get(), |device| device.next.get())
    }

    /// Put the next buffer on the line: `last`'s own, or that of the next device in turn.
    fn choose(&self, last: &'a UartDevice<'a>) {
        let after = core::iter::successors(last.next.get(), |device| device.next.get());
        let others = after.chain(self.devices());
        let goes_on = core::iter::once(last)
            .chain(others)
            .any(|device| self.send(device));
        self.busy.set(goes_on);
    }

    /// Put a device's buffer on the line; whether there was one and it went.
    fn send(&self, device: &'a UartDevice<'a>) -> bool {
        let Some(buffer) = device.waiting.take() else {
            return false;
        };
        self.sender.set(device);
        match self
            .uart
            .transmit_buffer(buffer, device.waiting_length.get())
        {
            Ok(()) => true,
            Err((error, buffer)) => {
                self.sender.clear();
                device.sent(buffer, 0, Err(error));
                false
            }
        }
    }
}

impl<'a> TransmitClient for MuxUart<'a> {
    fn transmitted_buffer(
        &self,
        buffer: &'static mut [u8],
        length: usize,
        result: Result<(), ErrorCode>,
    ) {
        let Some(last) = self.sender.take() else {
            return;
        };
        // Still busy: what devices send from here on waits for the choice below.
        last.sent(buffer, length, result);
        if last.keeps.get() && last.waiting.is_none() {
            self.keeper.set(last);
        } else {
            self.choose(last);
        }
    }
}

impl<'a> ReceiveClient for MuxUart<'a> {
    fn received_buffer(
        &self,
        buffer: &'static mut [u8],
        length: usize,
        result: Result<(), ErrorCode>,
        error: Error,
    ) {
        if let Some(device) = self.receiver.take() {
            device
                .receive_client
                .map(|client| client.received_buffer(buffer, length, result, error));
        }
    }
}

/// One user of a shared UART.
pub struct UartDevice<'a> {
    mux: &'a MuxUart<'a>,
    next: Cell<Option<&'a UartDevice<'a>>>,
    waiting: TakeCell<'static, [u8]>,
    waiting_length: Cell<usize>,
    /// Its next buffer follows the one that is on the line, whoever else waits.
    keeps: Cell<bool>,
    transmit_client: OptionalCell<&'a dyn TransmitClient>,
    receive_client: OptionalCell<&'a dyn ReceiveClient>,
}

impl<'a> UartDevice<'a> {
    /// A user of this multiplexer. [`setup`](Self::setup) must follow.
    pub fn new(mux: &'a MuxUart<'a>) -> Self {
        Self {
            mux,
            next: Cell::new(None),
            waiting: TakeCell::empty(),
            waiting_length: Cell::new(0),
            keeps: Cell::new(false),
            transmit_client: OptionalCell::empty(),
            receive_client: OptionalCell::empty(),
        }
    }

    /// Join the multiplexer; once, before the first use.
    pub fn setup(&'a self) {
        self.next.set(self.mux.first.get());
        self.mux.first.set(Some(self));
    }

    fn sent(&self, buffer: &'static mut [u8], length: usize, result: Result<(), ErrorCode>) {
        self.transmit_client
            .map(|client| client.transmitted_buffer(buffer, length, result));
    }

    /// The device as the multiplexer's list has it, with the lifetime that needs.
    fn listed(&self) -> Option<&'a UartDevice<'a>> {
        self.mux
            .devices()
            .find(|device| core::ptr::eq(*device, self))
    }
}

impl<'a> Transmit<'a> for UartDevice<'a> {
    fn set_transmit_client(&self, client: &'a dyn TransmitClient) {
        self.transmit_client.set(client);
    }

    fn transmit_buffer(
        &self,
        buffer: &'static mut [u8],
        length: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u8])> {
        if length == 0 || length > buffer.len() {
            return Err((ErrorCode::SIZE, buffer));
        }
        let Some(device) = self.listed() else {
            return Err((ErrorCode::OFF, buffer));
        };
        let on_the_line = self
            .mux
            .sender
            .map_or(false, |sender| core::ptr::eq(sender, self));
        if on_the_line || self.waiting.is_some() {
            return Err((ErrorCode::BUSY, buffer));
        }
        let is_kept = self
            .mux
            .keeper
            .map_or(false, |keeper| core::ptr::eq(keeper, self));
        if self.mux.busy.get() && !is_kept {
            self.waiting_length.set(length);
            self.waiting.replace(buffer);
            return Ok(());
        }
        // A line that is idle or kept for it is tried at once, so that a refusal reaches the caller here.
        self.mux.uart.transmit_buffer(buffer, length)?;
        self.mux.keeper.clear();
        self.mux.sender.set(device);
        self.mux.busy.set(true);
        Ok(())
    }

    fn transmit_word(&self, _word: u32) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }

    /// Only a buffer that has not reached the line could be taken back, and nobody
    /// needs it: not supported.
    fn transmit_abort(&self) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
}

impl SharedLine for UartDevice<'_> {
    fn keep(&self, keep: bool) {
        self.keeps.set(keep);
        let keeper = self
            .mux
            .keeper
            .get()
            .filter(|keeper| !keep && core::ptr::eq(*keeper, self));
        if let Some(keeper) = keeper {
            self.mux.keeper.clear();
            self.mux.choose(keeper);
        }
    }
}

impl<'a> Receive<'a> for UartDevice<'a> {
    fn set_receive_client(&self, client: &'a dyn ReceiveClient) {
        self.receive_client.set(client);
    }

    fn receive_buffer(
        &self,
        buffer: &'static mut [u8],
        length: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u8])> {
        let Some(device) = self.listed() else {
            return Err((ErrorCode::OFF, buffer));
        };
        if self.mux.receiver.is_some() {
            return Err((ErrorCode::BUSY, buffer));
        }
        self.mux.uart.receive_buffer(buffer, length)?;
        self.mux.receiver.set(device);
        Ok(())
    }

    fn receive_word(&self) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }

    fn receive_abort(&self) -> Result<(), ErrorCode> {
        if self
            .mux
            .receiver
            .map_or(false, |receiver| core::ptr::eq(receiver, self))
        {
            self.mux.uart.receive_abort()
        } else {
            Ok(())
        }
    }
}
