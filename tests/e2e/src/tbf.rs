//! Headers of processes in a flash image, to read and to break.

use anyhow::{Context, Result};

/// TLV types.
pub mod tlv {
    /// Entry point, protected size, RAM.
    pub const MAIN: u16 = 1;
    /// Name.
    pub const PACKAGE_NAME: u16 = 3;
    /// RAM and flash addresses.
    pub const FIXED_ADDRESSES: u16 = 5;
    /// What it may call.
    pub const PERMISSIONS: u16 = 6;
    /// Kernel version.
    pub const KERNEL_VERSION: u16 = 8;
    /// As main, and more.
    pub const PROGRAM: u16 = 9;
}

/// Offset of the checksum in a header.
const CHECKSUM: usize = 12;

/// The word at `offset`.
///
/// # Errors
/// If `bytes` ends before.
pub fn word(bytes: &[u8], offset: usize) -> Result<u32> {
    let word = bytes.get(offset..).and_then(|rest| rest.first_chunk());
    Ok(u32::from_le_bytes(*word.context("the image ends early")?))
}

/// Set the word at `offset`.
///
/// # Errors
/// If `bytes` ends before.
pub fn set_word(bytes: &mut [u8], offset: usize, value: u32) -> Result<()> {
    let place = bytes.get_mut(offset..).and_then(|rest| rest.get_mut(..4));
    place
        .context("the image ends early")?
        .copy_from_slice(&value.to_le_bytes());
    Ok(())
}

/// Bytes of the header that begins at `bytes`.
///
/// # Errors
/// If `bytes` ends before.
pub fn header_size(bytes: &[u8]) -> Result<usize> {
    Ok((word(bytes, 0)? >> 16) as usize)
}

/// Where the TLV of type `kind` (its own four bytes included) begins.
///
/// # Errors
/// If the header has none.
pub fn find(bytes: &[u8], kind: u16) -> Result<usize> {
    let end = header_size(bytes)?;
    let mut offset = 16;
    while offset < end {
        let head = word(bytes, offset)?;
        if head & 0xffff == u32::from(kind) {
            return Ok(offset);
        }
        offset += 4 + (head >> 16).next_multiple_of(4) as usize;
    }
    anyhow::bail!("the header has no entry {kind}")
}

/// Make the checksum right again.
///
/// # Errors
/// If `bytes` ends before the header does.
pub fn seal(bytes: &mut [u8]) -> Result<()> {
    set_word(bytes, CHECKSUM, 0)?;
    let mut sum = 0;
    for offset in (0..header_size(bytes)?).step_by(4) {
        sum ^= word(bytes, offset)?;
    }
    set_word(bytes, CHECKSUM, sum)
}

/// An object made by hand: what tools would not make, with a program of some instructions that runs wherever it
/// lies.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// Its name.
    pub name: &'static str,
    /// Bytes it says it has in flash.
    pub length: u32,
    /// Bytes of RAM it wants.
    pub ram: u32,
    /// The address of RAM that it says it is linked for.
    pub fixed_ram: Option<u32>,
    /// Further entries of its header: type and value, before all others.
    pub entries: &'static [(u16, &'static [u8])],
    /// Thumb instructions.
    pub program: &'static [u16],
}

/// Bytes of an object before its program, unless the header is longer.
const PROTECTED: u32 = 128;

impl Object {
    /// Header and program, without what is missing to its length.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut header = vec![0; 16];
        let mut entry = |kind: u16, value: &[u8]| {
            header.extend(kind.to_le_bytes());
            header.extend((value.len() as u16).to_le_bytes());
            header.extend(value);
            header.resize(header.len().next_multiple_of(4), 0);
        };
        let words =
            |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
        for (kind, value) in self.entries {
            entry(*kind, value);
        }
        entry(tlv::PACKAGE_NAME, self.name.as_bytes());
        if let Some(ram) = self.fixed_ram {
            entry(tlv::FIXED_ADDRESSES, &words(&[ram, u32::MAX]));
        }
        entry(tlv::KERNEL_VERSION, &words(&[2 | 2 << 16]));
        // Entry point (Thumb), protected bytes: both behind the header.
        let size = header.len() as u32 + 16;
        let protected = size.next_multiple_of(PROTECTED);
        let behind = protected - size;
        header.extend(tlv::MAIN.to_le_bytes());
        header.extend(12u16.to_le_bytes());
        header.extend(words(&[behind | 1, behind, self.ram]));
        for (offset, word) in [(0, 2 | size << 16), (4, self.length), (8, 1)] {
            header[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
        }
        let sum = header.chunks_exact(4).fold(0, |sum, word| {
            sum ^ u32::from_le_bytes([word[0], word[1], word[2], word[3]])
        });
        header[12..16].copy_from_slice(&sum.to_le_bytes());
        header.resize(protected as usize, 0);
        header.extend(self.program.iter().flat_map(|word| word.to_le_bytes()));
        header
    }
}

/// Padding that says it has `length` bytes.
#[must_use]
pub fn padding(length: u32) -> Vec<u8> {
    let words = [2 | 16 << 16, length, 0, (2 | 16 << 16) ^ length];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
