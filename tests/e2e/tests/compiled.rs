//! Containers run as code that the device has compiled, by the supervisor that has both engines: they do what they do in the
//! interpreter, and what cannot be compiled the interpreter runs, and says so.
//!
//! All other tests of containers can be run on that supervisor, too: `make test-compiled`.

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::{CODE_FLASH as CODE, Device, Flash};
use tempfile::TempDir;

/// What a log says of a container that is not compiled.
const INTERPRETED: &str = "runs in the interpreter: ";

/// What of the flash is code, with the directory of it.
fn code(flash: &Flash) -> Result<Vec<u8>> {
    let bytes = flash.bytes()?;
    Ok(bytes.get(CODE).context("a part for code")?.to_vec())
}

/// Runs a module of this text as `name`, waits for its end and deletes it. Returns what it has said, which is something.
fn run(device: &mut Device, name: &str, text: &str) -> Result<Vec<String>> {
    let folder = TempDir::new()?;
    let file = folder.path().join("it.wasm");
    std::fs::write(&file, wat::parse_str(text)?)?;
    let file = file.to_string_lossy();
    device.berth(&["run", &file, "--name", name])?.ok()?;
    device.wait_state(name, "exited")?;
    device.wait_until("what it has said", |device| {
        Ok(!device.said(name)?.is_empty())
    })?;
    let said = device.said(name)?;
    device.berth(&["rm", name])?.ok()?;
    Ok(said)
}

/// A module that says a number, with something in it that makes it another image.
fn module(number: u32, more: &str) -> String {
    format!(
        r#"(module
            (import "berth" "log" (func $log (param i32 i32 i32)))
            (import "berth" "sleep_us" (func $sleep (param i64)))
            (memory (export "memory") 1024 2048 (pagesize 1))
            (data (i32.const 64) "{number}")
            {more}
            (func (export "_start") (call $log (i32.const 2) (i32.const 64) (i32.const {length}))))"#,
        length = number.to_string().len(),
    )
}

#[test]
fn examples_say_compiled_what_they_say_in_the_interpreter() -> Result<()> {
    let both = [Flash::new()?, Flash::compiled()?];
    let mut devices = [Device::boot_with(&both[0])?, Device::boot_with(&both[1])?];
    for example in ["hello", "fib"] {
        let mut said = Vec::new();
        for device in &devices {
            device.run_example(example)?;
            device.wait_state(example, "exited")?;
            said.push(device.said(example)?);
        }
        ensure!(said[0] == said[1], "{said:?}");
    }
    for device in &devices {
        device.run_example("trap")?;
        device.wait_state("trap", "faulted")?;
        let trap = device.container("trap")?.unwrap_or_default();
        ensure!(trap["fault"] == "memory-bounds", "{trap}");
    }
    // Code that waits, with handlers and without, beside code that never does.
    let [_, compiled] = &mut devices;
    for example in ["spin", "blink", "ticks", "words"] {
        compiled.run_example(example)?;
    }
    compiled.blink_goes_on()?;
    let ticks = |device: &Device| {
        let said = device.said("ticks")?;
        let last = said
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("ticks "));
        Ok::<u32, anyhow::Error>(last.map_or(0, |count| count.parse().unwrap_or(0)))
    };
    let before = ticks(compiled)?;
    compiled.wait_until("handlers of compiled code", |device| {
        Ok(ticks(device)? > before + 20)
    })?;
    ensure!(compiled.state("spin")? == "running");
    for example in ["spin", "blink", "ticks", "words"] {
        let said = compiled.said(example)?;
        ensure!(!said.iter().any(|line| line.starts_with(INTERPRETED)));
        // Much less than the interpreter takes for the smallest of them.
        let container = compiled.container(example)?.unwrap_or_default();
        let memory = container["memory_used"].as_u64().unwrap_or(u64::MAX);
        ensure!(memory < 8_000, "{container}");
        compiled.berth(&["rm", "-f", example])?.ok()?;
    }
    Ok(())
}

