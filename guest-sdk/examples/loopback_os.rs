//! `loopback_os`: a kilobyte through the kernel's SPI bus, by its driver: one call moves it, and others run meanwhile.

#![no_std]
#![forbid(unsafe_code)]

mod loopback;

use alloc::vec;

use berth_guest::{error, spi};
use loopback::{Received, WORDS, word};

berth_guest::main!(main);
// What comes back is more than a stack has.
berth_guest::heap!(1536);

/// Bits a second: as fast as it goes.
const RATE: u32 = 12_500_000;

/// What is sent.
static SENT: [u8; 2 * WORDS] = {
    let mut bytes = [0; 2 * WORDS];
    let mut index = 0;
    while index < WORDS {
        [bytes[2 * index], bytes[2 * index + 1]] = word(index).to_le_bytes();
        index += 1;
    }
    bytes
};

fn main() {
    let mut room = vec![0; 2 * WORDS];
    let mut received = Received::new();
    let done = spi::configure(RATE, 0).and_then(|()| spi::transfer(&SENT, &mut room));
    received.all_there();
    for bytes in room.as_chunks().0 {
        received.take(u16::from_le_bytes(*bytes));
    }
    match done {
        Ok(()) => received.tell(),
        Err(_) => error!("the bus does not answer"),
    }
}
