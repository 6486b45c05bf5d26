//! `leds`: owns the LED register and serves whoever asks (a proxy driver).
//!
//! A block has one owner. This container is the owner; others send it a byte, 1 for on and 0
//! for off, and get back how the LED is now and how often it has changed. `lamp` is one of them.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::receive;

berth_guest::main!(main);
berth_guest::block!(
    /// The board's FPGA system block, where the LEDs are.
    fn fpgaio = "mmio:fpgaio"
);

/// Byte offset of the LED register; one bit for each LED.
const LED: u32 = 0x00;
/// The LED that is ours.
const OURS: u32 = 1 << 1;

fn main() {
    let fpgaio = fpgaio();
    let mut changes = 0u8;
    loop {
        let mut wish = [0];
        let (sender, length) = receive(&mut wish);
        let [on] = wish;
        if length != 1 || on > 1 {
            continue;
        }
        let lit = fpgaio.read32(LED) & OURS != 0;
        if lit != (on == 1) {
            fpgaio.modify32(LED, OURS, if on == 1 { OURS } else { 0 });
            changes = changes.wrapping_add(1);
        }
        // Whoever does not read its answers does without them.
        let _ = sender.reply(&[on, changes]);
    }
}
