//! Where images are: in the store of a device with flash, in memory on one without.
//!
//! ```text
//!   uploads, live updates, deletion ──► Images ──┬─ Store in flash: outlives a reset
//!                                                └─ Memory: ends with the supervisor
//! ```
//!
//! Both follow the same rules, so nobody above asks which it is: one upload at a time, which is begun, written,
//! and committed under a key; an image is read where it lies and may lie elsewhere after any change.

use alloc::vec::Vec;

use berth_protocol::ImageHash;
use berth_store::{Error, Key};

use super::storage::{ImageStore, KEYS};
use crate::arena;
use crate::platform::Platform;

/// How an upload is to end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Commit {
    /// A container that it replaces is started if it does not run.
    pub starts: bool,
    /// It may be an older version of a package than one that was here.
    pub takes_older: bool,
}

/// What an upload into memory must leave free, so that the supervisor can go on.
const LEAVE_FREE: u32 = 4 * 1024;

/// All images of a device.
// There is one of it, in the supervisor's box: its size is that of the larger kind either way.
#[allow(clippy::large_enum_variant, reason = "there is one")]
pub enum Images<F> {
    /// In flash.
    Flash(ImageStore<F>),
    /// In memory.
    Memory(Memory),
}

/// Images, and what belongs to them, in memory.
pub struct Memory {
    /// By their keys.
    kept: [Option<Vec<u8>>; KEYS],
    upload: Option<Upload>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            kept: [const { None }; KEYS],
            upload: None,
        }
    }
}

/// An image on its way into memory.
struct Upload {
    length: u32,
    hash: ImageHash,
    bytes: Vec<u8>,
}

impl Memory {
    /// Where what has this key is.
    fn place(&mut self, key: Key) -> Result<&mut Option<Vec<u8>>, Error> {
        self.kept.get_mut(usize::from(key)).ok_or(Error::NoObject)
    }

    fn begin(&mut self, length: u32, hash: ImageHash) -> Result<u32, Error> {
        if let Some(upload) = &self.upload
            && (upload.length, upload.hash) == (length, hash)
        {
            return Ok(upload.bytes.len() as u32);
        }
        // Its memory may be what this one needs.
        self.upload = None;
        let bytes = reserve(length)?;
        self.upload = Some(Upload {
            length,
            hash,
            bytes,
        });
        Ok(0)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<u32, Error> {
        let upload = self.upload.as_mut().ok_or(Error::NoUpload)?;
        let expected = upload.bytes.len() as u32;
        let end = u64::from(offset) + bytes.len() as u64;
        if end <= u64::from(expected) {
            return Ok(expected);
        }
        if offset != expected || end > u64::from(upload.length) {
            return Err(Error::Offset { expected });
        }
        // Within the capacity reserved at the beginning.
        upload.bytes.extend_from_slice(bytes);
        Ok(upload.bytes.len() as u32)
    }

    fn commit(&mut self, to: Key) -> Result<(), Error> {
        let upload = self.upload.as_ref().ok_or(Error::NoUpload)?;
        let expected = upload.bytes.len() as u32;
        if expected < upload.length {
            return Err(Error::Incomplete { expected });
        }
        if ImageHash::of(&upload.bytes) != upload.hash {
            self.upload = None;
            return Err(Error::Hash);
        }
        let upload = self.upload.take();
        *self.place(to)? = upload.map(|upload| upload.bytes);
        Ok(())
    }

    fn rename(&mut self, from: Key, to: Key) -> Result<(), Error> {
        let image = self.place(from)?.take().ok_or(Error::NoObject)?;
        *self.place(to)? = Some(image);
        Ok(())
    }
}

/// Memory for an image.
fn reserve(length: u32) -> Result<Vec<u8>, Error> {
    let full = || Error::Full {
        needed: length,
        free: arena::space().largest_bytes.saturating_sub(LEAVE_FREE),
    };
    if arena::is_in_use() && arena::free() < length.saturating_add(LEAVE_FREE) {
        return Err(full());
    }
    let mut image = Vec::new();
    image
        .try_reserve_exact(length as usize)
        .map_err(|_| full())?;
    Ok(image)
}

impl<F: berth_flash::Flash> Images<F> {
    /// Those that the flash of a platform holds; without flash, or if something else is in it, memory for some.
    pub(super) fn open<P: Platform<Flash = F>>(platform: &P) -> Self {
        match platform.flash().map(ImageStore::mount) {
            Some(Ok(store)) => Self::Flash(store),
            _ => Self::Memory(Memory::default()),
        }
    }

    /// Returns the store in flash, if that is where they are.
    #[must_use]
    pub const fn flash(&self) -> Option<&ImageStore<F>> {
        match self {
            Self::Flash(store) => Some(store),
            Self::Memory(_) => None,
        }
    }