#[test]
fn what_was_compiled_is_found_after_a_reset_and_made_again_if_a_bit_of_it_changed() -> Result<()> {
    let flash = Flash::compiled()?;
    let blank = code(&flash)?;
    let device = Device::boot_with(&flash)?;
    begin(&device, "it", &sleeper(7, ""), &[])?;
    drop(device);
    let made = code(&flash)?;
    ensure!(made != blank, "nothing was compiled");
    let again = || {
        let mut device = Device::boot_with(&flash)?;
        device.berth(&["start", "it"])?.ok()?;
        device.wait_until("what it says", |device| Ok(device.said("it")? == ["7"]))?;
        ensure!(engine(&device, "it")?.0 == "compiled");
        drop(device);
        code(&flash)
    };
    ensure!(again()? == made, "it was compiled once more");
    // The first object lies behind two pages of directory.
    flash.edit(|bytes| {
        bytes[CODE.start + 0x2000 + 0x18] ^= 1;
        Ok(())
    })?;
    ensure!(again()? != made, "changed code was left as it is");
    Ok(())
}

/// Runs a module of this text as `name`, and leaves it there. `more` are further words of the command.
fn begin(device: &Device, name: &str, text: &str, more: &[&str]) -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("it.wasm");
    std::fs::write(&file, wat::parse_str(text)?)?;
    let file = file.to_string_lossy();
    // As it is: what is packed has its name in it.
    let words = [&["run", &*file, "--no-pack", "--name", name][..], more].concat();
    device.berth(&words)?.ok()?;
    Ok(())
}

/// As [`module`], and then it sleeps for ever.
fn sleeper(number: u32, more: &str) -> String {
    module(
        number,
        &format!(
            r#"{more}
            (func (export "_start") (call $say) (loop $again (call $sleep (i64.const 1000000)) (br $again)))"#
        ),
    )
    .replacen(r#"(func (export "_start") (call $log"#, "(func $say (call $log", 1)
}

/// What the device tells of its flash for code: images that there is code of, and free bytes.
fn objects(device: &Device) -> Result<(u32, u32)> {
    let report = device.json(&["doctor"])?;
    let checks = report["checks"].as_array().context("checks")?;
    let check = checks
        .iter()
        .find(|check| check["check"] == "compiled code");
    let message = check.and_then(|check| check["message"].as_str());
    let message = message.context("a line about compiled code")?;
    let numbers: Vec<u32> = message
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [images, free, ..] => Ok((images, free)),
        _ => bail!("{message}"),
    }
}

/// What executes a container, and why.
fn engine(device: &Device, name: &str) -> Result<(String, String)> {
    let found = device.json(&["inspect", name])?;
    let word = |key: &str| found["container"][key].as_str().unwrap_or("-").to_owned();
    Ok((word("engine"), word("engine_why")))
}

#[test]
fn what_executes_a_container_is_told_and_can_be_chosen() -> Result<()> {
    let flash = Flash::compiled()?;
    let mut device = Device::boot_with(&flash)?;
    let is = |device: &Device, wanted: (&str, &str)| {
        let (engine, why) = engine(device, "it")?;
        ensure!((&*engine, &*why) == wanted, "{engine}, {why}");
        Ok(())
    };
    const CHOSEN: (&str, &str) = ("interpreter", "it was chosen");
    const COMPILED: (&str, &str) = ("compiled", "-");
    begin(&device, "it", &sleeper(1, ""), &["--engine", "interpreter"])?;
    is(&device, CHOSEN)?;
    ensure!(objects(&device)?.0 == 0, "it was compiled");
    let listed = device.berth(&["ps", "--wide"])?.ok()?;
    ensure!(
        listed.contains("ENGINE") && listed.contains("interpreter"),
        "{listed}"
    );
    let said = device.berth(&["inspect", "it"])?.ok()?;
    ensure!(said.contains("interpreter: it was chosen"), "{said}");
    // It stays so after a reset, and with another image.
    drop(device);
    device = Device::boot_with(&flash)?;
    device.berth(&["start", "it"])?.ok()?;
    is(&device, CHOSEN)?;
    begin(&device, "it", &sleeper(2, ""), &[])?;
    is(&device, CHOSEN)?;
    // Chosen anew, it is another engine's from its next start on.
    device.berth(&["edit", "it", "--engine", "any"])?.ok()?;
    is(&device, CHOSEN)?;
    device.berth(&["stop", "it"])?.ok()?;
    device.berth(&["start", "it"])?.ok()?;
    is(&device, COMPILED)?;
    let listed = device.berth(&["ps", "--wide"])?.ok()?;
    ensure!(listed.contains("compiled"), "{listed}");
    ensure!(device.container("it")?.unwrap_or_default()["engine"] == "compiled");
    // With the new image of a live update, at once.
    begin(&device, "it", &sleeper(3, ""), &["--engine", "interpreter"])?;
    is(&device, CHOSEN)?;
    device.board.type_text("inspect it\r")?;
    device.console("engine: interpreter, it was chosen")?;
    Ok(())
}

