//! Which objects there are.

use berth_flash::{ERASED, Flash};

use crate::object::{ENTRY_BYTES, Object, mark, word};
use crate::{DIRECTORY_PAGES, Error, PAGES_MAX};

/// The head's first word: "BCO1".
const MAGIC: u32 = 0x314f_4342;
/// Where the head has the page behind the object that was written last.
const CURSOR: usize = 12;

/// Where the head has how many pages were erased before.
const ERASED_BEFORE: usize = 16;
/// Pages that are erased when the directory is written anew.
const RENEWAL_PAGES: u32 = DIRECTORY_PAGES as u32;

/// The pages of the directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directory {
    /// The page that counts, and its number; none: there is none yet.
    current: Option<(usize, u32)>,
    /// Nothing was written since the flash was looked at first: what was interrupted then may read otherwise later.
    unsettled: bool,
}

/// Reads the number of a page of the directory, if it is one.
fn number<F: Flash>(flash: &F, page: usize) -> Option<u32> {
    let start = page * F::PAGE_BYTES;
    let head = flash.bytes().get(start..start + 12)?;
    let mut words = head.chunks_exact(4).map(word);
    let (magic, number, inverted) = (words.next()?, words.next()?, words.next()?);
    (magic == MAGIC && number == !inverted).then_some(number)
}

impl Directory {
    /// The directory that the flash has.
    pub(crate) fn of<F: Flash>(flash: &F) -> Self {
        let pages = (0..DIRECTORY_PAGES).filter_map(|page| Some((page, number(flash, page)?)));
        Self {
            current: pages.max_by_key(|(_, number)| *number),
            unsettled: true,
        }
    }

    /// Places of entries in a page.
    fn places<F: Flash>() -> usize {
        F::PAGE_BYTES / ENTRY_BYTES
    }

    /// Where the entry number `place` is in the part.
    fn at<F: Flash>(page: usize, place: usize) -> usize {
        page * F::PAGE_BYTES + place * ENTRY_BYTES
    }

    /// Where each entry is, what it says, and whether it counts; in the order in which they were written.
    fn all<F: Flash>(self, flash: &F) -> impl Iterator<Item = (usize, Object, bool)> {
        let pages = (flash.bytes().len() / F::PAGE_BYTES).min(PAGES_MAX);
        let page = self.current.map(|(page, _)| page);
        page.into_iter().flat_map(move |page| {
            (1..Self::places::<F>()).filter_map(move |place| {
                let at = Self::at::<F>(page, place);
                let entry = flash.bytes().get(at..at + ENTRY_BYTES)?;
                let (object, counts) = Object::read(entry, pages, F::PAGE_BYTES)?;
                Some((at, object, counts))
            })
        })
    }

    /// The entries that count, and where each is.
    fn entries<F: Flash>(self, flash: &F) -> impl Iterator<Item = (usize, Object)> {
        self.all(flash)
            .filter_map(|(at, object, counts)| counts.then_some((at, object)))
    }

    /// All objects.
    pub(crate) fn objects<F: Flash>(self, flash: &F) -> impl Iterator<Item = Object> {
        self.entries(flash).map(|(_, object)| object)
    }

    /// Pages that were erased: those of all entries, and what the head says of the entries before.
    pub(crate) fn erased<F: Flash>(self, flash: &F) -> u32 {
        let Some((page, _)) = self.current else {
            return 0;
        };
        let at = page * F::PAGE_BYTES + ERASED_BEFORE;
        let before = flash.bytes().get(at..at + 4).map_or(0, word);
        // Heads of older supervisors have nothing there.
        let before = if before == u32::MAX { 0 } else { before };
        let of_entries = self
            .all(flash)
            .map(|(_, object, _)| u32::from(object.pages));
        before.saturating_add(of_entries.sum())
    }

    /// The page behind the object that was written last, whether it is still there or not.
    pub(crate) fn behind_last<F: Flash>(self, flash: &F) -> usize {
        match (self.all(flash).last(), self.current) {
            (Some((_, object, _)), _) => usize::from(object.first) + usize::from(object.pages),
            (None, Some((page, _))) => {
                let at = page * F::PAGE_BYTES + CURSOR;
                let noted = flash.bytes().get(at..at + 4).map_or(0, word);
                (noted as usize).max(DIRECTORY_PAGES)
            }
            (None, None) => DIRECTORY_PAGES,
        }
    }

