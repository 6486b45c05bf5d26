//! A process in Tock's binary format, and how long it has to be.
//!
//! The format: "Tock Binary Format" in the Tock book. A header of the lengths, then entries of type, length and
//! value, all little-endian; a checksum over the header's words; footers between the program's end and the total length.

use anyhow::{Context, Result, ensure};

/// Version of the format.
const VERSION: u16 = 2;
/// Where the header says the total length, and its checksum.
const TOTAL: usize = 4;
const CHECKSUM: usize = 12;
/// Length of the header without entries.
const BASE: usize = 16;

/// Entries of the header, and of the footers.
const PROGRAM: u16 = 9;
const FIXED_ADDRESSES: u16 = 5;
const CREDENTIALS: u16 = 128;
/// Most bytes of a footer's value, a multiple of four.
const FOOTER_MAX: usize = 0xFFFC;

/// A page of flash: lengths are whole pages.
const PAGE: u64 = 4096;

/// A process with its header.
#[derive(Debug)]
pub struct Tbf<'a> {
    bytes: &'a [u8],
    header: usize,
}

impl<'a> Tbf<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// If `bytes` is no process of this version of the format.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let version = half(bytes, 0)?;
        ensure!(version == VERSION, "a header of version {version}");
        let header = usize::from(half(bytes, 2)?);
        ensure!(
            (BASE..=bytes.len()).contains(&header) && header % 4 == 0,
            "a header of {header} bytes"
        );
        Ok(Self { bytes, header })
    }

    /// Returns the value of the first entry of this type.
    fn entry(&self, kind: u16) -> Result<&'a [u8]> {
        let mut rest = self.bytes.get(BASE..self.header).unwrap_or_default();
        while !rest.is_empty() {
            let (found, length) = (half(rest, 0)?, usize::from(half(rest, 2)?));
            let value = rest
                .get(4..4 + length)
                .context("an entry beyond its header")?;
            if found == kind {
                return Ok(value);
            }
            rest = rest
                .get(4 + length.next_multiple_of(4)..)
                .unwrap_or_default();
        }
        anyhow::bail!("the header has no entry {kind}")
    }

    /// Returns the address that the process is linked for, header included.
    ///
    /// # Errors
    /// If it is position-independent, or says nonsense.
    pub fn start(&self) -> Result<u32> {
        let program = word(self.entry(FIXED_ADDRESSES)?, 4)?;
        let protected = word(self.entry(PROGRAM)?, 4)?;
        (program.checked_sub(protected))
            .and_then(|start| start.checked_sub(self.header as u32))
            .context("it is linked for less than its header needs")
    }

    /// Returns where the program ends and footers begin, from the start of the header.
    fn program_end(&self) -> Result<usize> {
        let end = word(self.entry(PROGRAM)?, 12)? as usize;
        ensure!(
            (self.header..=self.bytes.len()).contains(&end),
            "a program that ends at {end:#x}"
        );
        Ok(end)
    }

    /// Returns the same process, as long as [`region_length`] says. Space for footers that is left is reserved again; footers
    /// with credentials cover the total length and would be wrong, so there may be none.
    ///
    /// # Errors
    /// If it has no fixed address, has credentials, or no region opens it.
    pub fn trimmed(&self) -> Result<Vec<u8>> {
        let end = self.program_end()?;
        let footers = self.bytes.get(end..).unwrap_or_default();
        ensure!(
            footers.len() < 8 || half(footers, 0)? != CREDENTIALS || word(footers, 4)? == 0,
            "it is signed, so its length cannot be changed"
        );
        let length = region_length(self.start()?, end as u64)
            .with_context(|| format!("no region opens {end} bytes from where it begins"))?;
        let length = usize::try_from(length)?;
        let mut bytes = self.bytes.get(..end).unwrap_or_default().to_vec();
        while length - bytes.len() >= 8 {
            let value = (length - bytes.len() - 4).min(FOOTER_MAX);
            bytes.extend(CREDENTIALS.to_le_bytes());
            bytes.extend((value as u16).to_le_bytes());
            bytes.resize(bytes.len() + value, 0);
        }
        bytes.resize(length, 0);
        set_word(&mut bytes, TOTAL, u32::try_from(length)?)?;
        set_word(&mut bytes, CHECKSUM, 0)?;
        let mut sum = 0;
        for offset in (0..self.header).step_by(4) {
            sum ^= word(&bytes, offset)?;
        }
        set_word(&mut bytes, CHECKSUM, sum)?;
        Ok(bytes)
    }
}

/// Returns the shortest run of whole pages from `start`, of `content` bytes or more, that one region of a memory protection
/// unit of PMSAv7 opens exactly: a power of two at a multiple of itself (from 256 bytes on with any of its eighths
/// switched off). `None` if there is none.
#[must_use]
pub fn region_length(start: u32, content: u64) -> Option<u64> {
    let start = u64::from(start);
    (8..=32)
        .filter_map(|log2: u32| {
            let (size, eighth) = (1 << log2, 1 << (log2 - 3));
            let inside = start % size;
            let length = content
                .max(1)
                .next_multiple_of(eighth)
                .next_multiple_of(PAGE);
            let fits = inside % eighth == 0 && length % eighth == 0 && inside + length <= size;
            fits.then_some(length)
        })
        .min()
}