#[test]
fn code_goes_with_its_image() -> Result<()> {
    let flash = Flash::compiled()?;
    let mut device = Device::boot_with(&flash)?;
    let have = |device: &Device, images: u32| {
        let (objects, _) = objects(device)?;
        ensure!(objects == images, "{objects} instead of {images}");
        Ok(())
    };
    // Two containers with one image have one.
    begin(&device, "one", &sleeper(1, ""), &[])?;
    begin(&device, "other", &sleeper(1, ""), &[])?;
    have(&device, 1)?;
    device.berth(&["rm", "-f", "one"])?.ok()?;
    have(&device, 1)?;
    ensure!(engine(&device, "other")?.0 == "compiled");
    // Another image in the place of one that runs.
    begin(&device, "other", &sleeper(2, ""), &[])?;
    device.wait_until("one image's code", |device| Ok(objects(device)?.0 == 1))?;
    // One that faults in its trial goes, and the old one runs the code that it had.
    let faults = sleeper(3, "").replacen("(call $sleep", "(unreachable) (call $sleep", 1);
    let folder = TempDir::new()?;
    let file = folder.path().join("it.wasm");
    std::fs::write(&file, wat::parse_str(faults)?)?;
    let file = file.to_string_lossy();
    device
        .berth(&[
            "upload",
            &file,
            "--no-pack",
            "--name",
            "other",
            "--live-update",
        ])?
        .refused()?;
    have(&device, 1)?;
    ensure!(engine(&device, "other")?.0 == "compiled");
    // What was deleted while the device was off, and what another compiler has made, is not there after a reset.
    begin(&device, "one", &sleeper(1, ""), &[])?;
    have(&device, 2)?;
    drop(device);
    let compiler = CODE.start + 64 + 8;
    let before = code(&flash)?;
    ensure!(before[64..] != [0xff; 64][..], "a directory");
    flash.edit(|bytes| {
        // The directory is in either of two pages.
        for page in [0, 0x1000] {
            let entries = &mut bytes[compiler + page..][..64 * 4];
            for entry in entries.chunks_mut(64) {
                entry[0] ^= 1;
            }
        }
        Ok(())
    })?;
    device = Device::boot_with(&flash)?;
    have(&device, 0)?;
    device.berth(&["start", "one"])?.ok()?;
    have(&device, 1)?;
    ensure!(engine(&device, "one")?.0 == "compiled");
    Ok(())
}

/// Grows by 64 bytes eight times, each time checking what it has kept in memory, in a global variable and in a table, and
/// says `ok`; its handler of nothing is in the table, too.
const GROWS: &str = r#"(module
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 1024 1536 (pagesize 1))
  (data (i32.const 64) "okno")
  (global $kept (mut i64) (i64.const 0x123456789abcdef))
  (type $number (func (result i32)))
  (table 4 funcref)
  (elem (i32.const 1) $seven $eight)
  (func $seven (result i32) (i32.const 7))
  (func $eight (result i32) (memory.grow (i32.const 0)))
  (func (export "_start") (local $rounds i32) (local $before i32)
    (i64.store (i32.const 512) (i64.const 0x1122334455667788))
    (loop $again
      (local.set $before (memory.size))
      (if (i32.ne (memory.grow (i32.const 64)) (local.get $before)) (then (unreachable)))
      (if (i64.ne (i64.load (local.get $before)) (i64.const 0)) (then (unreachable)))
      (i64.store (local.get $before) (i64.const -1))
      (i64.store offset=56 (local.get $before) (i64.const -1))
      (if (i64.ne (i64.load (i32.const 512)) (i64.const 0x1122334455667788)) (then (unreachable)))
      (if (i64.ne (global.get $kept) (i64.const 0x123456789abcdef)) (then (unreachable)))
      (if (i32.ne (call_indirect (type $number) (i32.const 1)) (i32.const 7)) (then (unreachable)))
      (if (i32.ne (call_indirect (type $number) (i32.const 2)) (memory.size)) (then (unreachable)))
      (call $sleep (i64.const 1000))
      (br_if $again (i32.lt_u (local.tee $rounds (i32.add (local.get $rounds) (i32.const 1))) (i32.const 8))))
    (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (memory.size) (i32.const 1536)) (then (unreachable)))
    (call $log (i32.const 2) (i32.const 64) (i32.const 2))
    (drop (i32.load (i32.const 1533)))))"#;

