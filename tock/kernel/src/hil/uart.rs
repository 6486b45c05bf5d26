//! Serial lines.
//!
//! Both directions are split-phase: a call hands a `'static` buffer over and
//! the client gets it back when the transfer is done; a call that fails gives
//! the buffer back in the error.

use crate::errorcode::ErrorCode;

/// Stop bits of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopBits {
    /// One.
    One = 1,
    /// Two.
    Two = 2,
}

/// Parity bit of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// None.
    None = 0,
    /// Odd.
    Odd = 1,
    /// Even.
    Even = 2,
}

/// Data bits of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Six.
    Six = 6,
    /// Seven.
    Seven = 7,
    /// Eight.
    Eight = 8,
}

/// How a line is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Bits per second.
    pub baud_rate: u32,
    /// Data bits.
    pub width: Width,
    /// Parity.
    pub parity: Parity,
    /// Stop bits.
    pub stop_bits: StopBits,
    /// Whether RTS and CTS are used.
    pub hw_flow_control: bool,
}

/// What went wrong on the line while receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nothing.
    None,
    /// A parity bit was wrong.
    ParityError,
    /// A stop bit was missing.
    FramingError,
    /// Bytes came faster than they were taken.
    OverrunError,
    /// The sender asked for a repetition.
    RepeatCallError,
    /// The line was reset.
    ResetError,
    /// The line was interrupted.
    BreakError,
    /// The receive was aborted.
    Aborted,
}

/// A line with both directions and configuration.
pub trait Uart<'a>: Configure + Transmit<'a> + Receive<'a> {}
impl<'a, T: Configure + Transmit<'a> + Receive<'a>> Uart<'a> for T {}

/// Both directions.
pub trait UartData<'a>: Transmit<'a> + Receive<'a> {}
impl<'a, T: Transmit<'a> + Receive<'a>> UartData<'a> for T {}

/// A [`Uart`] that can also receive until silence.
pub trait UartAdvanced<'a>: Configure + Transmit<'a> + ReceiveAdvanced<'a> {}
impl<'a, T: Configure + Transmit<'a> + ReceiveAdvanced<'a>> UartAdvanced<'a> for T {}

/// A client of both directions.
pub trait Client: ReceiveClient + TransmitClient {}
impl<T: ReceiveClient + TransmitClient> Client for T {}

/// Setting a line up.
pub trait Configure {
    /// Use `params` from now on.
    ///
    /// # Errors
    ///
    /// `OFF` not powered, `INVAL` impossible parameters, `NOSUPPORT` not offered.
    fn configure(&self, params: Parameters) -> Result<(), ErrorCode>;
}

/// Sending.
pub trait Transmit<'a> {
    /// Who gets the buffers back.
    fn set_transmit_client(&self, client: &'a dyn TransmitClient);

    /// Send the first `tx_len` bytes of `tx_buffer`.
    ///
    /// # Errors
    ///
    /// `BUSY` already sending, `SIZE` longer than the buffer; the buffer comes back.
    fn transmit_buffer(
        &self,
        tx_buffer: &'static mut [u8],
        tx_len: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u8])>;

    /// Send one word.
    ///
    /// # Errors
    ///
    /// `BUSY` already sending, `NOSUPPORT` not offered.
    fn transmit_word(&self, word: u32) -> Result<(), ErrorCode>;

    /// Stop sending; the buffer comes back through the client.
    ///
    /// # Errors
    ///
    /// `BUSY` the client will be called, `FAIL` it will not.
    fn transmit_abort(&self) -> Result<(), ErrorCode>;
}

/// Receiving.
pub trait Receive<'a> {
    /// Who gets the buffers back.
    fn set_receive_client(&self, client: &'a dyn ReceiveClient);

    /// Receive `rx_len` bytes into `rx_buffer`.
    ///
    /// # Errors
    ///
    /// `BUSY` already receiving, `SIZE` longer than the buffer; the buffer comes back.
    fn receive_buffer(
        &self,
        rx_buffer: &'static mut [u8],
        rx_len: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u8])>;

    /// Receive one word.
    ///
    /// # Errors
    ///
    /// `BUSY` already receiving, `NOSUPPORT` not offered.
    fn receive_word(&self) -> Result<(), ErrorCode>;

    /// Stop receiving; the buffer comes back through the client.
    ///
    /// # Errors
    ///
    /// `BUSY` the client will be called, `FAIL` it will not.
    fn receive_abort(&self) -> Result<(), ErrorCode>;
}

/// Is told when a transmission is over.
pub trait TransmitClient {
    /// `tx_len` bytes of `tx_buffer` were sent.
    fn transmitted_buffer(
        &self,
        tx_buffer: &'static mut [u8],
        tx_len: usize,
        rval: Result<(), ErrorCode>,
    );

    /// The word was sent.
    fn transmitted_word(&self, _rval: Result<(), ErrorCode>) {}
}

/// Is told when a reception is over.
pub trait ReceiveClient {
    /// `rx_len` bytes arrived in `rx_buffer`.
    fn received_buffer(
        &self,
        rx_buffer: &'static mut [u8],
        rx_len: usize,
        rval: Result<(), ErrorCode>,
        error: Error,
    );

    /// A word arrived.
    fn received_word(&self, _word: u32, _rval: Result<(), ErrorCode>, _error: Error) {}
}

/// Receiving that ends after silence.
pub trait ReceiveAdvanced<'a>: Receive<'a> {
    /// Receive up to `len` bytes; end early when the line is silent for
    /// `interbyte_timeout` byte times.
    ///
    /// # Errors
    ///
    /// As [`Receive::receive_buffer`].
    fn receive_automatic(
        &self,
        rx_buffer: &'static mut [u8],
        len: usize,
        interbyte_timeout: u8,
    ) -> Result<(), (ErrorCode, &'static mut [u8])>;
}
