//! What one register write costs: by a container, by a native process, and by the kernel.
//!
//! Under `-icount` a guest instruction takes a fixed virtual time, so the device's own clock
//! counts instructions. A container runs straight-line code of [`FEW`] and one of [`MANY`]
//! writes between two looks at the clock, all within one piece of a slice and while the serial
//! line is quiet; it tells the microseconds as its exit code. The difference of the two,
//! divided by the difference of the numbers of writes, is free of what looking at
//! the clock costs, and there is no loop to subtract. What puts the three arguments
//! in their places comes before the call instruction: the same is measured with three moves of
//! the same values to local variables, which the engine executes the same way, and subtracted.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::{Device, Flash};
use berth_emulator::{Board, Icount, Sleep};
use berth_exposure::Width;
use berth_exposure::conveyor::{Direction, Move};
use berth_exposure::program::{INSTRUCTION_BYTES, Instruction, Place};

use crate::figure::{Figure, Group, Key, Spread};

/// Time of an instruction: 2^6 ns.
const SHIFT: u8 = 6;

/// Writes of the two containers; both fit a piece of a slice, mediated ones with what they are charged (`container/pieces.rs`).
const FEW: u32 = 16;
const MANY: u32 = 48;

/// Writes of two register programs.
const LEAST_ACCESSES: u32 = 32;
const MOST_ACCESSES: u32 = 64;

/// How often each is run; the least counts, since an interrupt of the kernel's own clock
/// or line may fall into a run.
const RUNS: usize = 6;
/// What runs may differ by, in microseconds: more is no interrupt but a slice that ended.
const SPREAD_MAX: f64 = 20.0;

/// The blocks that are written, and a register of each that takes a write at any time.
const MAPPED: (&str, u32) = ("uart1", 0x10);
const MEDIATED: (&str, u32) = ("fpgaio", 0);

const NATIVE_KERNEL: Key = Key::instructions(
    "register.native_kernel",
    "One register write from kernel code",
    None,
);
const NATIVE_PROCESS: Key = Key::instructions(
    "register.native_process",
    "One register write by a native process, through `wasm_host`",
    None,
);
/// Both are 32-bit writes to a block without masks: the place in the table is all that differs.
const OF_FIRST: Key = Key::instructions(
    "register.native_process_first",
    "The same, to the first block of the table that is exposed whole",
    None,
);
const OF_LAST: Key = Key::instructions(
    "register.native_process_last",
    "The same, to the last block of the table: the cost does not grow with the table",
    None,
);
const CALL_MAPPED: Key = Key {
    // A system call of a native process: what this must stay below.
    reference: Some(("upstream, any system call", 844.0)),
    ..Key::instructions(
        "register.call_mapped",
        "One register write by a container, block mapped: `mmio.write32`, no system call",
        Some(400.0),
    )
};
/// Why a store takes longer than the call that it becomes: a module that has stores has a memory. The 17 instructions more
/// are wasmi's own (`CachedInstance::update`), after each host call.
const CALL_MAPPED_MEMORY: Key = Key::instructions(
    "register.call_mapped_memory",
    "The same by a module that has a memory: after each host call the engine looks where that is",
    Some(387.0),
);
/// What a module has that tells where it is (places, unless its author wants none) is a global, and the engine looks where that
/// is, too.
const CALL_MAPPED_PLACES: Key = Key::instructions(
    "register.call_mapped_places",
    "The same by a module that tells in which function it is, for whoever reads its faults; it has no memory",
    None,
);
/// Ten more than a call took when the aim was set, 373. The address costs nothing when it runs.
const MMIO_MAPPED: Key = Key::instructions(
    "register.mmio_mapped",
    "The same register, block mapped, by a store to its address that `pack` has turned into an access",
    Some(383.0),
);
const CALL_MEDIATED: Key = Key::instructions(
    "register.call_mediated",
    "The same, block mediated: one system call",
    None,
);

const PROGRAM_PER_ACCESS: Key = Key::instructions(
    "register.program_per_access",
    "One more register write of a register program, between programs of 32 and of 64, block exposed whole",
    Some(40.0),
);
const PROGRAM_PER_MASKED: Key = Key::instructions(
    "register.program_per_masked_write",
    "The same, to a register with a mask: a read and a write",
    None,
);

