//! An image on its way in.
//!
//! One at a time, and it has a number, which its client chose. Parts and the commit name it, so those that belong to
//! another upload, or to one that is over, do nothing. Another client has to wait until it is
//! committed, or until nothing has come of it for [`IDLE_US`].

use berth_protocol::{Chosen, DeviceError, ImageHash, Op, Parameters, Update, VALUES_MAX};

use crate::container::belongings::Change;
pub use crate::container::images::Commit;
use crate::container::lifecycle::merged;
use crate::container::storage::{Belongings, Meta};
use crate::container::{Container, Containers, Name, Refused};
use crate::engine::config::STACK_MIN_BYTES;
use crate::platform::Platform;

/// Largest image in bytes.
pub const IMAGE_MAX: u32 = 96 * 1024;

/// Least memory limit that makes sense: the engine alone takes more than half.
const LIMIT_MIN: u32 = 8 * 1024;
/// Largest value stack a container may ask for.
pub const STACK_MAX: u32 = 64 * 1024;

/// An upload from which nothing has come for so many microseconds may be replaced by another. A client repeats what is not
/// answered each 1.5 seconds at the latest (`REPEAT_AFTER` in `tools/berth/src/client.rs`), and gives up after ten: from one that
/// lives something comes before, even if most of what it sends is lost on the line.
pub const IDLE_US: u64 = 10_000_000;

/// The upload in progress.
pub struct Upload {
    announced: Accepted,
    /// When something came of it last, in microseconds.
    active_us: u64,
}

/// What is announced at the beginning of an upload.
#[derive(Clone, Copy)]
pub struct Announced<'a> {
    /// Its number.
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
    /// What else is chosen for it.
    pub chosen: Chosen,
}

impl<'a> Announced<'a> {
    /// Returns what a request announces, if it begins an upload.
    #[must_use]
    pub fn of(op: &Op<'a>) -> Option<Self> {
        let (id, name, length, hash, parameters, trial_ms, chosen) = match *op {
            Op::UploadBegin {
                upload,
                name,
                length,
                hash,
                parameters,
            } => (upload, name, length, hash, parameters, None, None),
            Op::UpdateBegin {
                upload,
                name,
                length,
                hash,
                parameters,
                trial_ms,
            } => (upload, name, length, hash, parameters, Some(trial_ms), None),
            Op::Announce {
                upload,
                name,
                length,
                hash,
                parameters,
                trial_ms,
                chosen,
            } => (
                upload,
                name,
                length,
                hash,
                parameters,
                trial_ms,
                Some(chosen),
            ),
            _ => return None,
        };
        Some(Self {
            id,
            name,
            length,
            hash,
            parameters,
            trial_ms,
            chosen: chosen.unwrap_or_default(),
        })
    }
}

/// An announcement that may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Accepted {
    id: u32,
    name: Name,
    length: u32,
    hash: ImageHash,
    /// How to run it; for an update, what to change of that.
    parameters: Parameters,
    /// Slot and length of the trial, if it is to replace a container.
    update: Option<(usize, u32)>,
    /// What else is chosen; its draft is looked at at the beginning and used at the commit.
    chosen: Chosen,
}

/// Why an image was not taken.
pub enum Failed {
    /// Something is wrong with the request.
    Request(DeviceError<'static>),
    /// Another upload is in progress: that of this container.
    Busy(Name),
    /// The image cannot become a container, or take the place of the one in this slot.
    Refused(Option<usize>, Refused),
}

impl From<DeviceError<'static>> for Failed {
    fn from(error: DeviceError<'static>) -> Self {
        Self::Request(error)
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(None, refused)
    }
}

impl From<berth_store::Error> for Failed {
    fn from(error: berth_store::Error) -> Self {
        Self::Refused(None, Refused::Store(error))
    }
}

/// How an upload begins.
pub enum Begin {
    /// It goes on at this offset.
    At(u32),
    /// The same container is stored already.
    Unchanged,
}

