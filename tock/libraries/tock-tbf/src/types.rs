//! What headers say.

use core::fmt;
use core::num::NonZeroU32;

use crate::parse::{BASE_SIZE, ENTRIES_MAX, PERMISSIONS_MAX};

/// Bytes of a name that are shown.
pub const NAME_MAX: usize = 64;

/// Why a scan of flash cannot use what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialTbfParseError {
    /// No object begins here: the scan ends.
    UnableToParse,
    /// An object with a broken header that is this many bytes long.
    InvalidHeader(u32),
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TbfParseError {
    /// The header is cut off or contradicts its own lengths.
    NotEnoughFlash,
    /// Another version of the format.
    UnsupportedVersion(u16),
    /// Checksum in the header, checksum of its words.
    ChecksumMismatch(u32, u32),
    /// A TLV of this type does not fit or has the wrong length.
    BadTlvEntry(u16),
    /// More TLVs than [`ENTRIES_MAX`].
    TooManyEntries,
    /// More entries of permissions than [`PERMISSIONS_MAX`].
    TooManyPermissions,
    /// Its name has control characters, such as the end of a line or one that turns the direction of writing, and would
    /// be shown as something else.
    BadName,
    /// Neither Main nor Program: nothing says where the code begins.
    NoProgram,
    /// Entry point, protected size or binary end outside the object.
    BadProgram,
}

impl fmt::Display for TbfParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In a kernel a formatter for each type of number is 200 bytes: one is enough.
        match self {
            Self::NotEnoughFlash => f.write_str("it is cut off or contradicts its own lengths"),
            Self::UnsupportedVersion(version) => {
                write!(
                    f,
                    "version {} of the format is not known",
                    usize::from(*version)
                )
            }
            Self::ChecksumMismatch(stated, actual) => {
                write!(
                    f,
                    "its checksum is {actual:#010x}, not {stated:#010x} as stated"
                )
            }
            Self::BadTlvEntry(kind) => {
                write!(f, "entry {} has the wrong length", usize::from(*kind))
            }
            Self::TooManyEntries => write!(f, "it has more than {ENTRIES_MAX} entries"),
            Self::TooManyPermissions => {
                write!(
                    f,
                    "it has permissions with more than {PERMISSIONS_MAX} entries"
                )
            }
            Self::BadName => f.write_str("its name has control characters"),
            Self::NoProgram => f.write_str("nothing says where the code begins"),
            Self::BadProgram => f.write_str("the code lies outside the process"),
        }
    }
}

/// Which commands of a driver a header allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandPermissions {
    /// The header has no permissions.
    NoPermsAtAll,
    /// The header has permissions, none for this driver.
    NoPermsThisDriver,
    /// Bit `i`: command `64 * offset + i`.
    Mask(u64),
}

/// The permissions of a header, found in it. Who asks often finds them once and keeps this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatedPermissions<'a> {
    /// Whole entries: driver, offset, mask of 64 bits.
    entries: &'a [u8],
}

impl StatedPermissions<'_> {
    /// Which of the commands `64 * offset ..` of a driver are allowed, bit `i` for command `64 * offset + i`; `None`: there is no entry
    /// for the driver.
    #[must_use]
    pub fn mask(&self, driver_num: usize, offset: usize) -> Option<u64> {
        let mut found = None;
        for entry in self.entries.chunks_exact(PERMISSION_BYTES) {
            if read_u32(entry, 0).map(|n| n as usize) != Some(driver_num) {
                continue;
            }
            let mask = found.get_or_insert(0);
            if read_u32(entry, 4).map(|n| n as usize) == Some(offset) {
                let low = u64::from(read_u32(entry, 8).unwrap_or(0));
                let high = u64::from(read_u32(entry, 12).unwrap_or(0));
                *mask |= high << 32 | low;
            }
        }
        found
    }
}

/// TLV types.
pub(crate) mod tlv {
    pub(super) const MAIN: u16 = 1;
    pub(super) const WRITEABLE_FLASH_REGIONS: u16 = 2;
    pub(super) const PACKAGE_NAME: u16 = 3;
    pub(super) const FIXED_ADDRESSES: u16 = 5;
    pub(crate) const PERMISSIONS: u16 = 6;
    pub(super) const STORAGE_PERMISSIONS: u16 = 7;
    pub(super) const KERNEL_VERSION: u16 = 8;
    pub(super) const PROGRAM: u16 = 9;
    pub(super) const SHORT_ID: u16 = 10;
}

