//! What containers cost that run as code which the device has compiled: the supervisor with both engines, on the same board.
//!
//! The kernels look at the device's clock before and after they compute, and tell the microseconds as their exit code, as containers
//! of `registers` do. Each runs once compiled and once by the interpreter of the same supervisor, for as many slices as it takes.

use anyhow::{Context, Result, ensure};
use berth_e2e::{CODE_FLASH, Device, Flash, guest};

use super::registers::{NO_PLACES, counted, instructions, microseconds, of_container};
use crate::figure::{Figure, Group, Key, Unit};

/// A kernel: what is measured of it, compiled and interpreted, and its text.
type Kernel = (Key, Key, &'static str);

const KERNELS: [Kernel; 4] = [
    (
        Key::instructions("native.fib", "1,500 Fibonacci numbers of 64 bits, compiled", None),
        Key::instructions("native.fib.interpreted", "The same by the interpreter", None),
        "(local.set $b (i64.const 1)) (local.set $n (i32.const 1500))
         (loop $again
           (local.set $c (i64.add (local.get $a) (local.get $b)))
           (local.set $a (local.get $b)) (local.set $b (local.get $c))
           (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
         (global.set $kept (i32.wrap_i64 (local.get $b)))",
    ),
    (
        Key::instructions("native.fib_rec", "The 20th Fibonacci number by 21,891 calls, compiled", None),
        Key::instructions("native.fib_rec.interpreted", "The same by the interpreter", None),
        "(global.set $kept (call $rec (i32.const 20)))",
    ),
    (
        Key::instructions("native.crc32", "CRC-32 of 4 KiB, a bit at a time, compiled", None),
        Key::instructions("native.crc32.interpreted", "The same by the interpreter", None),
        "(local.set $crc (i32.const -1))
         (loop $byte
           (local.set $crc (i32.xor (local.get $crc) (i32.load8_u (local.get $n))))
           (local.set $bit (i32.const 8))
           (loop $again
             (local.set $crc (i32.xor (i32.shr_u (local.get $crc) (i32.const 1))
               (i32.and (i32.const 0xedb88320) (i32.sub (i32.const 0) (i32.and (local.get $crc) (i32.const 1))))))
             (br_if $again (local.tee $bit (i32.sub (local.get $bit) (i32.const 1)))))
           (br_if $byte (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 4096))))
         (global.set $kept (local.get $crc))",
    ),
    (
        Key::instructions("native.bubble", "Sorting 200 words that stand in the wrong order, by exchanging neighbours, compiled", None),
        Key::instructions("native.bubble.interpreted", "The same by the interpreter", None),
        "(loop $fill
           (i32.store (local.get $n) (i32.sub (i32.const 0) (local.get $n)))
           (br_if $fill (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 4))) (i32.const 800))))
         (local.set $n (i32.const 796))
         (loop $round
           (local.set $bit (i32.const 0))
           (loop $next
             (if (i32.gt_s (local.tee $x (i32.load (local.get $bit))) (local.tee $y (i32.load offset=4 (local.get $bit))))
               (then
                 (i32.store (local.get $bit) (local.get $y))
                 (i32.store offset=4 (local.get $bit) (local.get $x))))
             (br_if $next (i32.lt_u (local.tee $bit (i32.add (local.get $bit) (i32.const 4))) (local.get $n))))
           (br_if $round (local.tee $n (i32.sub (local.get $n) (i32.const 4)))))",
    ),
];

const CALL_MAPPED: Key = Key {
    goal: Some(16.0),
    ..Key::instructions(
        "register.call_mapped.native",
        "One register write by a compiled container, block mapped: `mmio.write32`",
        None,
    )
};
const MMIO_MAPPED: Key = Key {
    goal: Some(8.0),
    ..Key::instructions(
        "register.mmio_mapped.native",
        "The same by a store to its address that `pack` has turned into an access",
        None,
    )
};
const COMPILE: Key = Key {
    goal: Some(500.0),
    ..Key::instructions(
        "native.compile_per_byte",
        "Compiling the example `report`, a byte of its module: validation, the emulated flash and reading it back included",
        None,
    )
};
const CODE: Key = Key::alone(
    "native.code_per_byte",
    Unit::Ratio,
    "Bytes of code of the same, a byte of its module",
    None,
);
const RAM: Key = Key {
    goal: Some(12_000.0),
    ..Key::alone(
        "container.ram_12k_guest_native_bytes",
        Unit::Bytes,
        "Arena of the example `report` (12 KB of module, 10 KiB of memory), running compiled",
        None,
    )
};
const RAM_MINIMAL: Key = Key {
    goal: Some(3_000.0),
    ..Key::alone(
        "container.ram_minimal_native_bytes",
        Unit::Bytes,
        "Arena of a compiled container of 2 KiB of memory that sleeps",
        None,
    )
};

