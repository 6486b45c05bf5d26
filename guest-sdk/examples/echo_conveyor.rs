//! `echo_conveyor`: a driver for a UART whose handler calls nothing: what it loads was captured, and what it stores is sent behind it.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::conveyor::When;
use berth_guest::mps2_an386::uart1::{self, DATA, STATE, interrupts};
use berth_guest::sleep_ms;

berth_guest::main!(main);
berth_guest::conveyor! {
    static UART: Uart = "conveyor:uart1" {
        state: u32 = from(STATE),
        received: u32 = from(DATA),
        sent: u32 = to(DATA),
    }
}

/// In `STATE`: a byte has arrived.
const FULL: u32 = 1 << 1;
/// In `CTRL`: transmitter, receiver, receive interrupt.
const ON: u32 = 1 << 0 | 1 << 1 | 1 << 3;
/// In `BAUDDIV`: the clock's ticks for a bit, at least 16.
const TICKS: u32 = 16;

extern "C" fn received(_source: u32, _count: u32) {
    if UART.state.get() & FULL != 0 {
        UART.sent.set(UART.received.get());
    }
}

fn main() {
    let uart = uart1::registers();
    let captures = [uart.state.captured(), uart.data.captured()];
    let at = When::Interrupt(interrupts::RX);
    let registered = uart1::Interrupts::register(interrupts::RX, 10, received, &captures);
    if registered.is_err() || UART.attach(at).is_err() {
        berth_guest::error!("no interrupt, or no conveyor");
        return;
    }
    uart.bauddiv.write(TICKS);
    uart.ctrl.write(ON);
    berth_guest::info!("listening");
    loop {
        sleep_ms(1000);
    }
}
