//! `blink`: drives an LED.
//!
//! Changes bit 1 of the LED register of the block `fpgaio` every 100 ms and logs
//! each change. The device's maker exposes exactly that bit: bit 0 is the
//! firmware's; this container reads it as zero and cannot change it.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::mps2_an386::fpgaio::{self, led0};
use berth_guest::{Level, Line, sleep_ms};

berth_guest::main!(main);

fn main() {
    // The board's FPGA system block, where the LEDs are.
    let fpgaio = fpgaio::registers();
    let mut changes = 0;
    loop {
        // Of the register's lights this one is ours.
        let lit = fpgaio.led0.get(led0::LED1) != 0;
        fpgaio.led0.change(if lit {
            led0::LED1.clear()
        } else {
            led0::LED1.set()
        });
        changes += 1;
        let mut line = Line::<32>::new();
        line.text(if lit {
            "LED off, change "
        } else {
            "LED on, change "
        })
        .unsigned(changes)
        .log(Level::Info);
        sleep_ms(100);
    }
}
