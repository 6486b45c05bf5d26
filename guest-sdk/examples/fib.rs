//! `fib`: 1500 additions, then the result.
//!
//! It must be `fib(1500) = 0x66027650`.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Level, Line};

berth_guest::main!(main);

fn main() {
    let result = fibonacci(core::hint::black_box(1500));
    let mut line = Line::<32>::new();
    line.text("fib(1500) = ").hex(result).log(Level::Info);
}

/// The `n`-th Fibonacci number modulo 2^32.
fn fibonacci(n: u32) -> u32 {
    let (mut a, mut b) = (0u32, 1u32);
    for _ in 0..n {
        let next = a.wrapping_add(b);
        a = b;
        b = next;
    }
    a
}
