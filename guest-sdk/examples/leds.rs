//! `leds`: owns the LED register and serves whoever asks (a proxy driver).
//!
//! A block has one owner. This container is the owner; others send it a byte, 1 for on and 0
//! for off, and get back how the LED is now and how often it has changed. `lamp` is one of them.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::mps2_an386::fpgaio;
use berth_guest::receive;

berth_guest::main!(main);

/// The LED that is ours: the register has one bit for each.
const OURS: u32 = 1 << 1;

fn main() {
    // The board's FPGA system block, where the LEDs are.
    let fpgaio = fpgaio::registers();
    let mut changes = 0u8;
    loop {
        let mut wish = [0];
        let (sender, length) = receive(&mut wish);
        let [on] = wish;
        if length != 1 || on > 1 {
            continue;
        }
        let lit = fpgaio.led0.read() & OURS != 0;
        if lit != (on == 1) {
            fpgaio.led0.modify(OURS, if on == 1 { OURS } else { 0 });
            changes = changes.wrapping_add(1);
        }
        // Whoever does not read its answers does without them.
        let _ = sender.reply(&[on, changes]);
    }
}
