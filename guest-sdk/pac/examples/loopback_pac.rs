//! `loopback_pac`: a kilobyte through an SPI controller, and then the light, with a crate that svd2rust has made for the chip. There
//! is nothing of containers in the driver; `pack --svd` makes accesses of its loads and stores.

#![no_std]
// The chip's crate asks for it: where a field's values are not listed, and for what `take` needs.
#![allow(unsafe_code)]

#[path = "../../examples/loopback/mod.rs"]
mod loopback;

use loopback::{QUEUE, Received, WORDS, word};
use mps2_an386_pac::{Fpgaio, Peripherals, SpiShield0};

berth_guest::main!(main);

fn main() {
    let Some(chip) = Peripherals::take() else {
        return;
    };
    let received = transfer(&chip.spi_shield0);
    light(&chip.fpgaio);
    received.tell();
}

/// Sends all words with the loopback closed, and looks at each that comes back.
fn transfer(spi: &SpiShield0) -> Received {
    // SAFETY: the controller has frames of 16 bits, and divides by any even number.
    spi.sspcr0().write(|w| unsafe { w.dss().bits(15) });
    // SAFETY: as above.
    spi.sspcpsr().write(|w| unsafe { w.cpsdvsr().bits(2) });
    spi.sspcr1().write(|w| w.lbm().set_bit().sse().set_bit());
    let (mut sent, mut fetched) = (0, 0);
    let mut received = Received::new();
    while fetched < WORDS {
        let status = spi.sspsr().read();
        if sent < WORDS && sent - fetched < QUEUE && status.tnf().bit_is_set() {
            // SAFETY: every number of 16 bits is data.
            spi.sspdr().write(|w| unsafe { w.data().bits(word(sent)) });
            sent += 1;
        }
        if status.rne().bit_is_set() {
            received.take(spi.sspdr().read().data().bits());
            fetched += 1;
        }
    }
    received.all_there();
    spi.sspcr1().reset();
    received
}

/// Turns LED 1 on.
fn light(fpgaio: &Fpgaio) {
    fpgaio.led0().modify(|_, w| w.led1().set_bit());
}

/// What `Peripherals::take` asks for. In a container without handlers nothing runs between two of its instructions.
struct Alone;

critical_section::set_impl!(Alone);

// SAFETY: the container has one flow of control, so every section has it for itself.
unsafe impl critical_section::Impl for Alone {
    unsafe fn acquire() {}

    unsafe fn release((): ()) {}
}
