//! `loopback_calls`: a kilobyte through an SPI controller, each register access a call.

#![no_std]
#![forbid(unsafe_code)]

mod loopback;

use berth_guest::mps2_an386::spi_shield0;
use loopback::{FILLED, FRAMES, LOOPBACK, PRESCALER, QUEUE, ROOM, Received, WORDS, word};

berth_guest::main!(main);

fn main() {
    let spi = spi_shield0::registers();
    spi.sspcr0.write(FRAMES);
    spi.sspcpsr.write(PRESCALER);
    spi.sspcr1.write(LOOPBACK);
    let (mut sent, mut fetched) = (0, 0);
    let mut received = Received::new();
    while fetched < WORDS {
        let status = spi.sspsr.read();
        if sent < WORDS && sent - fetched < QUEUE && status & ROOM != 0 {
            spi.sspdr.write(word(sent).into());
            sent += 1;
        }
        if status & FILLED != 0 {
            received.take(spi.sspdr.read() as u16);
            fetched += 1;
        }
    }
    spi.sspcr1.write(0);
    received.tell();
}
