//! CMSDK UART: one byte each way, an interrupt for each.
//!
//! Sending writes as long as the transmitter takes bytes and goes on at its
//! interrupt. Receiving clears the interrupt *before* it reads the byte: the
//! other way round, a byte that arrives in between would raise no interrupt.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;
use core::num::NonZeroU32;

use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::uart;
use kernel::utilities::StaticRef;
use kernel::utilities::cells::{OptionalCell, TakeCell};
use kernel::utilities::registers::interfaces::{ReadWriteable, Readable, Writeable};
use kernel::utilities::registers::{ReadWrite, register_bitfields, register_structs};

register_structs! {
    /// Registers of one UART.
    pub UartRegisters {
        (0x00 => data: ReadWrite<u32>),
        (0x04 => state: ReadWrite<u32, State::Register>),
        (0x08 => control: ReadWrite<u32, Control::Register>),
        /// Read: which interrupts are raised. Write 1: clear.
        (0x0C => interrupt: ReadWrite<u32, Interrupt::Register>),
        (0x10 => bauddiv: ReadWrite<u32>),
        (0x14 => @END),
    }
}

register_bitfields![u32,
    State [
        RX_OVERRUN 3,
        TX_OVERRUN 2,
        RX_FULL 1,
        TX_FULL 0
    ],
    Control [
        RX_INTERRUPT 3,
        TX_INTERRUPT 2,
        RX_ENABLE 1,
        TX_ENABLE 0
    ],
    Interrupt [
        RX 1,
        TX 0
    ]
];

/// Base addresses of the five UARTs.
pub const BASES: [usize; 5] = [
    0x4000_4000,
    0x4000_5000,
    0x4000_6000,
    0x4000_7000,
    0x4000_9000,
];

/// Bits a second where nobody chose a rate.
const DEFAULT_RATE: u32 = 115_200;

/// Bytes that are handed over at once at most. A transmitter with a pace takes two; the emulator's takes all that there are,
/// and interrupts all the same, so that others come between.
const BURST: usize = 16;

/// Smallest divisor that the hardware takes.
const MIN_DIVISOR: u32 = 16;

fn registers(number: usize) -> StaticRef<UartRegisters> {
    let base = BASES.get(number).copied().unwrap_or(BASES[0]);
    // SAFETY: AN386 has a UART at each of these addresses.
    unsafe { StaticRef::new(base as *const UartRegisters) }
}

/// A UART that sends by waiting for each byte: before its driver sends
/// anything, and in a panic, where what the driver was sending is cut off.
pub struct SyncWriter {
    registers: StaticRef<UartRegisters>,
}

impl SyncWriter {
    /// UART `number`, 0 to 4; any other number is UART 0.
    ///
    /// # Safety
    ///
    /// The driver of this UART must not be sending, or must never run again.
    #[must_use]
    pub unsafe fn new(number: usize) -> Self {
        let registers = registers(number);
        if registers.bauddiv.get() < MIN_DIVISOR {
            // Not even configured yet.
            registers.bauddiv.set(crate::SYSTEM_CLOCK_HZ / DEFAULT_RATE);
        }
        registers.control.modify(Control::TX_ENABLE::SET);
        Self { registers }
    }
}

impl fmt::Write for SyncWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while self.registers.state.is_set(State::TX_FULL) {}
            self.registers.data.set(u32::from(byte));
        }
        Ok(())
    }
}

/// One UART.
pub struct Uart<'a> {
    registers: StaticRef<UartRegisters>,
    deferred_call: DeferredCall,

    tx_client: OptionalCell<&'a dyn uart::TransmitClient>,
    tx_buffer: TakeCell<'static, [u8]>,
    tx_len: Cell<usize>,
    tx_index: Cell<usize>,

    rx_client: OptionalCell<&'a dyn uart::ReceiveClient>,
    rx_buffer: TakeCell<'static, [u8]>,
    rx_len: Cell<usize>,
    rx_index: Cell<usize>,
    /// The client asked to stop; it is told from the deferred call.
    rx_abort: Cell<bool>,
    /// A byte arrived while nobody waited: it is there, and its interrupt is over.
    rx_left: Cell<bool>,
}