impl Accepted {
    /// Look at an announcement. `None` if the same container is stored already.
    fn new<P: Platform + 'static>(
        containers: &mut Containers<P>,
        announced: Announced<'_>,
        draft: &[u8],
    ) -> Result<Option<Self>, Failed> {
        let Announced {
            id,
            name,
            length,
            hash,
            parameters,
            trial_ms,
            chosen,
        } = announced;
        let name = Name::new(name).ok_or(DeviceError::BadName)?;
        check(parameters)?;
        if length > IMAGE_MAX {
            return Err(DeviceError::TooLarge { limit: IMAGE_MAX }.into());
        }
        let slot = containers.find(name.as_str());
        let change = Change {
            configuration: draft,
            values: chosen.values,
        };
        match (slot.and_then(|slot| containers.get(slot)), trial_ms) {
            (Some(stored), _) => {
                let (wanted, is_other) = match trial_ms {
                    Some(_) => (
                        merged(stored.parameters(), parameters),
                        containers.would_change(stored.belongings(), change)?,
                    ),
                    None => (parameters, !containers.has(stored.belongings(), change)?),
                };
                if stored.hash() == hash && stored.parameters() == wanted && !is_other {
                    containers.images_mut().settle()?;
                    return Ok(None);
                }
                if trial_ms.is_none() {
                    return Err(DeviceError::NameTaken.into());
                }
            }
            (None, Some(_)) => return Err(DeviceError::UnknownName.into()),
            (None, None) if containers.has_room() => {
                containers.would_change(Belongings::default(), change)?;
            }
            (None, None) => return Err(Failed::Refused(None, Refused::TooMany)),
        }
        Ok(Some(Self {
            id,
            name,
            length,
            hash,
            parameters,
            update: slot.zip(trial_ms),
            chosen,
        }))
    }

    /// Returns how the container is to run. What has been changed of it since the announcement stays.
    fn parameters<P: Platform + 'static>(&self, containers: &Containers<P>) -> Parameters {
        match self.update.and_then(|(slot, _)| containers.get(slot)) {
            Some(container) => merged(container.parameters(), self.parameters),
            None => self.parameters,
        }
    }

    /// Returns what belongs to the container that it is to replace.
    fn belongings<P: Platform + 'static>(&self, containers: &Containers<P>) -> Belongings {
        let old = self.update.and_then(|(slot, _)| containers.get(slot));
        old.map_or(Belongings::default(), Container::belongings)
    }

    /// Begin, or go on where it was, as a container with these belongings. Returns where.
    fn begin<P: Platform + 'static>(
        &self,
        containers: &mut Containers<P>,
        belongings: Belongings,
    ) -> Result<u32, berth_store::Error> {
        let meta = Meta::new(self.name, self.parameters(containers), belongings);
        let images = containers.images_mut();
        images.begin(self.length, self.hash, meta.bytes())
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
        draft: &[u8],
        now: u64,
    ) -> Result<Begin, Failed> {
        let Some(announced) = Accepted::new(containers, announced, draft)? else {
            return Ok(Begin::Unchanged);
        };
        if let Some(current) = current
            && current.announced.id != announced.id
            && now.saturating_sub(current.active_us) < IDLE_US
        {
            return Err(Failed::Busy(current.announced.name));
        }
        if current
            .as_ref()
            .is_none_or(|current| current.announced != announced)
        {
            *current = None;
            containers.forget_refused();
        }
        let belongings = announced.belongings(containers);
        let offset = announced.begin(containers, belongings)?;
        *current = Some(Self {
            announced,
            active_us: now,
        });
        Ok(Begin::At(offset))
    }

    /// Returns what else was chosen with its announcement.
    #[must_use]
    pub const fn chosen(&self) -> Chosen {
        self.announced.chosen
    }

    /// Returns its number.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.announced.id
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
    ) -> Result<u32, Failed> {
        self.active_us = now;
        Ok(containers.images_mut().write(offset, bytes)?)
    }

    /// The image is complete: store it.
    ///
    /// # Errors
    ///
    /// If it is not complete, not what was announced, or not accepted.
    pub fn commit<P: Platform + 'static>(
        self,
        containers: &mut Containers<P>,
        commit: Commit,
        draft: &[u8],
    ) -> Result<Option<Update>, Failed> {
        let own = self.announced;
        // Another container may have its slot by now.
        let update = own.update.filter(|(slot, _)| {
            let now = containers.get(*slot).map(Container::name);
            now == Some(own.name.as_str())
        });
        if own.update.is_some() && update.is_none() {
            containers.images_mut().abort()?;
            return Err(DeviceError::UnknownName.into());
        }
        let expected = containers.images().offset();
        if expected != own.length {
            return Err(DeviceError::Incomplete { expected }.into());
        }
        let parameters = own.parameters(containers);
        let old = own.belongings(containers);
        let change = Change {
            configuration: draft,
            values: own.chosen.values,
        };
        let begun = containers
            .changed(old, change)
            .map_err(Failed::from)
            .and_then(|belongings| {
                own.begin(containers, belongings)?;
                Ok(belongings)
            });
        let belongings = match begun {
            Ok(belongings) => belongings,
            Err(failed) => {
                containers.sweep();
                return Err(failed);
            }
        };
        // The store compares the hash. What is no module is looked at again, since
        // "arrived damaged" is the better answer where it applies.
        let stored = match update {
            Some((slot, trial_ms)) => containers
                .update_uploaded(slot, own.hash, (parameters, belongings), trial_ms, commit)
                .map(Some),
            None => containers
                .store_uploaded(
                    own.name,
                    own.hash,
                    (parameters, belongings),
                    commit.takes_older,
                )
                .map(|()| None),
        };
        // The configuration of what was replaced, or of what was not taken.
        containers.sweep();
        if stored.is_err() {
            let received = containers.images().received();
            let is_damaged = !received.is_empty() && ImageHash::of(received) != own.hash;
            containers.images_mut().abort()?;
            if is_damaged {
                return Err(DeviceError::HashMismatch.into());
            }
        } else if let Some((slot, _)) = update {
            containers.name_update(slot, own.id);
        }
        stored.map_err(|refused| Failed::Refused(update.map(|(slot, _)| slot), refused))
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

/// May named values take so much?
///
/// # Errors
///
/// If it is too much.
pub(super) const fn check_values(values: Option<u32>) -> Result<(), DeviceError<'static>> {
    match values {
        Some(values) if values > VALUES_MAX => Err(DeviceError::BadParameter {
            what: "values: at most 16384 bytes",
        }),
        _ => Ok(()),
    }
}
