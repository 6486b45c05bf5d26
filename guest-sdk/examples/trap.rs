//! `trap`: reads behind the end of its linear memory.
//!
//! The device stops it, says why, and goes on with the others.

#![no_std]
#![allow(unsafe_code)]

berth_guest::main!(main);

fn main() {
    berth_guest::info!("about to read outside");
    let outside = core::ptr::without_provenance::<u32>(0x7fff_fff0);
    // SAFETY: none: this container shows what happens to one that does this. A
    // load outside linear memory traps.
    let value = unsafe { outside.read_volatile() };
    berth_guest::error!("nobody stopped me");
    berth_guest::exit(value.cast_signed());
}
