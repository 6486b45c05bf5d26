//! `hello`: logs a line and ends.

#![no_std]
#![forbid(unsafe_code)]

berth_guest::main!(main);

fn main() {
    berth_guest::info!("hello from a container");
}