    /// Makes sure that what was found is what will be found: the other page is no directory, whatever it reads as later, and there is one that
    /// counts. Before anything else is written.
    pub(crate) fn settle<F: Flash>(&mut self, flash: &mut F) -> Result<(), Error> {
        if self.unsettled {
            // The head of one that was just begun may have been interrupted: it is written once more, in the other page, with
            // all that counts.
            self.renew(flash)?;
            self.unsettled = false;
        }
        Ok(())
    }

    /// Writes what counts into the other page, and erases the one that counted.
    fn renew<F: Flash>(&mut self, flash: &mut F) -> Result<(), Error> {
        let (page, number) = self.current.map_or((1, 0), |current| current);
        let other = 1 - page;
        flash.erase(other)?;
        let cursor = self.behind_last(flash) as u32;
        // Those that are written again count there.
        let kept: u32 = self
            .objects(flash)
            .map(|object| u32::from(object.pages))
            .sum();
        let before = self.erased(flash).saturating_sub(kept) + RENEWAL_PAGES;
        let mut place = 1;
        let mut from = 0;
        // One after the other: the flash cannot be read while it is written.
        loop {
            let next = self.entries(flash).find(|(at, _)| *at > from);
            let Some((at, object)) = next else { break };
            enter(flash, Self::at::<F>(other, place), &object)?;
            (from, place) = (at, place + 1);
        }
        let number = number.wrapping_add(1);
        let head = [MAGIC, number, !number, cursor, before].map(u32::to_le_bytes);
        put(flash, Self::at::<F>(other, 0), head.as_flattened())?;
        self.current = Some((other, number));
        // From here on it is not needed, and would be in the way if the new head were not to be read.
        flash.erase(page)?;
        Ok(())
    }

    /// Adds an entry for `object`, whose code stands in the flash.
    pub(crate) fn add<F: Flash>(&mut self, flash: &mut F, object: &Object) -> Result<(), Error> {
        let mut at = self.vacant(flash);
        if at.is_none() {
            self.renew(flash)?;
            at = self.vacant(flash);
        }
        let at = at.ok_or(Error::Full)?;
        enter(flash, at, object)
    }

    /// The first place that nothing was ever written to, behind all others.
    fn vacant<F: Flash>(self, flash: &F) -> Option<usize> {
        let (page, _) = self.current?;
        let is_blank = |place: &usize| {
            let at = Self::at::<F>(page, *place);
            let entry = flash.bytes().get(at..at + ENTRY_BYTES);
            entry.is_some_and(|entry| entry.iter().all(|byte| *byte == ERASED))
        };
        let mut last = None;
        for place in (1..Self::places::<F>()).rev() {
            if !is_blank(&place) {
                break;
            }
            last = Some(Self::at::<F>(page, place));
        }
        last
    }

    /// Gives up what `keep` does not want.
    pub(crate) fn retain<F: Flash>(
        &mut self,
        flash: &mut F,
        keep: impl Fn(&Object) -> bool,
    ) -> Result<usize, Error> {
        let mut given_up = 0;
        loop {
            let unwanted = self.entries(flash).find(|(_, object)| !keep(object));
            let Some((_, object)) = unwanted else {
                return Ok(given_up);
            };
            self.settle(flash)?;
            // It may be elsewhere now.
            let entry = self.entries(flash).find(|(_, other)| *other == object);
            if let Some((at, _)) = entry {
                flash.program(at, &mark::GIVEN_UP.to_le_bytes())?;
                given_up += 1;
            }
        }
    }
}

/// Writes an entry, its mark at last.
fn enter<F: Flash>(flash: &mut F, at: usize, object: &Object) -> Result<(), Error> {
    let words = object.words().map(u32::to_le_bytes);
    put(flash, at + 4, words.as_flattened())?;
    put(flash, at, &mark::WHOLE.to_le_bytes())
}

/// Programs bytes and reads them back.
pub(crate) fn put<F: Flash>(flash: &mut F, at: usize, bytes: &[u8]) -> Result<(), Error> {
    flash.program(at, bytes)?;
    match flash.bytes().get(at..at + bytes.len()) {
        Some(there) if there == bytes => Ok(()),
        _ => Err(Error::Worn),
    }
}
