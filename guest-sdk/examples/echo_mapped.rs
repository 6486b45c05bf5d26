//! `echo_mapped`: a driver for a UART whose handler loads and stores a struct of registers, and finds there what was captured.
//!
//! It is written as if it ran beside the registers. The device reads state and data when a byte arrives; the first load of each of
//! them in the handler gets what was read then.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::conveyor::Width;
use berth_guest::mps2_an386::uart1::{self, interrupts};
use berth_guest::{Capture, sleep_ms};
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::registers::ReadWrite;
use tock_registers::{register_bitfields, register_structs};

register_bitfields![u32,
    State [FULL OFFSET(1) NUMBITS(1) []],
    Control [
        TRANSMITTER OFFSET(0) NUMBITS(1) [],
        RECEIVER OFFSET(1) NUMBITS(1) [],
        RECEIVED OFFSET(3) NUMBITS(1) []
    ]
];
register_structs! {
    Uart {
        (0x00 => data: ReadWrite<u32>),
        (0x04 => state: ReadWrite<u32, State::Register>),
        (0x08 => control: ReadWrite<u32, Control::Register>),
        (0x0c => clear: ReadWrite<u32>),
        (0x10 => divider: ReadWrite<u32>),
        (0x14 => @END),
    }
}

berth_guest::main!(main);
berth_guest::mapped!(fn uart: Uart = "mmio:uart1");

/// The clock's ticks for a bit, at least 16.
const TICKS: u32 = 16;

extern "C" fn received(_source: u32, _count: u32) {
    if uart().state.is_set(State::FULL) {
        uart().data.set(uart().data.get());
    }
}

fn main() {
    let captures = [0x4, 0x0].map(|offset| Capture::at_register(offset, Width::Bits32));
    if uart1::Interrupts::register(interrupts::RX, 10, received, &captures).is_err() {
        berth_guest::error!("no interrupt");
        return;
    }
    uart().divider.set(TICKS);
    let on = Control::TRANSMITTER::SET + Control::RECEIVER::SET + Control::RECEIVED::SET;
    uart().control.write(on);
    berth_guest::info!("listening");
    loop {
        sleep_ms(1000);
    }
}
