//! Kernels of computation: each is compiled once for a container and once for a native process, from this source, and the time that both
//! take is compared (`bench/src/groups/native.rs`).
//!
//! A kernel returns a number that depends on all that it has computed, so that nothing can be left out, and that is known, so that nothing
//! is computed wrongly.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod mix;

use core::fmt::{self, Write};
use core::hint::black_box;

pub use mix::MIX;

/// Something to compute.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// What it is called in figures.
    pub name: &'static str,
    /// What it computes, for a table.
    pub what: &'static str,
    /// Computes it.
    pub run: fn() -> u32,
    /// What that returns.
    pub result: u32,
}

/// 1,500 Fibonacci numbers of 64 bits.
pub const FIB: Kernel = Kernel {
    name: "fib",
    what: "1,500 Fibonacci numbers of 64 bits, compiled",
    run: fib,
    result: 0x6602_7650,
};
/// The 20th Fibonacci number by 21,891 calls.
pub const FIB_REC: Kernel = Kernel {
    name: "fib_rec",
    what: "The 20th Fibonacci number by 21,891 calls, compiled",
    run: fib_rec,
    result: 6_765,
};
/// CRC-32 of 4 KiB, a bit at a time.
pub const CRC32: Kernel = Kernel {
    name: "crc32",
    what: "CRC-32 of 4 KiB, a bit at a time, compiled",
    run: crc32,
    result: 0xa291_2082,
};
/// Sorting 200 words that stand in the wrong order, by exchanging neighbours.
pub const BUBBLE: Kernel = Kernel {
    name: "bubble",
    what: "Sorting 200 words that stand in the wrong order, by exchanging neighbours, compiled",
    run: bubble,
    result: 200,
};
/// Formatting 20 lines with `core::fmt`: decimal, hexadecimal, filled up, debugging output, and a fraction.
pub const FMT: Kernel = Kernel {
    name: "fmt",
    what: "20 lines written by `core::fmt`: decimal, hexadecimal, filled up, debugging output, a fraction; compiled",
    run: format,
    result: 0x7780_2c30,
};

/// All of them.
pub const ALL: [Kernel; 6] = [FIB, FIB_REC, CRC32, BUBBLE, FMT, MIX];

#[inline(never)]
fn fib() -> u32 {
    let (mut a, mut b) = (0u64, 1u64);
    for _ in 0..black_box(1_500) {
        (a, b) = (b, a.wrapping_add(b));
    }
    a as u32
}

#[inline(never)]
fn fib_rec() -> u32 {
    #[inline(never)]
    fn number(n: u32) -> u32 {
        if n < 2 {
            n
        } else {
            number(n - 1) + number(n - 2)
        }
    }
    number(black_box(20))
}

#[inline(never)]
fn crc32() -> u32 {
    let mut crc = u32::MAX;
    for number in 0..black_box(4_096u32) {
        crc ^= number & 0xff;
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[inline(never)]
fn bubble() -> u32 {
    let mut words = [0u32; 200];
    for (at, word) in words.iter_mut().enumerate() {
        *word = black_box(200) - at as u32;
    }
    for end in (1..words.len()).rev() {
        for at in 0..end {
            if let [left, right] = &mut words[at..at + 2]
                && *left > *right
            {
                core::mem::swap(left, right);
            }
        }
    }
    let in_order = words.iter().zip(1..).filter(|(word, at)| **word == *at);
    in_order.count() as u32
}

/// The sum of what is written, as FNV-1a has it.
pub(crate) struct Sum(pub(crate) u32);

impl Sum {
    pub(crate) const NEW: Self = Self(0x811c_9dc5);

    pub(crate) fn add(&mut self, word: u32) {
        for byte in word.to_le_bytes() {
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
}

impl Write for Sum {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.byte(byte));
        Ok(())
    }
}

#[inline(never)]
fn format() -> u32 {
    let mut sum = Sum::NEW;
    for line in 0..black_box(20i32) {
        let seen = [line, -line, line * line];
        let written = write!(
            sum,
            "{line:>4}: {:#010x} {seen:?} {:.3}",
            line.wrapping_mul(0x0123_4567),
            f64::from(line) / 7.0
        );
        if written.is_err() {
            return 0;
        }
    }
    sum.0
}

/// A container that computes a kernel, and exits with the microseconds that it took; -1: its result is wrong. It begins half a second
/// after its start, when the line on which it was started is quiet.
#[macro_export]
macro_rules! container {
    ($kernel:path) => {
        berth_guest::heap!(8192);
        berth_guest::main!(main);

        fn main() {
            berth_guest::sleep_ms(500);
            let start = berth_guest::now_us();
            let result = ($kernel.run)();
            let took = berth_guest::now_us() - start;
            berth_guest::exit(if result == $kernel.result {
                took as i32
            } else {
                -1
            });
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_computes_what_is_known() {
        for kernel in ALL {
            let result = (kernel.run)();
            assert_eq!(result, kernel.result, "{}: {result:#x}", kernel.name);
        }
    }
}
