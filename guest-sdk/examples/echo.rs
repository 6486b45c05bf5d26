//! `echo`: a driver for a UART, with interrupts.
//!
//! Everything that arrives on the serial line is sent back. The device reads the byte when
//! it arrives (it captures the data register), so the handler finds it in memory; nothing
//! polls, and between two bytes the container costs no time at all.
//!
//! The registers are those of Arm's CMSDK UART (Cortex-M System Design Kit).

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::mps2_an386::uart1::{self, ctrl, interrupts, state};
use berth_guest::{Level, Line, Word, sleep_ms};

berth_guest::main!(main);

/// In `BAUDDIV`: the clock's ticks for a bit, at least 16.
const TICKS: u32 = 16;

/// The byte that has arrived.
static RECEIVED: Word = Word::new(0);
/// Bytes sent back.
static ECHOED: Word = Word::new(0);
/// Bytes that arrived while the last one had not left.
static LOST: Word = Word::new(0);

extern "C" fn received(_source: u32, _count: u32) {
    let uart = uart1::registers();
    // The last byte has left.
    if uart.state.get(state::TXFULL) == 0 {
        uart.data.write(RECEIVED.get());
        ECHOED.add(1);
    } else {
        LOST.add(1);
    }
}

fn main() {
    let uart = uart1::registers();
    let captures = [uart.data.capture(&RECEIVED)];
    if uart1::Interrupts::register(interrupts::RX, 10, received, &captures).is_err() {
        berth_guest::error!("no interrupt");
        return;
    }
    uart.bauddiv.write(TICKS);
    let on = ctrl::TXEN.set().and(ctrl::RXEN.set());
    uart.ctrl.put(on.and(ctrl::RXIE.set()));
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
