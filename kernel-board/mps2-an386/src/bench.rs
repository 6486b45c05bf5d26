//! What a register write costs kernel code (feature `bench`, which no product has).
//!
//! Before any process runs, calls of a function that writes one register are timed with the
//! board's free-running counter; the same loop with an empty function is subtracted, its call
//! and return apart. The harness knows how long an instruction takes.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt::Write;
use core::hint::black_box;

use mps2::fpgaio;
use mps2::register_block::RegisterBlock;
use mps2::uart::SyncWriter;

const ROUNDS: u32 = 16_000;
const LED0: usize = 0x00;
const COUNTER: usize = 0x18;
/// Nanoseconds of a tick of the counter, the kernel's clock.
const COUNTER_NS: u64 = 640;
/// Nanoseconds of a tick of the timer.
const TICK_NS: u32 = 40;

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
        u64::from(with) * COUNTER_NS,
        u64::from(without) * COUNTER_NS,
    );
}

/// How long after a timer's interrupt the kernel is where: CMSDK timer 0 begins anew at the
/// moment of its interrupt.
pub(crate) struct Stamps {
    next: Cell<usize>,
    ticks: [Cell<u32>; 4],
    rounds: Cell<u32>,
}

// SAFETY: AN386 has CMSDK timer 0 there; it cannot master the bus.
static TIMER: RegisterBlock = unsafe { RegisterBlock::new(0x4000_0000, 0x10) };
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;
/// Interrupts before the one that is told: the first ones find things to be set up.
const WARM: u32 = 12;
/// Nanoseconds of an instruction, as the harness boots.
const INSTRUCTION_NS: u32 = 64;

impl Stamps {
    pub(crate) const fn new() -> Self {
        Self {
            next: Cell::new(0),
            ticks: [const { Cell::new(0) }; 4],
            rounds: Cell::new(0),
        }
    }

    /// The kernel is at place `place`: 0 before the prologue, 1 behind it; then, each time
    /// the driver looks at its clock, 2 (the epilogue begins) and 3 (it ends).
    pub(crate) fn at(&self, place: usize) {
        let reload = TIMER.read32(RELOAD).unwrap_or_default();
        let value = TIMER.read32(VALUE).unwrap_or_default();
        if let Some(ticks) = self.ticks.get(place) {
            ticks.set(reload.wrapping_sub(value));
        }
        self.next.set(place + 1);
        if place == 3 {
            self.rounds.set(self.rounds.get() + 1);
            if self.rounds.get() == WARM {
                self.tell();
            }
        }
    }

    /// The driver looks at its clock.
    pub(crate) fn clock(&self) {
        let place = self.next.get();
        if place == 2 || place == 3 {
            self.at(place);
        }
    }

    fn tell(&self) {
        let [before, behind, _, end] = self
            .ticks
            .each_ref()
            .map(|ticks| ticks.get() * TICK_NS / INSTRUCTION_NS);
        kernel::debug!("irq.top_half = {before}");
        kernel::debug!("irq.prologue = {}", behind - before);
        kernel::debug!("irq.epilogue = {}", end - behind);
    }
}
