//! An image on its way in.

use alloc::vec::Vec;

use berth_protocol::{DeviceError, ImageHash, Parameters};

use crate::arena;
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
    image: Vec<u8>,
}

/// How an upload begins.
pub enum Begin {
    /// It goes on at this offset.
    At(Upload),
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
        containers: &Containers<P>,
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
            return if same {
                Ok(Begin::Unchanged)
            } else {
                Err(DeviceError::NameTaken)
            };
        }
        if let Some(current) = current
            && current.name.as_str() == name.as_str()
            && current.length == length
            && current.hash == hash
        {
            return Ok(Begin::At(Self {
                parameters,
                ..current
            }));
        }
        if !containers.has_room() {
            return Err(DeviceError::TooManyContainers {
                limit: crate::container::CONTAINERS_MAX as u16,
            });
        }
        Ok(Begin::At(Self {
            name,
            length,
            hash,
            parameters,
            image: reserve(length)?,
        }))
    }

    /// First byte not yet there.
    #[must_use]
    pub fn offset(&self) -> u32 {
        self.image.len() as u32
    }

    /// The next part, or one that came before.
    ///
    /// # Errors
    ///
    /// If it leaves a gap or goes beyond the announced length.
    pub fn chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), DeviceError<'static>> {
        let expected = self.offset();
        let end = u64::from(offset) + bytes.len() as u64;
        if end <= u64::from(expected) {
            return Ok(());
        }
        if offset != expected || end > u64::from(self.length) {
            return Err(DeviceError::BadOffset { expected });
        }
        // Within the capacity reserved at the beginning.
        self.image.extend_from_slice(bytes);
        Ok(())
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
        if self.offset() != self.length {
            return Err(DeviceError::Incomplete {
                expected: self.offset(),
            });
        }
        if ImageHash::of(&self.image) != self.hash {
            return Err(DeviceError::HashMismatch);
        }
        let length = self.length;
        containers
            .store(self.name, self.image, self.hash, self.parameters)
            .map_err(|refused| match refused {
                Refused::Invalid(malformed) => DeviceError::InvalidModule {
                    offset: malformed.offset,
                    what: malformed.what,
                },
                Refused::TooMany => DeviceError::TooManyContainers {
                    limit: crate::container::CONTAINERS_MAX as u16,
                },
                Refused::State(state) => DeviceError::WrongState { state },
                _ => full(length),
            })
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
