//! The flash of the container store and of compiled code, which this board does not have: RAM with a real part's rules.
//!
//! ```text
//!   flash_partition
//!   ─────────────────────────── Part ─────────
//!   EmulatedFlash ── berth_flash::rules
//!        │ memory of the partition, read by the process
//!        └ semihosting: each operation into the file that is the whole flash
//! ```
//!
//! The emulator loads the file when it starts and at every reset (the file as it was at the
//! start, so the store is read again here). Each operation writes what it changed through to
//! the file, in its order, before it reports its end: an emulator that is killed comes back
//! with what was written. How often words were programmed stands behind the part's flash, in memory
//! and in the file; a page that is being erased is noted there first as one that cannot be programmed.
//!
//! Without semihosting the same rules hold and nothing outlives the emulator.
//!
//! The emulator's user may have the power cut in an operation, words torn, or a page worn out: see
//! [`layout::EmulatorWords`].

use core::cell::Cell;

use berth_flash::{ERASED, FlashError, PAGE_BYTES, PROGRAMS_MAX, WORD_BYTES, rules};
use flash_partition::{Geometry, Part, PartClient};
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::utilities::cells::{MapCell, OptionalCell};
use kernel::utilities::leasable_buffer::SubSliceMut;

use crate::layout::{self, EmulatorWords, Store};
use crate::semihosting::{self, File};

/// The emulator's exit status after a cut that its user asked for.
const CUT_STATUS: usize = 77;

/// Bytes that are erased in one step.
const STEP_BYTES: usize = 512;

/// The emulated part.
pub(crate) struct EmulatedFlash {
    geometry: Geometry,
    store: MapCell<Store>,
    mirror: Option<&'static Mirror>,
    client: OptionalCell<&'static dyn PartClient>,
    /// An operation goes on, or has ended and its client is not told yet.
    ended: DeferredCall,
    /// The page that is being erased, and how many of its bytes are.
    erasing: Cell<Option<(usize, usize)>>,
    /// What it programmed; none for an erase.
    programmed: MapCell<SubSliceMut<'static, u8>>,
}

/// The file, when the power goes, and what is worn out.
pub(crate) struct Mirror {
    file: File,
    /// Steps (words programmed, pages erased) until then.
    left: Cell<u32>,
    seed: u32,
    /// Address of the page that cannot be erased.
    worn: usize,
}

impl EmulatedFlash {
    /// The partition as the file has it.
    pub(crate) fn new(store: Store, mirror: Option<&'static Mirror>) -> Self {
        if let Some(mirror) = mirror {
            mirror.load(store.bytes, ERASED);
            mirror.load(store.counts, 0);
        }
        Self {
            geometry: Geometry {
                start: store.bytes.as_ptr().addr(),
                length: store.bytes.len(),
                page: PAGE_BYTES,
                word: WORD_BYTES,
                programs: PROGRAMS_MAX.into(),
            },
            store: MapCell::new(store),
            mirror,
            client: OptionalCell::empty(),
            ended: DeferredCall::new(),
            erasing: Cell::new(None),
            programmed: MapCell::empty(),
        }
    }

    /// Program `new` at `offset`, or erase as many bytes as a page has from there, unless an
    /// operation is under way.
    fn change(&self, offset: usize, new: Option<&[u8]>) -> Result<(), ErrorCode> {
        if self.ended.is_pending() {
            return Err(ErrorCode::BUSY);
        }
        let length = new.map_or(PAGE_BYTES, <[u8]>::len);
        let words = offset / WORD_BYTES..(offset + length) / WORD_BYTES;
        let result = self.store.map_or(Err(FlashError::Failed), |store| {
            match (
                store.bytes.get_mut(offset..offset + length),
                store.counts.get_mut(words),
            ) {
                (Some(bytes), Some(counts)) => self.change_part(bytes, counts, new),
                _ => Err(FlashError::Range),
            }
        });
        match result {
            Ok(()) => {
                self.ended.set();
                Ok(())
            }
            Err(FlashError::Rule) => Err(ErrorCode::ALREADY),
            Err(_) => Err(ErrorCode::FAIL),
        }
    }

    /// Program or erase `bytes`, in memory and in the file. An erase is only begun: the rest is done in
    /// steps, since no part would keep the processor for it.
    fn change_part(
        &self,
        bytes: &mut [u8],
        counts: &mut [u8],
        new: Option<&[u8]>,
    ) -> Result<(), FlashError> {
        let steps = match new {
            Some(new) => {
                rules::check_program(bytes, counts, new)?;
                counts.len()
            }
            None => {
                rules::count_erase(counts);
                self.save(counts)?;
                1
            }
        };
        // All steps, or, if the power goes in one of them, those before it and a part of it.
        let cut = self.mirror.and_then(|mirror| mirror.cut(steps));
        let Some(cut) = cut else {
            return match new {
                Some(new) => self.program_whole(bytes, counts, new),
                None => Ok(()),
            };
        };
        self.change_cut(bytes, counts, new, cut, steps)
    }

    fn program_whole(
        &self,
        bytes: &mut [u8],
        counts: &mut [u8],
        new: &[u8],
    ) -> Result<(), FlashError> {
        // As long: the rules were asked.
        for (byte, new) in bytes.iter_mut().zip(new) {
            *byte = *new;
        }
        self.save(bytes)?;
        rules::count_program(counts);
        self.save(counts)
    }