/// As that of a program: a conveyor is for many registers, and this is what one more of them takes of a call.
const CONVEYOR_ACCESS: Key = Key::instructions(
    "register.conveyor_access",
    "One more register that is written by a container's sync, between conveyors of eight and of sixteen: the value's way to the kernel and \
     the kernel's access, block exposed whole",
    Some(45.0),
);
const CONVEYOR_READ: Key = Key::instructions(
    "register.conveyor_read",
    "The same of one that is read: the value's way goes there and back",
    None,
);
/// What a driver does to a register that is mirrored.
const CONVEYOR_STORE: Key = Key::instructions(
    "register.conveyor_store",
    "What the container does for it beside that: a store of a constant to its memory",
    None,
);
const CONVEYOR_SYNC: Key = Key::instructions(
    "register.conveyor_sync",
    "A sync of eight registers by a container, with their stores",
    None,
);
/// The aim is `syscall.command_grant` as it is, and 20 for each register.
const CONVEYOR_SYNC_8: Key = Key::instructions(
    "register.conveyor_sync_8",
    "The same by a native process: the system call alone",
    Some(474.0),
);

/// Moves of two conveyors.
const FEW_MOVES: u32 = 8;
const MANY_MOVES: u32 = 16;
/// Syncs between two looks at the clock.
const SYNCS: u32 = 8;

/// Programs between two looks at the clock; all of them fit the slice of one that is alone.
const PROGRAMS: u32 = 4;
/// Writes of a program that stand behind each other in a repetition.
const BODY: u8 = 8;

/// Boot the board and measure all `register.*` of containers and processes.
///
/// # Errors
/// If the board or the operator's line fails, or two runs differ.
pub fn measure() -> Result<Group> {
    let device = counted(&Flash::new()?)?;
    let figure = |key, value| Figure { key, value };
    let [native_process, first, last, sync_8] = native()?;
    let mapped = container(&device, MAPPED, "mapped", CALLS)?;
    let with_memory = container(&device, MAPPED, "mapped", CALLS_WITH_MEMORY)?;
    let sync = |moves, direction| conveyor(&device, moves, direction, false);
    let with_stores = conveyor(&device, FEW_MOVES, Direction::Out, true)?;
    let per_register = |many: Spread, few: Spread| {
        many.less(few)
            .map(|sync| sync / f64::from(MANY_MOVES - FEW_MOVES))
    };
    let written = per_register(
        sync(MANY_MOVES, Direction::Out)?,
        sync(FEW_MOVES, Direction::Out)?,
    );
    let read = per_register(
        sync(MANY_MOVES, Direction::In)?,
        sync(FEW_MOVES, Direction::In)?,
    );
    let mediated = Key {
        // What the mapped way costs, and the call that it saves.
        must: Some((mapped.least + native_process).round()),
        ..CALL_MEDIATED
    };
    let mut figures = vec![
        figure(NATIVE_KERNEL, kernel()?),
        figure(NATIVE_PROCESS, native_process),
        figure(OF_FIRST, first),
        figure(OF_LAST, last),
    ];
    for (key, spread) in [
        (CALL_MAPPED, mapped),
        (CALL_MAPPED_MEMORY, with_memory),
        (
            CALL_MAPPED_PLACES,
            container(&device, MAPPED, "mapped", CALLS_WITH_PLACES)?,
        ),
        (MMIO_MAPPED, container(&device, MAPPED, "mapped", STORES)?),
        (mediated, container(&device, MEDIATED, "mediated", CALLS)?),
        (PROGRAM_PER_ACCESS, program_access(&device, MAPPED)?),
        (PROGRAM_PER_MASKED, program_access(&device, MEDIATED)?),
        (CONVEYOR_ACCESS, written),
        (CONVEYOR_READ, read),
        (
            CONVEYOR_STORE,
            container(&device, MAPPED, "mapped", MIRRORED)?,
        ),
        (CONVEYOR_SYNC, with_stores),
    ] {
        figures.extend(spread.figures(key));
    }
    figures.push(figure(CONVEYOR_SYNC_8, sync_8));
    Ok(Group {
        title: "Register accesses",
        how: "Of a container: from its call instruction to the next one, straight-line code of 16 and of 48 writes between two looks at the \
              device's clock, the moves of the arguments subtracted; the least of six runs, and the most with what interrupts of the \
              kernel's clock and line took of one. Of a native process: 1,000 more calls in a loop, the same loop with an empty function subtracted. Of the kernel: the \
              write alone, taken the same way. Of a register program: what one of 64 writes, eight of them repeated, takes more than one of 32, \
              divided by 32; both need several passes. Of a conveyor: what eight more syncs between two looks at the clock take, for a register what those of sixteen \
              take more than those of eight, divided by eight; and \
              those of the native process as its writes.",
        figures,
        ..Group::default()
    })
}

