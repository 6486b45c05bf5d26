//! A few accesses by calls with offsets and masks: what names may cost at most.

#![no_std]
#![forbid(unsafe_code)]

berth_guest::main!(main);
berth_guest::block!(fn lights = "mmio:fpgaio");
berth_guest::block!(fn uart = "mmio:uart1");

fn main() {
    let (lights, uart) = (lights(), uart());
    uart.write32(0x10, 16);
    uart.write32(0x08, 0b11);
    let is_full = uart.read32(0x04) & 1;
    lights.modify32(0x00, 0b10, is_full << 1);
}
