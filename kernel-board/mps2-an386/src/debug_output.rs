//! Where the kernel's own messages go: behind the console's writes, on its line.
//!
//! ```text
//!   kernel::debug ── DebugSink ──► ring ──► UartDevice (shares UART 0 with the console)
//! ```
//!
//! A message is kept until the line is free and then goes out in one piece. What
//! does not fit is dropped, and said so: nothing in the kernel waits for a message. Between two
//! parts processes have their turn, and who else waits for the line has his when all is sent that was there
//! when it was taken.

use core::cell::Cell;

use capsules_core::passes::SharedLine;
use capsules_core::virtualizers::virtual_uart::UartDevice;
use kernel::ErrorCode;
use kernel::collections::queue::Queue;
use kernel::collections::ring_buffer::RingBuffer;
use kernel::debug::DebugSink;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::uart::{Transmit, TransmitClient};
use kernel::utilities::cells::{MapCell, TakeCell};

/// Said in place of text that did not fit.
const CUT: &[u8] = b"\r\n(kernel messages were lost)\r\n";

/// Longest line of a report.
const LINE_BYTES: usize = 160;
/// What reports of processes in the background leave to others.
const FIRMWARES_BYTES: usize = 1024;

/// The kernel's messages on their way out.
pub(crate) struct DebugOutput {
    uart: &'static UartDevice<'static>,
    waiting: MapCell<RingBuffer<'static, u8>>,
    /// Something did not fit since the ring was last empty.
    cut: Cell<bool>,
    tx_buffer: TakeCell<'static, [u8]>,
    /// Bytes of what was there when the line was taken.
    turn: Cell<usize>,
    start: DeferredCall,
}

impl DebugOutput {
    /// Messages wait in `ring` and are sent through `tx_buffer`, a part at a time.
    pub(crate) fn new(
        uart: &'static UartDevice<'static>,
        ring: &'static mut [u8],
        tx_buffer: &'static mut [u8],
    ) -> Self {
        Self {
            uart,
            waiting: MapCell::new(RingBuffer::new(ring)),
            cut: Cell::new(false),
            tx_buffer: TakeCell::new(tx_buffer),
            turn: Cell::new(0),
            start: DeferredCall::new(),
        }
    }

    /// Send the next part, unless one is being sent.
    fn send(&self) {
        let Some(buffer) = self.tx_buffer.take() else {
            return;
        };
        let waiting = self.waiting.map_or(0, |ring| {
            if !ring.has_elements() && self.cut.take() {
                ring.extend(CUT);
            }
            ring.len()
        });
        let turn = match self.turn.get() {
            0 => waiting,
            turn => turn,
        };
        let room = buffer.len().min(turn);
        let len = self.take_waiting(buffer.get_mut(..room).unwrap_or_default());
        let goes_on = turn > len;
        self.turn.set(turn - len);
        if len == 0 {
            self.tx_buffer.replace(buffer);
        } else if let Err((_, buffer)) = self.uart.transmit_buffer(buffer, len) {
            // These bytes are lost; the next message tries again.
            self.tx_buffer.replace(buffer);
            self.turn.set(0);
            self.uart.keep(false);
        } else {
            self.uart.keep(goes_on);
        }
    }

    /// Move waiting bytes to `buffer`; how many.
    fn take_waiting(&self, buffer: &mut [u8]) -> usize {
        self.waiting
            .map(|ring| {
                buffer
                    .iter_mut()
                    .map_while(|place| ring.dequeue().map(|byte| *place = byte))
                    .count()
            })
            .unwrap_or(0)
    }
}

impl DebugSink for DebugOutput {
    fn write(&self, text: &str) {
        self.waiting.map(|ring| {
            let taken = ring.extend(text.as_bytes());
            self.cut.set(self.cut.get() || taken < text.len());
        });
    }

    fn write_byte(&self, byte: u8) {
        self.waiting.map(|ring| {
            if !ring.enqueue(byte) {
                self.cut.set(true);
            }
        });
    }

    fn end(&self) {
        self.start.set_later();
    }

    fn has_room_for_line(&self, of_background: bool) -> bool {
        let others = usize::from(of_background) * FIRMWARES_BYTES;
        self.available_len() >= LINE_BYTES + others
    }

    fn available_len(&self) -> usize {
        self.waiting.map_or(0, |ring| ring.available_len())
    }
}

impl DeferredCallClient for DebugOutput {
    fn handle_deferred_call(&self) {
        self.send();
    }

    fn register(&'static self) {
        self.start.register(self);
    }
}

impl TransmitClient for DebugOutput {
    fn transmitted_buffer(&self, buffer: &'static mut [u8], _: usize, _: Result<(), ErrorCode>) {
        self.tx_buffer.replace(buffer);
        self.start.set_later();
    }
}
