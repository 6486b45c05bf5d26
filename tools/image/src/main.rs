//! The kernel's part of a flash image.
//!
//! The emulated board boots from one file that is its whole flash. This tool
//! lays the kernel's loadable segments (code, constants, initial data, kernel
//! attributes) into that file; `tockloader` then installs processes behind it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use berth_emulator::Layout;
use clap::Parser;
use object::elf::PT_LOAD;
use object::read::elf::{ElfFile32, ProgramHeader};
use object::{Endianness, Object};

/// What erased flash reads.
const ERASED: u8 = 0xff;

/// Make the kernel's part of a flash image from its ELF file.
#[derive(Parser)]
struct Arguments {
    /// The kernel as the linker left it.
    elf: PathBuf,
    /// The image to write, of the whole flash; all but the kernel is erased.
    #[arg(long, short)]
    output: PathBuf,
    /// Memory map of the part.
    #[arg(long, default_value = "layout.ld")]
    layout: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let layout = Layout::read(&arguments.layout)
        .with_context(|| format!("reading the memory map {}", arguments.layout.display()))?;
    let flash = layout
        .region("KERNEL_FLASH")
        .context("the memory map has no KERNEL_FLASH")?;
    let flashes = layout
        .regions()
        .filter(|(name, _)| name.ends_with("_FLASH"));
    let end = flashes
        .map(|(_, region)| region.origin + region.length)
        .max();
    let end = end.context("the memory map has no flash")?;
    let bytes =
        fs::read(&arguments.elf).with_context(|| format!("reading {}", arguments.elf.display()))?;
    let mut image = kernel_image(&bytes, flash.origin, flash.length)
        .with_context(|| format!("laying out {}", arguments.elf.display()))?;
    image.resize((end - flash.origin) as usize, ERASED);
    if let Some(folder) = arguments.output.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&arguments.output, image)
        .with_context(|| format!("writing {}", arguments.output.display()))
}

/// The loadable segments of `elf` at their physical addresses, in an image of
/// exactly `length` bytes starting at `origin`; unused bytes read as erased flash.
fn kernel_image(elf: &[u8], origin: u32, length: u32) -> Result<Vec<u8>> {
    let file = ElfFile32::<Endianness>::parse(elf).context("not a 32-bit ELF file")?;
    ensure!(
        file.architecture() == object::Architecture::Arm,
        "not an Arm ELF file"
    );
    let endian = file.endian();
    let mut image = vec![ERASED; length as usize];
    for header in file.elf_program_headers() {
        if header.p_type(endian) != PT_LOAD || header.p_filesz(endian) == 0 {
            continue;
        }
        let address = header.p_paddr(endian);
        let data = header
            .data(endian, elf)
            .ok()
            .context("a segment lies outside the file")?;
        let place = address
            .checked_sub(origin)
            .map(|start| start as usize)
            .and_then(|start| image.get_mut(start..start.checked_add(data.len())?))
            .with_context(|| {
                format!(
                    "{} bytes at {address:#x} do not fit the kernel's flash ({origin:#x}, {length:#x} bytes); see layout.ld",
                    data.len()
                )
            })?;
        place.copy_from_slice(data);
    }
    Ok(image)
}
