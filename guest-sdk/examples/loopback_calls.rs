//! `loopback_calls`: a kilobyte through an SPI controller, each register access a call.

#![no_std]
#![forbid(unsafe_code)]

mod loopback;

use loopback::register::{CPSR, CR0, CR1, DR, SR};
use loopback::{FILLED, FRAMES, LOOPBACK, PRESCALER, QUEUE, ROOM, Received, WORDS, word};

berth_guest::main!(main);
berth_guest::block!(
    /// The controller.
    fn spi = "mmio:spi_shield0"
);

fn main() {
    let spi = spi();
    spi.write32(CR0, FRAMES);
    spi.write32(CPSR, PRESCALER);
    spi.write32(CR1, LOOPBACK);
    let (mut sent, mut fetched) = (0, 0);
    let mut received = Received::new();
    while fetched < WORDS {
        let status = spi.read32(SR);
        if sent < WORDS && sent - fetched < QUEUE && status & ROOM != 0 {
            spi.write32(DR, word(sent).into());
            sent += 1;
        }
        if status & FILLED != 0 {
            received.take(spi.read32(DR) as u16);
            fetched += 1;
        }
    }
    spi.write32(CR1, 0);
    received.tell();
}
