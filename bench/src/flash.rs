//! How much flash and RAM an ELF file occupies on the board.

use std::path::Path;

use anyhow::{Context, Result};
use object::elf::{SHF_ALLOC, SHF_WRITE, SHT_NOBITS};
use object::{Object, ObjectSection, SectionFlags, SectionKind};

/// Bytes by where they live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Code and constants: flash only.
    pub text: u64,
    /// Initialised data: flash, copied to RAM at start.
    pub data: u64,
    /// Zeroed data and stacks: RAM only.
    pub bss: u64,
}

impl Footprint {
    /// Bytes of flash.
    #[must_use]
    pub const fn flash(&self) -> u64 {
        self.text + self.data
    }

    /// Read the section table of an ELF file.
    ///
    /// # Errors
    /// If the file cannot be read or is no ELF file.
    pub fn of(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read {}; run `make build`", path.display()))?;
        let file = object::File::parse(&*bytes)
            .with_context(|| format!("{} is not an ELF file", path.display()))?;
        let mut sum = Self::default();
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags } = section.flags() else {
                continue;
            };
            if sh_flags & u64::from(SHF_ALLOC) == 0 {
                continue;
            }
            let zeroed = matches!(section.kind(), SectionKind::UninitializedData)
                || matches!(section.kind(), SectionKind::Elf(SHT_NOBITS));
            let place = if zeroed {
                &mut sum.bss
            } else if sh_flags & u64::from(SHF_WRITE) != 0 {
                &mut sum.data
            } else {
                &mut sum.text
            };
            *place += section.size();
        }
        Ok(sum)
    }
}