/// Boots a board whose clock counts instructions ([`instructions`]).
pub(super) fn counted(flash: &Flash) -> Result<Device> {
    let board = Board::new(flash.path())
        .limit(Duration::from_secs(1800))
        .keep_store()
        .icount(Icount {
            shift: SHIFT,
            // The operator's line needs time that does not jump.
            sleep: Sleep::RealTime,
        })
        .start()?;
    let device = Device { board };
    device.console("type help")?;
    Ok(device)
}

/// Instructions of one write of a container to a register that is mapped: by a call, and by a store in the block's window.
pub(super) fn of_container(device: &Device) -> Result<[Spread; 2]> {
    Ok([
        container(device, MAPPED, "mapped", CALLS)?,
        container(device, MAPPED, "mapped", STORES)?,
    ])
}

/// Instructions of one write of a container to a register of a block.
fn container(
    device: &Device,
    (label, offset): (&str, u32),
    access: &str,
    way: Way,
) -> Result<Spread> {
    let few = microseconds(
        device,
        label,
        module(label, offset, way, FEW),
        &[way.places],
    )?;
    let many = microseconds(
        device,
        label,
        module(label, offset, way, MANY),
        &[way.places],
    )?;
    // The first exposure list after a run shows the class of the block itself.
    let list = device.json(&["exposures"])?;
    let class = list["exposures"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|exposure| exposure["label"] == label)
        .with_context(|| format!("{label} is not exposed"))?["access"]
        .clone();
    ensure!(class == access, "{label} is {class}, not {access}");
    let moves = Way {
        text: MOVES,
        stores: false,
        ..way
    };
    let moves_few = microseconds(
        device,
        label,
        module(label, offset, moves, FEW),
        &[way.places],
    )?;
    let moves_many = microseconds(
        device,
        label,
        module(label, offset, moves, MANY),
        &[way.places],
    )?;
    let net = many.less(few);
    // A store to memory has none.
    let net = if way.text == MIRRORED.text {
        net
    } else {
        net.less(moves_many.less(moves_few))
    };
    Ok(net.map(|us| instructions(us) / f64::from(MANY - FEW)))
}

/// Microseconds that a container measured in some runs: its exit codes. It is a module, or the text of one.
pub(super) fn microseconds(
    device: &Device,
    label: &str,
    module: impl AsRef<[u8]>,
    words: &[&str],
) -> Result<Spread> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("writes.wasm");
    std::fs::write(&file, wat::parse_bytes(module.as_ref())?)?;
    let file = file.to_string_lossy().into_owned();
    let upload = [&["upload", &*file, "--places"][..], words].concat();
    device.berth(&upload)?.ok()?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        device.berth(&["start", "writes"])?.ok()?;
        // It waits until the line is quiet, so it must not be asked meanwhile.
        std::thread::sleep(Duration::from_millis(1500));
        device.wait_state("writes", "exited")?;
        let container = device.container("writes")?.context("it is listed")?;
        times.push(container["exit_code"].as_f64().context("an exit code")?);
    }
    device.berth(&["rm", "writes"])?.ok()?;
    eprintln!("{label}: {times:?} us");
    let spread = Spread::of(times.iter().copied());
    ensure!(
        spread.most - spread.least <= SPREAD_MAX,
        "{label}: runs differ: {times:?} us"
    );
    Ok(spread)
}

/// How a module writes.
#[derive(Clone, Copy)]
struct Way {
    /// One write.
    text: &'static str,
    /// It is a store in the block's window.
    stores: bool,
    /// The module has a memory.
    memory: bool,
    /// How closely it tells where it is.
    places: &'static str,
}

/// As fast as it was compiled.
pub(super) const NO_PLACES: &str = "no";