/// Where the characters of plane 0 that control how others are shown, or are shown as nothing, begin and end, by turns:
/// controls, and Unicode's format characters, separators of lines and paragraphs, and ignorables (Cf, Zl, Zp,
/// Default_Ignorable_Code_Point).
#[rustfmt::skip]
const HIDDEN: [u16; 42] = [
    0x0, 0x20,
    0x7f, 0xa0,
    0xad, 0xae,
    0x34f, 0x350,
    0x600, 0x606,
    0x61c, 0x61d,
    0x6dd, 0x6de,
    0x70f, 0x710,
    0x890, 0x892,
    0x8e2, 0x8e3,
    0x115f, 0x1161,
    0x17b4, 0x17b6,
    0x180b, 0x1810,
    0x200b, 0x2010,
    0x2028, 0x202f,
    0x2060, 0x2070,
    0x3164, 0x3165,
    0xfe00, 0xfe10,
    0xfeff, 0xff00,
    0xffa0, 0xffa1,
    0xfff0, 0xfffc,
];

/// The same of plane 1, without the plane.
#[rustfmt::skip]
const HIDDEN_1: [u16; 10] = [
    0x10bd, 0x10be,
    0x10cd, 0x10ce,
    0x3430, 0x3440,
    0xbca0, 0xbca4,
    0xd173, 0xd17b,
];

/// Whether a character controls how others are shown, or hides.
#[inline(never)]
fn is_control(c: char) -> bool {
    let code = u32::from(c);
    let edges: &[u16] = match code >> 16 {
        0 => &HIDDEN,
        1 => &HIDDEN_1,
        // Tags and selectors only.
        plane => return plane == 14,
    };
    // Behind a beginning, before its end.
    let code = code as u16;
    edges.iter().filter(|edge| **edge <= code).count() % 2 != 0
}

/// Bytes of an entry of the permissions.
pub(crate) const PERMISSION_BYTES: usize = 16;

/// A fixed address that is none.
const DONT_CARE: u32 = 0xFFFF_FFFF;

pub(crate) fn read_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    let end = offset.checked_add(2)?;
    let bytes = bytes.get(offset..end)?.try_into().ok()?;
    Some(u16::from_le_bytes(bytes))
}

pub(crate) fn read_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let end = offset.checked_add(4)?;
    let bytes = bytes.get(offset..end)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

/// A checked header. Values are read from the header's own bytes when asked
/// for, so a process keeps nothing but the reference.
#[derive(Clone, Copy, Debug)]
pub struct TbfHeader<'a> {
    header: &'a [u8],
}

impl<'a> TbfHeader<'a> {
    pub(crate) fn new(header: &'a [u8]) -> Self {
        Self { header }
    }

