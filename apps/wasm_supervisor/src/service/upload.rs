//! An image on its way in.

use alloc::vec::Vec;

use berth_protocol::{DeviceError, ImageHash, Parameters};

use crate::arena;
use crate::container::storage::{ImageStore, Meta};
use crate::container::{Containers, Name, Refused};
use crate::engine::config::STACK_MIN_BYTES;
use crate::platform::Platform;

/// Largest image in bytes.
pub const IMAGE_MAX: u32 = 96 * 1024;

/// What an upload must leave free, so that the supervisor can go on.
const LEAVE_FREE: u32 = 4 * 1024;

/// Least memory limit that makes sense: the engine alone takes more than half.
const LIMIT_MIN: u32 = 8 * 1024;
/// Largest value stack a container may ask for.
const STACK_MAX: u32 = 64 * 1024;

/// The upload in progress.
pub struct Upload {
    name: Name,
    length: u32,
    hash: ImageHash,
    parameters: Parameters,
    image: Arriving,
}

/// Where the image goes.
enum Arriving {
    /// Into the store, which knows how far it has come, also after a reset.
    Stored,
    /// Into memory.
    Kept(Vec<u8>),
}

/// How an upload begins.
pub enum Begin {
    /// It goes on at this offset.
    At(Upload, u32),
    /// The same container is stored already.
    Unchanged,
}

impl Upload {
    /// Begin or continue an upload. `current` is the one in progress.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, or that there is no room.
    pub fn begin<P: Platform + 'static>(
        containers: &mut Containers<P>,
        current: Option<Self>,
        name: &str,
        length: u32,
        hash: ImageHash,
        parameters: Parameters,
    ) -> Result<Begin, DeviceError<'static>> {
        let name = Name::new(name).ok_or(DeviceError::BadName)?;
        check(parameters)?;
        if length > IMAGE_MAX {
            return Err(DeviceError::TooLarge { limit: IMAGE_MAX });
        }
        if let Some(stored) = containers
            .find(name.as_str())
            .and_then(|slot| containers.get(slot))
        {
            let same = stored.hash() == hash && stored.parameters() == parameters;
            if !same {
                return Err(DeviceError::NameTaken);
            }
            // What was found at the start and is acknowledged now must stay.
            if let Some(store) = containers.images_mut() {
                store.settle().map_err(store_error)?;
            }
            return Ok(Begin::Unchanged);
        }
        if !containers.has_room() {
            return Err(DeviceError::TooManyContainers {
                limit: crate::container::CONTAINERS_MAX as u16,
            });
        }
        let upload = |image| Self {
            name,
            length,
            hash,
            parameters,
            image,
        };
        if let Some(store) = containers.images_mut() {
            let meta = Meta::new(name, parameters);
            let offset = store
                .begin(length, &hash.0, meta.bytes())
                .map_err(store_error)?;
            return Ok(Begin::At(upload(Arriving::Stored), offset));
        }
        let image = match current {
            Some(Self {
                name: before,
                length: same_length,
                hash: same_hash,
                image: Arriving::Kept(image),
                ..
            }) if before.as_str() == name.as_str()
                && same_length == length
                && same_hash == hash =>
            {
                image
            }
            _ => reserve(length)?,
        };
        let offset = image.len() as u32;
        Ok(Begin::At(upload(Arriving::Kept(image)), offset))
    }

    /// The next part, or one that came before. Where the next one must begin.
    ///
    /// # Errors
    ///
    /// If it leaves a gap or goes beyond the announced length, or the store fails.
    pub fn chunk<P: Platform + 'static>(
        &mut self,
        containers: &mut Containers<P>,
        offset: u32,
        bytes: &[u8],
    ) -> Result<u32, DeviceError<'static>> {
        let image = match (&mut self.image, containers.images_mut()) {
            (Arriving::Kept(image), _) => image,
            (Arriving::Stored, Some(store)) => {
                return store.write(offset, bytes).map_err(store_error);
            }
            (Arriving::Stored, None) => return Err(DeviceError::NoUpload),
        };
        let expected = image.len() as u32;
        let end = u64::from(offset) + bytes.len() as u64;
        if end <= u64::from(expected) {
            return Ok(expected);
        }
        if offset != expected || end > u64::from(self.length) {
            return Err(DeviceError::BadOffset { expected });
        }
        // Within the capacity reserved at the beginning.
        image.extend_from_slice(bytes);
        Ok(image.len() as u32)
    }

    /// The image is complete: store it.
    ///
    /// # Errors
    ///
    /// If it is not complete, not what was announced, or not accepted.
    pub fn commit<P: Platform + 'static>(
        self,
        containers: &mut Containers<P>,
    ) -> Result<(), DeviceError<'static>> {
        let stored = match self.image {
            Arriving::Kept(image) => {
                let expected = image.len() as u32;
                if expected != self.length {
                    return Err(DeviceError::Incomplete { expected });
                }
                if ImageHash::of(&image) != self.hash {
                    return Err(DeviceError::HashMismatch);
                }
                containers.store(self.name, image, self.hash, self.parameters)
            }
            Arriving::Stored => {
                let expected = containers
                    .images()
                    .and_then(ImageStore::upload)
                    .map_or(0, |upload| upload.offset);
                if expected != self.length {
                    return Err(DeviceError::Incomplete { expected });
                }
                // The store compares the hash. What is no module is looked at again, since
                // "arrived damaged" is the better answer where it applies.
                let stored = containers.store_uploaded(self.name, self.hash, self.parameters);
                if stored.is_err() {
                    let received = containers.images().and_then(ImageStore::received);
                    let is_damaged = received.is_some_and(|i| ImageHash::of(i) != self.hash);
                    abort(containers)?;
                    if is_damaged {
                        return Err(DeviceError::HashMismatch);
                    }
                }
                stored
            }
        };
        let length = self.length;
        stored.map_err(|refused| match refused {
            Refused::Invalid(malformed) => DeviceError::InvalidModule {
                offset: malformed.offset,
                what: malformed.what,
            },
            Refused::TooMany => DeviceError::TooManyContainers {
                limit: crate::container::CONTAINERS_MAX as u16,
            },
            Refused::State(state) => DeviceError::WrongState { state },
            Refused::Store(error) => store_error(error),
            _ => full(length),
        })
    }
}

