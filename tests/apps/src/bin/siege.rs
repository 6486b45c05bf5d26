//! `siege`: in the supervisor's place, does all that the other hostile programs do, in turns, as long as it is let.
//!
//! Each bound of the kernel's is held by a test of its own; this asks whether their *sum* is. Its header has as many
//! permissions as the loader takes (`Makefile`). It has every UART, SPI and timer that is exposed interrupt as fast as it can, and of
//! the UARTs whatever is typed from outside too; it acknowledges at once, and meanwhile writes, prints lines of low-level debug, sets
//! alarms near and far, moves its break, programs and erases flash, asks about all processes, and has register programs carried out, those
//! whose check is the longest pass, and those that go on for longest, and the longest conveyors.
//!
//! ```text
//! siege: begins, 9 blocks, 8 interrupts
//! siege: 100 rounds, 400 programs, 400 conveyors, 100 of the flash
//! ```

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::berth_exposure::Width;
use libtock::berth_exposure::program::{
    Exchange, INSTRUCTION_BYTES, INSTRUCTIONS_MAX, Instruction, Place, Ready,
};
use libtock::flash_partition::Partition;
use libtock::raw::{self, class};
use libtock::wasm_host::interrupts::Records;
use libtock::wasm_host::programs;
use libtock::{ErrorCode, EventSlot, alarm, command, memop, process_info, wasm_host};
use test_apps::interrupting::Interrupting;
use test_apps::{Line, conveying, programming};

libtock::main!(main);

static RECORDS: Records<128> = Records::new();

/// Who claims.
const TAG: u32 = 7;

/// Rounds between two lines.
const TOLD: u32 = 100;

/// What is written.
static TEXT: [u8; 512] = [b'.'; 512];

/// A page in the middle of the store.
const PAGE: usize = 64;

/// Words that a program moves, and their bytes.
const WORDS: u16 = 64;
const MOVED: usize = WORDS as usize * 4;

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("siege: failed: ")
            .text(code.name())
            .print();
    }
}

fn run() -> Result<(), ErrorCode> {
    static DONE: EventSlot = EventSlot::new();
    let mut flash = Partition::open(&DONE)?;
    let page = flash.page();
    let blocks = Interrupting::start(TAG, &RECORDS)?;
    Line::new()
        .text("siege: begins, ")
        .decimal(blocks.count as u32)
        .text(" blocks, ")
        .decimal(blocks.registered)
        .text(" interrupts")
        .print();
    // SAFETY: lent for reading, and it is never written.
    unsafe { raw::call::<{ class::ALLOW_READ_ONLY }>([1, 1, TEXT.as_ptr() as usize, TEXT.len()]) };
    let lights = wasm_host::claim(TAG, "fpgaio")?.handle;
    conveying::lend();
    let (mut done, mut mirrored, mut changed) = (0, 0, 0);
    let mut ids = [0; 64];
    for round in 1_u32.. {
        blocks.again();
        let _ = command(1, 1, TEXT.len(), 0);
        let _ = command(8, 1, round as usize, 0);
        done += programmed(lights, round)?;
        // Registers of which bits are kept, which takes longest.
        mirrored += conveying::mirrored(lights, 0, 0);
        let now = alarm::now()?;
        for dt in [u32::MAX, 0, 200] {
            alarm::set_absolute(now, dt)?;
        }
        // SAFETY: what is given back was taken just before, and nobody uses it.
        unsafe { memop::sbrk(2048) }?;
        // SAFETY: as above.
        unsafe { memop::sbrk(-2048) }?;
        let at = PAGE * page + round as usize * 128 % page;
        changed += u32::from(flash.program(at, &[0x55; 128]).is_ok());
        if round % 32 == 0 {
            changed += u32::from(flash.erase(PAGE).is_ok());
        }
        asked(&mut ids);
        blocks.again();
        if round % TOLD == 0 {
            Line::new()
                .text("siege: ")
                .decimal(round)
                .text(" rounds, ")
                .decimal(done)
                .text(" programs, ")
                .decimal(mirrored)
                .text(" conveyors, ")
                .decimal(changed)
                .text(" of the flash")
                .print();
        }
    }
    Ok(())
}

/// Asks for all that the kernel tells of processes, however many there are.
fn asked(ids: &mut [u8; 64]) {
    let count = process_info::ids(ids).unwrap_or(0) as usize;
    for id in ids.chunks_exact(4).take(count) {
        let id = id.first_chunk().map_or(0, |id| u32::from_le_bytes(*id));
        let mut name = [0; 64];
        let _ = process_info::name(id, &mut name);
        let _ = process_info::stats(id);
    }
}

/// Has one register program after the other carried out. Returns how many there were.
fn programmed(handle: u16, round: u32) -> Result<u32, ErrorCode> {
    /// The lights, which are changed in part.
    const LIGHTS: Place = Place {
        offset: 0,
        width: Width::Bits32,
    };
    let change = Instruction::Modify {
        at: LIGHTS,
        mask: 0x2,
        value: 0,
    };
    let ready = Some(Ready { bit: 1, is: false });
    let all = Exchange {
        data: LIGHTS,
        status: 0,
        words: WORDS,
        under_way: 1,
        room: ready,
        from_input: true,
        filled: ready,
        to_output: true,
        limit: 3,
    };
    let one = Instruction::Exchange(Exchange {
        words: 1,
        from_input: false,
        filled: None,
        to_output: false,
        ..all
    });
    // Checked for longest: as many instructions as there may be.
    let checked = if round.is_multiple_of(2) { change } else { one };
    let mut code = [0; INSTRUCTIONS_MAX * INSTRUCTION_BYTES];
    for to in code.chunks_exact_mut(INSTRUCTION_BYTES) {
        to.copy_from_slice(&checked.encode());
    }
    let mut done = programs::run(handle, INSTRUCTIONS_MAX as u16, &code, &mut []).is_ok() as u32;
    // Carried out for longest, in the pass of the check, too.
    let mut moving = [0; 2 * INSTRUCTION_BYTES + MOVED];
    let mut output = [0; MOVED];
    for (count, instruction, bytes) in [
        (WORDS, Instruction::Take(LIGHTS), 0),
        (WORDS, Instruction::Read(LIGHTS), MOVED),
        (1, Instruction::Exchange(all), MOVED),
    ] {
        let output = output.get_mut(..bytes).unwrap_or_default();
        done += programming::repeated(handle, count, instruction, &mut moving, output);
    }
    Ok(done)
}
