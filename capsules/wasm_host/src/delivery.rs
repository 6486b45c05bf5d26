//! Interrupts on their way to the process: epilogue, acknowledgement, the end of a registration.
//!
//! The prologue ([`WasmHost::interrupt`]) runs where the kernel services interrupts and
//! only notes what came. The epilogue is a deferred call, so everything that the firmware
//! has to do for *its* interrupts comes before it. For each noted interrupt, the most
//! urgent first, it reads the captured registers, clears the source as the exposure
//! says, and writes the record; the line stays masked until the process has acknowledged.

use crate::driver::WasmHost;
use crate::exposure::Exposure;
use crate::interrupts::{Captured, Interrupts, Slot, bit, indices};
use crate::refusal::Refusal;
use crate::table::TableError;
use berth_exposure::interrupt::{COUNT, Clear, Interrupt, RAISED, VALUES};
use berth_exposure::{Width, upcall};
use core::cell::Cell;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::grant::GrantKernelData;
use kernel::process::ProcessId;
use kernel::processbuffer::{WriteableProcessBuffer, WriteableProcessSlice};
use kernel::syscall::CommandReturn;

/// Bytes of a word of the records.
pub(crate) const WORD: usize = 4;

/// Takes upcalls back that wait in the process's queue: what a kernel does that has this as a method of its own. Then that
/// is called, which comes before a trait's, and this never. Upstream's release 2.2 has none: there each record adds
/// an upcall.
#[allow(dead_code)]
trait Pending {
    /// Returns how many were taken back.
    fn remove_pending_upcalls(&self, subscribe_num: usize) -> usize;
}

impl Pending for GrantKernelData<'_> {
    fn remove_pending_upcalls(&self, _: usize) -> usize {
        0
    }
}

impl<const N: usize> WasmHost<N> {
    /// Serve the interrupts of the board's table, too. The board passes their lines to
    /// [`interrupt`](Self::interrupt) and registers the driver for its deferred call.
    ///
    /// # Errors
    /// If an interrupt belongs to no exposure, or clears what its block does not have.
    pub fn with_interrupts(mut self, interrupts: Interrupts) -> Result<Self, TableError> {
        for (index, interrupt) in interrupts.table.iter().enumerate() {
            let sound = self.exposures.get(interrupt.exposure).is_some_and(|block| {
                interrupt.clear.is_none_or(|clear| {
                    Width::of_bytes(clear.bytes.into()).is_some_and(|width| {
                        let end = u32::from(clear.offset) + width.bytes();
                        let is_in = |(offset, _): &(u16, u32)| {
                            offset % 4 == 0 && u32::from(*offset) + 4 <= block.length
                        };
                        u32::from(clear.offset) % width.bytes() == 0
                            && end <= block.length
                            && clear.raised.is_none_or(is_in)
                    })
                })
            });
            if !sound {
                return Err(TableError::Interrupt { interrupt: index });
            }
            self.claims.add_source(interrupt.exposure, bit(index));
        }
        self.interrupts = Some(interrupts);
        Ok(self)
    }

    /// Returns how many interrupts an exposure has.
    pub(crate) fn interrupts_of(&self, exposure: usize) -> u8 {
        // A table has at most 32.
        self.claims.sources(exposure).count_ones() as u8
    }

    /// The prologue: `line` was raised, its top half has run. Returns whether it is the line of
    /// an exposed block; it is masked then.
    pub fn interrupt(&self, line: u32) -> bool {
        self.interrupts
            .as_ref()
            .is_some_and(|interrupts| interrupts.note(line))
    }

    /// Returns how many interrupts the chip passed to [`interrupt`](Self::interrupt) from lines that
    /// the capsule had masked, modulo 2^32. A chip whose lines stay masked keeps it at 0; a board that
    /// sees it grow has one that enables lines behind the capsule's back (README, "For chips").
    pub fn unbidden_interrupts(&self) -> u32 {
        self.interrupts.as_ref().map_or(0, Interrupts::unbidden)
    }

    /// Has epilogues made when no process of the firmware is ready, and before any other runs: for a kernel that has
    /// such calls. `put` puts a call among them (there: `DeferredCall::put_in_background`).
    pub fn in_background(&self, put: impl FnOnce(&DeferredCall)) {
        if let Some(interrupts) = &self.interrupts {
            put(&interrupts.deferred);
        }
    }

