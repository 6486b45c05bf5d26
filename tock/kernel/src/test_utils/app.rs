//! Processes as flash holds them.

use std::vec;
use std::vec::Vec;

/// What the image of a test process says.
#[derive(Clone, Debug)]
pub struct TestApp {
    /// Package name.
    pub name: &'static str,
    /// Bytes of RAM it asks for.
    pub ram: u32,
    /// Kernel version it needs, if it tells.
    pub kernel_version: Option<(u16, u16)>,
    /// Whether it is to run.
    pub enabled: bool,
    /// RAM and flash addresses it is linked for.
    pub fixed: Option<(u32, u32)>,
    /// Short id; 0 none.
    pub short_id: u32,
    /// Permissions: driver, offset, mask; none at all if empty.
    pub permissions: &'static [(u32, u32, u64)],
    /// Storage permissions: write id, ids it may read, ids it may change.
    pub storage: Option<(u32, &'static [u32], &'static [u32])>,
}

impl Default for TestApp {
    fn default() -> Self {
        Self {
            name: "test",
            ram: 4096,
            kernel_version: Some((2, 2)),
            enabled: true,
            fixed: None,
            short_id: 0,
            permissions: &[],
            storage: None,
        }
    }
}

/// Bytes of every image.
pub(crate) const IMAGE: u32 = 512;

/// Bytes before the binary of every image.
pub(crate) const PROTECTED: u32 = 256;

impl TestApp {
    /// The image: header, trailer up to 256 bytes, a binary of 0xEE, 512 bytes in all.
    ///
    /// # Panics
    ///
    /// When the header does not fit.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub fn image(&self) -> Vec<u8> {
        let mut tlvs: Vec<(u16, Vec<u8>)> = vec![];
        let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect();
        // Program; entry and trailer are filled in below.
        tlvs.push((9, words(&[0, 0, self.ram, IMAGE, 1])));
        tlvs.push((3, self.name.as_bytes().to_vec()));
        if let Some((ram, flash)) = self.fixed {
            tlvs.push((5, words(&[ram, flash])));
        }
        if let Some((major, minor)) = self.kernel_version {
            tlvs.push((8, words(&[u32::from(major) | u32::from(minor) << 16])));
        }
        if !self.permissions.is_empty() {
            let mut value = (self.permissions.len() as u16).to_le_bytes().to_vec();
            for (driver, offset, mask) in self.permissions {
                value.extend(driver.to_le_bytes());
                value.extend(offset.to_le_bytes());
                value.extend(mask.to_le_bytes());
            }
            tlvs.push((6, value));
        }
        if let Some((write, reads, changes)) = self.storage {
            let mut value = write.to_le_bytes().to_vec();
            for ids in [reads, changes] {
                value.extend((ids.len() as u16).to_le_bytes());
                value.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
            }
            tlvs.push((7, value));
        }
        if self.short_id != 0 {
            tlvs.push((10, words(&[self.short_id])));
        }
        let mut header = vec![0; 16];
        for (kind, value) in tlvs {
            header.extend(kind.to_le_bytes());
            header.extend((value.len() as u16).to_le_bytes());
            header.extend(value);
            header.resize(header.len().next_multiple_of(4), 0);
        }
        let length = header.len() as u32;
        let trailer = PROTECTED.checked_sub(length).expect("a shorter header");
        header[20..24].copy_from_slice(&(trailer + 1).to_le_bytes());
        header[24..28].copy_from_slice(&trailer.to_le_bytes());
        header[0..2].copy_from_slice(&2u16.to_le_bytes());
        header[2..4].copy_from_slice(&(length as u16).to_le_bytes());
        header[4..8].copy_from_slice(&IMAGE.to_le_bytes());
        header[8..12].copy_from_slice(&u32::from(self.enabled).to_le_bytes());
        let sum = header.chunks(4).fold(0, |sum, w| {
            sum ^ u32::from_le_bytes([w[0], w[1], w[2], w[3]])
        });
        header[12..16].copy_from_slice(&sum.to_le_bytes());
        header.resize(PROTECTED as usize, 0);
        header.resize(IMAGE as usize, 0xEE);
        header
    }
}
