//! What a register write costs kernel code (feature `bench`, which no product has).
//!
//! Before any process runs, calls of a function that writes one register are timed with the
//! board's free-running counter; the same loop with an empty function is subtracted, its call
//! and return apart. The harness knows how long an instruction takes.

use core::fmt::Write;
use core::hint::black_box;

use mps2::fpgaio;
use mps2::register_block::RegisterBlock;
use mps2::uart::SyncWriter;

const ROUNDS: u32 = 1000;
const LED0: usize = 0x00;
const COUNTER: usize = 0x18;
/// Nanoseconds of a tick of the counter.
const TICK_NS: u64 = 40;

// SAFETY: AN386 has FPGAIO there; it cannot master the bus.
static FPGAIO: RegisterBlock = unsafe { RegisterBlock::new(fpgaio::BASE, 0x50) };

/// One write as kernel code makes it: the register is known, the value is not.
#[inline(never)]
fn write(value: u32) {
    let _ = FPGAIO.write32(LED0, value);
}

#[inline(never)]
fn nothing(_: u32) {}

fn ticks(call: fn(u32), count: u32) -> u32 {
    let call = black_box(call);
    let start = FPGAIO.read32(COUNTER).unwrap_or_default();
    for _ in 0..black_box(count) {
        call(0);
    }
    let end = FPGAIO.read32(COUNTER).unwrap_or_default();
    end.wrapping_sub(start)
}

/// Ticks of `ROUNDS` calls, without what starting and stopping costs.
fn net(call: fn(u32)) -> u32 {
    let once = ticks(call, ROUNDS);
    ticks(call, 2 * ROUNDS).wrapping_sub(once)
}

/// Measure, and print both loops.
pub(crate) fn registers() {
    let (with, without) = (net(write), net(nothing));
    // SAFETY: no process has run yet, so the driver is not sending.
    let mut writer = unsafe { SyncWriter::new(0) };
    // If it cannot be printed the harness will miss it.
    let _ = writeln!(
        writer,
        "nanoseconds of {ROUNDS} writes = {}, of as many empty calls = {}\r\nbench: done\r",
        u64::from(with) * TICK_NS,
        u64::from(without) * TICK_NS,
    );
}
