//! Checking headers.

use crate::types::{
    InitialTbfParseError, PERMISSION_BYTES, TbfHeader, TbfParseError, read_u16, read_u32, tlv,
};

/// The only version of the format.
pub const VERSION: u16 = 2;

/// Bytes of the base header; a header of this size is padding.
pub const BASE_SIZE: usize = 16;

/// Version, header size and total size in bytes of the object that begins with `app`.
///
/// The total size is at least the header size, so a scan that skips by it
/// always advances.
///
/// # Errors
///
/// [`InitialTbfParseError::UnableToParse`]: no object begins here, the scan
/// ends. [`InitialTbfParseError::InvalidHeader`]: an object with a broken
/// header; the scan can go on behind it.
pub fn parse_tbf_header_lengths(app: &[u8; 8]) -> Result<(u16, u16, u32), InitialTbfParseError> {
    let [v0, v1, h0, h1, t0, t1, t2, t3] = *app;
    let version = u16::from_le_bytes([v0, v1]);
    let header_size = u16::from_le_bytes([h0, h1]);
    let total_size = u32::from_le_bytes([t0, t1, t2, t3]);
    if version != VERSION || (total_size as usize) < BASE_SIZE {
        return Err(InitialTbfParseError::UnableToParse);
    }
    let well_formed = usize::from(header_size) >= BASE_SIZE
        && header_size.is_multiple_of(4)
        && u32::from(header_size) <= total_size;
    if !well_formed {
        return Err(InitialTbfParseError::InvalidHeader(total_size));
    }
    Ok((version, header_size, total_size))
}

/// Check the header that is all of `header`.
///
/// # Errors
///
/// What is wrong with it, see [`TbfParseError`].
pub fn parse_tbf_header(header: &[u8], version: u16) -> Result<TbfHeader<'_>, TbfParseError> {
    if version != VERSION {
        return Err(TbfParseError::UnsupportedVersion(version));
    }
    let total_size = read_u32(header, 4).ok_or(TbfParseError::NotEnoughFlash)?;
    let stated = read_u16(header, 2).ok_or(TbfParseError::NotEnoughFlash)?;
    if usize::from(stated) != header.len() || header.len() < BASE_SIZE || total_size < stated.into()
    {
        return Err(TbfParseError::NotEnoughFlash);
    }
    let expected = read_u32(header, 12).ok_or(TbfParseError::NotEnoughFlash)?;
    let actual = checksum(header).ok_or(TbfParseError::NotEnoughFlash)?;
    if expected != actual {
        return Err(TbfParseError::ChecksumMismatch(expected, actual));
    }
    let parsed = TbfHeader::new(header);
    if !parsed.is_padding() {
        check_tlvs(header)?;
        parsed.check_program()?;
        parsed.check_name()?;
    }
    Ok(parsed)
}

/// XOR of all words except the checksum itself; `None` unless whole words.
fn checksum(header: &[u8]) -> Option<u32> {
    if !header.len().is_multiple_of(4) {
        return None;
    }
    let mut sum = 0;
    for offset in (0..header.len()).step_by(4) {
        if offset != 12 {
            sum ^= read_u32(header, offset)?;
        }
    }
    Some(sum)
}

/// Most TLVs of a header: what it says is looked up in it, and how long that takes is not its owner's choice.
pub const ENTRIES_MAX: usize = 32;

/// Most entries of its permissions: they are gone through at each system call. (Upstream's kernel takes 8.)
pub const PERMISSIONS_MAX: usize = 16;

/// Every TLV lies in the header, and there are not too many.
fn check_tlvs(header: &[u8]) -> Result<(), TbfParseError> {
    let mut offset = BASE_SIZE;
    let mut entries = 0;
    while offset < header.len() {
        entries += 1;
        if entries > ENTRIES_MAX {
            return Err(TbfParseError::TooManyEntries);
        }
        let kind = read_u16(header, offset).ok_or(TbfParseError::NotEnoughFlash)?;
        let length = read_u16(header, offset + 2).ok_or(TbfParseError::NotEnoughFlash)?;
        let end = offset + 4 + usize::from(length);
        if end > header.len() {
            return Err(TbfParseError::BadTlvEntry(kind));
        }
        if kind == tlv::PERMISSIONS && usize::from(length) / PERMISSION_BYTES > PERMISSIONS_MAX {
            return Err(TbfParseError::TooManyPermissions);
        }
        offset = end.next_multiple_of(4);
    }
    Ok(())
}