    /// The values of all TLVs of a type.
    fn all(&self, kind: u16) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let header = self.header;
        let mut offset = BASE_SIZE;
        core::iter::from_fn(move || {
            while offset < header.len() {
                let this = read_u16(header, offset)?;
                let length = usize::from(read_u16(header, offset + 2)?);
                let value = header.get(offset + 4..offset + 4 + length)?;
                offset = (offset + 4 + length).next_multiple_of(4);
                if this == kind {
                    return Some(value);
                }
            }
            None
        })
    }

    fn first(&self, kind: u16) -> Option<&'a [u8]> {
        self.all(kind).next()
    }

    /// A word of Program or, without one, of Main (both begin alike).
    fn program_word(&self, offset: usize) -> Option<u32> {
        let value = self.first(tlv::PROGRAM).or_else(|| self.first(tlv::MAIN))?;
        read_u32(value, offset)
    }

    /// The program's numbers exist and lie inside the object.
    pub(crate) fn check_program(&self) -> Result<(), TbfParseError> {
        if let Some(program) = self.first(tlv::PROGRAM) {
            if program.len() < 20 {
                return Err(TbfParseError::BadTlvEntry(tlv::PROGRAM));
            }
        } else {
            let main = self.first(tlv::MAIN).ok_or(TbfParseError::NoProgram)?;
            if main.len() < 12 {
                return Err(TbfParseError::BadTlvEntry(tlv::MAIN));
            }
        }
        let total = u64::from(self.total_size());
        let header = self.header.len() as u64;
        let word = |offset| u64::from(self.program_word(offset).unwrap_or(0));
        let entry = header + word(0);
        let start = header + word(4);
        let end = u64::from(self.get_binary_end());
        if start <= end && entry >= start && entry < end && end <= total {
            Ok(())
        } else {
            Err(TbfParseError::BadProgram)
        }
    }

    /// The name, as far as it is shown, is one line of text and nothing that a terminal takes for a command.
    pub(crate) fn check_name(&self) -> Result<(), TbfParseError> {
        match self.get_package_name() {
            Some(name) if name.chars().any(is_control) => Err(TbfParseError::BadName),
            _ => Ok(()),
        }
    }

    /// Whether the object is padding: no process, only its size counts.
    #[must_use]
    pub fn is_padding(&self) -> bool {
        self.header.len() == BASE_SIZE
    }

    /// Whether the process is to be started.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.flags() & 1 != 0
    }

    /// Whether `tockloader` must not remove it by accident.
    #[must_use]
    pub fn is_sticky(&self) -> bool {
        self.flags() & 2 != 0
    }

    fn flags(&self) -> u32 {
        read_u32(self.header, 8).unwrap_or(0)
    }

    /// Bytes of the header.
    #[must_use]
    pub fn length(&self) -> u16 {
        u16::try_from(self.header.len()).unwrap_or(u16::MAX)
    }

    /// Bytes of the whole object.
    #[must_use]
    pub fn total_size(&self) -> u32 {
        read_u32(self.header, 4).unwrap_or(0)
    }

    /// Bytes of RAM that the process asks for.
    #[must_use]
    pub fn get_minimum_app_ram_size(&self) -> u32 {
        self.program_word(8).unwrap_or(0)
    }

    /// Entry point, from the start of the object; bit 0 is the Thumb bit.
    #[must_use]
    pub fn get_init_function_offset(&self) -> u32 {
        self.program_word(0)
            .unwrap_or(0)
            .saturating_add(u32::from(self.length()))
    }

    /// Bytes before the binary (header and trailer) that the process must not
    /// change or lend.
    #[must_use]
    pub fn get_protected_size(&self) -> u32 {
        self.program_word(4)
            .unwrap_or(0)
            .saturating_add(u32::from(self.length()))
    }

    /// Where the binary ends, from the start of the object.
    #[must_use]
    pub fn get_binary_end(&self) -> u32 {
        self.first(tlv::PROGRAM)
            .and_then(|program| read_u32(program, 12))
            .unwrap_or_else(|| self.total_size())
    }

    /// Version of the binary, if it tells.
    #[must_use]
    pub fn get_app_version(&self) -> Option<u32> {
        read_u32(self.first(tlv::PROGRAM)?, 16)
    }

    /// The process's name, if it has one in UTF-8: its first [`NAME_MAX`] bytes, so that nobody who
    /// shows it is kept by a long one.
    #[must_use]
    pub fn get_package_name(&self) -> Option<&'a str> {
        let name = self.first(tlv::PACKAGE_NAME)?;
        let shown = name.get(..NAME_MAX).unwrap_or(name);
        match core::str::from_utf8(shown) {
            Ok(name) => Some(name),
            // Cut inside a character.
            Err(error) if shown.len() < name.len() && error.error_len().is_none() => {
                core::str::from_utf8(shown.get(..error.valid_up_to())?).ok()
            }
            Err(_) => None,
        }
    }

    /// Where the RAM must begin, if the process is linked for a place.
    #[must_use]
    pub fn get_fixed_address_ram(&self) -> Option<u32> {
        read_u32(self.first(tlv::FIXED_ADDRESSES)?, 0).filter(|&a| a != DONT_CARE)
    }

    /// Where the binary must lie, if the process is linked for a place.
    #[must_use]
    pub fn get_fixed_address_flash(&self) -> Option<u32> {
        read_u32(self.first(tlv::FIXED_ADDRESSES)?, 4).filter(|&a| a != DONT_CARE)
    }

    /// Kernel version (major, minor) that the process needs.
    #[must_use]
    pub fn get_kernel_version(&self) -> Option<(u16, u16)> {
        let value = self.first(tlv::KERNEL_VERSION)?;
        Some((read_u16(value, 0)?, read_u16(value, 2)?))
    }

    /// The short id, if the header gives one.
    #[must_use]
    pub fn get_short_id(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(read_u32(self.first(tlv::SHORT_ID)?, 0)?)
    }

    /// How many flash regions the process may write.
    #[must_use]
    pub fn number_writeable_flash_regions(&self) -> usize {
        self.first(tlv::WRITEABLE_FLASH_REGIONS)
            .map_or(0, |regions| regions.len() / 8)
    }

    /// Offset from the start of the object and size of a region that the
    /// process may write; `None` if there is none or it is not in the object.
    #[must_use]
    pub fn get_writeable_flash_region(&self, index: usize) -> Option<(u32, u32)> {
        let regions = self.first(tlv::WRITEABLE_FLASH_REGIONS)?;
        let at = index.checked_mul(8)?;
        let region = (read_u32(regions, at)?, read_u32(regions, at + 4)?);
        let end = region.0.checked_add(region.1)?;
        (end <= self.total_size()).then_some(region)
    }

    /// What it says about commands; `None`: nothing, so all are allowed.
    #[must_use]
    pub fn stated_permissions(&self) -> Option<StatedPermissions<'a>> {
        let value = self.first(tlv::PERMISSIONS)?;
        let count = usize::from(read_u16(value, 0).unwrap_or(0));
        let entries = value.get(2..).unwrap_or(&[]);
        let whole = count.min(entries.len() / PERMISSION_BYTES) * PERMISSION_BYTES;
        Some(StatedPermissions {
            entries: entries.get(..whole).unwrap_or(entries),
        })
    }

    /// Which of the commands `64 * offset ..` of a driver are allowed.
    #[must_use]
    pub fn get_command_permissions(&self, driver_num: usize, offset: usize) -> CommandPermissions {
        match self.stated_permissions() {
            None => CommandPermissions::NoPermsAtAll,
            Some(stated) => match stated.mask(driver_num, offset) {
                Some(mask) => CommandPermissions::Mask(mask),
                None => CommandPermissions::NoPermsThisDriver,
            },
        }
    }

    /// Whether it says anything about storage.
    #[must_use]
    pub fn has_storage_permissions(&self) -> bool {
        self.first(tlv::STORAGE_PERMISSIONS).is_some()
    }

    /// The id under which the process stores things, if it may.
    #[must_use]
    pub fn get_storage_write_id(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(read_u32(self.first(tlv::STORAGE_PERMISSIONS)?, 0)?)
    }

    /// Ids of stored things that the process may read.
    pub fn storage_read_ids(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.storage_ids(4)
    }

    /// Ids of stored things that the process may change.
    pub fn storage_modify_ids(&self) -> impl Iterator<Item = u32> + use<'a> {
        let reads = self.first(tlv::STORAGE_PERMISSIONS);
        let reads = reads.and_then(|value| read_u16(value, 4)).unwrap_or(0);
        self.storage_ids(6 + 4 * usize::from(reads))
    }

    /// The counted list of ids at `offset` in the storage permissions.
    fn storage_ids(&self, offset: usize) -> impl Iterator<Item = u32> + use<'a> {
        let value = self.first(tlv::STORAGE_PERMISSIONS).unwrap_or(&[]);
        let count = read_u16(value, offset).unwrap_or(0);
        (0..usize::from(count)).map_while(move |i| read_u32(value, offset + 2 + 4 * i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{parse_tbf_header, parse_tbf_header_lengths};
    use std::vec::Vec;

    /// The header that elf2tab 0.13.0 wrote for a 512-byte process "tiny"
    /// linked at flash 0x100080 and RAM 0x20010000.
    const TINY: [u32; 21] = [
        0x0054_0002,
        0x0000_0200,
        0x0000_0001,
        0x5939_6b69,
        0x000c_0001,
        0x2d,
        0x2c,
        0x704,
        0x0014_0009,
        0x2d,
        0x2c,
        0x704,
        0x9a,
        0,
        0x0004_0003,
        0x796e_6974,
        0x0008_0005,
        0x2001_0000,
        0x0010_0080,
        0x0004_0008,
        0x0002_0002,
    ];

    fn bytes(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn sealed(words: &[u32]) -> Vec<u8> {
        let mut words = words.to_vec();
        words[0] = 2 | (words.len() as u32 * 4) << 16;
        words[3] = 0;
        words[3] = words.iter().fold(0, |sum, word| sum ^ word);
        bytes(&words)
    }

    #[test]
    fn a_header_of_elf2tab() {
        let header = bytes(&TINY);
        let first = header[..8].try_into().unwrap();
        assert_eq!(parse_tbf_header_lengths(first), Ok((2, 0x54, 0x200)));
        let tbf = parse_tbf_header(&header, 2).unwrap();
        assert!(tbf.enabled() && !tbf.is_sticky() && !tbf.is_padding());
        assert_eq!(tbf.get_package_name(), Some("tiny"));
        assert_eq!(tbf.get_init_function_offset(), 0x81);
        assert_eq!(tbf.get_protected_size(), 0x80);
        assert_eq!(tbf.get_binary_end(), 0x9a);
        assert_eq!(tbf.get_minimum_app_ram_size(), 0x704);
        assert_eq!(tbf.get_fixed_address_ram(), Some(0x2001_0000));
        assert_eq!(tbf.get_fixed_address_flash(), Some(0x0010_0080));
        assert_eq!(tbf.get_kernel_version(), Some((2, 2)));
        assert_eq!(tbf.get_app_version(), Some(0));
        assert_eq!(tbf.get_short_id(), None);
        assert_eq!(
            tbf.get_command_permissions(1, 0),
            CommandPermissions::NoPermsAtAll
        );
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = bytes(&TINY);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(parse_tbf_header(&bad, 2).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn lengths_never_stall_a_scan() {
        let lengths = |v: u16, h: u16, t: u32| {
            let mut app = [0; 8];
            app[..2].copy_from_slice(&v.to_le_bytes());
            app[2..4].copy_from_slice(&h.to_le_bytes());
            app[4..].copy_from_slice(&t.to_le_bytes());
            parse_tbf_header_lengths(&app)
        };
        let end = Err(InitialTbfParseError::UnableToParse);
        assert_eq!(lengths(2, 16, 0), end);
        assert_eq!(lengths(2, 0, 15), end);
        assert_eq!(lengths(3, 16, 64), end);
        assert_eq!(lengths(0xffff, 0xffff, u32::MAX), end);
        let skip = Err(InitialTbfParseError::InvalidHeader(64));
        assert_eq!(lengths(2, 12, 64), skip);
        assert_eq!(lengths(2, 18, 64), skip);
        assert_eq!(lengths(2, 68, 64), skip);
        assert_eq!(lengths(2, 16, 16), Ok((2, 16, 16)));
    }

    #[test]
    fn programs_outside_the_object_are_refused() {
        let with = |entry: u32, trailer: u32, end: u32| {
            let mut words = TINY;
            words[9] = entry;
            words[10] = trailer;
            words[12] = end;
            parse_tbf_header(&sealed(&words), 2).map(|_| ())
        };
        assert_eq!(with(0x2d, 0x2c, 0x9a), Ok(()));
        let bad = Err(TbfParseError::BadProgram);
        assert_eq!(with(0x2b, 0x2c, 0x9a), bad);
        assert_eq!(with(0x200, 0x2c, 0x9a), bad);
        assert_eq!(with(0x2d, 0x2c, 0x201), bad);
        assert_eq!(with(0x2d, 0xffff_fff0, 0x9a), bad);
        assert_eq!(with(0xffff_ffff, 0, 0x9a), bad);
    }

    #[test]
    fn a_crowd_of_entries_is_refused() {
        let with = |more: usize| {
            let mut words = TINY.to_vec();
            // Empty ones of a type that nobody knows, before the others.
            words[12] = 0x200;
            words.splice(4..4, core::iter::repeat_n(0x7777, more));
            parse_tbf_header(&sealed(&words), 2).map(|tbf| tbf.get_binary_end())
        };
        // TINY has five.
        assert_eq!(with(ENTRIES_MAX - 5), Ok(0x200));
        assert_eq!(with(ENTRIES_MAX - 4), Err(TbfParseError::TooManyEntries));
    }

    #[test]
    fn a_crowd_of_permissions_is_refused() {
        let with = |count: usize| {
            let length = 2 + count * PERMISSION_BYTES;
            let mut words = TINY.to_vec();
            let mut entry = std::vec![length as u32 * 0x1_0000 + 6, count as u32];
            entry.resize(1 + length.div_ceil(4), 0);
            words[12] = 0x200;
            words.splice(4..4, entry);
            parse_tbf_header(&sealed(&words), 2).map(|tbf| tbf.stated_permissions().is_some())
        };
        assert_eq!(with(PERMISSIONS_MAX), Ok(true));
        assert_eq!(
            with(PERMISSIONS_MAX + 1),
            Err(TbfParseError::TooManyPermissions)
        );
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        for (name, shown) in [
            ("a".repeat(NAME_MAX), NAME_MAX),
            ("a".repeat(60_000), NAME_MAX),
            ("ä".repeat(1_000), NAME_MAX),
            (std::format!("a{}", "ä".repeat(1_000)), NAME_MAX - 1),
        ] {
            let length = name.len().next_multiple_of(4);
            let mut header = std::vec![0; BASE_SIZE + 4];
            header[BASE_SIZE..][..2].copy_from_slice(&3u16.to_le_bytes());
            header[BASE_SIZE + 2..][..2].copy_from_slice(&(name.len() as u16).to_le_bytes());
            header.extend(name.as_bytes());
            header.resize(BASE_SIZE + 4 + length, 0);
            let tbf = TbfHeader::new(&header);
            assert_eq!(tbf.get_package_name(), name.get(..shown));
        }
    }

    #[test]
    fn a_name_that_is_more_than_a_name_is_refused() {
        let named = |name: u32| {
            let mut words = TINY;
            words[15] = name;
            parse_tbf_header(&sealed(&words), 2).map(|tbf| tbf.get_package_name().is_some())
        };
        assert_eq!(named(u32::from_le_bytes(*b"a\xc3\xa4b")), Ok(true));
        for name in [
            *b"a\r\nb",
            *b"\x1b[2J",
            *b"a\x7fbc",
            *b"ab\xc2\x9b",
            *b"abc\0",
            // U+202E, U+2066, U+2028, U+FEFF.
            *b"a\xe2\x80\xae",
            *b"a\xe2\x81\xa6",
            *b"a\xe2\x80\xa8",
            *b"a\xef\xbb\xbf",
        ] {
            let name = u32::from_le_bytes(name);
            assert_eq!(named(name), Err(TbfParseError::BadName), "{name:#x}");
        }
        // No text, and not shown.
        assert_eq!(named(0xffff_ffff), Ok(false));
    }

    /// The first and the last of each range, and what stands beside it.
    #[test]
    fn characters_that_hide_or_turn_are_no_part_of_a_name() {
        for (first, last) in [
            ('\0', '\u{1f}'),
            ('\u{7f}', '\u{9f}'),
            ('\u{ad}', '\u{ad}'),
            ('\u{34f}', '\u{34f}'),
            ('\u{600}', '\u{605}'),
            ('\u{61c}', '\u{61c}'),
            ('\u{6dd}', '\u{6dd}'),
            ('\u{70f}', '\u{70f}'),
            ('\u{890}', '\u{891}'),
            ('\u{8e2}', '\u{8e2}'),
            ('\u{115f}', '\u{1160}'),
            ('\u{17b4}', '\u{17b5}'),
            ('\u{180b}', '\u{180f}'),
            ('\u{200b}', '\u{200f}'),
            ('\u{2028}', '\u{202e}'),
            ('\u{2060}', '\u{206f}'),
            ('\u{3164}', '\u{3164}'),
            ('\u{fe00}', '\u{fe0f}'),
            ('\u{feff}', '\u{feff}'),
            ('\u{ffa0}', '\u{ffa0}'),
            ('\u{fff0}', '\u{fffb}'),
            ('\u{110bd}', '\u{110bd}'),
            ('\u{110cd}', '\u{110cd}'),
            ('\u{13430}', '\u{1343f}'),
            ('\u{1bca0}', '\u{1bca3}'),
            ('\u{1d173}', '\u{1d17a}'),
            ('\u{e0000}', '\u{e0fff}'),
        ] {
            assert!((first..=last).all(is_control), "{first:?}");
            let beside = [u32::from(first).checked_sub(1), Some(u32::from(last) + 1)];
            for beside in beside.into_iter().flatten().filter_map(char::from_u32) {
                let is_tags_plane = u32::from(beside) >> 16 == 14;
                assert_eq!(is_control(beside), is_tags_plane, "{beside:?}");
            }
        }
        for shown in "a ~\u{a0}ü€жאع中한🦀\u{fffd}\u{20000}".chars() {
            assert!(!is_control(shown), "{shown:?}");
        }
        // In a name.
        let mut words = TINY;
        for name in ["\u{1d173}", "\u{1bca0}", "\u{e0100}"] {
            words[15] = read_u32(name.as_bytes(), 0).unwrap();
            let told = parse_tbf_header(&sealed(&words), 2).map(drop);
            assert_eq!(told, Err(TbfParseError::BadName), "{name:?}");
        }
    }

    #[test]
    fn permissions_and_storage() {
        // Main, permissions (driver 1 twice, driver 7), storage 0x55 reading
        // 3 and 4, modifying 5; the latter two unaligned inside.
        let mut packed = Vec::new();
        packed.extend(3u16.to_le_bytes());
        for (driver, offset, mask) in [(1u32, 0u32, 6u64), (7, 0, 1), (1, 1, 1 << 63)] {
            packed.extend(driver.to_le_bytes());
            packed.extend(offset.to_le_bytes());
            packed.extend(mask.to_le_bytes());
        }
        let mut storage = Vec::new();
        storage.extend(0x55u32.to_le_bytes());
        storage.extend(2u16.to_le_bytes());
        storage.extend(3u32.to_le_bytes());
        storage.extend(4u32.to_le_bytes());
        storage.extend(1u16.to_le_bytes());
        storage.extend(5u32.to_le_bytes());
        let mut words = std::vec![0, 0x400, 1, 0, 0x000c_0001, 1, 0, 64];
        for (kind, value) in [(6u32, &mut packed), (7, &mut storage)] {
            words.push(kind | (value.len() as u32) << 16);
            value.resize(value.len().next_multiple_of(4), 0);
            words.extend(value.chunks(4).map(|w| read_u32(w, 0).unwrap()));
        }
        let header = sealed(&words);
        let tbf = parse_tbf_header(&header, 2).unwrap();
        use CommandPermissions::*;
        assert_eq!(tbf.get_command_permissions(1, 0), Mask(6));
        assert_eq!(tbf.get_command_permissions(1, 1), Mask(1 << 63));
        assert_eq!(tbf.get_command_permissions(1, 2), Mask(0));
        assert_eq!(tbf.get_command_permissions(7, 0), Mask(1));
        assert_eq!(tbf.get_command_permissions(8, 0), NoPermsThisDriver);
        assert_eq!(tbf.get_storage_write_id(), NonZeroU32::new(0x55));
        assert!(tbf.storage_read_ids().eq([3, 4]));
        assert!(tbf.storage_modify_ids().eq([5]));
    }

    /// Random headers, sealed so that they get past the checksum.
    #[test]
    fn no_header_panics() {
        let mut seed = 7u32;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            seed
        };
        let mut accepted = 0;
        // Miri is some thousand times slower.
        let rounds = if cfg!(miri) { 500 } else { 50_000 };
        for _ in 0..rounds {
            let mut words = TINY.to_vec();
            words.truncate(4 + next() as usize % 18);
            for _ in 0..next() % 4 {
                let at = next() as usize % words.len();
                words[at] = match next() % 4 {
                    0 => next(),
                    1 => next() % 64,
                    2 => words[at] ^ 1 << (next() % 32),
                    _ => (next() % 12) | (next() % 80) << 16,
                };
            }
            let header = sealed(&words);
            let Ok(tbf) = parse_tbf_header(&header, 2) else {
                continue;
            };
            accepted += 1;
            assert!(tbf.is_padding() || tbf.get_binary_end() <= tbf.total_size());
            let _ = (tbf.get_package_name(), tbf.get_kernel_version());
            let _ = (tbf.get_short_id(), tbf.get_storage_write_id());
            let _ = tbf.get_command_permissions(1, 0);
            assert!(
                tbf.storage_read_ids()
                    .chain(tbf.storage_modify_ids())
                    .count()
                    < 100
            );
            for i in 0..tbf.number_writeable_flash_regions() {
                let _ = tbf.get_writeable_flash_region(i);
            }
        }
        assert!(accepted * 50 > rounds, "{accepted}");
    }
}
