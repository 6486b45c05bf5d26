//! `loopback_mapped`: a kilobyte through an SPI controller, with a driver of register structs as one would write it for the
//! firmware.

#![no_std]
#![forbid(unsafe_code)]

mod loopback;

use loopback::{FILLED, FRAMES, LOOPBACK, PRESCALER, QUEUE, ROOM, Received, WORDS, word};
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::register_structs;
use tock_registers::registers::{ReadOnly, ReadWrite};

register_structs! {
    /// The controller.
    Pl022 {
        (0x00 => cr0: ReadWrite<u32>),
        (0x04 => cr1: ReadWrite<u32>),
        (0x08 => dr: ReadWrite<u32>),
        (0x0c => sr: ReadOnly<u32>),
        (0x10 => cpsr: ReadWrite<u32>),
        (0x14 => @END),
    }
}

berth_guest::main!(main);
berth_guest::mapped!(
    /// The controller.
    fn spi: Pl022 = "mmio:spi_shield0"
);

fn main() {
    let spi = spi();
    spi.cr0.set(FRAMES);
    spi.cpsr.set(PRESCALER);
    spi.cr1.set(LOOPBACK);
    let (mut sent, mut fetched) = (0, 0);
    let mut received = Received::new();
    while fetched < WORDS {
        let status = spi.sr.get();
        if sent < WORDS && sent - fetched < QUEUE && status & ROOM != 0 {
            spi.dr.set(word(sent).into());
            sent += 1;
        }
        if status & FILLED != 0 {
            received.take(spi.dr.get() as u16);
            fetched += 1;
        }
    }
    spi.cr1.set(0);
    received.tell();
}
