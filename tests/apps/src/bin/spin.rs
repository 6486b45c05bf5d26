//! `spin`: says so and then computes for ever, without a system call.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use test_apps::Line;

libtock::main!(main);

fn main() {
    Line::new().text("spin: begins").print();
    loop {
        core::hint::spin_loop();
    }
}
