//! Interrupts of claimed blocks.
//!
//! ```ignore
//! static RECORDS: Records<64> = Records::new();
//! static RAISED: EventSlot = EventSlot::new();
//!
//! RECORDS.lend()?;
//! interrupts::notify(&RAISED)?;
//! let timer = RECORDS.register(handle, 0, 5, &[])?;
//! loop {
//!     while RECORDS.waiting() & timer.bit() == 0 {
//!         yield_wait();
//!     }
//!     // handle it
//!     RECORDS.take(timer.bit());
//!     interrupts::acknowledge(timer.interrupt)?;
//! }
//! ```

#![cfg_attr(test, allow(unsafe_code))]

use crate::{ErrorCode, EventSlot, allow, command, subscribe};
use berth_exposure::command as number;
use berth_exposure::interrupt::{CAPTURES_MAX, COUNT, Capture, ONLY_LINE, RAISED, VALUES};
use berth_exposure::program::state;
use berth_exposure::{DRIVER_NUM, interrupt_of, registration, upcall};
use core::sync::atomic::{AtomicU32, Ordering};

pub use berth_exposure::interrupt::{Counters, Registered};

/// Where the kernel records interrupts, and what of it is handled.
pub struct Records<const WORDS: usize> {
    words: [AtomicU32; WORDS],
    handled: AtomicU32,
}

impl<const WORDS: usize> Records<WORDS> {
    /// Nothing recorded, and not lent yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            words: [const { AtomicU32::new(0) }; WORDS],
            handled: AtomicU32::new(0),
        }
    }

    /// Give the words to the kernel, for good.
    ///
    /// # Errors
    ///
    /// `NoDevice` without the driver, `NoMem` if it has no room to remember them.
    pub fn lend(&'static self) -> Result<(), ErrorCode> {
        allow::share_words(DRIVER_NUM, berth_exposure::allow::RECORDS, &self.words)
    }

    /// Record interrupt `number` of a claimed block from now on. Lower `priority` is
    /// served first. Whatever waited of an earlier registration, nothing waits of this one.
    ///
    /// # Errors
    ///
    /// `NoDevice` if the block has no such interrupt, `Size` for too many captures or too short
    /// records, `Invalid` or `NoSupport` for a register that cannot be captured, `NoMem` if
    /// too many interrupts are registered, `Already`, `Reserve`.
    pub fn register(
        &self,
        handle: u16,
        number: u16,
        priority: u8,
        captures: &[Capture],
    ) -> Result<Registered, ErrorCode> {
        let mut list = [0; CAPTURES_MAX * Capture::BYTES];
        let room = list
            .get_mut(..captures.len() * Capture::BYTES)
            .ok_or(ErrorCode::Size)?;
        for (place, capture) in room.chunks_exact_mut(Capture::BYTES).zip(captures) {
            place.copy_from_slice(&capture.encode());
        }
        let (interrupt, record, opens_us) =
            allow::with_read_only(DRIVER_NUM, berth_exposure::allow::RO_CAPTURES, room, || {
                let which = interrupt_of(handle, number);
                let how = registration(priority, captures.len() as u8);
                loop {
                    let answer = command(DRIVER_NUM, number::REGISTER, which, how);
                    // The firmware comes first between two passes of the check.
                    if answer.success_u32() != Ok(state::GOES_ON) {
                        return answer.success_3_u32();
                    }
                }
            })??;
        let registered = Registered {
            interrupt,
            record,
            opens_us,
        };
        // Its bit is 0 when it begins, too.
        let handled = self.handled.load(Ordering::Relaxed);
        self.handled
            .store(handled & !registered.bit(), Ordering::Relaxed);
        Ok(registered)
    }

    /// The bits of interrupts whose record waits. Costs no system call.
    #[inline]
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.word(RAISED) ^ self.handled.load(Ordering::Relaxed)
    }

    /// The interrupt of this bit waits no more.
    pub fn take(&self, bit: u32) {
        let waiting = self.waiting() & bit;
        let handled = self.handled.load(Ordering::Relaxed);
        self.handled.store(handled ^ waiting, Ordering::Relaxed);
    }

    /// How many interrupts the record stands for. 0: another block had raised the line, and nothing was captured.
    #[must_use]
    pub fn count(&self, record: u32) -> u32 {
        self.word((record as usize).saturating_add(COUNT))
    }

    /// The captured register `place` of the record.
    #[must_use]
    pub fn value(&self, record: u32, place: usize) -> u32 {
        self.word((record as usize).saturating_add(VALUES + place))
    }

    #[inline]
    fn word(&self, word: usize) -> u32 {
        self.words
            .get(word)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

impl<const WORDS: usize> Default for Records<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

/// Have records told to `slot`, so that waiting for them is possible.
///
/// # Errors
///
/// As [`subscribe`].
pub fn notify(slot: &'static EventSlot) -> Result<(), ErrorCode> {
    subscribe(DRIVER_NUM, upcall::INTERRUPT, slot)
}

/// Record it no more. A record of it that waits, waits on until it is [taken](Records::take) or registered again. If others of this process are on its line, each is to be asked for with [`open_line`].
///
/// # Errors
///
/// `Reserve` if it is not registered.
pub fn unregister(handle: u16, number: u16) -> Result<(), ErrorCode> {
    command(
        DRIVER_NUM,
        number::UNREGISTER,
        interrupt_of(handle, number),
        0,
    )
    .success()
}

/// It is handled, its line may open. Microseconds until it does; if not 0, [`open_line`] is to be called
/// after that time.
///
/// # Errors
///
/// `Reserve` if it is not registered.
pub fn acknowledge(interrupt: u32) -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, number::ACKNOWLEDGE, interrupt as usize, 0).success_u32()
}

