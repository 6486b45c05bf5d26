//! A supervisor of more than half a MiB: its place has three quarters.
//!
//! It is the one that was built, with a program that ends later, as if more were linked into it. `berth-tab` makes its
//! bundle fit, `tockloader` installs it, and the kernel opens its flash by one region with subregions switched off.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::tbf::{self, tlv};
use berth_e2e::{Device, Flash, program, root, target};
use berth_emulator::Layout;
use tempfile::TempDir;

/// The entry of a bundle that `tockloader` leaves as long as it is.
const SHORT: &str = "armv7e-m";

/// The files of a bundle.
fn files(bundle: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let bytes = std::fs::read(bundle).context("run `make build`")?;
    let mut files = Vec::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.push((name, content));
    }
    Ok(files)
}

/// The supervisor as elf2tab would make it if its program ended at `end`, in a bundle.
fn grown(folder: &TempDir, end: usize) -> Result<std::path::PathBuf> {
    let mut all = files(&target().join("image/wasm_supervisor.tab"))?;
    // Of one that is longer than half a MiB already there is no other.
    if all.iter().any(|(name, _)| name.starts_with("cortex-m4")) {
        all.retain(|(name, _)| !name.starts_with(SHORT));
    }
    for (name, _) in &mut all {
        if name.ends_with(".tbf") {
            *name = "cortex-m4.tbf".to_owned();
        }
    }
    let (_, process) = all
        .iter_mut()
        .find(|(name, _)| name.ends_with(".tbf"))
        .context("a process")?;
    let entry = tbf::find(process, tlv::PROGRAM)?;
    let before = tbf::word(process, entry + 4 + 12)? as usize;
    ensure!(before < end, "it has {before} bytes already");
    process.truncate(before);
    process.resize(end, 0xA5);
    process.resize(end.next_power_of_two(), 0);
    if process.len() > end {
        // Space for credentials, as elf2tab reserves it.
        tbf::set_word(process, end, 0xFFF8_0080)?;
    }
    let length = process.len() as u32;
    tbf::set_word(process, 4, length)?;
    tbf::set_word(process, entry + 4 + 12, end as u32)?;
    tbf::seal(process)?;
    let path = folder.path().join("grown.tab");
    let mut archive = tar::Builder::new(std::fs::File::create(&path)?);
    for (name, bytes) in &all {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes.as_slice())?;
    }
    archive.finish()?;
    Ok(path)
}

fn made_to_fit(bundle: &Path) -> Result<std::process::Output> {
    Command::new(program("berth-tab"))
        .arg(bundle)
        .args(["--place", "SUPERVISOR_FLASH", "--layout"])
        .arg(root().join("layout.ld"))
        .output()
        .context("run `make build`")
}

/// Upstream's boards get it by an ordinary `tockloader install`, which makes it as long as a power of two.
#[test]
fn the_supervisor_fits_every_board_that_says_where_it_goes() -> Result<()> {
    let mut boards = 0;
    for board in std::fs::read_dir(root().join("kernel-board"))? {
        let map = board?.path().join("supervisor.ld");
        if !map.is_file() {
            continue;
        }
        boards += 1;
        let made = Command::new("make")
            .arg("--directory")
            .arg(root())
            .args(["supervisor", "CONTAINERS_HEAP=65536"])
            .arg(format!("LAYOUT={}", map.display()))
            .output()?;
        ensure!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let flash = Layout::read(&map)?.region("SUPERVISOR_FLASH");
        let flash = flash.context("no flash")?;
        for (name, process) in files(&target().join("supervisor/wasm_supervisor.tab"))? {
            ensure!(
                process.len() <= flash.length as usize,
                "{name}: {} bytes in a place of {}",
                process.len(),
                flash.length
            );
        }
    }
    ensure!(boards > 0, "no board says where the supervisor goes");
    Ok(())
}

#[test]
fn a_supervisor_of_more_than_half_a_mib_is_installed_and_runs_beside_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let place = Layout::read(&root().join("layout.ld"))?
        .region("SUPERVISOR_FLASH")
        .context("its place")?;
    // More than it has, which is more than half a MiB, and all there is.
    for (end, length) in [(0x9_0000, 0xA_0000), (place.length as usize, place.length)] {
        let bundle = grown(&folder, end)?;
        let run = made_to_fit(&bundle)?;
        ensure!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        let names: Vec<_> = files(&bundle)?.into_iter().map(|(name, _)| name).collect();
        ensure!(
            !names.iter().any(|name| name.starts_with("cortex-m4")),
            "{names:?}"
        );
        let flash = Flash::without_supervisor()?;
        flash.tockloader_for(SHORT, &["install", &bundle.to_string_lossy()])?;
        // Behind it, so that what is too long would be in the way.
        flash.install("hello")?;
        let list = flash.tockloader(&["list"])?;
        ensure!(
            list.contains("wasm_supervisor") && list.contains("hello"),
            "{list}"
        );
        let said = tbf::word(
            flash
                .bytes()?
                .get(place.origin as usize..)
                .context("short")?,
            4,
        )?;
        ensure!(said == length, "{said:#x} bytes");
        let device = Device::boot_with(&flash)?;
        device.console("hello from a process")?;
        device.upload("blink")?;
        device.berth(&["start", "blink"])?.ok()?;
        device.blink_goes_on()?;
    }
    Ok(())
}

#[test]
fn a_supervisor_that_its_place_does_not_hold_is_refused_when_it_is_bundled() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let bundle = grown(&folder, 0xC_0001)?;
    let run = made_to_fit(&bundle)?;
    let text = String::from_utf8_lossy(&run.stderr);
    ensure!(
        !run.status.success() && text.contains("SUPERVISOR_FLASH has 786432"),
        "{text}"
    );
    Ok(())
}