impl Uart<'_> {
    /// UART `number`, 0 to 4; any other number is UART 0.
    ///
    /// # Safety
    ///
    /// One object may drive a UART.
    #[must_use]
    pub unsafe fn new(number: usize) -> Self {
        Self {
            registers: registers(number),
            deferred_call: DeferredCall::new(),
            tx_client: OptionalCell::empty(),
            tx_buffer: TakeCell::empty(),
            tx_len: Cell::new(0),
            tx_index: Cell::new(0),
            rx_client: OptionalCell::empty(),
            rx_buffer: TakeCell::empty(),
            rx_len: Cell::new(0),
            rx_index: Cell::new(0),
            rx_abort: Cell::new(false),
            rx_left: Cell::new(false),
        }
    }

    /// The transmitter's interrupt: a byte left.
    pub fn handle_tx_interrupt(&self) {
        self.registers.interrupt.write(Interrupt::TX::SET);
        self.fill_transmitter();
        let done = self.tx_index.get() >= self.tx_len.get();
        // With a byte still waiting in the transmitter there is one more interrupt.
        if done
            && !self.registers.state.is_set(State::TX_FULL)
            && let Some(buffer) = self.tx_buffer.take()
        {
            let len = self.tx_len.get();
            self.tx_client
                .map(move |client| client.transmitted_buffer(buffer, len, Ok(())));
        }
    }

    /// Hand over bytes until the transmitter is full, the buffer done, or a [`BURST`] is over: the interrupt of its last byte
    /// goes on.
    fn fill_transmitter(&self) {
        let from = self.tx_index.get();
        let to = self.tx_len.get().min(from + BURST);
        self.tx_buffer.map(|buffer| {
            let mut sent = 0;
            for byte in buffer.get(from..to).unwrap_or_default() {
                if self.registers.state.is_set(State::TX_FULL) {
                    break;
                }
                self.registers.data.set(u32::from(*byte));
                sent += 1;
            }
            self.tx_index.set(from + sent);
        });
    }

    /// The receiver's interrupt: a byte arrived.
    pub fn handle_rx_interrupt(&self) {
        // First clear, then read (see the head of this file).
        self.registers.interrupt.write(Interrupt::RX::SET);
        let is_there = self.registers.state.is_set(State::RX_FULL);
        if self.rx_buffer.is_none() || !is_there {
            // Nobody waits for it: it stays where it is, and with it the
            // sender, until the next `receive_buffer`.
            self.rx_left.set(is_there);
            return;
        }
        self.rx_left.set(false);
        let byte = self.registers.data.get() as u8;
        let index = self.rx_index.get();
        self.rx_buffer.map(|buffer| {
            if let Some(place) = buffer.get_mut(index) {
                *place = byte;
            }
        });
        self.rx_index.set(index + 1);
        if index + 1 >= self.rx_len.get() {
            self.finish_receive(Ok(()), uart::Error::None);
        }
    }

    fn finish_receive(&self, result: Result<(), ErrorCode>, error: uart::Error) {
        self.rx_abort.set(false);
        if let Some(buffer) = self.rx_buffer.take() {
            let len = self.rx_index.get();
            self.rx_client
                .map(move |client| client.received_buffer(buffer, len, result, error));
        }
    }
}

impl DeferredCallClient for Uart<'static> {
    fn handle_deferred_call(&self) {
        if self.rx_abort.get() {
            self.finish_receive(Err(ErrorCode::CANCEL), uart::Error::Aborted);
        } else if self.rx_left.get() {
            self.handle_rx_interrupt();
        }
    }

    fn register(&'static self) {
        self.deferred_call.register(self);
    }
}

impl uart::Configure for Uart<'_> {
    fn configure(&self, parameters: uart::Parameters) -> Result<(), ErrorCode> {
        let plain = parameters.width == uart::Width::Eight
            && parameters.parity == uart::Parity::None
            && parameters.stop_bits == uart::StopBits::One
            && !parameters.hw_flow_control;
        if !plain {
            return Err(ErrorCode::NOSUPPORT);
        }
        let rate = NonZeroU32::new(parameters.baud_rate).ok_or(ErrorCode::INVAL)?;
        let divisor = crate::SYSTEM_CLOCK_HZ / rate;
        if divisor < MIN_DIVISOR {
            return Err(ErrorCode::INVAL);
        }
        self.registers.control.set(0);
        self.registers.bauddiv.set(divisor);
        self.registers
            .interrupt
            .write(Interrupt::RX::SET + Interrupt::TX::SET);
        self.registers.control.write(
            Control::TX_ENABLE::SET
                + Control::RX_ENABLE::SET
                + Control::TX_INTERRUPT::SET
                + Control::RX_INTERRUPT::SET,
        );
        Ok(())
    }
}

impl<'a> uart::Transmit<'a> for Uart<'a> {
    fn set_transmit_client(&self, client: &'a dyn uart::TransmitClient) {
        self.tx_client.set(client);
    }

    fn transmit_buffer(
        &self,
        buffer: &'static mut [u8],
        len: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u8])> {
        if self.tx_buffer.is_some() {
            return Err((ErrorCode::BUSY, buffer));
        }
        if len == 0 || len > buffer.len() {
            return Err((ErrorCode::SIZE, buffer));
        }
        self.tx_len.set(len);
        self.tx_index.set(0);
        self.tx_buffer.replace(buffer);
        self.fill_transmitter();
        Ok(())
    }

    fn transmit_word(&self, _word: u32) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }

    fn transmit_abort(&self) -> Result<(), ErrorCode> {
        if self.tx_buffer.is_none() {
            return Ok(());
        }
        // What is left of a buffer goes out within milliseconds.
        Err(ErrorCode::FAIL)
    }
}

impl<'a> uart::Receive<'a> for Uart<'a> {
    fn set_receive_client(&self, client: &'a dyn uart::ReceiveClient) {
        self.rx_client.set(client);
    }

    fn receive_buffer(
        &self,
        buffer: &'static mut [u8],
        len: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u8])> {
        if self.rx_buffer.is_some() {
            return Err((ErrorCode::BUSY, buffer));
        }
        if len == 0 || len > buffer.len() {
            return Err((ErrorCode::SIZE, buffer));
        }
        self.rx_len.set(len);
        self.rx_index.set(0);
        self.rx_buffer.replace(buffer);
        // One that comes from now on interrupts, and so does one that came since the last was read: only one that is left is
        // to be looked for. A client is never called from within its own call.
        if self.rx_left.get() {
            self.deferred_call.set();
        }
        Ok(())
    }

    fn receive_word(&self) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }

    fn receive_abort(&self) -> Result<(), ErrorCode> {
        if self.rx_buffer.is_none() {
            return Ok(());
        }
        self.rx_abort.set(true);
        self.deferred_call.set();
        Err(ErrorCode::BUSY)
    }
}