/// Its line is to open if nothing on it waits. A record of it that came meanwhile waits on. Microseconds until
/// it does; if not 0, to be called again after that time.
///
/// # Errors
///
/// `Reserve` if it is not registered.
pub fn open_line(interrupt: u32) -> Result<u32, ErrorCode> {
    command(
        DRIVER_NUM,
        number::ACKNOWLEDGE,
        interrupt as usize,
        ONLY_LINE,
    )
    .success_u32()
}

/// What was counted of an interrupt.
///
/// # Errors
///
/// `NoDevice` if the block has no such interrupt, `Reserve`.
pub fn counters(handle: u16, number: u16) -> Result<Counters, ErrorCode> {
    let which = interrupt_of(handle, number);
    let (taken, dropped, merged) =
        command(DRIVER_NUM, number::COUNTERS, which, 0).success_3_u32()?;
    Ok(Counters {
        taken,
        dropped,
        merged,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{class, variant};
    use std::vec;

    #[test]
    fn what_was_recorded_waits_until_it_is_taken() {
        static RECORDS: Records<4> = Records::new();
        crate::host::install(move |class, [driver, number, address, length]| {
            assert_eq!((class, driver, number), (7, DRIVER_NUM, 0));
            assert_eq!(length, 16);
            assert_eq!(address, RECORDS.words.as_ptr() as usize);
            [variant::SUCCESS_2_U32, 0, 0, 0]
        });
        RECORDS.lend().unwrap();
        let record = |values: [u32; 4]| {
            for (word, value) in RECORDS.words.iter().zip(values) {
                word.store(value, Ordering::Relaxed);
            }
        };
        assert_eq!(RECORDS.waiting(), 0);
        record([0b101, 1, 2, 3]);
        assert_eq!(RECORDS.waiting(), 0b101);
        RECORDS.take(0b001);
        RECORDS.take(0b010);
        assert_eq!(RECORDS.waiting(), 0b100);
        // The next record of the first changes its bit back.
        record([0b100, 9, 8, 7]);
        assert_eq!(RECORDS.waiting(), 0b101);
        assert_eq!((RECORDS.count(1), RECORDS.value(1, 1)), (9, 7));
        assert_eq!(RECORDS.value(u32::MAX, 1), 0);
    }

    #[test]
    fn a_registration_lends_its_captures() {
        let mut lent = vec![];
        crate::host::install(move |class, [r0, r1, r2, r3]| match class {
            class::ALLOW_READ_ONLY => {
                if r3 != 0 {
                    // SAFETY: the list is lent right now.
                    let list = unsafe {
                        core::slice::from_raw_parts(
                            core::ptr::with_exposed_provenance::<u8>(r2),
                            r3,
                        )
                    };
                    lent = list.to_vec();
                }
                [variant::SUCCESS_2_U32, 0, 0, r3]
            }
            _ => {
                assert_eq!((r0, r1), (DRIVER_NUM, number::REGISTER));
                assert_eq!((r2, r3), (0x7_0001, 0x502));
                assert_eq!(lent, [4, 0, 4, 0, 0x34, 0x12, 1, 0]);
                [variant::SUCCESS_3_U32, 3, 9, 0]
            }
        });
        let captures = [(4, 4), (0x1234, 1)].map(|(offset, bytes)| Capture { offset, bytes });
        let records = Records::<1>::new();
        let registered = records.register(7, 1, 5, &captures).unwrap();
        assert_eq!((registered.bit(), registered.record), (8, 9));
        let many = [captures[0]; CAPTURES_MAX + 1];
        assert_eq!(records.register(7, 1, 5, &many), Err(ErrorCode::Size));
    }
}
