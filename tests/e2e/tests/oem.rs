//! `docs/oem.md`, done literally: a manufacturer exposes one more block, makes a
//! mistake, corrects it, builds the kernel and finds the block on the device; another
//! brings up a whole board's worth of exposures. Neither touches Rust.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::{Device, Flash, program, root, target};
use berth_emulator::Layout;
use tempfile::TempDir;

const LEDS: u32 = 0x4002_8000;
/// The valve of `docs/oem-board` is an LED of the emulated board.
const OUTLET: u32 = 0x2;

/// The fenced blocks of one language in the page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

/// A copy of the board's configuration with `children` in the exposure node.
fn board_with(children: &str) -> Result<TempDir> {
    let folder = TempDir::with_prefix("berth-oem-")?;
    let board = root().join("kernel-board/mps2-an386");
    for file in ["mps2-an386.dtsi", "mps2-an386.svd"] {
        fs::copy(board.join(file), folder.path().join(file))?;
    }
    let source = fs::read_to_string(board.join("exposure.dts"))?;
    const SVD: &str = "svd = \"mps2-an386.svd\";\n";
    ensure!(source.contains(SVD));
    let source = source.replacen(SVD, &format!("{SVD}{children}"), 1);
    fs::write(folder.path().join("exposure.dts"), source)?;
    Ok(folder)
}

fn exposure(folder: &Path) -> Result<Output> {
    let program = program("exposure");
    Command::new(&program)
        .arg("exposure.dts")
        .arg("--layout")
        .arg(root().join("layout.ld"))
        .args(["--json", "exposures.json"])
        .current_dir(folder)
        .output()
        .with_context(|| format!("cannot run {}; run `make build`", program.display()))
}

fn kernel(source: &Path) -> Result<Output> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--quiet", "--profile", "firmware"])
        .args(["--target", "thumbv7em-none-eabi", "-p", "mps2-an386"])
        // Beside the kernel that everybody else tests with.
        .arg("--target-dir")
        .arg(target().join("oem"))
        .env("BERTH_EXPOSURE", source)
        .current_dir(root());
    Ok(cargo.output()?)
}

/// A device whose kernel was built with this configuration.
fn device(source: &Path) -> Result<Device> {
    let flash = Flash::new()?;
    let folder = TempDir::with_prefix("berth-oem-")?;
    let image = folder.path().join("kernel.bin");
    fs::create_dir_all(target())?;
    // All tests here build in the same folder; the lock is gone with the file.
    let builds = File::create(target().join("oem.lock"))?;
    builds.lock()?;
    let build = kernel(source)?;
    let said = String::from_utf8_lossy(&build.stderr);
    ensure!(build.status.success(), "{said}");
    let made = Command::new(program("berth-image"))
        .arg(target().join("oem/thumbv7em-none-eabi/firmware/mps2-an386"))
        .arg("--output")
        .arg(&image)
        .current_dir(root())
        .status()?;
    ensure!(made.success());
    drop(builds);
    let length = Layout::read(&root().join("layout.ld"))?
        .region("KERNEL_FLASH")
        .context("no KERNEL_FLASH in layout.ld")?
        .length as usize;
    let image = fs::read(&image)?;
    flash.edit(|whole| {
        let (Some(place), Some(kernel)) = (whole.get_mut(..length), image.get(..length)) else {
            bail!("an image smaller than its kernel");
        };
        place.copy_from_slice(kernel);
        Ok(())
    })?;
    Device::boot_with(&flash)
}

#[test]
fn the_walk_through_leads_to_a_device_with_one_more_block() -> Result<()> {
    let page = fs::read_to_string(root().join("docs/oem.md"))?;
    let child = blocks(&page, "dts")
        .into_iter()
        .next()
        .context("no block")?;

    // The mistake, and the words that the page promises.
    let wrong = board_with(&child.replace("\"CONTROL rw", "\"CONTROLS rw"))?;
    let said = exposure(wrong.path())?;
    let said_text = String::from_utf8_lossy(&said.stderr);
    let promised = blocks(&page, "text")
        .into_iter()
        .next()
        .context("no text")?;
    ensure!(said.status.code() == Some(1));
    ensure!(said_text == promised, "{said_text}instead of {promised}");
    let build = kernel(&wrong.path().join("exposure.dts"))?;
    let build_text = String::from_utf8_lossy(&build.stderr);
    ensure!(!build.status.success(), "a wrong configuration was built");
    ensure!(build_text.contains(promised.trim()), "{build_text}");

    // Corrected.
    let right = board_with(&child)?;
    let said = exposure(right.path())?;
    ensure!(said.status.success() && said.stderr.is_empty());
    let json = fs::read_to_string(right.path().join("exposures.json"))?;
    ensure!(json.contains("\"i2c_shield0\""), "{json}");
    let device = device(&right.path().join("exposure.dts"))?;
    let listed = device.berth(&["exposures"])?.ok()?;
    ensure!(listed.contains("i2c_shield0"), "{listed}");
    Ok(())
}

