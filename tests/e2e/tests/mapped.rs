//! Memory-mapped registers on the board: a driver written with loads and stores does to the hardware what the same driver
//! does with calls, and what is not exposed is a fault that says which register it was.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, Run, guest, program, root, target};
use berth_emulator::Access;

/// A driver: the LED (mediated) and a UART (mapped), with reads, writes and changes of single bits.
const CALLS: &str = r#"(module
  (import "mmio:uart1" "claim" (func $uart (result i32)))
  (import "mmio:fpgaio" "claim" (func $leds (result i32)))
  (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
  (import "mmio" "write32" (func $write (param i32 i32 i32)))
  (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (local i32)
    (call $write (call $uart) (i32.const 0x10) (i32.const 16))
    (call $write (call $uart) (i32.const 8) (i32.const 3))
    (loop $again
      (call $write (call $leds) (i32.const 0)
        (i32.or (call $read (call $leds) (i32.const 0)) (i32.const 2)))
      (drop (call $read (call $uart) (i32.const 4)))
      (call $write (call $uart) (i32.const 0) (i32.add (local.get 0) (i32.const 65)))
      (call $write (call $leds) (i32.const 0)
        (i32.and (call $read (call $leds) (i32.const 0)) (i32.const -3)))
      (br_if $again
        (i32.ne (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 3))))))"#;

/// The same, as a compiler makes it of structs at the chip's addresses.
const MAPPED: &str = r#"(module
  (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (local i32)
    (i32.store offset=0x40005010 (i32.const 0) (i32.const 16))
    (i32.store offset=8 (i32.const 0x40005000) (i32.const 3))
    (loop $again
      (i32.store (i32.const 0x40028000)
        (i32.or (i32.load (i32.const 0x40028000)) (i32.const 2)))
      (drop (i32.load offset=4 (i32.const 0x40005000)))
      (i32.store (i32.const 0x40005000) (i32.add (local.get 0) (i32.const 65)))
      (i32.store (i32.const 0x40028000)
        (i32.and (i32.load (i32.const 0x40028000)) (i32.const -3)))
      (br_if $again
        (i32.ne (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 3))))))"#;

const MAPS: [&str; 4] = ["--map", "0x40005000=uart1", "--map", "0x40028000=fpgaio"];

/// Packs a module as its author would.
fn packed(folder: &tempfile::TempDir, name: &str, text: &str, words: &[&str]) -> Result<String> {
    let module = folder.path().join(format!("{name}.wasm"));
    std::fs::write(&module, wat::parse_str(text)?)?;
    packed_file(folder, name, &module, words)
}

fn packed_file(
    folder: &tempfile::TempDir,
    name: &str,
    module: &Path,
    words: &[&str],
) -> Result<String> {
    let output = folder.path().join(format!("{name}.berth"));
    let pack = Command::new(program("pack"))
        .args([module, "--output".as_ref(), output.as_path()])
        .args(words)
        .output()?;
    let said = String::from_utf8_lossy(&pack.stderr);
    ensure!(pack.status.success(), "{name}: {said}");
    Ok(output.to_string_lossy().into_owned())
}

/// Runs a package to its end. Returns what it did to the registers of both blocks.
fn traffic(device: &Device, name: &str, package: &str) -> Result<Vec<Access>> {
    let before = device.board.accesses()?.len();
    device.berth(&["run", package])?.ok()?;
    device.wait_state(name, "exited")?;
    let all = device.board.accesses()?;
    let mine = all.get(before..).context("accesses went away")?;
    let is_mine = |access: &&Access| {
        (0x4000_5000..0x4000_6000).contains(&access.address) || access.address == 0x4002_8000
    };
    let mine = mine.iter().filter(is_mine).copied().collect();
    device.berth(&["rm", "-f", name])?.ok()?;
    Ok(mine)
}

