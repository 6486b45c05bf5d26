//! `loopback_conveyor`: a kilobyte through an SPI controller, whose registers are mirrored in memory: a queue of words each way by one
//! call.

#![no_std]
#![forbid(unsafe_code)]

mod loopback;

use berth_guest::conveyor::When;
use berth_guest::error;
use berth_guest::mps2_an386::spi_shield0::{self, SSPDR, SSPSR};
use loopback::{FRAMES, LOOPBACK, PRESCALER, QUEUE, Received, WORDS, word};

berth_guest::main!(main);
berth_guest::conveyor! {
    static SPI: Spi = "conveyor:spi_shield0" {
        received: [u32; QUEUE] = from(SSPDR),
        sent: [u32; QUEUE] = to(SSPDR),
        status: u32 = from(SSPSR),
    }
}

/// Status: words are on the way.
const BUSY: u32 = 1 << 4;

fn main() {
    let registers = spi_shield0::registers();
    registers.sspcr0.write(FRAMES);
    registers.sspcpsr.write(PRESCALER);
    registers.sspcr1.write(LOOPBACK);
    if SPI.attach(When::Asked).is_err() {
        error!("no conveyor");
        return;
    }
    let mut received = Received::new();
    let mut sent = 0;
    loop {
        let begun = sent;
        if sent < WORDS {
            for place in &SPI.sent {
                place.set(word(sent).into());
                sent += 1;
            }
            if begun == 0 {
                SPI.sync_part(Spi::sent, Spi::status);
            } else {
                // What came of the words before, too.
                SPI.sync();
            }
        } else {
            SPI.sync_part(Spi::received, Spi::received);
        }
        if begun != 0 {
            for place in &SPI.received {
                received.take(place.get() as u16);
            }
        }
        if begun == WORDS {
            break;
        }
        while SPI.status.get() & BUSY != 0 {
            SPI.sync_part(Spi::status, Spi::status);
        }
    }
    registers.sspcr1.write(0);
    received.tell();
}
