//! The reference: what the store is to contain, as a map; and operations on both.

use std::collections::BTreeMap;

use berth_flash::Flash;
use berth_store::{Error, Store};
use sha2::{Digest, Sha256};

use super::unstable::Unstable;
use berth_random::Random;

/// Small pages, so that everything happens often.
pub(crate) const PAGE: usize = 512;
pub(crate) const PAGES: usize = 16;
pub(crate) const KEYS: usize = 7;

pub(crate) type Tested = Store<Unstable<PAGE>, PAGES, KEYS>;

/// An image for tests, named by a number.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: [u8; 32],
}

impl Image {
    pub(crate) fn new(seed: u64, length: usize) -> Self {
        let mut random = Random(seed);
        let bytes: Vec<u8> = (0..length)
            // Rows of ones look like erased flash, zeros like commit words.
            .map(|_| match random.below(4) {
                0 => 0xff,
                1 => 0,
                _ => random.number() as u8,
            })
            .collect();
        let hash = Sha256::digest(&bytes).into();
        Self { bytes, hash }
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

/// One operation of the store's interface.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Begin {
        image: Image,
        meta: Vec<u8>,
    },
    /// So many bytes of the image in progress.
    Write {
        bytes: usize,
    },
    Commit {
        to: u8,
        drop: Option<u8>,
    },
    Abort,
    Put {
        key: u8,
        meta: Vec<u8>,
        bytes: Vec<u8>,
    },
    Link {
        from: u8,
        to: u8,
        meta: Vec<u8>,
    },
    Rename {
        from: u8,
        to: u8,
        drop: Option<u8>,
    },
    Remove {
        key: u8,
        and: Option<u8>,
    },
}

type Stored = (Option<[u8; 32]>, Vec<u8>, Vec<u8>);

/// What is in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) objects: BTreeMap<u8, Stored>,
    /// Image, metadata.
    pub(crate) upload: Option<(Image, Vec<u8>)>,
}

/// What an operation answered.
pub(crate) type Answer = Result<(), Error>;

impl Model {
    /// Let a store, and a copy of this model, do `op`. Returns the copy as it is if the operation succeeds.
    pub(crate) fn run(&self, store: &mut Tested, op: &Op) -> (Answer, Self) {
        let mut after = self.clone();
        let answer = match op {
            Op::Begin { image, meta } => {
                after.upload = Some((image.clone(), meta.clone()));
                let length = image.bytes.len() as u32;
                store.begin(length, &image.hash, meta).map(|_| ())
            }
            Op::Write { bytes } => self.write(store, *bytes),
            Op::Commit { to, drop } => {
                if let Some((image, meta)) = after.upload.take() {
                    if let Some(drop) = drop {
                        after.objects.remove(drop);
                    }
                    after
                        .objects
                        .insert(*to, (Some(image.hash), meta, image.bytes));
                }
                store.commit(*to, *drop)
            }
            Op::Abort => {
                after.upload = None;
                store.abort()
            }
            Op::Put { key, meta, bytes } => {
                after
                    .objects
                    .insert(*key, (None, meta.clone(), bytes.clone()));
                store.put(*key, meta, bytes)
            }
            Op::Link { from, to, meta } => {
                if let Some((hash, _, bytes)) = self.objects.get(from).cloned() {
                    after.objects.insert(*to, (hash, meta.clone(), bytes));
                }
                store.link(*from, *to, meta)
            }
            Op::Rename { from, to, drop } => {
                if let Some(object) = after.objects.remove(from) {
                    if let Some(drop) = drop {
                        after.objects.remove(drop);
                    }
                    after.objects.insert(*to, object);
                }
                store.rename(*from, *to, *drop)
            }
            Op::Remove { key, and } => {
                after.objects.remove(key);
                if let Some(and) = and {
                    after.objects.remove(and);
                }
                store.remove(*key, *and)
            }
        };
        (answer, after)
    }

    fn write(&self, store: &mut Tested, bytes: usize) -> Answer {
        let Some(upload) = store.upload() else {
            assert_eq!(store.write(0, &[1]), Err(Error::NoUpload));
            return Err(Error::NoUpload);
        };
        let (image, _) = self.upload.as_ref().expect("an upload nobody began");
        let from = upload.offset as usize;
        let to = from.saturating_add(bytes).min(image.bytes.len());
        let next = store.write(from as u32, &image.bytes[from..to])? as usize;
        let whole = if to == image.bytes.len() { to } else { to & !3 };
        assert_eq!(next, whole.max(from));
        Ok(())
    }

    /// Does the store contain exactly this?
    pub(crate) fn is_in(&self, store: &Tested) -> bool {
        let objects = (0..KEYS as u8 - 1).all(|key| {
            let found = store.get(key);
            match (self.objects.get(&key), found) {
                (None, None) => true,
                (Some((hash, meta, bytes)), Some(found)) => {
                    found.hash == hash.as_ref() && found.meta == meta && found.bytes == bytes
                }
                _ => false,
            }
        });
        let upload = match (&self.upload, store.upload()) {
            (None, None) => true,
            (Some((image, meta)), Some(found)) => {
                found.hash == &image.hash
                    && found.meta == meta
                    && found.length as usize == image.bytes.len()
                    && found.offset <= found.length
            }
            _ => false,
        };
        objects && upload
    }

    /// The same without an upload.
    pub(crate) fn without_upload(&self) -> Self {
        Self {
            upload: None,
            ..self.clone()
        }
    }

    /// Pages that the objects take.
    pub(crate) fn pages(&self) -> usize {
        let mut seen = std::collections::BTreeSet::new();
        let objects = self.objects.iter().map(|(key, (hash, _, bytes))| {
            // Keys of the same image share it if they were linked; count them once at least.
            let fresh = hash.is_none_or(|hash| seen.insert(hash)) || *key == u8::MAX;
            if fresh { bytes.len().div_ceil(PAGE) } else { 0 }
        });
        let upload = self
            .upload
            .as_ref()
            .map_or(0, |(image, _)| image.bytes.len().div_ceil(PAGE));
        objects.sum::<usize>() + upload
    }
}

/// What may be found after `op` was interrupted.
pub(crate) fn is_possible(before: &Model, after: &Model, op: &Op, store: &Tested) -> bool {
    before.is_in(store)
        || after.is_in(store)
        // An upload makes room for itself by forgetting the one before it.
        || matches!(op, Op::Begin { .. } | Op::Write { .. }) && before.without_upload().is_in(store)
}

/// Mount what the power's end left.
pub(crate) fn restart(store: Tested, random: &mut Random) -> Tested {
    let mut flash = store.into_flash();
    flash.power_on(random);
    let steps = flash.steps();
    let store = Tested::mount(flash).expect("a store that cannot be mounted");
    assert_eq!(store.flash().steps(), steps, "mounting writes");
    assert!(store.flash().bytes().len() == PAGE * PAGES);
    store
}
