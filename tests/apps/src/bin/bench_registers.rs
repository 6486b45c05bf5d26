//! `bench_registers`: what a register write through `wasm_host` costs a native process.
//!
//! Claims a block and times 1,000 and 2,000 calls of libtock's `write32`, from the call instruction
//! to its return, with the alarm's clock; the difference is free of what starting, stopping and
//! asking the time cost. The same loops with an empty function are subtracted, except
//! for that function's own instructions. The harness knows how long an instruction takes.
//! The same is done with the first and the last block of the table that is exposed whole, and with a conveyor that writes eight registers
//! by one call.

#![no_std]
#![no_main]

use core::hint::black_box;

use berth_exposure::Width;
use berth_exposure::conveyor::{Direction, MOVE_BYTES, Move, directions};
use berth_exposure::{AccessClass, DESCRIPTION_MAX};
use libtock::wasm_host::conveyors::{self, Memory};
use libtock::{ErrorCode, alarm, wasm_host};
use test_apps::Line;

libtock::main!(main);

/// Rounds of the shorter loop.
const COUNT: u32 = 1000;
/// Instructions of a call of the empty function: call, frame (two), result, return.
const EMPTY_CALL: u64 = 5;
/// Nanoseconds of an instruction, as the harness boots.
const INSTRUCTION_NS: u64 = 64;

/// A block that is exposed whole, and moves of its conveyor.
const CONVEYOR: &str = "uart1";
const MOVES: usize = 8;

static MEMORY: Memory = Memory::new();

type Write = fn(u16, u16, u32) -> bool;

/// A register.
#[derive(Clone, Copy)]
struct Place {
    handle: u16,
    offset: u16,
}

#[inline(never)]
fn write(handle: u16, offset: u16, value: u32) -> bool {
    wasm_host::write32(handle, offset, value).is_ok()
}

#[inline(never)]
fn nothing(_: u16, _: u16, _: u32) -> bool {
    true
}

fn rounds(write: Write, place: Place, count: u32) -> bool {
    let write = black_box(write);
    (0..count).fold(true, |all, _| all & write(place.handle, place.offset, 16))
}

/// Ticks of `COUNT` rounds.
fn ticks(write: Write, place: Place) -> Result<u32, ErrorCode> {
    let start = alarm::now()?;
    let first = rounds(write, place, black_box(COUNT));
    let middle = alarm::now()?;
    let second = rounds(write, place, black_box(2 * COUNT));
    let end = alarm::now()?;
    if first && second {
        Ok(end
            .wrapping_sub(middle)
            .wrapping_sub(middle.wrapping_sub(start)))
    } else {
        Err(ErrorCode::Fail)
    }
}

/// Nanoseconds of `COUNT` writes.
fn writes(label: &str, offset: u16) -> Result<u64, ErrorCode> {
    let handle = wasm_host::claim(1, label)?.handle;
    let place = Place { handle, offset };
    let frequency = u64::from(alarm::frequency()?).max(1);
    let net = ticks(write, place)?.wrapping_sub(ticks(nothing, place)?);
    wasm_host::release_all(1)?;
    let calls = u64::from(COUNT) * EMPTY_CALL * INSTRUCTION_NS;
    Ok(u64::from(net) * 1_000_000_000 / frequency + calls)
}

/// A register that takes a write at any time, of the first or last block exposed whole.
fn of_whole(last: bool) -> Result<u64, ErrorCode> {
    let count = wasm_host::count()?;
    let mut buffer = [0; DESCRIPTION_MAX];
    for nth in 0..count {
        let index = if last { count - 1 - nth } else { nth };
        let block = wasm_host::describe(index, &mut buffer)?;
        if block.access == AccessClass::Mapped {
            return writes(block.label, 0x10);
        }
    }
    Err(ErrorCode::NoDevice)
}

/// The same of 1,000 syncs of a conveyor with so many moves, each of which writes one register.
fn syncs() -> Result<u64, ErrorCode> {
    let handle = wasm_host::claim(1, CONVEYOR)?.handle;
    MEMORY.lend()?;
    let mut list = [0; MOVES * MOVE_BYTES];
    for (number, place) in list.chunks_exact_mut(MOVE_BYTES).enumerate() {
        let one = Move {
            offset: 0x10,
            width: Width::Bits32,
            direction: Direction::Out,
            place: 4 * number as u16,
            count: 1,
        };
        place.copy_from_slice(&one.encode());
    }
    conveyors::attach(handle, &list, 4 * MOVES as u16).map_err(|refused| refused.error)?;
    let place = Place { handle, offset: 0 };
    let frequency = u64::from(alarm::frequency()?).max(1);
    let net = ticks(sync, place)?.wrapping_sub(ticks(nothing, place)?);
    wasm_host::release_all(1)?;
    let calls = u64::from(COUNT) * EMPTY_CALL * INSTRUCTION_NS;
    Ok(u64::from(net) * 1_000_000_000 / frequency + calls)
}

#[inline(never)]
fn sync(handle: u16, _: u16, _: u32) -> bool {
    conveyors::sync(handle, (0, MOVES as u8), directions::ALL).is_ok()
}

fn tell(what: &str, result: Result<u64, ErrorCode>) {
    let mut line = Line::new();
    match result {
        Ok(nanoseconds) => line
            .text("nanoseconds of 1000 writes, ")
            .text(what)
            .text(" = ")
            .decimal(u32::try_from(nanoseconds).unwrap_or(u32::MAX))
            .print(),
        Err(code) => line.text("bench: failed: ").text(code.name()).print(),
    }
}

fn main() {
    tell("masked", writes("fpgaio", 0));
    tell("first", of_whole(false));
    tell("last", of_whole(true));
    tell("conveyor", syncs());
    Line::new().text("bench: done").print();
}
