//! An image on its way in.

use alloc::vec::Vec;

use berth_protocol::{DeviceError, ImageHash, Parameters, Update};

use crate::arena;
use crate::container::lifecycle::merged;
use crate::container::storage::{ImageStore, Meta};
use crate::container::{Container, Containers, Name, Refused};
use crate::engine::config::STACK_MIN_BYTES;
use crate::platform::Platform;

/// Largest image in bytes.
pub const IMAGE_MAX: u32 = 96 * 1024;

/// What an upload must leave free, so that the supervisor can go on.
const LEAVE_FREE: u32 = 4 * 1024;

/// Least memory limit that makes sense: the engine alone takes more than half.
const LIMIT_MIN: u32 = 8 * 1024;
/// Largest value stack a container may ask for.
pub const STACK_MAX: u32 = 64 * 1024;

/// An upload from which nothing has come for so many microseconds may be replaced by another.
const IDLE_US: u64 = 10_000_000;

/// The upload in progress.
pub struct Upload {
    id: u32,
    /// When something came of it last, in microseconds.
    active_us: u64,
    name: Name,
    length: u32,
    hash: ImageHash,
    parameters: Parameters,
    /// Slot and length of the trial, if it is to replace a container.
    update: Option<(usize, u32)>,
    image: Arriving,
}

/// What is announced at the beginning of an upload.
#[derive(Clone, Copy)]
pub struct Announced<'a> {
    /// What names the upload.
    pub id: u32,
    /// Name of the container.
    pub name: &'a str,
    /// Length of the image in bytes.
    pub length: u32,
    /// SHA-256 of the image.
    pub hash: ImageHash,
    /// How to run it.
    pub parameters: Parameters,
    /// Milliseconds of the trial, if it is to replace a container.
    pub trial_ms: Option<u32>,
}

/// Why an image was not taken.
pub enum Failed {
    /// The upload or the store failed.
    Upload(DeviceError<'static>),
    /// The image cannot take the place of the container in this slot.
    Update(usize, Refused),
}

impl From<DeviceError<'static>> for Failed {
    fn from(error: DeviceError<'static>) -> Self {
        Self::Upload(error)
    }
}

/// Where the image goes.
enum Arriving {
    /// Into the store, which knows how far it has come, also after a reset.
    Stored,
    /// Into memory.
    Kept(Vec<u8>),
}

/// What is announced, and may begin.
struct Accepted {
    id: u32,
    name: Name,
    length: u32,
    hash: ImageHash,
    parameters: Parameters,
    update: Option<(usize, u32)>,
}

/// How an upload begins.
pub enum Begin {
    /// It goes on at this offset.
    At(u32),
    /// The same container is stored already.
    Unchanged,
}

/// Why an upload does not begin.
pub enum NotBegun {
    /// Another is in progress: that of this container.
    Busy(Name),
    /// Something is wrong with it, or there is no room.
    Refused(DeviceError<'static>),
}

impl From<DeviceError<'static>> for NotBegun {
    fn from(error: DeviceError<'static>) -> Self {
        Self::Refused(error)
    }
}

impl Accepted {
    /// Look at an announcement. `None` if the same container is stored already.
    fn new<P: Platform + 'static>(
        containers: &mut Containers<P>,
        announced: Announced<'_>,
    ) -> Result<Option<Self>, DeviceError<'static>> {
        let Announced {
            id,
            name,
            length,
            hash,
            mut parameters,
            trial_ms,
        } = announced;
        let name = Name::new(name).ok_or(DeviceError::BadName)?;
        check(parameters)?;
        if length > IMAGE_MAX {
            return Err(DeviceError::TooLarge { limit: IMAGE_MAX });
        }
        let slot = containers.find(name.as_str());
        if let Some(stored) = slot.and_then(|slot| containers.get(slot)) {
            if trial_ms.is_some() {
                parameters = merged(stored.parameters(), parameters);
            }
            let same = stored.hash() == hash && stored.parameters() == parameters;
            if same {
                // What was found at the start and is acknowledged now must stay.
                if let Some(store) = containers.images_mut() {
                    store.settle().map_err(store_error)?;
                }
                return Ok(None);
            }
            if trial_ms.is_none() {
                return Err(DeviceError::NameTaken);
            }
        } else if trial_ms.is_some() {
            return Err(DeviceError::UnknownName);
        } else if !containers.has_room() {
            return Err(DeviceError::TooManyContainers {
                limit: crate::container::CONTAINERS_MAX as u16,
            });
        }
        Ok(Some(Self {
            id,
            name,
            length,
            hash,
            parameters,
            update: slot.zip(trial_ms),
        }))
    }
}

