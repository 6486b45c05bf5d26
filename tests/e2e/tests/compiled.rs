//! Containers run as code that the device has compiled, by the supervisor that has both engines: they do what they do in the
//! interpreter, and what cannot be compiled the interpreter runs, and says so.
//!
//! All other tests of containers can be run on that supervisor, too: `make test-compiled`.

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash};
use tempfile::TempDir;

/// Where the part of the flash for code is, and how long it is.
const CODE: std::ops::Range<usize> = 0x1c_0000..0x1e_0000;
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
    let says = || run(&mut Device::boot_with(&flash)?, "it", &module(7, ""));
    let said = says()?;
    ensure!(said == ["7"], "run 1: {said:?}");
    let made = code(&flash)?;
    ensure!(made != blank, "nothing was compiled");
    let said = says()?;
    ensure!(said == ["7"], "run 2: {said:?}");
    ensure!(code(&flash)? == made, "it was compiled once more");
    // The first object lies behind two pages of directory.
    flash.edit(|bytes| {
        bytes[CODE.start + 0x2000 + 0x18] ^= 1;
        Ok(())
    })?;
    let said = says()?;
    ensure!(said == ["7"], "run 3: {said:?}");
    ensure!(code(&flash)? != made, "changed code was left as it is");
    Ok(())
}

#[test]
fn what_is_not_compiled_the_interpreter_runs_and_the_log_says_why() -> Result<()> {
    let flash = Flash::compiled()?;
    let mut device = Device::boot_with(&flash)?;
    let grows = r#"(func (export "more") (drop (memory.grow (i32.const 1))))"#;
    let said = run(&mut device, "grows", &module(8, grows))?;
    ensure!(
        said == [&format!("{INTERPRETED}its memory grows"), "8"],
        "{said:?}"
    );
    let locals = format!("(func (local {}))", "i32 ".repeat(100));
    let said = run(&mut device, "wide", &module(9, &locals))?;
    ensure!(
        said.len() == 2 && said[0].starts_with(INTERPRETED) && said[1] == "9",
        "{said:?}"
    );
    // Each takes a page of the flash for code, which has 30.
    let mut compiled = 0;
    let full = loop {
        let said = run(&mut device, "many", &module(100 + compiled, ""))?;
        ensure!(
            said.last() == Some(&(100 + compiled).to_string()),
            "{said:?}"
        );
        if said.len() > 1 {
            break said;
        }
        compiled += 1;
        ensure!(compiled < 40, "it is never full");
    };
    ensure!(
        full[0] == format!("{INTERPRETED}the flash for code is full"),
        "{full:?}"
    );
    ensure!(compiled == 30, "{compiled} were compiled");
    // After a reset there is room for what runs then.
    drop(device);
    let mut device = Device::boot_with(&flash)?;
    let said = run(&mut device, "many", &module(100 + compiled, ""))?;
    ensure!(said == [(100 + compiled).to_string()], "{said:?}");
    Ok(())
}
