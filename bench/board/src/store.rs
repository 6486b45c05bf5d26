//! What the container store costs: flash written and erased for what is stored, wear, and the work after the
//! power was cut in a full store.

use berth_flash::{Flash, FlashError};
use berth_protocol::{ImageHash, ImageHasher};
use berth_store::Error;
use wasm_supervisor::container::storage::ImageStore;

use crate::Failed;

/// An image, and what belongs to it: name and parameters.
const LARGE: usize = 16 * 1024;
const SMALL: usize = 500;
const META: [u8; 40] = [b'm'; 40];
/// What a request of an upload carries.
const CHUNK: usize = 200;

/// Images that never change, then the key of one that does, and more until the store is full.
const STILL: u8 = 6;
const KEYS: u8 = 26;
/// Uploads of each kind that are counted.
const COUNTED: u32 = 32;
/// Small images stored one after the other to see how pages wear.
const WEARING: u32 = 4_000;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Thousandths.
    Ratio(u64),
    /// By the clock.
    Microseconds(u64),
    /// As it is.
    Number(u64),
}

/// Flash that counts.
struct Counting<F> {
    flash: F,
    programmed: u64,
    erased: u64,
}

impl<F: Flash> Flash for Counting<F> {
    const PAGE_BYTES: usize = F::PAGE_BYTES;

    fn bytes(&self) -> &[u8] {
        self.flash.bytes()
    }

    fn program(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashError> {
        self.programmed += bytes.len() as u64;
        self.flash.program(offset, bytes)
    }

    fn erase(&mut self, page: usize) -> Result<(), FlashError> {
        self.erased += F::PAGE_BYTES as u64;
        self.flash.erase(page)
    }
}

impl From<Error> for Failed {
    fn from(_: Error) -> Self {
        Self("the store refused")
    }
}

/// A store on flash `F`, and the number of the image that is stored next.
pub struct StoreBench<F: Flash> {
    store: ImageStore<Counting<F>>,
    next: u32,
}

impl<F: Flash> StoreBench<F> {
    /// Measure a store that is empty, and leave it full. If there is something in it, the power was cut since:
    /// measure how long it takes until it serves again.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn measure(
        flash: F,
        now: impl Fn() -> u64,
        mut tell: impl FnMut(&str, Value),
    ) -> Result<Self, Failed> {
        let counting = Counting {
            flash,
            programmed: 0,
            erased: 0,
        };
        let before = now();
        let store = ImageStore::mount(counting)?;
        let mounted = now();
        let mut bench = Self { store, next: 0 };
        if (0..KEYS).all(|key| bench.store.get(key).is_none()) {
            bench.fill(&mut tell)?;
        } else {
            bench.store.settle()?;
            let settled = now();
            tell("store.recovery", Value::Microseconds(mounted - before));
            tell("store.settle", Value::Microseconds(settled - mounted));
            bench.whole()?;
        }
        Ok(bench)
    }

    /// Store another image in the place of one: the power may go in every step of it.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn go_on(&mut self) -> Result<(), Failed> {
        self.replace(STILL, LARGE)
    }

    fn fill(&mut self, tell: &mut impl FnMut(&str, Value)) -> Result<(), Failed> {
        for (bytes, written, erased) in [
            (
                LARGE,
                "store.write_amplification",
                "store.erase_amplification",
            ),
            (
                SMALL,
                "store.write_amplification_small",
                "store.erase_amplification_small",
            ),
        ] {
            let flash = self.store.flash();
            let before = (flash.programmed, flash.erased);
            for _ in 0..COUNTED {
                self.replace(STILL, bytes)?;
            }
            let flash = self.store.flash();
            let stored = u64::from(COUNTED) * bytes as u64;
            tell(
                written,
                Value::Ratio((flash.programmed - before.0) * 1000 / stored),
            );
            tell(
                erased,
                Value::Ratio((flash.erased - before.1) * 1000 / stored),
            );
        }
        // Most of the store never changes.
        for key in 0..STILL {
            self.upload(key, 3 * LARGE)?;
        }
        for _ in 0..WEARING {
            self.replace(STILL, SMALL)?;
        }
        let wear = self.store.wear();
        let ratio = u64::from(wear.most) * 1000 / u64::from(wear.mean().max(1));
        tell("store.wear_most_by_mean", Value::Ratio(ratio));
        // And then it is full.
        let mut key = STILL;
        while key < KEYS {
            match self.upload(key, LARGE) {
                Ok(()) => key += 1,
                Err(Error::Full { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        tell("free", Value::Number(self.store.space().free.into()));
        Ok(())
    }

    /// Another image in the place of the one that has this key.
    fn replace(&mut self, key: u8, bytes: usize) -> Result<(), Failed> {
        if self.store.get(key).is_some() {
            self.store.remove(key, None)?;
        }
        Ok(self.upload(key, bytes)?)
    }

    fn upload(&mut self, key: u8, bytes: usize) -> Result<(), Error> {
        self.next = self.next.wrapping_add(1);
        let number = self.next;
        let part = |offset: usize| -> [u8; CHUNK] {
            core::array::from_fn(|place| ((offset + place) as u32).wrapping_mul(number) as u8)
        };
        let mut hash = ImageHasher::default();
        for offset in (0..bytes).step_by(CHUNK) {
            let length = CHUNK.min(bytes - offset);
            hash.update(part(offset).get(..length).unwrap_or_default());
        }
        self.store.begin(bytes as u32, &hash.finish().0, &META)?;
        let mut offset = 0;
        while offset < bytes {
            let length = CHUNK.min(bytes - offset);
            let bytes = part(offset);
            let bytes = bytes.get(..length).unwrap_or_default();
            offset = self.store.write(offset as u32, bytes)? as usize;
        }
        self.store.commit(key, None)
    }

    /// Every image is what its hash says.
    fn whole(&self) -> Result<(), Failed> {
        for key in 0..KEYS {
            if let Some(object) = self.store.get(key)
                && object.hash != Some(&ImageHash::of(object.bytes).0)
            {
                return Err(Failed("an image is damaged"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_flash::{Cut, Simulated};
    use std::string::String;
    use std::vec::Vec;

    #[test]
    fn it_is_filled_once_and_found_whole_after_each_cut() {
        let mut flash = Simulated::<{ berth_flash::PAGE_BYTES }>::new(126);
        let mut told = Vec::new();
        let mut tell = |key: &str, value| told.push((String::from(key), value));
        let full = StoreBench::measure(flash, || 0, &mut tell).unwrap();
        let space = full.store.space();
        assert!(space.largest < LARGE as u32, "{space:?}");
        flash = full.store.into_flash().flash;
        // Before them lies the first change after a start: the directory, written anew.
        for after in [600, 700, 1000, 5000] {
            flash.cut(Cut {
                after,
                seed: 0x5555,
            });
            let mut bench = StoreBench::measure(flash, || 0, |_, _| ()).unwrap();
            while bench.go_on().is_ok() {}
            flash = bench.store.into_flash().flash;
            assert!(flash.is_off());
            flash.power_on();
        }
        StoreBench::measure(flash, || 0, &mut tell).unwrap();
        let keys: Vec<&str> = told.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys.len(), 8, "{keys:?}");
    }
}
