//! `bench_led`: sets and resets an LED through `wasm_host`, for ever.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::{ErrorCode, wasm_host};
use test_apps::Line;

libtock::main!(main);

fn main() {
    if let Err(code) = blink() {
        Line::new()
            .text("bench_led: failed: ")
            .text(code.name())
            .print();
    }
}

fn blink() -> Result<(), ErrorCode> {
    let leds = wasm_host::claim(1, "fpgaio")?.handle;
    Line::new().text("bench_led: begins").print();
    loop {
        wasm_host::write32(leds, 0, 2)?;
        wasm_host::write32(leds, 0, 0)?;
    }
}
