//! `loopback_program`: a kilobyte through an SPI controller, by register programs: one call moves an eighth of it.

#![no_std]
#![forbid(unsafe_code)]

mod loopback;

use berth_guest::program::{Exchange, Ready, register};
use berth_guest::{Program, error};
use loopback::register::{CPSR, CR0, CR1, DR, SR};
use loopback::{FRAMES, LOOPBACK, PRESCALER, QUEUE, Received, WORDS, word};

berth_guest::main!(main);
berth_guest::block!(
    /// The controller.
    fn spi = "mmio:spi_shield0"
);

/// Words of one program: what comes back lies on the stack.
const PART: usize = WORDS / 8;
/// Bytes of a word: registers are accessed as 32 bits.
const BYTES: usize = 4;

const BEGIN: Program<3> = Program::new()
    .write(register(CR0 as u16), FRAMES)
    .write(register(CPSR as u16), PRESCALER)
    .write(register(CR1 as u16), LOOPBACK);

const MOVE: Program<1> = Program::new().exchange(Exchange {
    data: register(DR as u16),
    status: SR as u16,
    words: PART as u16,
    under_way: QUEUE as u8,
    room: Some(Ready { bit: 1, is: true }),
    from_input: true,
    filled: Some(Ready { bit: 2, is: true }),
    to_output: true,
    limit: 1_000,
});

const END: Program<1> = Program::new().write(register(CR1 as u16), 0);

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
    let spi = spi();
    let mut part = [0; BYTES * PART];
    let mut done = BEGIN.run(spi, &[], &mut []);
    let mut received = Received::new();
    for sent in SENT.chunks_exact(BYTES * PART) {
        done = done.and_then(|()| MOVE.run(spi, sent, &mut part));
        for bytes in part.as_chunks().0 {
            received.take(u32::from_le_bytes(*bytes) as u16);
        }
    }
    match done.and_then(|()| END.run(spi, &[], &mut [])) {
        Ok(()) => received.tell(),
        Err(_) => error!("the controller does not answer"),
    }
}
