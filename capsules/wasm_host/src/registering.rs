//! The registration of an interrupt, in passes.
//!
//! ```text
//!   captures ──check──► kept in the slot's places ──all checked──► line is one process's? ──► registered, line open
//!  (the process's list)  CHECKS_OF_A_PASS in a pass                claims of ended runs on it end, one in a pass
//! ```
//!
//! What is not done when the process's turn is over, its next call goes on with.

use crate::delivery::{WORD, length, put, word_of};
use crate::driver::WasmHost;
use crate::exposure::Exposure;
use crate::interrupts::{Captured, Interrupts, Slot, bit, indices};
use crate::passes::Passes;
use crate::refusal::Refusal;
use berth_exposure::allow;
use berth_exposure::interrupt::{CHECKS_OF_A_PASS, Capture, RAISED};
use berth_exposure::program::state;
use core::cell::Cell;
use kernel::process::ProcessId;
use kernel::processbuffer::{ReadableProcessBuffer, ReadableProcessSlice, WriteableProcessBuffer};
use kernel::syscall::CommandReturn;

impl<const N: usize> WasmHost<N> {
    pub(crate) fn register_interrupt(
        &self,
        process: ProcessId,
        which: u32,
        how: u32,
    ) -> Result<CommandReturn, Refusal> {
        let (interrupts, index, exposure) = self.interrupt_of(process, which)?;
        let (interrupt, slot) = interrupts.get(index).ok_or(Refusal::NoInterrupt)?;
        let [captures, priority, 0, 0] = how.to_le_bytes() else {
            return Err(Refusal::Argument);
        };
        if interrupts.is_registered(index) {
            return Err(Refusal::Registered);
        }
        // With the write that clears it and the look whether it is to be, what a pass may do.
        let looks = interrupt.clear.is_some_and(|clear| clear.raised.is_some());
        let others = 1 + u32::from(looks);
        let accesses = interrupts.limits.accesses_per_pass;
        let most = interrupt.captures_max.min(accesses.saturating_sub(others));
        if u32::from(captures) > most {
            return Err(Refusal::TooManyCaptures);
        }
        if interrupts.registered_count() >= interrupts.limits.handlers {
            return Err(Refusal::TooManyHandlers);
        }
        let end = WORD * (word_of(index, slot) + length(interrupt));
        let mut passes = self.passes_of_a_turn();
        let is_new = interrupts.begin(index, slot, captures) == captures;
        let places = interrupts.captures_of(slot);
        let come = (self.keep_captures(process, exposure, (slot, places), end, &mut passes))
            .and_then(|all| {
                Ok(all && self.take_line(process, interrupts, slot, is_new, &mut passes)?)
            });
        match come {
            Ok(true) => {}
            Ok(false) => return Ok(CommandReturn::success_u32(state::GOES_ON)),
            Err(refusal) => {
                interrupts.forget_begun(bit(index));
                return Err(refusal);
            }
        }
        self.begin_records(process, index);
        interrupts.register(index, priority);
        let others = self.claims.interrupts(interrupt.exposure);
        self.claims
            .set_interrupts(interrupt.exposure, others | bit(index));
        let wait = interrupts.settle(index);
        Ok(CommandReturn::success_u32_u32_u32(
            index as u32,
            word_of(index, slot) as u32,
            wait,
        ))
    }

    /// Check the captures that have not been, in passes, and keep them in the slot's `places`. Returns whether all are; `end`: how long the records must be.
    fn keep_captures(
        &self,
        process: ProcessId,
        exposure: &Exposure,
        (slot, places): (&Slot, &[Cell<Captured>]),
        end: usize,
        passes: &mut Passes,
    ) -> Result<bool, Refusal> {
        let mut come = Err(Refusal::NoGrant);
        let _ = self.enter(process, &mut |data, kernel_data| {
            come = if data.records.len() < end {
                Err(Refusal::BufferTooSmall)
            } else if slot.captures.get() == slot.asked.get() {
                Ok(true)
            } else {
                let list = kernel_data.get_readonly_processbuffer(allow::RO_CAPTURES);
                let checked = list.and_then(|list| {
                    list.enter(|list| check(list, exposure, slot, places, passes))
                });
                checked.unwrap_or(Err(Refusal::CaptureMalformed))
            };
        });
        come
    }

