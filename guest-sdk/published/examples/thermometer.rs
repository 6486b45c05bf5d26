//! `thermometer`: says the temperature whenever it has changed.
//!
//! The sensor is an LM75 or one of its kind, such as TMP105; its driver is the crate `lm75`.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Level, Line};
use berth_published::thermometer::{follow, tenths};

berth_guest::main!(main);

fn main() {
    follow(|celsius| {
        let mut line = Line::<32>::new();
        tenths(&mut line, celsius);
        line.text(" degrees").log(Level::Info);
    })
}
