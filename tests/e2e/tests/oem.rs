//! `docs/oem.md`, done literally: a manufacturer exposes one more block, makes a
//! mistake, corrects it, builds the kernel and finds the block on the device.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, program, root, target};
use tempfile::TempDir;

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
    let build = kernel(&right.path().join("exposure.dts"))?;
    let build_text = String::from_utf8_lossy(&build.stderr);
    ensure!(build.status.success(), "{build_text}");

    let flash = Flash::new()?;
    let elf = target().join("oem/thumbv7em-none-eabi/firmware/mps2-an386");
    let image = right.path().join("kernel.bin");
    let made = Command::new(program("berth-image"))
        .arg(&elf)
        .arg("--output")
        .arg(&image)
        .current_dir(root())
        .status()?;
    ensure!(made.success());
    let mut whole = fs::read(flash.path())?;
    let kernel = fs::read(&image)?;
    whole
        .get_mut(..kernel.len())
        .context("the flash is smaller than its kernel")?
        .copy_from_slice(&kernel);
    fs::write(flash.path(), whole)?;
    let device = Device::boot_with(&flash)?;
    let listed = device.berth(&["exposures"])?.ok()?;
    ensure!(listed.contains("i2c_shield0"), "{listed}");
    Ok(())
}