    /// A registration's bit is 0 when it begins, whatever stood there of an earlier one: so its process need not know of that.
    fn begin_records(&self, process: ProcessId, index: usize) {
        let _ = self.enter(process, &mut |data, _| {
            let raised = data.raised & !bit(index);
            if raised != data.raised {
                let _ = data.records.mut_enter(|out| put(out, RAISED, raised));
                data.raised = raised;
            }
        });
    }

    /// Whether something on a line of this block is registered by another process that lives: who had the block could raise it for that one.
    pub(crate) fn is_on_anothers_line(&self, process: ProcessId, index: usize) -> bool {
        let Some(interrupts) = &self.interrupts else {
            return false;
        };
        let registered = indices(self.claims.sources(index))
            .filter_map(|source| interrupts.get(source))
            .fold(0, |all, (_, slot)| all | interrupts.registered_on(slot));
        indices(registered).any(|peer| {
            let exposure = interrupts.table.get(peer).map(|peer| peer.exposure);
            let holder = exposure.and_then(|exposure| self.claims.holder(exposure));
            holder.is_some_and(|holder| holder.process != process && self.is_alive(holder.process))
        })
    }

    /// A line is one process's: it opens when all on it is acknowledged, nobody waits for what another process never does, and a block on it
    /// raises it whether that is registered or not. Returns whether it is this process's now.
    ///
    /// Claims with interrupts on it that are of a run that has ended come to their end here, each in a pass of its own: how many there are that
    /// run chose. `is_new`: nothing else was done in this pass.
    fn take_line(
        &self,
        process: ProcessId,
        interrupts: &Interrupts,
        slot: &Slot,
        is_new: bool,
        passes: &mut Passes,
    ) -> Result<bool, Refusal> {
        let mut is_new = is_new;
        let mut has_ended = false;
        for peer in indices(slot.peers.get()) {
            let exposure = interrupts.table.get(peer).map(|peer| peer.exposure);
            let holder = exposure.and_then(|exposure| self.claims.holder(exposure));
            let (Some(exposure), Some(holder)) = (exposure, holder) else {
                continue;
            };
            if holder.process == process {
                continue;
            }
            if self.is_alive(holder.process) {
                return Err(Refusal::Held);
            }
            if !is_new && !passes.another() {
                return Ok(false);
            }
            self.end(exposure);
            (is_new, has_ended) = (false, true);
        }
        Ok(!has_ended || passes.another())
    }
}

/// Check the captures of a list that have not been, in passes. Returns whether all are.
fn check(
    list: &ReadableProcessSlice,
    exposure: &Exposure,
    slot: &Slot,
    places: &[Cell<Captured>],
    passes: &mut Passes,
) -> Result<bool, Refusal> {
    let mut left = CHECKS_OF_A_PASS;
    loop {
        let checked = slot.captures.get();
        if checked == slot.asked.get() {
            return Ok(true);
        }
        if left == 0 {
            if !passes.another() {
                return Ok(false);
            }
            left = CHECKS_OF_A_PASS;
        }
        left -= 1;
        let number = usize::from(checked);
        let from = list.get(number * Capture::BYTES..(number + 1) * Capture::BYTES);
        let mut bytes = [0; Capture::BYTES];
        let copied = from.and_then(|from| from.copy_to_slice_or_err(&mut bytes).ok());
        let capture = copied.and_then(|()| Capture::decode(bytes));
        let capture = capture.ok_or(Refusal::CaptureMalformed)?;
        let place = places.get(number).ok_or(Refusal::CaptureMalformed)?;
        place.set(Captured::check(exposure, capture)?);
        slot.captures.set(checked + 1);
    }
}
