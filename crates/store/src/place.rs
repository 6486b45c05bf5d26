//! Where objects lie: free pages, wear, and moving objects to make room or to spread wear.
//!
//! New objects go to the pages with the fewest erases; among pages that differ by
//! less than five, to the piece they fit best, so that large pieces stay whole. That wears all free pages
//! alike, but not those of objects that stay for ever. So when a page about to be used has half as
//! many erases again as the mean, the object on the least worn pages is moved first, onto the most
//! worn free ones.

use berth_flash::{Flash, WORD_BYTES};

use crate::record::{self, Buffer, RECORD_MAX};
use crate::root::ROOT_PAGES;
use crate::{Error, Key, RETIRED, Store};

/// Pages that stay free: one for the next log, and two that may have to be left alone after
/// power cuts in a row.
const SPARE: usize = 3;

/// Differences of erases that do not count.
const SLACK: u32 = 4;

/// Bytes that are copied at once.
const COPY_BYTES: usize = 128;

/// Room, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// For objects, free or not.
    pub total: u32,
    /// Free, whole pages.
    pub free: u32,
    /// Free side by side, without moving anything.
    pub largest: u32,
}

/// Wear, in erases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wear {
    /// Of the most worn page.
    pub most: u32,
    /// Of all pages together, retired ones apart.
    pub total: u32,
    /// How many pages that are.
    pub pages: u32,
    /// Pages that are never used again.
    pub retired: u32,
}

impl Wear {
    /// Erases of a page on average, rounded down.
    #[must_use]
    pub const fn mean(&self) -> u32 {
        match self.total.checked_div(self.pages) {
            Some(mean) => mean,
            None => 0,
        }
    }
}

/// For each page: may it not be used?
pub(crate) type Map<const PAGES: usize> = [bool; PAGES];

/// A run of free pages: first page, and first one behind.
fn runs(map: &[bool]) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    core::iter::from_fn(move || {
        let start = from + map.get(from..)?.iter().position(|taken| !*taken)?;
        let length = map
            .get(start..)?
            .iter()
            .take_while(|taken| !**taken)
            .count();
        from = start + length;
        Some((start, from))
    })
}

impl<F: Flash, const PAGES: usize, const KEYS: usize> Store<F, PAGES, KEYS> {
    /// Returns how much room there is.
    #[must_use]
    pub fn space(&self) -> Space {
        let map = self.map();
        let bytes = |pages: usize| (pages * F::PAGE_BYTES) as u32;
        let free = self.free(&map).saturating_sub(SPARE);
        let usable = (ROOT_PAGES..self.pages()).filter(|page| self.count(*page) != RETIRED);
        Space {
            total: bytes(usable.count().saturating_sub(SPARE + 1)),
            free: bytes(free),
            largest: bytes(self.largest(&map)),
        }
    }

    /// Returns how worn the flash is.
    #[must_use]
    pub fn wear(&self) -> Wear {
        let mut wear = Wear {
            most: self.root_erases(),
            total: self.root_erases() * ROOT_PAGES as u32,
            pages: ROOT_PAGES as u32,
            retired: 0,
        };
        for page in ROOT_PAGES..self.pages() {
            match self.count(page) {
                RETIRED => wear.retired += 1,
                count => {
                    wear.most = wear.most.max(count);
                    wear.total = wear.total.saturating_add(count);
                    wear.pages += 1;
                }
            }
        }
        wear
    }

    /// Which pages may not be used.
    pub(crate) fn map(&self) -> Map<PAGES> {
        let mut map = [true; PAGES];
        for (page, taken) in map.iter_mut().enumerate() {
            *taken = page < ROOT_PAGES
                || page >= self.pages()
                || page == self.log
                || self.count(page) == RETIRED;
        }
        take(&mut map, self.hold);
        for key in 0..KEYS as Key {
            take(&mut map, self.extent(key));
        }
        map
    }

    /// Free pages, the one apart that the first log will take.
    fn free(&self, map: &Map<PAGES>) -> usize {
        let free = map.iter().filter(|taken| !**taken).count();
        free.saturating_sub(usize::from(self.log == 0))
    }

    fn largest(&self, map: &Map<PAGES>) -> usize {
        let longest = runs(map).map(|(start, end)| end - start).max();
        longest
            .unwrap_or(0)
            .min(self.free(map).saturating_sub(SPARE))
    }

    /// Free pages side by side: the least worn, or the most worn.
    fn window(&self, map: &Map<PAGES>, pages: usize, worn: bool) -> Option<usize> {
        let windows = || {
            runs(map).flat_map(move |(start, end)| {
                (start..(end + 1).saturating_sub(pages)).map(move |first| (first, start, end))
            })
        };
        let most = |first: usize| {
            let counts = self.counts.get(first..first + pages);
            counts.into_iter().flatten().copied().max().unwrap_or(0)
        };
        let counts = windows().map(|(first, ..)| most(first));
        let limit = if worn {
            counts.max()?.saturating_sub(SLACK)
        } else {
            counts.min()? + SLACK
        };
        windows()
            .filter(|(first, ..)| {
                let most = most(*first);
                if worn { most >= limit } else { most <= limit }
            })
            .min_by_key(|(first, start, end)| {
                let splits = first != start && first + pages != *end;
                (splits, end - start, *first)
            })
            .map(|(first, ..)| first)
    }

    /// A page for the next log.
    pub(crate) fn page_for_log(&self) -> Option<usize> {
        let mut map = self.map();
        for (taken, doubtful) in map.iter_mut().zip(&self.doubtful) {
            *taken |= doubtful;
        }
        // With every free page in doubt (lib.rs: cuts in a row), any is better than none.
        self.window(&map, 1, false)
            .or_else(|| self.window(&self.map(), 1, false))
    }

