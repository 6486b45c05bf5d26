//! `occupy`: stands in the supervisor's place, says so, and computes for ever without a system call.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;
use test_apps::Line;

libtock::main!(main);

fn main() {
    Line::new().text("occupy: begins").print();
    let mut count = 0u32;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}