const CALLS: Way = Way {
    text: "(call $write (local.get $block) (i32.const OFFSET) (i32.const 16))\n",
    stores: false,
    memory: false,
    places: NO_PLACES,
};
const CALLS_WITH_PLACES: Way = Way {
    places: "functions",
    ..CALLS
};
const CALLS_WITH_MEMORY: Way = Way {
    memory: true,
    ..CALLS
};
const STORES: Way = Way {
    text: "(i32.store offset=OFFSET (i32.const 0xf0030000) (i32.const 16))\n",
    stores: true,
    memory: true,
    places: NO_PLACES,
};
/// To memory, which is what a mirrored register is to a driver.
const MIRRORED: Way = Way {
    text: "(i32.store offset=OFFSET (i32.const 0) (i32.const 16))\n",
    stores: false,
    memory: true,
    places: NO_PLACES,
};
/// What is left of a write without the call.
const MOVES: &str = "(local.set $a (local.get $block)) (local.set $b (i32.const OFFSET)) \
                     (local.set $c (i32.const 16))\n";

/// `count` writes, or moves in their place, between two looks at the clock.
fn module(label: &str, offset: u32, way: Way, count: u32) -> String {
    let writes = way
        .text
        .replace("OFFSET", &offset.to_string())
        .repeat(count as usize);
    let memory = if way.memory {
        "(memory 64 (pagesize 1))"
    } else {
        ""
    };
    let window = if way.stores {
        let length = label.len();
        format!(r#"(@custom "berth.windows" "\00\00\03\f0\{length:02x}{label}")"#)
    } else {
        String::new()
    };
    format!(
        r#"(module
          (import "mmio:{label}" "claim" (func $claim (result i32)))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "berth" "now_us" (func $now (result i64)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "exit" (func $exit (param i32)))
          (func (export "_start") (local $block i32) (local $start i64)
            (local $a i32) (local $b i32) (local $c i32)
            (local.set $block (call $claim))
            (call $sleep (i64.const 500000))
            (local.set $start (call $now))
            {writes}
            (call $exit (i32.wrap_i64 (i64.sub (call $now) (local.get $start)))))
          {memory} {window})"#
    )
}

/// Instructions of one more write of a register program.
fn program_access(device: &Device, register: (&str, u32)) -> Result<Spread> {
    let few = microseconds(
        device,
        register.0,
        program(register, LEAST_ACCESSES),
        &[NO_PLACES],
    )?;
    let many = microseconds(
        device,
        register.0,
        program(register, MOST_ACCESSES),
        &[NO_PLACES],
    )?;
    let accesses = f64::from(PROGRAMS * (MOST_ACCESSES - LEAST_ACCESSES));
    Ok(many.less(few).map(|us| instructions(us) / accesses))
}

