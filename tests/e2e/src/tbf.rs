//! Headers of processes in a flash image, to read and to break.

use anyhow::{Context, Result};

/// TLV types.
pub mod tlv {
    /// Entry point, protected size, RAM.
    pub const MAIN: u16 = 1;
    /// RAM and flash addresses.
    pub const FIXED_ADDRESSES: u16 = 5;
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