/// Measure it.
///
/// # Errors
/// If the board or the operator's line fails, or something is not compiled.
pub fn measure() -> Result<Group> {
    let flash = Flash::compiled()?;
    let device = counted(&flash)?;
    let mut figures = Vec::new();
    for (compiled, interpreted, body) in KERNELS {
        for (key, engine) in [(compiled, "any"), (interpreted, "interpreter")] {
            let spread = microseconds(
                &device,
                key.name,
                &text(body),
                &[NO_PLACES, "--engine", engine],
            )?;
            figures.extend(spread.map(instructions).figures(key));
        }
    }
    let [call, store] = of_container(&device)?;
    figures.extend(call.figures(CALL_MAPPED));
    figures.extend(store.figures(MMIO_MAPPED));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("sleeper.wasm");
    let sleeper = r#"(module (import "berth" "sleep_us" (func $sleep (param i64))) (memory (export "memory") 2048 (pagesize 1))
        (func (export "_start") (loop $again (call $sleep (i64.const 1000000)) (br $again))))"#;
    std::fs::write(&file, wat::parse_str(sleeper)?)?;
    device.berth(&["run", &file.to_string_lossy()])?.ok()?;
    let minimal = held(&device, "sleeper")?;
    drop(device);
    let figure = |key, value| Figure { key, value };
    figures.push(figure(RAM_MINIMAL, minimal));
    figures.extend(of_report()?);
    Ok(Group {
        title: "Compiled containers",
        how: "On the supervisor that has both engines (`target/image/compiled.bin`). Kernels are containers of one function that look at the device's clock \
              before and after, the least of six runs, what lies between their slices included; register writes as in the group of these. What it takes to compile is what \
              the first start of a device takes longer than the second one, whose code is there and is looked at as well.",
        figures,
        ..Group::default()
    })
}

/// The longest time for which the device could not answer since it started, in microseconds.
fn stall(device: &Device) -> Result<f64> {
    let report = device.json(&["doctor"])?;
    report["longest_stall_us"]
        .as_f64()
        .with_context(|| format!("no stall in {report}"))
}

/// Bytes of memory that a container holds, which is compiled.
fn held(device: &Device, name: &str) -> Result<f64> {
    let container = device.container(name)?.context("it is listed")?;
    ensure!(container["engine"] == "compiled", "{container}");
    container["memory_used"]
        .as_f64()
        .with_context(|| format!("no memory_used in {container}"))
}

/// What is measured of the example `report`.
fn of_report() -> Result<[Figure; 3]> {
    let flash = Flash::compiled()?;
    let device = counted(&flash)?;
    device.upload("report")?;
    let before = stall(&device)?;
    device.berth(&["start", "report"])?.ok()?;
    let first = stall(&device)?;
    ensure!(
        first > 2.0 * before,
        "starting took no time: {before}, {first}"
    );
    drop(device);
    let device = counted(&flash)?;
    device.berth(&["start", "report"])?.ok()?;
    let second = stall(&device)?;
    // Some reports, so that its stacks are as deep as they get.
    device.console("[report]")?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ram = held(&device, "report")?;
    drop(device);
    let module = std::fs::metadata(guest("report"))?.len() as f64;
    // The only entry of the directory, behind its head; it may be in the second page: `crates/code` has the format.
    let bytes = flash.bytes()?;
    let word = |at: usize| {
        let word = bytes.get(CODE_FLASH.start + at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*word))
    };
    let of_pages = [0, 0x1000].map(|page| word(page + 64 + 16).unwrap_or(u32::MAX));
    let code = of_pages.into_iter().min().unwrap_or_default();
    let figure = |key, value| Figure { key, value };
    Ok([
        figure(COMPILE, instructions(first - second) / module),
        figure(CODE, f64::from(code) / module),
        figure(RAM, ram),
    ])
}

/// A container that computes and tells how long it took.
fn text(body: &str) -> String {
    format!(
        r#"(module
          (import "berth" "now_us" (func $now (result i64)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 4096 (pagesize 1))
          (global $kept (export "kept") (mut i32) (i32.const 0))
          (func $rec (param $n i32) (result i32)
            (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
              (then (local.get $n))
              (else (i32.add (call $rec (i32.sub (local.get $n) (i32.const 1)))
                (call $rec (i32.sub (local.get $n) (i32.const 2)))))))
          (func $compute (local $a i64) (local $b i64) (local $c i64) (local $n i32) (local $crc i32) (local $bit i32)
            (local $x i32) (local $y i32)
            {body})
          (func (export "_start") (local $start i64)
            (call $sleep (i64.const 500000))
            (local.set $start (call $now))
            (call $compute)
            (call $exit (i32.wrap_i64 (i64.sub (call $now) (local.get $start))))))"#
    )
}