#[test]
fn a_memory_grows_in_compiled_code_as_in_the_interpreter() -> Result<()> {
    let device = Device::boot_with(&Flash::compiled()?)?;
    // Two at a time, so that they lie in each other's way.
    for round in 0..3 {
        for name in ["one", "other"] {
            begin(&device, name, GROWS, &[])?;
        }
        for name in ["one", "other"] {
            device.wait_state(name, "faulted")?;
            let fault = device.container(name)?.unwrap_or_default();
            ensure!(fault["fault"] == "memory-bounds", "{fault}");
            ensure!(
                device.said(name)?.first().is_some_and(|line| line == "ok"),
                "round {round}"
            );
            device.berth(&["rm", name])?.ok()?;
        }
    }
    // What it may have is what its parameters say.
    begin(&device, "less", GROWS, &["--memory", "1100"])?;
    device.wait_state("less", "faulted")?;
    let fault = device.container("less")?.unwrap_or_default();
    ensure!(fault["fault"] == "unreachable", "{fault}");
    Ok(())
}

#[test]
fn what_is_not_compiled_the_interpreter_runs_and_the_log_says_why() -> Result<()> {
    let flash = Flash::compiled()?;
    let mut device = Device::boot_with(&flash)?;
    // Larger than what most modules need.
    let locals = format!("(func (local {}))", "i32 ".repeat(200));
    let said = run(&mut device, "less_wide", &module(8, &locals))?;
    ensure!(said == ["8"], "{said:?}");
    let locals = format!("(func (local {}))", "i32 ".repeat(300));
    let said = run(&mut device, "wide", &module(9, &locals))?;
    ensure!(
        said.len() == 2 && said[0].starts_with(INTERPRETED) && said[1] == "9",
        "{said:?}"
    );
    // Each takes some pages of the flash for code, which has 30, and there may be 16 containers.
    let stores = (0..800).map(|number| {
        format!(
            "(i32.store (i32.const {}) (i32.const {number}))",
            number % 1020
        )
    });
    let many: Vec<_> = stores.collect();
    let large: String = many
        .chunks(100)
        .map(|part| format!("(func {})", part.concat()))
        .collect();
    let mut compiled = 0;
    loop {
        begin(
            &device,
            &format!("many{compiled}"),
            &sleeper(100 + compiled, &large),
            &[],
        )?;
        let (engine, why) = engine(&device, &format!("many{compiled}"))?;
        if engine == "interpreter" {
            ensure!(why == "the flash for code is full", "{why}");
            break;
        }
        compiled += 1;
        ensure!(compiled < 15, "it is never full");
    }
    ensure!(compiled > 4, "{compiled} were compiled");
    // With one of them there is room again.
    device.berth(&["rm", "-f", "many0"])?.ok()?;
    let last = format!("many{compiled}");
    device.berth(&["stop", &last])?.ok()?;
    device.berth(&["start", &last])?.ok()?;
    ensure!(engine(&device, &last)?.0 == "compiled");
    Ok(())
}

