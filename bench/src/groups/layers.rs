//! Wasm-IO's Figure 8: set and reset of a bit in a register, by every way to it, with the instructions of each layer.
//!
//! The emulator writes down what its processor executes while a container or a process does it again and again
//! ([`crate::trace`]).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, target};
use berth_emulator::{Board, Emulator, Icount, Sleep};
use berth_exposure::Width;
use berth_exposure::program::{INSTRUCTION_BYTES, Instruction, Place};

use super::registers;
use crate::figure::{Figure, Group, Key, number};
use crate::process::ICOUNT;
use crate::trace::{Layer, Owners, Round, of_kernel, of_process, of_supervisor, shortest};

const fn key(name: &'static str, what: &'static str) -> Key {
    Key::instructions(name, what, None)
}

/// The LED register: mediated, with a mask.
const LED: (&str, u32, u32) = ("fpgaio", 0, 0x4002_8000);
/// A register of a block that is exposed whole, so that it is mapped.
const MAPPED: (&str, u32, u32) = ("uart1", 0x10, 0x4000_5010);

/// How often a container sets and resets.
const ROUNDS: usize = 6;

/// A way of containers.
struct Way {
    key: Key,
    name: &'static str,
    register: (&'static str, u32, u32),
    /// What it imports, what it does first, and one round.
    text: fn((&str, u32, u32)) -> [String; 3],
}

const WAYS: [Way; 5] = [
    Way {
        key: key("layers.call_mapped", "By a container, calls; block mapped"),
        name: "container: calls, mapped",
        register: MAPPED,
        text: calls,
    },
    Way {
        key: key(
            "layers.mmio_mapped",
            "By a container, memory-mapped; block mapped",
        ),
        name: "container: memory-mapped, mapped",
        register: MAPPED,
        text: stores,
    },
    Way {
        key: key(
            "layers.call_mediated",
            "By a container, calls; block mediated, the LED register with its mask",
        ),
        name: "container: calls, mediated",
        register: LED,
        text: calls,
    },
    Way {
        key: key(
            "layers.program",
            "By a container, a register program of both writes each time, the LED register with its mask",
        ),
        name: "container: register program",
        register: LED,
        text: programs,
    },
    Way {
        key: key(
            "layers.os_api",
            "By a container through the kernel's LED driver, `tock:led`",
        ),
        name: "container: OS-API (`tock:led`)",
        register: LED,
        text: lights,
    },
];

const NATIVE: Key = key(
    "layers.native_process",
    "By a native process, the LED register with its mask through `wasm_host`",
);

fn calls((label, offset, _): (&str, u32, u32)) -> [String; 3] {
    let write = |value| {
        format!("(call $write (local.get $block) (i32.const {offset}) (i32.const {value}))")
    };
    [
        format!(
            r#"(import "mmio:{label}" "claim" (func $claim (result i32)))
               (import "mmio" "write32" (func $write (param i32 i32 i32)))"#
        ),
        "(local.set $block (call $claim))".to_owned(),
        write(2) + &write(0),
    ]
}

fn stores((label, offset, _): (&str, u32, u32)) -> [String; 3] {
    let store =
        |value| format!("(i32.store offset={offset} (i32.const 0xf0030000) (i32.const {value}))");
    let length = label.len();
    [
        format!(r#"(@custom "berth.windows" "\00\00\03\f0\{length:02x}{label}")"#),
        String::new(),
        store(2) + &store(0),
    ]
}

fn programs((label, offset, _): (&str, u32, u32)) -> [String; 3] {
    let at = Place {
        // A small number.
        offset: offset as u16,
        width: Width::Bits32,
    };
    let code = [Instruction::Write(at, 2), Instruction::Write(at, 0)];
    let bytes: String = code
        .iter()
        .flat_map(|instruction| instruction.encode())
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let length = code.len() * INSTRUCTION_BYTES;
    [
        format!(
            r#"(import "mmio:{label}" "claim" (func $claim (result i32)))
               (import "program" "run" (func $run (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
               (data (i32.const 0) "{bytes}")"#
        ),
        "(local.set $block (call $claim))".to_owned(),
        format!(
            "(drop (call $run (local.get $block) (i32.const 0) (i32.const {length}) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))"
        ),
    ]
}

/// The kernel's own LED is bit 0 of the same register.
fn lights(_: (&str, u32, u32)) -> [String; 3] {
    [
        r#"(import "tock:led" "on" (func $on (param i32) (result i32)))
           (import "tock:led" "off" (func $off (param i32) (result i32)))"#
            .to_owned(),
        String::new(),
        "(drop (call $on (i32.const 0))) (drop (call $off (i32.const 0)))".to_owned(),
    ]
}

fn module(way: &Way) -> String {
    let [imports, first, round] = (way.text)(way.register);
    let (sections, imports): (Vec<&str>, Vec<&str>) = imports
        .lines()
        .map(str::trim)
        .partition(|line| !line.starts_with("(import"));
    format!(
        r#"(module {} (import "berth" "sleep_us" (func $sleep (param i64)))
          (memory (export "memory") 64 (pagesize 1))
          (func (export "_start") (local $block i32)
            {first} (call $sleep (i64.const 700000)) {})
          {})"#,
        imports.join("\n"),
        round.repeat(ROUNDS),
        sections.join("\n"),
    )
}

/// Measures all `layers.*`.
///
/// # Errors
/// If a board or the operator's line fails, or the trace has no round.
pub fn measure() -> Result<Group> {
    let firmware = target().join("thumbv7em-none-eabi/firmware");
    let mut owners = Owners::new();
    owners.add(&firmware.join("mps2-an386"), of_kernel)?;
    let mut rows = vec![(
        "kernel's own access",
        Round {
            there: [(Layer::Kernel, (2.0 * registers::kernel()?) as u32)].into(),
            back: 0,
        },
    )];
    let mut figures = Vec::new();
    let process = {
        let mut owners = Owners::new();
        owners.add(&firmware.join("mps2-an386"), of_kernel)?;
        owners.add(&firmware.join("bench_led"), of_process)?;
        native(&owners)?
    };
    figures.push(Figure {
        key: NATIVE,
        value: process.all().into(),
    });
    rows.push(("native process", process));
    owners.add(&firmware.join("wasm_supervisor"), of_supervisor)?;
    for way in &WAYS {
        let round = container(way, &owners).with_context(|| way.name)?;
        figures.push(Figure {
            key: way.key,
            value: round.all().into(),
        });
        rows.push((way.name, round));
    }
    Ok(Group {
        title: "Set and reset by layer",
        how: "Wasm-IO's Figure 8: a bit of a register is set and reset, again and again, and the emulator writes down each instruction from one reset to \
              the next. The shortest of the rounds counts: interrupts of the kernel's clock and line make others longer.",
        figures,
        more: table(&rows),
        ..Group::default()
    })
}

/// The table below the figures.
fn table(rows: &[(&str, Round)]) -> String {
    let mut out = String::from(
        "An instruction belongs to the crate of the function around it: what the compiler inlined counts where it went. *Container*: the engine, for the container's \
         instructions and for calls out of it, on both ways (a native process's own code stands there, too). *Capsule*: drivers of the kernel, and the \
         accesses themselves. *Way back*: below the engine, or the process, from an access to it. Upstream's system call that enters a grant takes 844 for each of both writes; \
         Wasm-IO's round trip (Cortex-M4 at 48 MHz) is 4 µs in Zephyr's kernel and 38 µs from its user space, and every one of its runtimes \
         that is not trusted is slower than the latter: 1,824 cycles.\n\n\
         | way | container | supervisor | kernel | capsule | way back | all |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (name, round) in rows {
        let of = |layers: &[Layer]| -> u32 {
            let there = layers.iter().filter_map(|layer| round.there.get(layer));
            there.sum()
        };
        let cells = [
            of(&[Layer::Container, Layer::Process]),
            of(&[Layer::Supervisor]),
            of(&[Layer::Kernel]),
            of(&[Layer::Capsule]),
            round.back,
            round.all(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| number(f64::from(*cell))).collect();
        out += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    out
}

/// A board whose processor is looked at, and where its trace is.
fn watched(flash: &Flash, sleep: Sleep, folder: &tempfile::TempDir) -> Result<Emulator> {
    let trace = folder.path().join("trace");
    let words = ["-singlestep", "-trace", "memory_region_ops_write", "-D"];
    let board = words
        .iter()
        .fold(Board::new(flash.path()), |board, word| board.argument(word));
    let board = board
        .argument(&*trace.to_string_lossy())
        .limit(Duration::from_secs(1800))
        .icount(Icount { sleep, ..ICOUNT });
    Ok(board.start()?)
}

/// What the processor does while `work` lasts.
fn traced(
    device: &mut Device,
    folder: &tempfile::TempDir,
    work: impl FnOnce(&Device) -> Result<()>,
) -> Result<String> {
    let trace = folder.path().join("trace");
    let before = std::fs::metadata(&trace).map_or(0, |file| file.len()) as usize;
    // (Lines of `-trace` come whatever is said here.)
    monitor(device, "log exec,nochain")?;
    work(device)?;
    monitor(device, "log none")?;
    let bytes = std::fs::read(&trace)?;
    Ok(String::from_utf8_lossy(bytes.get(before..).unwrap_or_default()).into_owned())
}

/// What the emulator has nothing to say to.
fn monitor(device: &mut Device, command: &str) -> Result<()> {
    let answer = device.board.qmp.monitor(command)?;
    ensure!(answer.is_empty(), "{command}: {answer}");
    Ok(())
}

fn container(way: &Way, owners: &Owners) -> Result<Round> {
    let folder = tempfile::tempdir()?;
    let flash = Flash::new()?;
    let mut device = Device {
        board: watched(&flash, Sleep::RealTime, &folder)?,
    };
    device.console("type help")?;
    let file = folder.path().join("writes.wasm");
    std::fs::write(&file, wat::parse_str(module(way))?)?;
    let file = file.to_string_lossy().into_owned();
    // As fast as it was compiled.
    device.berth(&["upload", &file, "--places", "no"])?.ok()?;
    device.berth(&["start", "writes"])?.ok()?;
    // It waits until the line is quiet, so it must not be asked meanwhile.
    let trace = traced(&mut device, &folder, |device| {
        std::thread::sleep(Duration::from_millis(3000));
        device.wait_state("writes", "exited")
    })?;
    shortest(&trace, owners, way.register.2, Layer::Container)
}

fn native(owners: &Owners) -> Result<Round> {
    let folder = tempfile::tempdir()?;
    let flash = Flash::without_supervisor()?;
    flash.install("bench_led")?;
    let mut device = Device {
        board: watched(&flash, Sleep::Jump, &folder)?,
    };
    device.console("bench_led: begins")?;
    let trace = traced(&mut device, &folder, |_| {
        std::thread::sleep(Duration::from_millis(300));
        Ok(())
    })?;
    shortest(&trace, owners, LED.2, Layer::Process)
}