    /// One interrupt that was noted. What came meanwhile goes before the next one.
    fn epilogues(&self, interrupts: &Interrupts) {
        let Some(index) = interrupts.take_noted() else {
            return;
        };
        let begin = interrupts.share.begin();
        self.epilogue(interrupts, index);
        if interrupts.has_noted() {
            interrupts.deferred.set();
        }
        interrupts.share.end(begin, 1);
    }

    /// Serve one interrupt.
    fn epilogue(&self, interrupts: &Interrupts, index: usize) {
        let Some((interrupt, slot)) = interrupts.get(index) else {
            return;
        };
        let Some(exposure) = self.exposures.get(interrupt.exposure) else {
            return;
        };
        // Decided once: what is recorded, what is read for that, and what is cleared must say the same of it, and the block may raise it at any instant.
        let to_clear = interrupt.clear.as_ref();
        let is_own = to_clear.is_none_or(|clear| has_raised(exposure, clear));
        if !is_own {
            interrupts.is_anothers(index);
        }
        let clear = |before| match to_clear {
            Some(clear) if is_own && clear.before_capture == before => {
                clear_source(exposure, clear);
                interrupts.look_again(interrupt.line, slot.peers.get());
            }
            _ => {}
        };
        clear(true);
        let recorded = self.record(interrupts, index, exposure, is_own);
        clear(false);
        if recorded.is_some() {
            interrupts.set_outstanding(index, true);
            slot.since.set(0);
        } else if is_own {
            slot.dropped.set(slot.dropped.get().wrapping_add(1));
        }
    }

    /// Write the record and wake the process; of an interrupt that is another's no register is read. Returns `None` if it cannot be written.
    fn record(
        &self,
        interrupts: &Interrupts,
        index: usize,
        exposure: &Exposure,
        is_own: bool,
    ) -> Option<()> {
        let (interrupt, slot) = interrupts.get(index)?;
        // Whoever holds the block now; its registration ended with any earlier claim.
        let holder = self.claims.holder(interrupt.exposure)?;
        let mut recorded = None;
        let _ = self.enter(holder.process, &mut |data, kernel_data| {
            let raised = data.raised ^ bit(index);
            let written = data.records.mut_enter(|out| {
                let start = WORD * word_of(index, slot);
                let record = out.get(start..start + WORD * length(interrupt))?;
                put(record, COUNT, slot.since.get())?;
                for (place, captured) in captures(interrupts, slot).enumerate() {
                    let value = if is_own { captured.read(exposure) } else { 0 };
                    put(record, VALUES + place, value)?;
                }
                put(out, RAISED, raised)
            });
            recorded = written.ok().flatten();
            if recorded.is_some() {
                data.raised = raised;
                // One at a time: a process that handles interrupts without ever yielding
                // must not find its queue full of them when it waits for something else.
                let told = kernel_data.remove_pending_upcalls(upcall::INTERRUPT) > 0;
                data.told = bit(index) | if told { data.told } else { 0 };
                let bits = data.told as usize;
                // A full queue wakes the process as well.
                let _ = kernel_data.schedule_upcall(upcall::INTERRUPT, (bits, 0, 0));
            }
        });
        recorded
    }

    /// The index of an interrupt that an argument names.
    pub(crate) fn interrupt_of(
        &self,
        process: ProcessId,
        argument: u32,
    ) -> Result<(&Interrupts, usize, &Exposure), Refusal> {
        let (exposure_index, exposure) = self.held(process, argument >> 16)?;
        let interrupts = self.interrupts.as_ref().ok_or(Refusal::NoInterrupt)?;
        let number = (argument & 0xffff) as usize;
        let index = indices(self.claims.sources(exposure_index)).nth(number);
        let index = index.ok_or(Refusal::NoInterrupt)?;
        Ok((interrupts, index, exposure))
    }

    pub(crate) fn unregister_interrupt(
        &self,
        process: ProcessId,
        which: u32,
    ) -> Result<CommandReturn, Refusal> {
        let (interrupts, index, _) = self.interrupt_of(process, which)?;
        let (interrupt, _) = interrupts.get(index).ok_or(Refusal::NoInterrupt)?;
        if interrupts.forget_begun(bit(index)) {
            return Ok(CommandReturn::success());
        }
        if !interrupts.is_registered(index) {
            return Err(Refusal::NotHeld);
        }
        interrupts.unregister(index);
        let others = self.claims.interrupts(interrupt.exposure) & !bit(index);
        self.claims.set_interrupts(interrupt.exposure, others);
        interrupts.settle(index);
        Ok(CommandReturn::success())
    }