#[test]
fn loads_and_stores_are_the_traffic_that_calls_are() -> Result<()> {
    let flash = Flash::new()?;
    let device = Device::power_on_board(&flash, |board| board.trace_accesses())?;
    device.console("type help")?;
    let folder = tempfile::tempdir()?;
    let calls = traffic(&device, "calls", &packed(&folder, "calls", CALLS, &[])?)?;
    let mapped = traffic(
        &device,
        "mapped",
        &packed(&folder, "mapped", MAPPED, &MAPS)?,
    )?;
    // Two at the start, six in each of three rounds, of which the LED's go through the kernel with a read before a write; and what the
    // kernel does when it ends.
    ensure!(calls.len() >= 2 + 3 * 6, "{} accesses", calls.len());
    ensure!(mapped == calls, "calls: {calls:x?}\nmapped: {mapped:x?}");
    Ok(())
}

#[test]
fn what_is_not_exposed_is_a_fault_that_names_block_register_and_width() -> Result<()> {
    let device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    for (access, call) in [
        ("(drop (i32.load (i32.const 0x4002801c)))", "mmio.read32("),
        (
            "(i32.store (i32.const 0x4002801c) (i32.const 1))",
            "mmio.write32(",
        ),
        ("(drop (i32.load8_u (i32.const 0x4002801c)))", "mmio.read8("),
    ] {
        let text =
            format!(r#"(module (func (export "_start") {access}) (memory 16 (pagesize 1)))"#);
        let package = packed(&folder, "faulty", &text, &MAPS[2..])?;
        device.berth(&["run", &package])?.ok()?;
        device.wait_state("faulty", "faulted")?;
        let told = device.berth(&["inspect", "faulty"])?.ok()?;
        ensure!(
            told.contains(call) && told.contains("0x1c) of fpgaio"),
            "{access}: {told}"
        );
        device.berth(&["rm", "-f", "faulty"])?.ok()?;
    }
    Ok(())
}

#[test]
fn drivers_of_register_structs_run_with_dummy_and_with_a_chips_addresses() -> Result<()> {
    let device = Device::boot()?;
    let module = std::fs::read(guest("blink_mapped")).context("run `make guests`")?;
    ensure!(
        module.windows(6).any(|bytes| bytes == b"fpgaio"),
        "the module does not name its label"
    );
    let exposures = target().join("image/exposures.json");
    let check = Command::new(program("pack"))
        .arg("--check")
        .args([exposures.as_path(), guest("blink_mapped").as_path()])
        .output()?;
    ensure!(
        check.status.success(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
    device
        .berth(&["run", &guest("blink_mapped").to_string_lossy()])?
        .ok()?;
    for line in [
        "[blink_mapped] on",
        "[blink_mapped] off",
        "[blink_mapped] on",
    ] {
        device.console(line)?;
    }
    device.berth(&["rm", "-f", "blink_mapped"])?.ok()?;
    a_crate_of_the_chips_runs_as_svd2rust_made_it(&device)
}

/// On the board and on the desk, from the chip's file and what the board exposes; no other block is claimed.
fn a_crate_of_the_chips_runs_as_svd2rust_made_it(device: &Device) -> Result<()> {
    const SAYS: &str = "1024 bytes came back, wrong words: 0";
    let folder = tempfile::tempdir()?;
    let svd = root().join("kernel-board/mps2-an386/mps2-an386.svd");
    let exposures = target().join("image/exposures.json");
    let (svd, exposures) = (svd.to_string_lossy(), exposures.to_string_lossy());
    let words = ["--svd", &svd, "--exposures", &exposures];
    let package = packed_file(&folder, "loopback_pac", &guest("loopback_pac"), &words)?;
    let check = Command::new(program("pack"))
        .args(["--check", &exposures, &package])
        .output()?;
    let told = String::from_utf8_lossy(&check.stdout);
    ensure!(
        told.contains("blocks  fpgaio, spi_shield0\n"),
        "{told}{}",
        String::from_utf8_lossy(&check.stderr)
    );
    device.berth(&["run", &package])?.ok()?;
    device.console(&format!("[loopback_pac] {SAYS}"))?;
    device.wait_state("loopback_pac", "exited")?;
    let desk = Run::of(&["sim", &package], &[])?;
    ensure!(desk.stdout.contains(SAYS), "{}{}", desk.stdout, desk.stderr);
    Ok(())
}