/// [`PROGRAMS`] times a register program of `count` writes, between two looks at the clock.
fn program((label, offset): (&str, u32), count: u32) -> String {
    let at = Place {
        // A small number.
        offset: offset as u16,
        width: Width::Bits32,
    };
    let repeat = Instruction::Repeat {
        count: count / u32::from(BODY),
        body: BODY,
    };
    let code: Vec<Instruction> = core::iter::once(repeat)
        .chain((0..BODY).map(|_| Instruction::Write(at, 0)))
        .collect();
    let bytes: String = code
        .iter()
        .flat_map(|instruction| instruction.encode())
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let length = code.len() * INSTRUCTION_BYTES;
    let run = format!(
        "(local.set $failed (i32.or (local.get $failed) (call $run (local.get $block) (i32.const 0) (i32.const {length})
           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))"
    )
    .repeat(PROGRAMS as usize);
    format!(
        r#"(module
          (import "mmio:{label}" "claim" (func $claim (result i32)))
          (import "program" "run" (func $run (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (import "berth" "now_us" (func $now (result i64)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 1024 (pagesize 1))
          (data (i32.const 0) "{bytes}")
          (func (export "_start") (local $block i32) (local $start i64) (local $failed i32)
            (local.set $block (call $claim))
            (call $sleep (i64.const 500000))
            (local.set $start (call $now))
            {run}
            (if (local.get $failed) (then (unreachable)))
            (call $exit (i32.wrap_i64 (i64.sub (call $now) (local.get $start))))))"#
    )
}

/// Instructions of a sync of a conveyor of so many registers, with a store for each before it or without.
fn conveyor(device: &Device, moves: u32, direction: Direction, stores: bool) -> Result<Spread> {
    let label = MAPPED.0;
    let few = microseconds(
        device,
        label,
        mirrored(moves, direction, SYNCS, stores),
        &[NO_PLACES],
    )?;
    let many = microseconds(
        device,
        label,
        mirrored(moves, direction, 2 * SYNCS, stores),
        &[NO_PLACES],
    )?;
    Ok(many.less(few).map(|us| instructions(us) / f64::from(SYNCS)))
}

/// So many syncs between two looks at the clock.
fn mirrored(moves: u32, direction: Direction, syncs: u32, stores: bool) -> String {
    let (label, offset) = MAPPED;
    let list: String = (0..moves)
        .flat_map(|number| {
            Move {
                // Small numbers.
                offset: offset as u16,
                width: Width::Bits32,
                direction,
                place: 4 * number as u16,
                count: 1,
            }
            .encode()
        })
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let stores: String = (0..if stores { moves } else { 0 })
        .map(|number| {
            let place = 512 + 4 * number;
            format!("(i32.store offset={place} (i32.const 0) (i32.const 16))\n")
        })
        .collect();
    let sync = format!("{stores} (drop (call $sync (i32.const 0) (i32.const {moves})))\n");
    let sync = sync.repeat(syncs as usize);
    format!(
        r#"(module
          (import "conveyor:{label}" "attach" (func $attach (param i32 i32 i32 i32) (result i32)))
          (import "conveyor:{label}" "sync" (func $sync (param i32 i32) (result i32)))
          (import "berth" "now_us" (func $now (result i64)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 1024 (pagesize 1))
          (data (i32.const 0) "{list}")
          (func (export "_start") (local $start i64)
            (if (call $attach (i32.const 0) (i32.const {moves}) (i32.const 512) (i32.const 0))
              (then (unreachable)))
            (call $sleep (i64.const 500000))
            (local.set $start (call $now))
            {sync}
            (call $exit (i32.wrap_i64 (i64.sub (call $now) (local.get $start))))))"#
    )
}

/// A write of a native process through the same driver, to a register with a mask, to the first
/// block without masks and to the last, and a sync of a conveyor: `bench_registers` measures itself.
fn native() -> Result<[f64; 4]> {
    let flash = Flash::without_supervisor()?;
    flash.install("bench_registers")?;
    let board = Board::new(flash.path())
        .limit(Duration::from_secs(120))
        .icount(Icount {
            shift: SHIFT,
            sleep: Sleep::Jump,
        })
        .start()?;
    let device = Device { board };
    device.console("bench: done")?;
    let text = device.board.console.text();
    let mut figures = [0.0; 4];
    let told = ["masked", "first", "last", "conveyor"];
    for (figure, which) in figures.iter_mut().zip(told) {
        let nanoseconds: f64 = text
            .lines()
            .find_map(|line| {
                let told = line.trim().strip_prefix("nanoseconds of 1000 writes, ")?;
                told.strip_prefix(which)?.strip_prefix(" = ")
            })
            .with_context(|| format!("bench_registers said: {text}"))?
            .parse()?;
        *figure = nanoseconds / 1000.0 / f64::from(1 << SHIFT);
    }
    Ok(figures)
}

/// A write of kernel code: the kernel with the feature `bench` measures itself. What one call has
/// more than an empty one, and the empty one's own instructions.
pub(super) fn kernel() -> Result<f64> {
    let text = super::kernel_says("bench-kernel.bin", SHIFT, "bench: done")?;
    let numbers: Vec<f64> = text
        .lines()
        .find(|line| line.starts_with("nanoseconds of"))
        .with_context(|| format!("the kernel said: {text}"))?
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    let [rounds, with, without] = numbers[..] else {
        bail!("the kernel said: {text}");
    };
    /// Call, frame (two), return.
    const EMPTY_CALL: f64 = 4.0;
    let nanoseconds = (with - without) / rounds;
    Ok(nanoseconds / f64::from(1 << SHIFT) + EMPTY_CALL)
}

pub(super) fn instructions(microseconds: f64) -> f64 {
    microseconds * 1000.0 / f64::from(1 << SHIFT)
}
