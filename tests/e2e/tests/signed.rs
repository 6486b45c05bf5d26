//! Signed packages on a board whose manufacturer gave it keys (`exposure-keys.dts`): what it takes, what it runs, and what it says.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash};
use berth_pack::keys::Secret;
use berth_pack::sign::{Signer, sign};
use berth_pack::{Options, pack};
use tempfile::TempDir;

/// The secret keys of the configuration are this number 32 times.
const LAMP: u8 = 1;
const HEATER: u8 = 2;
/// The device does not have it.
const STRANGER: u8 = 3;

/// What holds the lamps until it is ended, with another image for each `version`.
fn lamp(version: u32) -> Result<Vec<u8>> {
    let module = wat::parse_str(format!(
        r#"(module
          (import "mmio:fpgaio" "claim" (func $claim (result i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (func (export "_start")
            (drop (call $claim))
            (loop $again (call $sleep (i64.const {})) (br $again))))"#,
        100_000 + version
    ))?;
    let options = Options {
        name: "lamp".to_owned(),
        ..Options::default()
    };
    Ok(pack(&module, &options)?.image)
}

fn signed(version: u32, key: u8) -> Result<Vec<u8>> {
    let signer = Signer::Key(Secret::from_bytes(&[key; 32]));
    Ok(sign(&lamp(version)?, version, None, &signer)?)
}

/// A board with the keys, and the supervisor.
fn board() -> Result<Flash> {
    let flash = Flash::with_kernel("keys-kernel.bin")?;
    flash.install("wasm_supervisor")?;
    Ok(flash)
}

struct Files(TempDir);

impl Files {
    fn file(&self, name: &str, image: &[u8]) -> Result<PathBuf> {
        let path = self.0.path().join(name);
        fs::write(&path, image)?;
        Ok(path)
    }
}

/// Has the device refuse this image with these words.
fn refused(device: &Device, files: &Files, image: &[u8], words: &str) -> Result<()> {
    let said = device
        .upload_file(&files.file("other.berth", image)?)?
        .refused()?;
    ensure!(said.contains(words), "{said}");
    ensure!(device.container("other")?.is_none());
    Ok(())
}

#[test]
fn a_board_with_keys_takes_and_runs_what_is_signed_for_it() -> Result<()> {
    let flash = board()?;
    let files = Files(tempfile::tempdir()?);
    let device = Device::power_on(&flash)?;
    let doctor = device.berth(&["doctor"])?.ok()?;
    ensure!(doctor.contains("2 keys; signed packages only"), "{doctor}");
    refused(&device, &files, &lamp(5)?, "not signed")?;
    refused(
        &device,
        &files,
        &signed(5, STRANGER)?,
        "signed with a key that this device does not have",
    )?;
    refused(
        &device,
        &files,
        &signed(5, HEATER)?,
        "signed for a label for which its key may not sign",
    )?;
    let image = signed(5, LAMP)?;
    let mut changed = image.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let said = device
        .upload_file(&files.file("other.berth", &changed)?)?
        .refused()?;
    ensure!(!said.is_empty() && device.container("other")?.is_none());

    device
        .upload_file(&files.file("lamp.berth", &image)?)?
        .ok()?;
    device.berth(&["start", "lamp"])?.ok()?;
    device.wait_state("lamp", "running")?;
    let inspected = device.berth(&["inspect", "lamp"])?.ok()?;
    ensure!(
        inspected.contains("as lamp, counter 5, for fpgaio"),
        "{inspected}"
    );
    // A newer version takes its place and keeps the block; an older one is not taken, but for who says so.
    let newer = files.file("newer.berth", &signed(6, LAMP)?)?;
    let newer = newer.to_string_lossy();
    device
        .berth(&[
            "upload",
            &newer,
            "--name",
            "lamp",
            "--live-update",
            "--trial",
            "1",
        ])?
        .ok()?;
    device.wait_state("lamp", "running")?;
    refused(
        &device,
        &files,
        &image,
        "older than what was here: counter 6",
    )?;
    device.berth(&["rm", "-f", "lamp"])?.ok()?;
    refused(
        &device,
        &files,
        &image,
        "older than what was here: counter 6",
    )?;
    let older = files.file("lamp.berth", &image)?;
    device
        .berth(&["upload", &older.to_string_lossy(), "--allow-downgrade"])?
        .ok()?;
    device.berth(&["start", "lamp"])?.ok()?;
    device.wait_state("lamp", "running")
}

#[test]
fn what_changes_in_flash_does_not_run() -> Result<()> {
    let flash = board()?;
    let files = Files(tempfile::tempdir()?);
    let image = signed(5, LAMP)?;
    let device = Device::power_on(&flash)?;
    let path = files.file("lamp.berth", &image)?;
    device
        .berth(&["upload", &path.to_string_lossy(), "--boot"])?
        .ok()?;
    drop(device);
    let device = Device::power_on(&flash)?;
    device.wait_state("lamp", "running")?;
    drop(device);
    let change = |place: usize, from: &[u8]| {
        flash.edit(|bytes| {
            let at = bytes.windows(from.len()).position(|some| some == from);
            bytes[at.context("the image")? + place] ^= 0x10;
            Ok(())
        })
    };
    // In the signature's last byte, in the claims, in the code.
    for place in [image.len() - 1, image.len() - 80, image.len() / 3] {
        change(place, &image)?;
        let device = Device::power_on(&flash)?;
        let said = device.berth(&["start", "lamp"])?.refused()?;
        ensure!(said.contains("lamp: "), "{place}: {said}");
        ensure!(device.state("lamp")? == "stored", "{place}");
        drop(device);
        let mut changed = image.clone();
        changed[place] ^= 0x10;
        change(place, &changed)?;
    }
    let device = Device::power_on(&flash)?;
    device.wait_state("lamp", "running")
}
