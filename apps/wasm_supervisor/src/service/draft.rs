//! Changes of a configuration on their way in, which are longer than a request.

use alloc::vec::Vec;

use berth_protocol::configuration::{CHANGES_MAX, TOO_LONG, check_changes};
use berth_protocol::{Chosen, DeviceError};

/// The draft that the device has: that of whoever sent one last.
#[derive(Default)]
pub(super) struct Draft {
    /// Its number, which its client chose.
    number: u32,
    bytes: Vec<u8>,
}

impl Draft {
    /// Take a part of the draft with this number.
    ///
    /// # Errors
    ///
    /// If it does not follow what is there, or there is no room.
    pub(super) fn take(
        &mut self,
        number: u32,
        offset: u16,
        part: &[u8],
    ) -> Result<(), DeviceError<'static>> {
        let offset = usize::from(offset);
        if offset == 0 {
            *self = Self {
                number,
                bytes: Vec::new(),
            };
        } else if self.number != number || offset > self.bytes.len() {
            return Err(DeviceError::NoDraft);
        }
        if offset + part.len() > CHANGES_MAX {
            return Err(DeviceError::BadParameter { what: TOO_LONG });
        }
        // One that is repeated is there already.
        self.bytes.truncate(offset);
        let needed = part.len() as u32;
        self.bytes
            .try_reserve_exact(part.len())
            .map_err(|_| DeviceError::DeviceFull { needed, free: 0 })?;
        self.bytes.extend_from_slice(part);
        Ok(())
    }

    /// Returns the changes that a request names.
    ///
    /// # Errors
    ///
    /// If they are not there, or cannot be.
    pub(super) fn of(&self, chosen: Chosen) -> Result<&[u8], DeviceError<'static>> {
        if chosen.length == 0 {
            return Ok(&[]);
        }
        let bytes = self.bytes(chosen.draft, chosen.length)?;
        check_changes(bytes).map_err(|what| DeviceError::BadParameter { what })?;
        Ok(bytes)
    }

    /// Returns the bytes of the draft of this number, whatever they are.
    ///
    /// # Errors
    ///
    /// If they are not there.
    pub(super) fn bytes(&self, number: u32, length: u16) -> Result<&[u8], DeviceError<'static>> {
        if self.number != number || self.bytes.len() != usize::from(length) {
            return Err(DeviceError::NoDraft);
        }
        Ok(&self.bytes)
    }

    /// What it says has been done.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
