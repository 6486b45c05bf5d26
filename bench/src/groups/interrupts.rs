//! From an interrupt line to whoever handles it.
//!
//! The source is a timer that counts down from its reload value and begins anew at the moment of its
//! interrupt, so what it shows says how long ago that was. Instructions take 64 ns of virtual
//! time, a tick of the timer 40 ns.
//!
//! The kernel of the register benchmark (feature `bench`) looks at the timer on its way through
//! prologue and epilogue; a native process when it runs again; a container's handler with its first
//! register read, which itself costs what `register.call_mapped` says.

use std::time::Duration;

use anyhow::{Context, Result};
use berth_e2e::{Device, Flash};
use berth_emulator::{Board, Icount, Sleep};

use crate::figure::{Figure, Group, Key, Spread};
use crate::process::ICOUNT;

const TOP_HALF: Key = key(
    "irq.top_half",
    "From the line to the kernel's service routine: exception, top half, the way out of the process",
);
const PROLOGUE: Key = key("irq.prologue", "`wasm_host` notes the line");
const EPILOGUE: Key = key(
    "irq.epilogue",
    "`wasm_host` clears the source, writes the record, queues the upcall",
);
const BOTH: Key = Key {
    must: Some(1200.0),
    ..key(
        "irq.prologue_and_epilogue",
        "Both together, with the kernel's loop between them",
    )
};
const NATIVE: Key = key(
    "irq.to_native_upcall",
    "From the line to a native process that waited for it",
);
const IDLE: Key = Key {
    must: Some(4500.0),
    ..key(
        "irq.to_handler_idle",
        "From the line to the first register read of a container's handler, supervisor idle: the least of 400",
    )
};
const BUSY: Key = key(
    "irq.to_handler_busy_worst",
    "The same while another container computes without host calls: the most of 400",
);
const BULK: Key = key(
    "irq.to_handler_bulk_worst",
    "The same while another container fills 32 KiB of memory with single instructions: the most of 400",
);
const LOAD: Key = key(
    "irq.to_handler_load_worst",
    "The same while a module of 9 KB is checked and loaded: the most of all",
);

/// The paper's Figure 10: how a handler comes by the value of a register, in each model, with a capture and without.
const DATA: [(Key, Data); 8] = [
    (
        key(
            "irq.data_memory_captured",
            "From the line until a container's handler has a register's value and has looked at the timer: captured, and loaded from \
             memory; the least of 400",
        ),
        Data {
            captured: Some("\\00\\28\\02\\00\\00"),
            get: "(drop (i32.load (i32.const 552)))",
            ..Data::NONE
        },
    ),
    (
        key(
            "irq.data_call_captured",
            "The same: captured, and found by a call at the register",
        ),
        Data {
            captured: Some(AT_REGISTER),
            get: BY_CALL,
            ..Data::NONE
        },
    ),
    (
        key("irq.data_call", "The same: read by a call, no capture"),
        Data {
            get: BY_CALL,
            ..Data::NONE
        },
    ),
    (
        key(
            "irq.data_mmio_captured",
            "The same: captured, and found by a load from the register's address",
        ),
        Data {
            captured: Some(AT_REGISTER),
            parts: WINDOW,
            get: BY_LOAD,
            ..Data::NONE
        },
    ),
    (
        key(
            "irq.data_mmio",
            "The same: read by a load from its address, no capture",
        ),
        Data {
            parts: WINDOW,
            get: BY_LOAD,
            ..Data::NONE
        },
    ),
    (
        key(
            "irq.data_conveyor_captured",
            "The same: captured, and loaded from a conveyor's memory",
        ),
        Data {
            captured: Some(AT_REGISTER),
            ..BY_CONVEYOR
        },
    ),
    (
        key(
            "irq.data_conveyor",
            "The same: loaded from a conveyor's memory, which is synchronised before the handler, no capture",
        ),
        BY_CONVEYOR,
    ),
    (
        key(
            "irq.data_program",
            "The same: read by a register program, no capture",
        ),
        Data {
            imports: r#"(import "program" "run" (func $run (param i32 i32 i32 i32 i32 i32 i32) (result i32)))"#,
            // Read 32 bits at 8.
            parts: r#"(data (i32.const 576) "\01\04\08\00\00\00\00\00\00\00\00\00\00\00\00\00")"#,
            get: "(drop (call $run (i32.const 0) (i32.const 576) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 552) (i32.const 4)))
                  (drop (i32.load (i32.const 552)))",
            ..Data::NONE
        },
    ),
];

/// How a handler comes by the timer's reload value: a module's parts.
#[derive(Clone, Copy)]
struct Data {
    /// Of a capture of it: where that goes, and the address.
    captured: Option<&'static str>,
    imports: &'static str,
    parts: &'static str,
    /// Before the interrupts come.
    begin: &'static str,
    /// In the handler.
    get: &'static str,
}

impl Data {
    /// It does not want it.
    const NONE: Self = Self {
        captured: None,
        imports: "",
        parts: "",
        begin: "",
        get: "",
    };
}

