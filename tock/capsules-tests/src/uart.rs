//! A UART for tests: the test plays the line.

use core::cell::{Cell, RefCell};
use kernel::ErrorCode;
use kernel::hil::uart::{Error, Receive, ReceiveClient, Transmit, TransmitClient};
use kernel::utilities::cells::{OptionalCell, TakeCell};

/// A serial line with one buffer each way.
#[derive(Default)]
pub struct TestUart {
    sent: RefCell<Vec<u8>>,
    sending: Cell<usize>,
    /// Whether buffers to send are refused.
    pub refuse: Cell<bool>,
    tx: TakeSlot,
    rx: TakeSlot,
    transmit_client: OptionalCell<&'static dyn TransmitClient>,
    receive_client: OptionalCell<&'static dyn ReceiveClient>,
}

/// A `TakeCell` that starts empty.
struct TakeSlot(TakeCell<'static, [u8]>);

impl Default for TakeSlot {
    fn default() -> Self {
        Self(TakeCell::empty())
    }
}

impl TestUart {
    /// One that lives for ever.
    pub fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    /// Whether a buffer is on the line.
    pub fn is_sending(&self) -> bool {
        self.tx.0.is_some()
    }

    /// The buffer on the line has gone out; its bytes, as text.
    pub fn finish_buffer(&self) -> String {
        let buffer = self.tx.0.take().expect("nothing is being sent");
        let length = self.sending.get();
        let bytes = buffer[..length].to_vec();
        self.sent.borrow_mut().extend_from_slice(&bytes);
        self.transmit_client
            .map(|client| client.transmitted_buffer(buffer, length, Ok(())));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// All that has gone out.
    pub fn sent(&self) -> String {
        String::from_utf8_lossy(&self.sent.borrow()).into_owned()
    }

    /// Bytes arrive, as one interrupt each; whether all were taken.
    pub fn arrive(&self, bytes: &[u8], error: Error) -> bool {
        bytes.iter().all(|byte| {
            let Some(buffer) = self.rx.0.take() else {
                return false;
            };
            buffer[0] = *byte;
            self.receive_client
                .map(|client| client.received_buffer(buffer, 1, Ok(()), error));
            true
        })
    }
}

impl Transmit<'static> for TestUart {
    fn set_transmit_client(&self, client: &'static dyn TransmitClient) {
        self.transmit_client.set(client);
    }
    fn transmit_buffer(
        &self,
        buffer: &'static mut [u8],
        length: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u8])> {
        assert!(!self.is_sending(), "the line was given two buffers");
        if self.refuse.get() {
            return Err((ErrorCode::OFF, buffer));
        }
        self.sending.set(length);
        self.tx.0.replace(buffer);
        Ok(())
    }
    fn transmit_word(&self, _word: u32) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
    fn transmit_abort(&self) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
}

impl Receive<'static> for TestUart {
    fn set_receive_client(&self, client: &'static dyn ReceiveClient) {
        self.receive_client.set(client);
    }
    fn receive_buffer(
        &self,
        buffer: &'static mut [u8],
        length: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u8])> {
        assert_eq!(length, 1);
        assert!(self.rx.0.is_none(), "the line was given two buffers");
        self.rx.0.replace(buffer);
        Ok(())
    }
    fn receive_word(&self) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
    fn receive_abort(&self) -> Result<(), ErrorCode> {
        let Some(buffer) = self.rx.0.take() else {
            return Ok(());
        };
        self.receive_client.map(|client| {
            client.received_buffer(buffer, 0, Err(ErrorCode::CANCEL), Error::Aborted)
        });
        Err(ErrorCode::BUSY)
    }
}