/// Forget what the store has of an upload.
///
/// # Errors
///
/// If the store fails.
pub(super) fn abort<P: Platform + 'static>(
    containers: &mut Containers<P>,
) -> Result<(), DeviceError<'static>> {
    match containers.images_mut() {
        Some(store) => store.abort().map_err(store_error),
        None => Ok(()),
    }
}

/// What the store refuses, in the words of the protocol.
pub(super) const fn store_error(error: berth_store::Error) -> DeviceError<'static> {
    use berth_store::Error;
    match error {
        Error::Full { needed, free } => DeviceError::StoreFull { needed, free },
        Error::Directory => DeviceError::StoreFull { needed: 0, free: 0 },
        Error::Worn { page } => DeviceError::StoreFailed { page },
        Error::NoUpload => DeviceError::NoUpload,
        Error::Offset { expected } => DeviceError::BadOffset { expected },
        Error::Incomplete { expected } => DeviceError::Incomplete { expected },
        Error::Hash => DeviceError::HashMismatch,
        Error::NoObject | Error::Foreign | Error::Geometry => DeviceError::Internal {
            what: "the store has lost an object",
        },
    }
}

/// Memory for an image.
fn reserve(length: u32) -> Result<Vec<u8>, DeviceError<'static>> {
    let free = arena::space().free_bytes;
    if arena::is_in_use() && free < length.saturating_add(LEAVE_FREE) {
        return Err(full(length));
    }
    let mut image = Vec::new();
    image
        .try_reserve_exact(length as usize)
        .map_err(|_| full(length))?;
    Ok(image)
}

fn full(needed: u32) -> DeviceError<'static> {
    DeviceError::DeviceFull {
        needed,
        free: arena::space().largest_bytes.saturating_sub(LEAVE_FREE),
    }
}

/// Are the parameters in their ranges?
///
/// # Errors
///
/// Which is not.
pub(super) fn check(parameters: Parameters) -> Result<(), DeviceError<'static>> {
    let what = match parameters {
        Parameters {
            stack: Some(stack), ..
        } if !(STACK_MIN_BYTES as u32..=STACK_MAX).contains(&stack) => "stack: 128 to 65536 bytes",
        Parameters {
            limit: Some(limit), ..
        } if limit < LIMIT_MIN => "limit: at least 8192 bytes",
        Parameters {
            share: Some(share), ..
        } if !(1..=100).contains(&share) => "share: 1 to 100",
        _ => return Ok(()),
    };
    Err(DeviceError::BadParameter { what })
}