    /// Find pages side by side for a new object, moving others if need be.
    pub(crate) fn allocate(&mut self, pages: usize) -> Result<usize, Error> {
        if pages == 0 {
            return Ok(0);
        }
        if self.free(&self.map()) < pages + SPARE {
            return Err(self.full(pages));
        }
        self.spread_wear(pages)?;
        // Every object is moved at most once or twice on the way.
        for _ in 0..2 * KEYS {
            if let Some(start) = self.window(&self.map(), pages, false) {
                return Ok(start);
            }
            self.make_room(pages)?;
        }
        Err(self.full(pages))
    }

    fn full(&self, pages: usize) -> Error {
        Error::Full {
            needed: (pages * F::PAGE_BYTES) as u32,
            free: self.space().largest,
        }
    }

    /// If the pages that would be used are well above the mean, free less worn ones.
    pub(crate) fn spread_wear(&mut self, pages: usize) -> Result<(), Error> {
        let map = self.map();
        let mean = self.wear().mean();
        let Some(first) = self.window(&map, pages, false) else {
            return Ok(());
        };
        let counts = self.counts.get(first..first + pages);
        let most = counts.into_iter().flatten().max().copied().unwrap_or(0);
        if most <= mean + mean / 2 + SLACK {
            return Ok(());
        }
        let coldest = (0..Self::UPLOAD)
            .filter_map(|key| {
                let (start, pages) = self.extent(key);
                let least = self.counts.get(start..start + pages)?.iter().min()?;
                let to = self.window(&map, pages, true)?;
                (*least < mean).then_some((*least, start, pages, to))
            })
            .min();
        match coldest {
            Some((_, from, pages, to)) if self.free(&map) >= pages + SPARE => {
                self.relocate(from, pages, to)
            }
            _ => Ok(()),
        }
    }

    /// Take one step towards so many free pages side by side: choose the place where the fewest
    /// pages are in the way, and move the first object out of it.
    fn make_room(&mut self, pages: usize) -> Result<(), Error> {
        let mut best: Option<(usize, usize, Option<Step>)> = None;
        for first in ROOT_PAGES..(self.pages() + 1).saturating_sub(pages) {
            let most = best.map_or(usize::MAX, |(cost, ..)| cost);
            if let Some((cost, step)) = self.plan((first, pages), most) {
                best = Some((cost, first, step));
            }
        }
        match best {
            Some((_, _, Some(Step { from, pages, to }))) => self.relocate(from, pages, to),
            Some((_, first, None)) => {
                // Only the log is in the way.
                self.hold = (first, pages);
                let done = self.rewrite();
                self.hold = (0, 0);
                done
            }
            None => Err(self.full(pages)),
        }
    }

    /// What it costs, in pages, to free `window`, if that is less than `most` and possible; and the first step.
    fn plan(&self, window: (usize, usize), most: usize) -> Option<(usize, Option<Step>)> {
        let (first, pages) = window;
        if (first..first + pages).any(|page| self.count(page) == RETIRED)
            || overlaps(self.extent(Self::UPLOAD), window)
        {
            return None;
        }
        let mut cost = usize::from((first..first + pages).contains(&self.log));
        let mut map = self.map();
        take(&mut map, window);
        let mut step = None;
        for key in 0..Self::UPLOAD {
            let (from, pages) = self.extent(key);
            // An image of several keys is moved once.
            let known = (0..key).any(|other| self.extent(other) == (from, pages));
            if pages == 0 || known || !overlaps((from, pages), window) {
                continue;
            }
            cost += pages;
            if cost >= most {
                return None;
            }
            let to = runs(&map)
                .find(|(start, end)| end - start >= pages)
                .map(|(start, _)| start)?;
            take(&mut map, (to, pages));
            step = step.or(Some(Step { from, pages, to }));
        }
        (cost < most).then_some((cost, step))
    }

    /// Copy an object and let the copy be it.
    fn relocate(&mut self, from: usize, pages: usize, to: usize) -> Result<(), Error> {
        if self.free(&self.map()) < pages + SPARE {
            return Err(self.full(pages));
        }
        self.hold = (to, pages);
        let done = self.copy(from, pages, to).and_then(|()| {
            let mut record = Buffer::record(record::MOVED, record::page_arguments(from));
            record.word(to as u32);
            self.append(&record.commit())
        });
        self.hold = (0, 0);
        done
    }

    fn copy(&mut self, from: usize, pages: usize, to: usize) -> Result<(), Error> {
        const { assert!(COPY_BYTES <= RECORD_MAX && COPY_BYTES.is_multiple_of(WORD_BYTES)) };
        for page in 0..pages {
            self.open_page(to + page)?;
            for within in (0..F::PAGE_BYTES).step_by(COPY_BYTES) {
                let at = (from + page) * F::PAGE_BYTES + within;
                let end = within + COPY_BYTES.min(F::PAGE_BYTES - within);
                let mut part = Buffer::new();
                let bytes = self.flash.bytes().get(at..at + (end - within));
                part.append(bytes.unwrap_or_default());
                self.program_page(to + page, within, part.bytes())?;
            }
        }
        Ok(())
    }
}

/// An object to be moved.
#[derive(Clone, Copy)]
struct Step {
    from: usize,
    pages: usize,
    to: usize,
}

fn overlaps((a, a_pages): (usize, usize), (b, b_pages): (usize, usize)) -> bool {
    a < b + b_pages && b < a + a_pages
}

/// Mark an extent.
fn take(map: &mut [bool], (start, pages): (usize, usize)) {
    for taken in map.iter_mut().skip(start).take(pages) {
        *taken = true;
    }
}
