//! Makes a process fit its place in flash, where that is not a power of two.
//!
//! ```text
//!   elf2tab     │ header │ program │ footers                              │  a power of two
//!   berth-tab   │ header │ program │ footers │                               a region with subregions
//! ```
//!
//! `elf2tab` makes every process for Arm as long as a power of two, and `tockloader` does so once more with what it installs on
//! an architecture whose name begins with `cortex-m`. A process of 513 KiB is a MiB then, which the supervisor's place
//! does not have. The memory protection unit needs less: eighths of a power of two that are adjacent.
//!
//! This tool adds the process once more to the bundle, for the architecture [`ARCHITECTURE`], as long as the shortest
//! run of whole pages that one region of the unit opens exactly. What was in the bundle stays in it if
//! it fits the place, so `--arch cortex-m4` goes on to work for a process that does not need this.

#![forbid(unsafe_code)]

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use berth_emulator::Layout;
use berth_image::tbf::Tbf;
use clap::Parser;

/// What `tockloader --arch` calls processes that it is to leave as long as they are.
const ARCHITECTURE: &str = "armv7e-m";

/// Add to a bundle of elf2tab the same process, no longer than the memory protection unit needs it.
#[derive(Parser)]
struct Arguments {
    /// The bundle (.tab), which is written anew.
    bundle: PathBuf,
    /// The region of the memory map that the process is linked for.
    #[arg(long)]
    place: String,
    /// Memory map of the part.
    #[arg(long, default_value = "layout.ld")]
    layout: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let layout = Layout::read(&arguments.layout)
        .with_context(|| format!("reading the memory map {}", arguments.layout.display()))?;
    let place = layout
        .region(&arguments.place)
        .with_context(|| format!("the memory map has no {}", arguments.place))?;
    let path = &arguments.bundle;
    let bundle = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let mut files = Vec::new();
    for entry in tar::Archive::new(bundle.as_slice()).entries()? {
        let mut entry = entry.with_context(|| format!("reading {}", path.display()))?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.push((name, bytes));
    }
    let trimmed = format!("{ARCHITECTURE}.tbf");
    files.retain(|(name, _)| *name != trimmed);
    let (_, process) = files
        .iter()
        .find(|(name, _)| name.ends_with(".tbf"))
        .with_context(|| format!("{} holds no process", path.display()))?;
    let process = Tbf::parse(process)?;
    let start = process.start()?;
    ensure!(
        start == place.origin,
        "it is linked for {start:#x}, and {} begins at {:#x}",
        arguments.place,
        place.origin
    );
    let short = process.trimmed()?;
    ensure!(
        short.len() <= place.length as usize,
        "it needs {} bytes, and {} has {}; see layout.ld",
        short.len(),
        arguments.place,
        place.length
    );
    files.retain(|(name, bytes)| !name.ends_with(".tbf") || bytes.len() <= place.length as usize);
    files.push((trimmed, short));
    fs::write(path, archive(&files)?).with_context(|| format!("writing {}", path.display()))
}

/// Returns a bundle with these files, the same for the same files.
fn archive(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, name, bytes.as_slice())?;
    }
    Ok(archive.into_inner()?)
}
