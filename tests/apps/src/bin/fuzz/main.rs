//! `fuzz`: machine code that nobody wrote, in the supervisor's place.
//!
//! Each run claims blocks and maps some, puts random instructions into its memory, fills all registers with
//! words that could matter, the stack pointer too, and jumps. Whatever comes of it is the end of the run: the
//! board on which this runs (feature `restart-fuzz`) begins the next one, at once after a fault or an exit and within
//! two milliseconds otherwise. The number of its restarts is the number of the run, and with the setting
//! `fuzz` (eight hexadecimal digits) makes all of it: a run that did harm can be had again.
//!
//! ```text
//! fuzz: 1000 runs, seed 0000002a
//! ```

#![no_std]
#![no_main]
#![allow(unsafe_code)]

mod code;
mod words;

use core::arch::asm;

use libtock::wasm_host::interrupts::Records;
use libtock::{ErrorCode, memop, wasm_host};
use test_apps::{Line, Setting};

use code::HALFWORDS;
use words::Words;

libtock::main!(main);

static SEED: Setting<16> = Setting::new("fuzz", "00000000");
static RECORDS: Records<1> = Records::new();

/// Runs between two lines.
const TOLD: u32 = 1000;

/// The blocks that a run tries to have: a part of them.
const LABELS: [&str; 8] = [
    "fpgaio",
    "i2c_shield1",
    "uart1",
    "timer0",
    "spi_shield0",
    "uart2",
    // Where the bus answers with errors.
    "vacant0",
    "vacant1",
];

fn main() {
    match run() {
        Ok(()) => {}
        Err(code) => Line::new().text("fuzz: failed: ").text(code.name()).print(),
    }
}

fn run() -> Result<(), ErrorCode> {
    let number = test_apps::own::stats("fuzz")?.1.restarts;
    let seed = u32::from_str_radix(SEED.text().get(..8).unwrap_or("0"), 16).unwrap_or(0);
    if number.is_multiple_of(TOLD) {
        let mut line = Line::new();
        line.text("fuzz: ").decimal(number).text(" runs, seed ");
        for digit in SEED.text().split("").take(9) {
            line.text(digit);
        }
        line.print();
    }
    let mut words = Words::new(
        seed,
        number,
        memop::ram_start()?..memop::ram_end()?,
        memop::flash_start()?..memop::flash_end()?,
    );
    hold(&mut words);
    let mut program = code::Program::new(&mut words);
    let registers: [u32; 14] = core::array::from_fn(|_| words.word());
    let entry = program.entry();
    // SAFETY: none: whatever this does is what the kernel has to bear.
    unsafe { jump(&registers, entry) }
}

/// Claim some blocks, map those that can be, take an interrupt.
fn hold(words: &mut Words) {
    for label in LABELS {
        if !words.one_in(2) {
            continue;
        }
        let Ok(claimed) = wasm_host::claim(1, label) else {
            continue;
        };
        words.remember(u32::from(claimed.handle) << 16);
        if let Ok(mapping) = wasm_host::map(claimed.handle) {
            words.remember(mapping.address() as u32);
        }
        if words.one_in(4) {
            // Not every block has one.
            let _ = RECORDS.register(claimed.handle, 0, 5, &[]);
        }
    }
}

/// Fill r0 to r12 and the link register and go to `entry`; the program sets the stack pointer itself.
///
/// # Safety
///
/// There is none.
unsafe fn jump(registers: &[u32; 14], entry: u32) -> ! {
    let mut table = [0u32; 16];
    for (place, register) in table.iter_mut().zip(registers) {
        *place = *register;
    }
    if let Some(place) = table.get_mut(14) {
        *place = entry;
    }
    // SAFETY: there is none. Below the table there is room for the frames of interrupts.
    unsafe {
        asm!(
            "dsb",
            "isb",
            "mov sp, {table}",
            "pop {{r0-r12, lr}}",
            "pop {{pc}}",
            table = in(reg) table.as_mut_ptr(),
            options(noreturn),
        )
    }
}

// What `code` puts in front of its program must leave room for it.
const _: () = assert!(HALFWORDS > 16);