const AT_REGISTER: &str = "\\01\\00\\00\\00\\00";
const BY_CALL: &str = "(drop (call $read (i32.const 0) (i32.const 8)))";
const BY_LOAD: &str = "(drop (i32.load offset=8 (i32.const 0xf0030000)))";
const WINDOW: &str = r#"(@custom "berth.windows" "\00\00\03\f0\06timer0")"#;
/// 32 bits from 8 to the front of its memory, which is at 552, at interrupt 0.
const BY_CONVEYOR: Data = Data {
    imports: r#"(import "conveyor:timer0" "attach" (func $attach (param i32 i32 i32 i32) (result i32)))"#,
    parts: r#"(data (i32.const 576) "\08\00\04\00\00\00\01\00")"#,
    begin: "(if (call $attach (i32.const 576) (i32.const 1) (i32.const 552) (i32.const 2)) (then unreachable))",
    get: "(drop (i32.load (i32.const 552)))",
    captured: None,
};

const fn key(name: &'static str, what: &'static str) -> Key {
    Key::instructions(name, what, None)
}

/// Measure all `irq.*`.
///
/// # Errors
/// If the board or the operator's line fails, or a container does not tell.
pub fn measure() -> Result<Group> {
    let mut figures = kernel()?;
    figures.extend(idle()?.figures(IDLE));
    for (key, data) in DATA {
        let value = idle_by("least", &data)?;
        figures.push(Figure { key, value });
    }
    for (key, other) in [(BUSY, SPINS), (BULK, FILLS)] {
        let value = beside(other)?;
        figures.push(Figure { key, value });
    }
    figures.push(Figure {
        key: LOAD,
        value: loading()?,
    });
    Ok(Group {
        title: "Interrupts",
        how: "A timer's own count at each place: it begins anew at the moment of its interrupt. Epilogue and prologue \
              together must not exceed 1,200. Of a container's handler the figure includes its first register read; of one that has a register's value \
              before, that is the second read.",
        figures,
        ..Group::default()
    })
}

/// The kernel's and the native process's figures, on the kernel that measures itself.
fn kernel() -> Result<Vec<Figure>> {
    let flash = Flash::with_kernel("bench-kernel.bin")?;
    flash.install("bench_interrupts")?;
    let board = Board::new(flash.path())
        .limit(Duration::from_secs(120))
        .icount(ICOUNT)
        .start()?;
    // The kernel without its process has said so already.
    for last in ["irq.to_native_upcall", "irq.epilogue"] {
        board
            .console
            .line_after(0, last, Duration::from_secs(100))?;
    }
    let text = board.console.text();
    let mut figures = [TOP_HALF, PROLOGUE, EPILOGUE, NATIVE]
        .into_iter()
        .map(|key| {
            let value = text.lines().find_map(|line| {
                let (name, value) = line.trim().split_once(" = ")?;
                (name == key.name).then(|| value.parse().ok())?
            });
            let value = value.with_context(|| format!("{} in {text}", key.name))?;
            Ok(Figure { key, value })
        })
        .collect::<Result<Vec<_>>>()?;
    let parts = figures.iter().filter(|figure| {
        let name = figure.key.name;
        name == PROLOGUE.name || name == EPILOGUE.name
    });
    let value = parts.map(|figure| figure.value).sum();
    figures.push(Figure { key: BOTH, value });
    Ok(figures)
}

/// Handles `count` interrupts, one every `TICKS`, and says `measured` and the `least` or `worst` delay in
/// ticks, with six digits.
fn measuring(count: u32, which: &str, data: &Data) -> String {
    /// 5.003 ms: no multiple of a slice.
    const TICKS: u32 = 125_077;
    let reload = TICKS - 1;
    let Data {
        captured,
        imports,
        parts,
        begin,
        get,
    } = data;
    let captures = u32::from(captured.is_some());
    let list = captured.unwrap_or_default();
    format!(
        r#"(module
          (import "mmio:timer0" "claim" (func $claim (result i32)))
          (import "irq:timer0" "register" (func $register (param i32 i32 i32 i32) (result i32)))
          (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          {imports}
          (memory (export "memory") 640 (pagesize 1))
          (data (i32.const 0) "measured ......")
          (data (i32.const 600) "\08\00\04{list}")
          {parts}
          (global $left (mut i32) (i32.const {count}))
          (global $least (mut i32) (i32.const {reload}))
          (global $worst (mut i32) (i32.const 0))
          (table (export "__indirect_function_table") 2 funcref)
          (elem (i32.const 1) $handler)
          (func $say (param $number i32) (local $at i32)
            (local.set $at (i32.const 15))
            (loop $l
              (local.set $at (i32.sub (local.get $at) (i32.const 1)))
              (i32.store8 (local.get $at)
                (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
              (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
              (br_if $l (i32.gt_u (local.get $at) (i32.const 9))))
            (call $log (i32.const 2) (i32.const 0) (i32.const 15)))
          (func $handler (param i32 i32) (local $late i32)
            {get}
            (local.set $late
              (i32.sub (i32.const {reload}) (call $read (i32.const 0) (i32.const 4))))
            (if (i32.gt_u (local.get $late) (global.get $worst))
              (then (global.set $worst (local.get $late))))
            (if (i32.lt_u (local.get $late) (global.get $least))
              (then (global.set $least (local.get $late))))
            (global.set $left (i32.sub (global.get $left) (i32.const 1)))
            (if (i32.eqz (global.get $left)) (then
              (call $write (i32.const 0) (i32.const 0) (i32.const 0))
              (call $say (global.get ${which})))))
          (func (export "_start")
            (call $sleep (i64.const 300000))
            {begin}
            (if (call $register (i32.const 5) (i32.const 1) (i32.const 600) (i32.const {captures}))
              (then unreachable))
            (call $write (call $claim) (i32.const 8) (i32.const {reload}))
            (call $write (call $claim) (i32.const 0) (i32.const 9))
            (loop $l (call $sleep (i64.const 10000000)) (br $l))))"#
    )
}

const SPINS: &str = r#"(module (memory (export "memory") 64 (pagesize 1))
    (func (export "_start") (local $i i32)
      (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $l))))"#;

const FILLS: &str = r#"(module (memory (export "memory") 32768 (pagesize 1))
    (func (export "_start")
      (loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 32768)) (br $l))))"#;

