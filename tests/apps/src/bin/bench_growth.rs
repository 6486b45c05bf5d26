//! `bench_growth`: what a register write and an interrupt cost on a board that exposes many blocks and registers (`growth.awk` of the
//! board), by the place of the block and of the register, and by how many registers are captured and interrupts are handled.
//!
//! Writes are timed as `bench_registers` does it. An interrupt is that of a byte sent: from the write that sends it until the
//! process runs again, by timer 0, whose ticks are 40 ns; the harness boots the board with instructions of 64 ns.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::hint::black_box;

use berth_exposure::interrupt::Capture;
use libtock::wasm_host::interrupts::{self, Records, Registered};
use libtock::{ErrorCode, EventSlot, alarm, wasm_host, yield_wait};
use test_apps::Line;

libtock::main!(main);

static RECORDS: Records<256> = Records::new();
static RECORDED: EventSlot = EventSlot::new();

/// Rounds of the shorter loop of writes.
const COUNT: u32 = 1000;
/// Instructions of a call of the empty function.
const EMPTY_CALL: u64 = 5;
/// Nanoseconds of an instruction, of a tick of the timer.
const INSTRUCTION_NS: u64 = 64;
const TICK_NS: u32 = 40;
/// Interrupts of each kind.
const ROUNDS: u32 = 10;

/// Registers of the UART and the timer.
const DATA: u16 = 0x0;
const UART_CTRL: u16 = 0x8;
const BAUDDIV: u16 = 0x10;
const TIMER_CTRL: u16 = 0x0;
const TIMER_VALUE: usize = 0x4;
const TIMER_RELOAD: u16 = 0x8;
/// Its second interrupt: a byte has left.
const TX: u16 = 1;

type Write = fn(u16, u16, u32) -> bool;

#[inline(never)]
fn write(handle: u16, offset: u16, value: u32) -> bool {
    wasm_host::write32(handle, offset, value).is_ok()
}

#[inline(never)]
fn nothing(_: u16, _: u16, _: u32) -> bool {
    true
}

/// Ticks of `COUNT` rounds.
fn ticks(write: Write, handle: u16, offset: u16) -> Result<u32, ErrorCode> {
    let rounds = |count: u32| {
        let write = black_box(write);
        (0..count).fold(true, |all, _| all & write(handle, offset, 16))
    };
    let start = alarm::now()?;
    let first = rounds(black_box(COUNT));
    let middle = alarm::now()?;
    let second = rounds(black_box(2 * COUNT));
    let end = alarm::now()?;
    if first && second {
        Ok(end
            .wrapping_sub(middle)
            .wrapping_sub(middle.wrapping_sub(start)))
    } else {
        Err(ErrorCode::Fail)
    }
}

/// Tenths of instructions of one write.
fn one_write(label: &str, offset: u16) -> Result<u32, ErrorCode> {
    let handle = wasm_host::claim(1, label)?.handle;
    let frequency = u64::from(alarm::frequency()?).max(1);
    let net = ticks(write, handle, offset)?.wrapping_sub(ticks(nothing, handle, offset)?);
    wasm_host::release_all(1)?;
    let nanoseconds = u64::from(net) * 1_000_000_000 / frequency;
    let tenths = nanoseconds * 10 / u64::from(COUNT) / INSTRUCTION_NS + 10 * EMPTY_CALL;
    Ok(u32::try_from(tenths).unwrap_or(u32::MAX))
}

fn tell(what: &str, number: u32, tenths: u32) {
    Line::new()
        .text("growth.")
        .text(what)
        .text(".")
        .decimal(number)
        .text(" = ")
        .decimal(tenths / 10)
        .text(".")
        .decimal(tenths % 10)
        .print();
}

/// By the place of the block in the table, and of the register in its block.
fn writes() -> Result<(), ErrorCode> {
    for number in [1, 2, 4, 8, 16, 32, 64, 128] {
        let mut label = Line::new();
        label.text("channel_").decimal(number - 1);
        let label = core::str::from_utf8(label.as_bytes()).unwrap_or_default();
        tell("exposures", number, one_write(label, 0)?);
    }
    for number in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
        tell(
            "registers",
            number,
            one_write("many", 4 * (number as u16 - 1))?,
        );
    }
    Ok(())
}

