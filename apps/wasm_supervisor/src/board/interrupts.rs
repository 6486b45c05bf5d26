//! Interrupts on a board: the records that the kernel writes.

use core::sync::atomic::{AtomicU32, Ordering};

use libtock::EventSlot;
use libtock::wasm_host::interrupts::{self, Records};

use super::Board;
use crate::interrupts::{Capture, Counters, Interrupts, Registered};

/// Words for records: one for all, and one for each interrupt and each register that
/// can be captured for it. Interrupts whose records do not fit cannot be registered.
const WORDS: usize = 96;

/// What host functions look at, side by side: one address for both.
struct Looked {
    records: Records<WORDS>,
    watched: AtomicU32,
}

static LOOKED: Looked = Looked {
    records: Records::new(),
    watched: AtomicU32::new(0),
};
/// Something was recorded since the process looked last.
pub(super) static RECORDED: EventSlot = EventSlot::new();

/// Share the records with the kernel; where it has no interrupts, nothing will wait.
pub(super) fn start() {
    if LOOKED.records.lend().is_ok() {
        let _ = interrupts::notify(&RECORDED);
    }
}

impl Interrupts for Board {
    fn watch(&self, bits: u32) {
        LOOKED.watched.store(bits, Ordering::Relaxed);
    }

    #[inline(always)]
    fn waiting(&self) -> u32 {
        // Mostly nothing waits, and then it does not matter what is watched.
        match LOOKED.records.waiting() {
            0 => 0,
            some => some & LOOKED.watched.load(Ordering::Relaxed),
        }
    }

    fn recorded(&self) -> u32 {
        LOOKED.records.waiting()
    }

    fn register(
        &self,
        handle: u16,
        number: u16,
        priority: u8,
        captures: &[Capture],
    ) -> Result<Registered, u8> {
        { LOOKED.records.register(handle, number, priority, captures) }.map_err(|code| code as u8)
    }

    fn unregister(&self, handle: u16, number: u16, bit: u32) {
        // Fails only if its claim has ended, which is as good.
        let _ = interrupts::unregister(handle, number);
        LOOKED.records.take(bit);
    }

    fn count(&self, record: u32) -> u32 {
        LOOKED.records.count(record)
    }

    fn value(&self, record: u32, place: usize) -> u32 {
        LOOKED.records.value(record, place)
    }

    fn acknowledge(&self, bit: u32) -> u32 {
        LOOKED.records.take(bit);
        interrupts::acknowledge(bit.trailing_zeros()).unwrap_or(0)
    }

    fn open_line(&self, bit: u32) -> u32 {
        interrupts::open_line(bit.trailing_zeros()).unwrap_or(0)
    }

    fn counters(&self, handle: u16, number: u16) -> Counters {
        interrupts::counters(handle, number).unwrap_or_default()
    }
}
