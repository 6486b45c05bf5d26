//! `echo_calls`: a driver for a UART whose handler reads the registers by calls, and finds there what was captured.
//!
//! The device reads state and data when a byte arrives. Reading the data empties the receiver: the handler sees a byte in the state
//! because its first read of each register gets what was read then.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::mps2_an386::uart1::{self, interrupts};
use berth_guest::sleep_ms;

berth_guest::main!(main);

/// In `STATE`: a byte has arrived.
const FULL: u32 = 1 << 1;
/// In `CTRL`: transmitter, receiver, receive interrupt.
const ON: u32 = 1 << 0 | 1 << 1 | 1 << 3;
/// In `BAUDDIV`: the clock's ticks for a bit, at least 16.
const TICKS: u32 = 16;

extern "C" fn received(_source: u32, _count: u32) {
    let uart = uart1::registers();
    if uart.state.read() & FULL != 0 {
        uart.data.write(uart.data.read());
    }
}

fn main() {
    let uart = uart1::registers();
    let captures = [uart.state.captured(), uart.data.captured()];
    if uart1::Interrupts::register(interrupts::RX, 10, received, &captures).is_err() {
        berth_guest::error!("no interrupt");
        return;
    }
    uart.bauddiv.write(TICKS);
    uart.ctrl.write(ON);
    berth_guest::info!("listening");
    loop {
        sleep_ms(1000);
    }
}