/// A container that claims a mapped UART, and what it does then. The register at 0x10 is its divider, which has 20 bits.
fn on_uart(body: &str) -> String {
    format!(
        r#"(module
            (import "mmio:uart1" "claim" (func $claim (result i32)))
            (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
            (import "mmio" "write32" (func $write (param i32 i32 i32)))
            (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
            (import "mmio" "read8" (func $read8 (param i32 i32) (result i32)))
            (memory (export "memory") 1024 1024 (pagesize 1))
            (table 3 funcref) (elem (i32.const 0) $read)
            (type $reads (func (param i32 i32) (result i32)))
            (func (export "_start") (local $uart i32)
              (local.set $uart (call $claim))
              {body}))"#
    )
}

#[test]
fn registers_of_mapped_blocks_are_accessed_as_by_the_interpreter() -> Result<()> {
    const WORKS: &str = "
        (call $write (local.get $uart) (i32.const 16) (i32.const 0xa0b30))
        (call $modify (local.get $uart) (i32.const 16) (i32.const 0xf0f) (i32.const 0x3c5))
        (if (i32.ne (call $read (local.get $uart) (i32.const 16)) (i32.const 0xa0335)) (then (return)))
        (if (i32.ne (call_indirect (type $reads) (local.get $uart) (i32.const 16) (i32.const 0)) (i32.const 0xa0335))
          (then (return)))";
    let ends = [
        // Each says what it did last, whoever has made the access, and what was refused did nothing.
        (
            "(drop (call $read (local.get $uart) (i32.const 8)))",
            "unreachable",
            "mmio.read32(0, 0x8)",
        ),
        (
            "(call $write (local.get $uart) (i32.const 16) (i32.const 32))",
            "unreachable",
            "mmio.write32(0, 0x10)",
        ),
        (
            "(call $modify (local.get $uart) (i32.const 16) (i32.const 1) (i32.const 0))",
            "unreachable",
            "mmio.modify32(0, 0x10)",
        ),
        (
            "(drop (call $read (i32.const 1) (i32.const 0)))",
            "bad-handle",
            "mmio.read32(1, 0x0)",
        ),
        (
            "(drop (call $read (i32.const -1) (i32.const 0)))",
            "bad-handle",
            "mmio.read32(",
        ),
        (
            "(call $modify (i32.const 7) (i32.const 0) (i32.const 0) (i32.const 0))",
            "bad-handle",
            "mmio.modify32(7, 0x0)",
        ),
        (
            "(call $write (local.get $uart) (i32.const 4096) (i32.const 1))",
            "bad-register",
            "mmio.write32(0, 0x1000)",
        ),
        (
            "(call $write (local.get $uart) (i32.const -4) (i32.const 1))",
            "bad-register",
            "mmio.write32(0, 0xfffffffc)",
        ),
        (
            "(drop (call $read (local.get $uart) (i32.const 18)))",
            "bad-register",
            "mmio.read32(0, 0x12)",
        ),
        (
            "(drop (call $read (local.get $uart) (i32.const 17)))",
            "bad-register",
            "mmio.read32(0, 0x11)",
        ),
        (
            "(call $modify (local.get $uart) (i32.const 0x40000010) (i32.const 0) (i32.const 0))",
            "bad-register",
            "mmio.modify32(0, 0x40000010)",
        ),
        (
            "(drop (call $read8 (local.get $uart) (i32.const 16)))",
            "bad-register",
            "mmio.read8(0, 0x10)",
        ),
    ];
    let device = Device::boot_with(&Flash::compiled()?)?;
    for (body, fault, last_call) in ends {
        let text = on_uart(&format!("{WORKS} {body} (unreachable)"));
        for wanted in ["compiled", "interpreter"] {
            let choice = if wanted == "compiled" { "any" } else { wanted };
            begin(&device, "it", &text, &["--engine", choice])?;
            device.wait_state("it", "faulted")?;
            let container = device.container("it")?.unwrap_or_default();
            ensure!(container["fault"] == fault, "{wanted}, {body}: {container}");
            let log = device.berth(&["logs", "it"])?.ok()?;
            ensure!(log.contains(last_call), "{wanted}, {body}: {log}");
            // What was chosen is not said.
            ensure!(!log.contains(INTERPRETED), "{body}: {log}");
            device.berth(&["rm", "it"])?.ok()?;
        }
    }
    Ok(())
}