/// The tree is the manufacturer's, and may be wrong: the kernel's alarm is exposed under another name.
#[test]
fn a_tree_that_forgets_the_kernels_alarm_is_not_built() -> Result<()> {
    let folder = board_with(
        "t { register-block = <&spare>; access = \"mediated\"; safe-state = \"none\"; };",
    )?;
    let tree = folder.path().join("mps2-an386.dtsi");
    let text = fs::read_to_string(&tree)?;
    let reserved = "berth,reserved = \"the kernel's alarm\";";
    ensure!(text.contains(reserved));
    let text = text
        .replace(reserved, "")
        .replace("\ttimer1: timer@", "\tspare: timer@");
    fs::write(&tree, text)?;
    is_not_built(folder.path())
}

/// The kernel only reads that clock: budgets of the flash and the pace of restarts are counted by it.
#[test]
fn the_clock_that_budgets_are_counted_by_is_not_exposed() -> Result<()> {
    let folder = board_with("")?;
    let exposures = folder.path().join("exposure.dts");
    let text = fs::read_to_string(&exposures)?;
    let masks = "masks = \"LED0 rw 0x2\"";
    ensure!(text.contains(masks));
    let more = format!("{masks}, \"CLK1HZ rw 0xffffffff\"");
    fs::write(&exposures, text.replace(masks, &more))?;
    is_not_built(folder.path())
}

/// The compiler of exposures sees nothing wrong, and the board's build does.
fn is_not_built(folder: &Path) -> Result<()> {
    let said = exposure(folder)?;
    ensure!(said.status.success(), "the tree has no word of it");
    let builds = File::create(target().join("oem.lock"))?;
    builds.lock()?;
    let build = kernel(&folder.join("exposure.dts"))?;
    drop(builds);
    let said = String::from_utf8_lossy(&build.stderr);
    ensure!(!build.status.success());
    ensure!(
        said.contains("exposure.dts exposes registers that the firmware uses"),
        "{said}"
    );
    Ok(())
}

#[test]
fn a_whole_new_board_needs_three_files_and_no_rust() -> Result<()> {
    let mut device = device(&root().join("docs/oem-board/exposure.dts"))?;
    let listed = device.json(&["exposures"])?;
    let labels: Vec<_> = listed["exposures"]
        .as_array()
        .context("a list")?
        .iter()
        .map(|item| (item["label"].as_str(), item["access"].as_str()))
        .collect();
    ensure!(
        labels
            == [
                (Some("flow_meter"), Some("mapped")),
                (Some("stroke_timer"), Some("mapped")),
                (Some("valves"), Some("mediated")),
            ],
        "{listed}"
    );

    // A driver for the outlet opens it, tries the inlet too, and counts strokes.
    let driver = TempDir::with_prefix("berth-oem-")?;
    let file = driver.path().join("outlet.wasm");
    let module = r#"(module
      (import "mmio:valves" "claim" (func $valves (result i32)))
      (import "mmio:stroke_timer" "claim" (func $timer (result i32)))
      (import "mmio" "write32" (func $write (param i32 i32 i32)))
      (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
      (import "berth" "sleep_us" (func $sleep (param i64)))
      (func (export "_start")
        (call $write (call $timer) (i32.const 8) (i32.const 25000))
        (call $modify (call $valves) (i32.const 0) (i32.const 3) (i32.const 3))
        (call $sleep (i64.const 1000000000))))"#;
    fs::write(&file, wat::parse_str(module)?)?;
    device.upload_file(&file)?.ok()?;
    device.berth(&["start", "outlet"])?.ok()?;
    device.wait_until("the outlet to open", |device| {
        Ok(device.board.bus.read32(LEDS)? & 3 == OUTLET)
    })?;
    device.berth(&["stop", "outlet"])?.ok()?;
    ensure!(
        device.board.bus.read32(LEDS)? & 3 == 0,
        "the outlet is open although its driver is gone"
    );
    Ok(())
}