/// What interrupts are measured by.
struct Bench {
    uart: u16,
    /// The timer's count.
    value: *const u32,
}

impl Bench {
    fn new() -> Result<Self, ErrorCode> {
        let timer = wasm_host::claim(1, "timer0")?.handle;
        let mapping = wasm_host::map(timer)?;
        wasm_host::write32(timer, TIMER_RELOAD, u32::MAX)?;
        wasm_host::write32(timer, TIMER_CTRL, 1)?;
        let uart = wasm_host::claim(1, "uart1")?.handle;
        wasm_host::write32(uart, BAUDDIV, 16)?;
        wasm_host::write32(uart, UART_CTRL, 0b0101)?;
        RECORDS.lend()?;
        interrupts::notify(&RECORDED)?;
        Ok(Self {
            uart,
            value: core::ptr::with_exposed_provenance(mapping.address() + TIMER_VALUE),
        })
    }

    fn now(&self) -> u32 {
        // SAFETY: the block is mapped, and the register is in it.
        unsafe { self.value.read_volatile() }
    }

    /// Instructions from a byte to its interrupt, the least of some.
    fn interrupt(&self, registered: Registered) -> Result<u32, ErrorCode> {
        let mut least = u32::MAX;
        for _ in 0..ROUNDS {
            let before = self.now();
            wasm_host::write32(self.uart, DATA, 0)?;
            while RECORDS.waiting() & registered.bit() == 0 {
                yield_wait();
            }
            least = least.min(before.wrapping_sub(self.now()));
            RECORDS.take(registered.bit());
            let mut opens_us = interrupts::acknowledge(registered.interrupt)?;
            while opens_us > 0 {
                alarm::sleep_ms(opens_us.div_ceil(1_000))?;
                opens_us = interrupts::open_line(registered.interrupt)?;
            }
        }
        Ok(least.saturating_mul(TICK_NS) / INSTRUCTION_NS as u32)
    }

    /// By how many registers are captured.
    fn captures(&self) -> Result<(), ErrorCode> {
        let state = Capture {
            offset: 0x4,
            bytes: 4,
        };
        for number in [0, 1, 2, 4, 8, 16] {
            let list = [state; 16];
            let list = list.get(..number).unwrap_or(&list);
            let registered = RECORDS.register(self.uart, TX, 5, list)?;
            tell("captures", number as u32, 10 * self.interrupt(registered)?);
            interrupts::unregister(self.uart, TX)?;
        }
        Ok(())
    }

    /// By how many interrupts beside it are registered, which do not come.
    fn handlers(&self) -> Result<(), ErrorCode> {
        let mut others = [(0, 0); 8];
        for (places, label) in others.chunks_exact_mut(2).zip(["uart2", "uart3", "uart4"]) {
            let handle = wasm_host::claim(1, label)?.handle;
            for (place, number) in places.iter_mut().zip(0..) {
                *place = (handle, number);
            }
        }
        for (place, label) in others
            .iter_mut()
            .skip(6)
            .zip(["spi_shield0", "dual_timer0"])
        {
            *place = (wasm_host::claim(1, label)?.handle, 0);
        }
        let registered = RECORDS.register(self.uart, TX, 5, &[])?;
        let mut others = others.iter();
        for (number, more) in [(1, 0), (2, 1), (3, 1), (5, 2), (7, 2), (9, 2)] {
            for (handle, number) in others.by_ref().take(more) {
                RECORDS.register(*handle, *number, 5, &[])?;
            }
            tell("handlers", number, 10 * self.interrupt(registered)?);
        }
        Ok(())
    }
}

fn run() -> Result<(), ErrorCode> {
    writes()?;
    let bench = Bench::new()?;
    bench.captures()?;
    bench.handlers()
}

fn main() {
    match run() {
        Ok(()) => Line::new().text("bench: done").print(),
        Err(code) => Line::new()
            .text("bench: failed: ")
            .text(code.name())
            .print(),
    }
}