fn half(bytes: &[u8], offset: usize) -> Result<u16> {
    let half = bytes.get(offset..).and_then(|rest| rest.first_chunk());
    Ok(u16::from_le_bytes(*half.context("it ends early")?))
}

fn word(bytes: &[u8], offset: usize) -> Result<u32> {
    let word = bytes.get(offset..).and_then(|rest| rest.first_chunk());
    Ok(u32::from_le_bytes(*word.context("it ends early")?))
}

fn set_word(bytes: &mut [u8], offset: usize, value: u32) -> Result<()> {
    bytes
        .get_mut(offset..)
        .and_then(|rest| rest.first_chunk_mut())
        .map(|place| *place = value.to_le_bytes())
        .context("it ends early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_what_one_region_opens() {
        // The supervisor's place: half a MiB as ever, then steps of 128 KiB.
        assert_eq!(region_length(0x4_0000, 520_000), Some(0x8_0000));
        assert_eq!(region_length(0x4_0000, 0x8_0000), Some(0x8_0000));
        assert_eq!(region_length(0x4_0000, 0x8_0001), Some(0xA_0000));
        assert_eq!(region_length(0x4_0000, 0xC_0000), Some(0xC_0000));
        // Beyond the block of a MiB eighths are of 256 KiB.
        assert_eq!(region_length(0x4_0000, 0xC_0001), Some(0x10_0000));
        assert_eq!(region_length(0x4_0000, 0x1000), Some(0x1000));
        assert_eq!(region_length(0x4_0000, 0x8001), Some(0xA000));
        assert_eq!(region_length(0x4_0100, 0x1000), None);
    }

    /// A process at 0x40000 with `program` bytes, as long as elf2tab makes it.
    fn process(program: usize) -> Vec<u8> {
        let mut bytes = vec![0; BASE];
        let mut entry = |kind: u16, words: &[u32]| {
            bytes.extend(kind.to_le_bytes());
            bytes.extend((4 * words.len() as u16).to_le_bytes());
            bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        };
        let end = 256 + program;
        entry(PROGRAM, &[0, 256 - 52, 0x1000, end as u32, 0]);
        entry(FIXED_ADDRESSES, &[0x2000_0000, 0x4_0100]);
        let header = bytes.len();
        assert_eq!(header, 52);
        let total = end.next_power_of_two();
        for (offset, word) in [(0, 2 | (header as u32) << 16), (4, total as u32), (8, 1)] {
            set_word(&mut bytes, offset, word).unwrap();
        }
        bytes.resize(256, 0);
        bytes.resize(end, 0xA5);
        bytes.resize(total, 0);
        if total - end >= 8 {
            set_word(&mut bytes, end, u32::from(CREDENTIALS)).unwrap();
        }
        bytes
    }

    #[test]
    fn what_is_behind_the_program_is_cut_and_the_header_says_so() {
        let whole = process(0x8_0000);
        assert_eq!(whole.len(), 0x10_0000);
        let short = Tbf::parse(&whole).unwrap().trimmed().unwrap();
        assert_eq!(short.len(), 0xA_0000);
        assert_eq!(word(&short, TOTAL).unwrap(), 0xA_0000);
        let header = Tbf::parse(&short).unwrap().header;
        let sum = (0..header)
            .step_by(4)
            .fold(0, |sum, offset| sum ^ word(&short, offset).unwrap());
        assert_eq!(sum, 0, "the checksum is one of the words");
        let end = 256 + 0x8_0000;
        assert_eq!(short[256..end], whole[256..end]);
        // What is left is one footer after the other, none with credentials.
        let mut rest = &short[end..];
        while rest.len() >= 8 {
            assert_eq!(
                (half(rest, 0).unwrap(), word(rest, 4).unwrap()),
                (CREDENTIALS, 0)
            );
            rest = &rest[4 + usize::from(half(rest, 2).unwrap())..];
        }
        assert!(rest.is_empty());
        // Once more changes nothing.
        assert_eq!(Tbf::parse(&short).unwrap().trimmed().unwrap(), short);
    }

    #[test]
    fn what_is_signed_or_broken_is_refused() {
        let mut signed = process(0x8_0000);
        set_word(&mut signed, 256 + 0x8_0000 + 4, 3).unwrap();
        assert!(Tbf::parse(&signed).unwrap().trimmed().is_err());
        assert!(Tbf::parse(&signed[..100]).unwrap().trimmed().is_err());
        assert!(Tbf::parse(&[]).is_err());
        assert!(Tbf::parse(&[1; 64]).is_err());
    }
}
