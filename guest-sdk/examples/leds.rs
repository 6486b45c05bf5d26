//! `leds`: owns the LED register and serves whoever asks (a proxy driver).
//!
//! A block has one owner. This container is the owner; others send it a byte, 1 for on and 0
//! for off, and get back how the LED is now and how often it has changed. `lamp` is one of them.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::mps2_an386::fpgaio::{self, led0};
use berth_guest::receive;

berth_guest::main!(main);

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
        // Of the register's lights this one is ours.
        let on_now = fpgaio.led0.get(led0::LED1);
        if on_now != u32::from(on) {
            fpgaio.led0.change(led0::LED1.with(on.into()));
            changes = changes.wrapping_add(1);
        }
        // Whoever does not read its answers does without them.
        let _ = sender.reply(&[on, changes]);
    }
}