    /// With `only_line` the record, if there is one, waits on: its line is to open if it may.
    pub(crate) fn acknowledge(
        &self,
        process: ProcessId,
        index: usize,
        only_line: bool,
    ) -> Result<CommandReturn, Refusal> {
        let interrupts = self.interrupts.as_ref().ok_or(Refusal::NotHeld)?;
        let (interrupt, _) = interrupts.get(index).ok_or(Refusal::NotHeld)?;
        let holder = self.claims.holder(interrupt.exposure);
        if !interrupts.is_registered(index) || holder.is_none_or(|h| h.process != process) {
            return Err(Refusal::NotHeld);
        }
        if !only_line {
            interrupts.set_outstanding(index, false);
        }
        Ok(CommandReturn::success_u32(interrupts.settle(index)))
    }

    pub(crate) fn counters(
        &self,
        process: ProcessId,
        which: u32,
    ) -> Result<CommandReturn, Refusal> {
        let (interrupts, index, _) = self.interrupt_of(process, which)?;
        let (_, slot) = interrupts.get(index).ok_or(Refusal::NoInterrupt)?;
        Ok(CommandReturn::success_u32_u32_u32(
            slot.taken.get(),
            slot.dropped.get(),
            slot.merged.get(),
        ))
    }

    /// The first half of what the end of a claim does to its interrupts: no more of them. Returns
    /// those that were registered, for the second. Of the others nothing is left: their lines are masked unless
    /// somebody else has them.
    pub(crate) fn silence(&self, exposure: usize) -> u32 {
        let Some(interrupts) = &self.interrupts else {
            return 0;
        };
        interrupts.forget_begun(self.claims.sources(exposure));
        let registered = self.claims.set_interrupts(exposure, 0);
        indices(registered).for_each(|index| interrupts.unregister(index));
        registered
    }

    /// The second half, when the hardware is at rest: lines that others share open for them, with what they
    /// raised meanwhile; of the rest what is pending is forgotten.
    pub(crate) fn forget(&self, registered: u32) {
        if let Some(interrupts) = &self.interrupts {
            indices(registered).for_each(|index| {
                interrupts.settle(index);
            });
        }
    }
}

impl<const N: usize> DeferredCallClient for WasmHost<N> {
    fn handle_deferred_call(&self) {
        // Which of its calls it was is not told. Ends come first, and epilogues are not made with them, nor before their own call.
        let was_end = self.end_one();
        if let Some(interrupts) = &self.interrupts {
            if was_end {
                interrupts.deferred.set();
            } else if !interrupts.deferred.is_pending() {
                self.epilogues(interrupts);
            }
        }
    }

    fn register(&'static self) {
        if let Some(interrupts) = &self.interrupts {
            interrupts.deferred.register(self);
        }
        if let Some(ends) = &self.ends {
            ends.call.register(self);
        }
    }
}

/// Word of an interrupt's record: those before it have one for the count and as many
/// as they may capture.
pub(crate) fn word_of(index: usize, slot: &Slot) -> usize {
    RAISED + 1 + index + usize::from(slot.first.get())
}

/// Words of an interrupt's record.
pub(crate) const fn length(interrupt: &Interrupt) -> usize {
    VALUES + interrupt.captures_max as usize
}

fn captures(interrupts: &Interrupts, slot: &Slot) -> impl Iterator<Item = Captured> {
    let all = interrupts.captures_of(slot);
    all.iter().take(slot.captures.get().into()).map(Cell::get)
}

/// Write one word of the records.
pub(crate) fn put(words: &WriteableProcessSlice, word: usize, value: u32) -> Option<()> {
    let start = word * WORD;
    words
        .get(start..start + WORD)?
        .copy_from_slice_or_err(&value.to_le_bytes())
        .ok()
}

/// Whether a block has raised an interrupt, as far as it says so. One that does not answer has raised nothing.
fn has_raised(exposure: &Exposure, clear: &Clear) -> bool {
    clear.raised.is_none_or(|(offset, mask)| {
        let state = exposure.window.load(*offset, Width::Bits32);
        state.is_ok_and(|state| state & mask != 0)
    })
}

fn clear_source(exposure: &Exposure, clear: &Clear) {
    if let Some(width) = Width::of_bytes(clear.bytes.into()) {
        // One that does not answer is not cleared: its line opens and is masked again like any
        // that is held, within the share of time.
        let _ = exposure.window.store(clear.offset, width, clear.value);
    }
}