impl Upload {
    /// Begin or continue an upload. `current` is the one in progress; whatever is wrong with
    /// another, it goes on.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, that there is no room, or that another upload is in progress.
    pub fn begin<P: Platform + 'static>(
        containers: &mut Containers<P>,
        current: &mut Option<Self>,
        announced: Announced<'_>,
        now: u64,
    ) -> Result<Begin, NotBegun> {
        let Some(accepted) = Accepted::new(containers, announced)? else {
            return Ok(Begin::Unchanged);
        };
        if let Some(current) = current {
            if current.id == accepted.id {
                current.active_us = now;
                return Ok(Begin::At(current.offset(containers)));
            }
            if now.saturating_sub(current.active_us) < IDLE_US {
                return Err(NotBegun::Busy(current.name));
            }
        }
        containers.forget_refused();
        let Accepted {
            id,
            name,
            length,
            hash,
            parameters,
            update,
        } = accepted;
        let image = match containers.images_mut() {
            Some(store) => {
                let meta = Meta::new(name, parameters);
                store
                    .begin(length, &hash.0, meta.bytes())
                    .map_err(store_error)?;
                Arriving::Stored
            }
            None => {
                // The memory of the one that is given up may be what this one needs.
                *current = None;
                Arriving::Kept(reserve(length)?)
            }
        };
        let upload = current.insert(Self {
            id,
            active_us: now,
            name,
            length,
            hash,
            parameters,
            update,
            image,
        });
        Ok(Begin::At(upload.offset(containers)))
    }

    /// Returns its id.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Returns how many bytes of the image have arrived.
    fn offset<P: Platform + 'static>(&self, containers: &Containers<P>) -> u32 {
        match &self.image {
            Arriving::Kept(image) => image.len() as u32,
            Arriving::Stored => containers
                .images()
                .and_then(ImageStore::upload)
                .map_or(0, |upload| upload.offset),
        }
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
        now: u64,
    ) -> Result<u32, DeviceError<'static>> {
        self.active_us = now;
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
    ) -> Result<Option<Update>, Failed> {
        // Another container may have its slot by now.
        let update = self.update.filter(|(slot, _)| {
            let now = containers.get(*slot).map(Container::name);
            now == Some(self.name.as_str())
        });
        if self.update.is_some() && update.is_none() {
            abort(containers)?;
            return Err(DeviceError::UnknownName.into());
        }
        let (hash, parameters) = (self.hash, self.parameters);
        let expected = self.offset(containers);
        let stored = match self.image {
            Arriving::Kept(image) => {
                if expected != self.length {
                    return Err(DeviceError::Incomplete { expected }.into());
                }
                if ImageHash::of(&image) != hash {
                    return Err(DeviceError::HashMismatch.into());
                }
                match update {
                    Some((slot, trial_ms)) => containers
                        .update_kept(slot, image, hash, parameters, trial_ms)
                        .map(Some),
                    None => containers
                        .store(self.name, image, hash, parameters)
                        .map(|()| None),
                }
            }
            Arriving::Stored => {
                if expected != self.length {
                    return Err(DeviceError::Incomplete { expected }.into());
                }
                // The store compares the hash. What is no module is looked at again, since
                // "arrived damaged" is the better answer where it applies.
                let stored = match update {
                    Some((slot, trial_ms)) => containers
                        .update_uploaded(slot, hash, parameters, trial_ms)
                        .map(Some),
                    None => containers
                        .store_uploaded(self.name, hash, parameters)
                        .map(|()| None),
                };
                if stored.is_err() {
                    let received = containers.images().and_then(ImageStore::received);
                    let is_damaged = received.is_some_and(|i| ImageHash::of(i) != hash);
                    abort(containers)?;
                    if is_damaged {
                        return Err(DeviceError::HashMismatch.into());
                    }
                }
                stored
            }
        };
        let length = self.length;
        stored.map_err(|refused| match (refused, update) {
            (refused, Some((slot, _))) => Failed::Update(slot, refused),
            (Refused::Invalid(malformed), None) => Failed::Upload(DeviceError::InvalidModule {
                offset: malformed.offset,
                what: malformed.what,
            }),
            (Refused::TooMany, None) => Failed::Upload(DeviceError::TooManyContainers {
                limit: crate::container::CONTAINERS_MAX as u16,
            }),
            (Refused::State(state), None) => Failed::Upload(DeviceError::WrongState { state }),
            (Refused::Store(error), None) => Failed::Upload(store_error(error)),
            _ => Failed::Upload(full(length)),
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
    let free = arena::free();
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
