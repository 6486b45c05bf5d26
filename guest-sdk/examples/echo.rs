//! `echo`: a driver for a UART, with interrupts.
//!
//! Everything that arrives on the serial line is sent back. The device reads the byte when
//! it arrives (it captures the data register), so the handler finds it in memory; nothing
//! polls, and between two bytes the container costs no time at all.
//!
//! The registers are those of Arm's CMSDK UART (Cortex-M System Design Kit).

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Capture, Level, Line, Word, sleep_ms};

berth_guest::main!(main);
berth_guest::block!(
    /// The UART.
    fn uart = "mmio:uart1"
);
berth_guest::irq!(
    /// Its interrupts: 0 a byte has arrived, 1 a byte has left.
    UartInterrupts = "irq:uart1"
);

/// Bytes in and out.
const DATA: u32 = 0x00;
/// What the UART is doing.
const STATE: u32 = 0x04;
/// In `STATE`: it has a byte that has not left yet.
const SENDING: u32 = 1 << 0;
/// What is switched on.
const CTRL: u32 = 0x08;
/// In `CTRL`: transmitter, receiver, receive interrupt.
const ON: u32 = 1 << 0 | 1 << 1 | 1 << 3;
/// The clock's ticks for a bit, at least 16.
const BAUDDIV: u32 = 0x10;

/// The byte that has arrived.
static RECEIVED: Word = Word::new(0);
/// Bytes sent back.
static ECHOED: Word = Word::new(0);
/// Bytes that arrived while the last one had not left.
static LOST: Word = Word::new(0);

extern "C" fn received(_source: u32, _count: u32) {
    let uart = uart();
    if uart.read32(STATE) & SENDING == 0 {
        uart.write32(DATA, RECEIVED.get());
        ECHOED.add(1);
    } else {
        LOST.add(1);
    }
}

fn main() {
    let uart = uart();
    let captures = [Capture::word(DATA as u16, &RECEIVED)];
    if UartInterrupts::register(0, 10, received, &captures).is_err() {
        berth_guest::error!("no interrupt");
        return;
    }
    uart.write32(BAUDDIV, 16);
    uart.write32(CTRL, ON);
    berth_guest::info!("listening");
    let mut told = 0;
    loop {
        sleep_ms(200);
        let echoed = ECHOED.get();
        if echoed != told {
            told = echoed;
            Line::<48>::new()
                .text("echoed ")
                .unsigned(echoed)
                .text(", lost ")
                .unsigned(LOST.get())
                .log(Level::Info);
        }
    }
}
