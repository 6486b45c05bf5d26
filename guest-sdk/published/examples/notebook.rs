//! `notebook`: counts its starts in a memory chip, which keeps them whatever happens to the device.
//!
//! The chip is an AT24C256 or one of its kind; its driver is the crate `eeprom24x`.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Level, Line, error, sleep_ms};
use eeprom24x::{Eeprom24x, SlaveAddr};

berth_guest::main!(main);

/// Where the count is in the chip, behind a mark.
const PLACE: u32 = 0x100;
const MARK: [u8; 4] = *b"note";
/// The chip writes for so long, and does not answer meanwhile.
const WRITING_MS: u32 = 5;

fn main() {
    let mut chip = Eeprom24x::new_24x256(berth_published::bus(), SlaveAddr::default());
    let mut note = [0; 8];
    if chip.read_data(PLACE, &mut note).is_err() {
        error!("the chip does not answer");
        berth_guest::exit(1);
    }
    let [m0, m1, m2, m3, count @ ..] = note;
    let before = if [m0, m1, m2, m3] == MARK {
        u32::from_le_bytes(count)
    } else {
        0
    };
    let count = before.wrapping_add(1);
    note[..4].copy_from_slice(&MARK);
    note[4..].copy_from_slice(&count.to_le_bytes());
    let written = chip.write_page(PLACE, &note);
    sleep_ms(WRITING_MS);
    let mut back = [0; 8];
    let read = chip.read_data(PLACE, &mut back);
    if written.is_err() || read.is_err() || back != note {
        error!("the chip has not kept it");
        berth_guest::exit(1);
    }
    Line::<32>::new()
        .text("start number ")
        .unsigned(count)
        .log(Level::Info);
}
