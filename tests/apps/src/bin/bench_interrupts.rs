//! `bench_interrupts`: how long after a timer's interrupt a native process runs again.
//!
//! It waits for each of some interrupts, and reads the timer as soon as it runs: the timer counts
//! down from its reload value, which it took at the moment of the interrupt. One tick is 40 ns,
//! and the harness boots the board with instructions of 64 ns.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::wasm_host::interrupts::{self, Records};
use libtock::{ErrorCode, EventSlot, wasm_host, yield_wait};
use test_apps::Line;

libtock::main!(main);

static RECORDS: Records<64> = Records::new();
static RECORDED: EventSlot = EventSlot::new();

const CTRL: u16 = 0x0;
const VALUE: usize = 0x4;
const RELOAD: u16 = 0x8;
const ON: u32 = 0b1001;
/// 4 ms.
const TICKS: u32 = 100_000;
const ROUNDS: u32 = 20;

fn main() {
    match run() {
        Ok(ticks) => {
            // 40 ns of 64.
            Line::new()
                .text("irq.to_native_upcall = ")
                .decimal(ticks * 40 / 64)
                .print();
            Line::new().text("bench: done").print();
        }
        Err(code) => Line::new()
            .text("bench: failed: ")
            .text(code.name())
            .print(),
    }
}

/// Ticks from the interrupt to the process, the least of all rounds: in one of them the kernel
/// tells its own figures.
fn run() -> Result<u32, ErrorCode> {
    let timer = wasm_host::claim(1, "timer0")?.handle;
    let mapping = wasm_host::map(timer)?;
    let value = core::ptr::with_exposed_provenance::<u32>(mapping.address() + VALUE);
    RECORDS.lend()?;
    interrupts::notify(&RECORDED)?;
    let registered = RECORDS.register(timer, 0, 5, &[])?;
    wasm_host::write32(timer, RELOAD, TICKS - 1)?;
    wasm_host::write32(timer, CTRL, ON)?;
    let mut least = TICKS;
    for _ in 0..ROUNDS {
        while RECORDS.waiting() & registered.bit() == 0 {
            yield_wait();
        }
        // SAFETY: the block is mapped, and the register is in it.
        let now = unsafe { value.read_volatile() };
        least = least.min(TICKS - 1 - now);
        RECORDS.take(registered.bit());
        interrupts::acknowledge(registered.interrupt)?;
    }
    wasm_host::write32(timer, CTRL, 0)?;
    Ok(least)
}