    /// Returns the store in flash, for what is no image.
    pub const fn flash_mut(&mut self) -> Option<&mut ImageStore<F>> {
        match self {
            Self::Flash(store) => Some(store),
            Self::Memory(_) => None,
        }
    }

    /// Returns the image with this key, or what else has it; nothing if there is none.
    #[must_use]
    pub fn image(&self, key: Key) -> &[u8] {
        match self {
            Self::Flash(store) => store.get(key).map_or(&[], |object| object.bytes),
            Self::Memory(memory) => memory
                .kept
                .get(usize::from(key))
                .and_then(Option::as_deref)
                .unwrap_or_default(),
        }
    }

    /// Begin an upload, or go on with one that had begun. Returns where it begins.
    ///
    /// # Errors
    ///
    /// If there is no room, or the flash fails.
    pub fn begin(&mut self, length: u32, hash: ImageHash, meta: &[u8]) -> Result<u32, Error> {
        match self {
            Self::Flash(store) => store.begin(length, &hash.0, meta),
            Self::Memory(memory) => memory.begin(length, hash),
        }
    }

    /// Take a part of the upload, or one that came before. Returns where the next one must begin.
    ///
    /// # Errors
    ///
    /// If it leaves a gap or goes beyond the end, or the flash fails.
    pub fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<u32, Error> {
        match self {
            Self::Flash(store) => store.write(offset, bytes),
            Self::Memory(memory) => memory.write(offset, bytes),
        }
    }

    /// Returns how many bytes of the upload have arrived.
    #[must_use]
    pub fn offset(&self) -> u32 {
        match self {
            Self::Flash(store) => store.upload().map_or(0, |upload| upload.offset),
            Self::Memory(memory) => memory.upload.as_ref().map_or(0, |u| u.bytes.len() as u32),
        }
    }

    /// Returns the upload as far as it has arrived; nothing if there is none.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        match self {
            Self::Flash(store) => store.received().unwrap_or_default(),
            Self::Memory(memory) => memory.upload.as_ref().map_or(&[], |upload| &upload.bytes),
        }
    }

    /// The upload is complete and is the image with this key from now on; what is stored under `drop` goes.
    ///
    /// # Errors
    ///
    /// If it is not complete or not what was announced, or the flash fails.
    pub fn commit(&mut self, to: Key, drop: Option<Key>) -> Result<(), Error> {
        match self {
            Self::Flash(store) => store.commit(to, drop),
            Self::Memory(memory) => memory.commit(to),
        }
    }

    /// Forget the upload.
    ///
    /// # Errors
    ///
    /// If the flash fails.
    pub fn abort(&mut self) -> Result<(), Error> {
        match self {
            Self::Flash(store) => store.abort(),
            Self::Memory(memory) => {
                memory.upload = None;
                Ok(())
            }
        }
    }

    /// An image gets another key, in place of the one that has it.
    ///
    /// # Errors
    ///
    /// If there is none, or the flash fails.
    pub fn rename(&mut self, from: Key, to: Key) -> Result<(), Error> {
        match self {
            Self::Flash(store) => store.rename(from, to, None),
            Self::Memory(memory) => memory.rename(from, to),
        }
    }

    /// Forget an image, and what is stored under `and`.
    ///
    /// # Errors
    ///
    /// If the flash fails.
    pub fn remove(&mut self, key: Key, and: Option<Key>) -> Result<(), Error> {
        match self {
            Self::Flash(store) => store.remove(key, and),
            Self::Memory(memory) => {
                *memory.place(key)? = None;
                if let Some(and) = and {
                    *memory.place(and)? = None;
                }
                Ok(())
            }
        }
    }

    /// Keep something that is no image, in place of what has this key.
    ///
    /// # Errors
    ///
    /// If there is no room, or the flash fails; what was there is there then.
    pub(super) fn put(&mut self, key: Key, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Flash(store) => store.put(key, &[], bytes),
            Self::Memory(memory) => {
                let mut kept = reserve(bytes.len() as u32)?;
                kept.extend_from_slice(bytes);
                *memory.place(key)? = Some(kept);
                Ok(())
            }
        }
    }

    /// Keep other words with an image. In memory there are none: its container has them.
    ///
    /// # Errors
    ///
    /// If there is no such image, or the flash fails.
    pub fn describe(&mut self, key: Key, meta: &[u8]) -> Result<(), Error> {
        match self {
            Self::Flash(store) => store.link(key, key, meta),
            Self::Memory(_) => Ok(()),
        }
    }

    /// What was found at the start and is acknowledged now must stay.
    ///
    /// # Errors
    ///
    /// If the flash fails.
    pub fn settle(&mut self) -> Result<(), Error> {
        match self {
            Self::Flash(store) => store.settle(),
            Self::Memory(_) => Ok(()),
        }
    }
}