    /// Erase the next piece of the page that is being erased; whether that was the last.
    fn erase_step(&self, page: usize, done: usize) -> Result<bool, FlashError> {
        let start = page * PAGE_BYTES;
        self.store.map_or(Err(FlashError::Failed), |store| {
            if let Some(piece) = store.bytes.get_mut(start + done..start + done + STEP_BYTES)
                && done < PAGE_BYTES
            {
                piece.fill(ERASED);
                return self.save(piece).map(|()| false);
            }
            let words = start / WORD_BYTES..(start + PAGE_BYTES) / WORD_BYTES;
            let counts = store.counts.get_mut(words).ok_or(FlashError::Range)?;
            counts.fill(0);
            self.save(counts).map(|()| true)
        })
    }

    /// The power goes in step `cut` of an operation: what was done before, and a part of that.
    fn change_cut(
        &self,
        bytes: &mut [u8],
        counts: &mut [u8],
        new: Option<&[u8]>,
        (left, seed): (usize, u32),
        steps: usize,
    ) -> Result<(), FlashError> {
        let step = bytes.len() / steps.max(1);
        let whole = left * step;
        let reached = whole.saturating_add(step);
        for (place, byte) in bytes.iter_mut().enumerate().take(reached) {
            let new = new.map_or(Some(&ERASED), |new| new.get(place));
            let mut changes = *byte ^ new.unwrap_or(byte);
            if place >= whole {
                changes &= seed.rotate_left(place as u32) as u8;
            }
            *byte ^= changes;
        }
        self.save(bytes)?;
        if new.is_some() {
            let words = counts.len().min(reached / WORD_BYTES);
            rules::count_program(counts.get_mut(..words).unwrap_or_default());
        }
        self.save(counts)?;
        semihosting::exit(CUT_STATUS)
    }

    /// Write memory through to the file.
    #[inline(never)]
    fn save(&self, bytes: &[u8]) -> Result<(), FlashError> {
        match self.mirror {
            Some(mirror) => mirror.save(bytes),
            None => Ok(()),
        }
    }
}

impl Part for EmulatedFlash {
    fn set_client(&self, client: &'static dyn PartClient) {
        self.client.set(client);
    }

    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn erase(&self, page: usize) -> Result<(), ErrorCode> {
        let at = self.geometry.start + page * PAGE_BYTES;
        if self.mirror.is_some_and(|mirror| mirror.worn == at) {
            return Err(ErrorCode::FAIL);
        }
        self.change(page * PAGE_BYTES, None)?;
        self.erasing.set(Some((page, 0)));
        Ok(())
    }

    fn program(
        &self,
        offset: usize,
        new: SubSliceMut<'static, u8>,
    ) -> Result<(), (ErrorCode, SubSliceMut<'static, u8>)> {
        match self.change(offset, Some(new.as_slice())) {
            Ok(()) => {
                self.programmed.put(new);
                Ok(())
            }
            Err(error) => Err((error, new)),
        }
    }
}

#[cfg(feature = "keys")]
impl wasm_host::Images for EmulatedFlash {
    fn length(&self) -> usize {
        self.geometry.length
    }

    fn look(&self, offset: usize, length: usize, work: &mut dyn FnMut(&[u8])) -> bool {
        let range = offset..offset.saturating_add(length);
        let looked = |store: &mut Store| store.bytes.get(range).map(work).is_some();
        self.store.map_or(false, looked)
    }
}

impl DeferredCallClient for EmulatedFlash {
    fn handle_deferred_call(&self) {
        let mut result = Ok(());
        if let Some((page, done)) = self.erasing.take() {
            match self.erase_step(page, done) {
                Ok(true) => {}
                Ok(false) => {
                    self.erasing.set(Some((page, done + STEP_BYTES)));
                    return self.ended.set_later();
                }
                Err(_) => result = Err(ErrorCode::FAIL),
            }
        }
        let Some(client) = self.client.get() else {
            return;
        };
        match self.programmed.take() {
            Some(bytes) => client.programmed(bytes, Ok(())),
            None => client.erased(result),
        }
    }

    fn register(&'static self) {
        self.ended.register(self);
    }
}

impl Mirror {
    /// Returns `None` without semihosting. The store's counts are written only afterwards.
    pub(crate) fn open(store: &mut Store) -> Option<Self> {
        let words: EmulatorWords = layout::emulator_words()?;
        let buffer = &mut *store.counts;
        Some(Self {
            file: File::of_command_line(buffer)?,
            left: Cell::new(words.cut_after),
            seed: words.cut_seed,
            // One of the store's; 0 stands for none, and there is none in front of it.
            worn: (store.bytes.as_ptr().addr() + words.worn as usize * PAGE_BYTES)
                .wrapping_sub(PAGE_BYTES),
        })
    }

    /// Make memory what the file has at its address. What the file does not have yet is
    /// put there as `fill`: a hole that a later write leaves would read zero.
    fn load(&self, bytes: &mut [u8], fill: u8) {
        let offset = bytes.as_ptr().addr();
        let missing = self.file.read_at(offset, bytes);
        let there = bytes.len().saturating_sub(missing);
        if let Some(rest) = bytes.get_mut(there..) {
            rest.fill(fill);
            // Nothing to be told this to; the first operation fails then, too.
            let _ = self.save(rest);
        }
    }

    /// Write memory through to the file, at its address.
    fn save(&self, bytes: &[u8]) -> Result<(), FlashError> {
        if self.file.write_at(bytes.as_ptr().addr(), bytes) {
            Ok(())
        } else {
            Err(FlashError::Failed)
        }
    }

    /// Count the steps of an operation. If the power goes in one of them: which, and the seed.
    fn cut(&self, steps: usize) -> Option<(usize, u32)> {
        let left = self.left.get();
        self.left.set(left.saturating_sub(steps as u32));
        let left = left as usize;
        (left < steps).then_some((left, self.seed))
    }
}
