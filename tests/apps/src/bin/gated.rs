//! `gated`: drives blocks that answer with bus errors, in the supervisor's place.
//!
//! First through the kernel: each access is an error, and so are those that the end of a claim makes. Then it
//! has a block mapped, says so, and reads it itself: the bus error is then its own fault.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::{ErrorCode, wasm_host};
use test_apps::Line;

libtock::main!(main);

fn main() {
    match run() {
        Ok(()) => Line::new().text("gated: NOT STOPPED").print(),
        Err(code) => Line::new()
            .text("gated: failed: ")
            .text(code.name())
            .print(),
    }
}

fn run() -> Result<(), ErrorCode> {
    for label in ["vacant0", "vacant1"] {
        let handle = wasm_host::claim(1, label)?.handle;
        let mut errors = 0;
        for offset in [0, 4] {
            for result in [
                wasm_host::read32(handle, offset).map(drop),
                wasm_host::write32(handle, offset, 1),
                wasm_host::modify32(handle, offset, 1, 1),
            ] {
                errors += u32::from(result == Err(ErrorCode::Off));
            }
        }
        if label == "vacant0" {
            for result in [
                wasm_host::read8(handle, 8).map(drop),
                wasm_host::write8(handle, 8, 1),
                wasm_host::read16(handle, 10).map(drop),
                wasm_host::write16(handle, 10, 1),
            ] {
                errors += u32::from(result == Err(ErrorCode::Off));
            }
        }
        wasm_host::release(handle)?;
        Line::new()
            .text("gated: ")
            .text(label)
            .text(", ")
            .decimal(errors)
            .text(" bus errors")
            .print();
    }
    let handle = wasm_host::claim(1, "vacant1")?.handle;
    let mapping = wasm_host::map(handle)?;
    Line::new().text("gated: mapped").print();
    let register = core::ptr::with_exposed_provenance_mut::<u32>(mapping.address());
    // SAFETY: none: the point is to fault.
    unsafe { register.write_volatile(1) };
    Ok(())
}
