//! `thermometer_2`: the next version of `thermometer`, which says it in degrees Fahrenheit, too.
//!
//! It replaces the first one while that runs: `berth upload thermometer_2.wasm --name thermometer --live-update`.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Level, Line};
use berth_published::thermometer::{follow, tenths};

berth_guest::main!(main);

fn main() {
    follow(|celsius| {
        let mut line = Line::<48>::new();
        tenths(&mut line, celsius);
        line.text(" degrees, ");
        tenths(&mut line, celsius * 9 / 5 + 320);
        line.text(" Fahrenheit").log(Level::Info);
    })
}