/// A board with an operator.
fn board() -> Result<Device> {
    let flash = Flash::new()?;
    let board = Board::new(flash.path())
        .limit(Duration::from_secs(1800))
        .icount(Icount {
            sleep: Sleep::RealTime,
            ..ICOUNT
        })
        .start()?;
    let device = Device { board };
    device.console("type help")?;
    Ok(device)
}

fn upload(device: &Device, name: &str, module: &[u8], words: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join(format!("{name}.wasm"));
    std::fs::write(&file, module)?;
    let file = file.to_string_lossy();
    let words: Vec<_> = ["upload", &file].iter().chain(words).copied().collect();
    device.berth(&words)?.ok()?;
    Ok(())
}

fn start(device: &Device, name: &str, module: &[u8]) -> Result<()> {
    upload(device, name, module, &[])?;
    device.berth(&["start", name])?.ok()?;
    Ok(())
}

/// Instructions of the delay that `measures` tells in the end.
fn told(device: &Device) -> Result<f64> {
    // No questions meanwhile: to answer them would delay handlers.
    let console = &device.board.console;
    console.line_after(0, "measured ", Duration::from_secs(120))?;
    let text = console.text();
    let (_, rest) = text.split_once("measured ").context("it was there")?;
    let said = rest.lines().next().context("a line")?.trim();
    let ticks: f64 = said
        .parse()
        .with_context(|| format!("the container said {said:?}: the line was used meanwhile?"))?;
    Ok((ticks * 40.0 / f64::from(1 << ICOUNT.shift)).round())
}

/// The delays of 400 interrupts with nothing else to do. The container is in the store, for a board that
/// nobody asks anything, and whose time jumps: otherwise a busy host would make the timer late.
fn idle() -> Result<Spread> {
    let delay = |which| idle_by(which, &Data::NONE);
    Ok(Spread::of([delay("least")?, delay("worst")?]))
}

/// The same, or the most, by a handler that comes by a register's value.
fn idle_by(which: &str, data: &Data) -> Result<f64> {
    let flash = Flash::new()?;
    let module = wat::parse_str(measuring(400, which, data))?;
    upload(
        &Device::boot_with(&flash)?,
        "measures",
        &module,
        &["--boot"],
    )?;
    told(&Device::power_on_board(&flash, |board| {
        board.limit(Duration::from_secs(120)).icount(ICOUNT)
    })?)
}

/// The longest delay of 400 interrupts beside another container.
fn beside(other: &str) -> Result<f64> {
    let device = board()?;
    start(&device, "other", &wat::parse_str(other)?)?;
    start(
        &device,
        "measures",
        &wat::parse_str(measuring(400, "worst", &Data::NONE))?,
    )?;
    told(&device)
}

/// The longest delay while a large module is uploaded and started.
fn loading() -> Result<f64> {
    let device = board()?;
    start(
        &device,
        "measures",
        &wat::parse_str(measuring(2_000, "worst", &Data::NONE))?,
    )?;
    start(&device, "large", &wat::parse_str(large())?)?;
    for _ in 0..5 {
        device.berth(&["stop", "large"])?.ok()?;
        device.berth(&["start", "large"])?.ok()?;
    }
    told(&device)
}

/// A module of ordinary size for a driver with much to do: 60 functions of 150 bytes.
fn large() -> String {
    let body = "(local.set $a (i32.add (i32.mul (local.get $a) (i32.const 3)) (local.get $b)))\n"
        .repeat(14);
    let functions: String = (0..60)
        .map(|number| {
            format!("(func $f{number} (param $a i32) (param $b i32) (result i32) {body} (local.get $a))\n")
        })
        .collect();
    format!(
        r#"(module (import "berth" "sleep_us" (func $sleep (param i64)))
          (memory (export "memory") 64 (pagesize 1)) {functions}
          (func (export "_start") (loop $l (call $sleep (i64.const 10000000)) (br $l))))"#
    )
}
