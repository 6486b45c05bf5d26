//! `loopback_program`: a kilobyte through an SPI controller, by a register program: one call moves it.

#![no_std]
#![forbid(unsafe_code)]

mod loopback;

use alloc::vec;

use berth_guest::mps2_an386::spi_shield0::{self, SSPCPSR, SSPCR0, SSPCR1, SSPDR, SSPSR};
use berth_guest::program::{Exchange, Ready, register};
use berth_guest::{Program, error};
use loopback::{FRAMES, LOOPBACK, PRESCALER, QUEUE, Received, WORDS, word};

berth_guest::main!(main);
// What comes back is more than a stack has.
berth_guest::heap!(2560);

/// Bytes of a word: registers are accessed as 32 bits.
const BYTES: usize = 4;

const MOVE: Program<5> = Program::new()
    .write(register(SSPCR0 as u16), FRAMES)
    .write(register(SSPCPSR as u16), PRESCALER)
    .write(register(SSPCR1 as u16), LOOPBACK)
    .exchange(Exchange {
        data: register(SSPDR as u16),
        status: SSPSR as u16,
        words: WORDS as u16,
        under_way: QUEUE as u8,
        room: Some(Ready { bit: 1, is: true }),
        from_input: true,
        filled: Some(Ready { bit: 2, is: true }),
        to_output: true,
        limit: 1_000,
    })
    .write(register(SSPCR1 as u16), 0);

/// What is sent.
static SENT: [u8; BYTES * WORDS] = {
    let mut bytes = [0; BYTES * WORDS];
    let mut index = 0;
    while index < WORDS {
        let [low, high] = word(index).to_le_bytes();
        bytes[BYTES * index] = low;
        bytes[BYTES * index + 1] = high;
        index += 1;
    }
    bytes
};

fn main() {
    let mut room = vec![0; BYTES * WORDS];
    let mut received = Received::new();
    let done = MOVE.run(spi_shield0::block(), &SENT, &mut room);
    received.all_there();
    for bytes in room.as_chunks().0 {
        received.take(u32::from_le_bytes(*bytes) as u16);
    }
    match done {
        Ok(()) => received.tell(),
        Err(_) => error!("the controller does not answer"),
    }
}
