//! Nested vectored interrupt controller.
//!
//! Interrupts are handled in two halves. The top half, the same few
//! instructions for every line (`cortexv7m`), disables the line and leaves it
//! *pending*. The kernel loop finds it here with [`next_pending`], runs the
//! driver, and enables the line again. The pending bits are therefore the whole
//! state: nothing can be lost between the halves.
//!
//! Beside it there is one word, [`NOTED`], that says whether to look at the bits at all. It makes the look
//! after each system call cheap, and the way into a process safe: the handler that enters it
//! looks at the word when no interrupt can come any more.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

use kernel::utilities::StaticRef;
use kernel::utilities::registers::interfaces::{Readable, Writeable};
use kernel::utilities::registers::{ReadOnly, ReadWrite, register_structs};

register_structs! {
    NvicRegisters {
        (0x000 => _reserved),
        /// Interrupt controller type: number of lines / 32 - 1.
        (0x004 => ictr: ReadOnly<u32>),
        (0x008 => _reserved0),
        /// Write 1 to enable.
        (0x100 => iser: [ReadWrite<u32>; 16]),
        (0x140 => _reserved1),
        /// Write 1 to disable.
        (0x180 => icer: [ReadWrite<u32>; 16]),
        (0x1C0 => _reserved2),
        /// Write 1 to set pending.
        (0x200 => ispr: [ReadWrite<u32>; 16]),
        (0x240 => _reserved3),
        /// Write 1 to clear pending.
        (0x280 => icpr: [ReadWrite<u32>; 16]),
        (0x2C0 => _reserved4),
        /// One byte of priority a line, four lines a word.
        (0x400 => ipr: [ReadWrite<u32>; 124]),
        (0x5F0 => @END),
    }
}

// SAFETY: the architecture fixes the system control space at this address.
const NVIC: StaticRef<NvicRegisters> =
    unsafe { StaticRef::new(0xE000_E000 as *const NvicRegisters) };

/// Priority of all interrupts, SysTick and SVC: one level, so no handler ever
/// interrupts another. Faults stay at 0, above it, so that a fault during
/// exception entry is always handled first (see `cortexv7m`).
pub const PRIORITY: u8 = 0x80;

/// Not 0 from the moment an interrupt was taken or a time slice ended until the kernel looks
/// ([`look`]) and finds no line pending. The handlers of interrupts and of SysTick set it, wherever they
/// came from; while it is set, no process is entered.
pub static NOTED: AtomicU32 = AtomicU32::new(0);

/// Whether an interrupt was taken or a slice ended since the last [`look`] that found nothing.
///
/// A line that is enabled and becomes pending is noted at once, unless interrupts are masked.
#[must_use]
#[inline(always)]
pub fn is_noted() -> bool {
    NOTED.load(Ordering::Relaxed) != 0
}

/// Nothing is noted any more; for who looks at the pending bits afterwards.
#[inline(always)]
pub fn forget() {
    NOTED.store(0, Ordering::Relaxed);
}

/// Whether one of the `attended` lines is pending; if none is, nothing is noted any more.
#[must_use]
#[inline]
pub fn look(attended: &[u32]) -> bool {
    if has_pending(attended) {
        return true;
    }
    // What comes behind this line is noted, or found.
    forget();
    let pending = has_pending(attended);
    if pending {
        NOTED.store(1, Ordering::Relaxed);
    }
    pending
}

/// Words of 32 lines that this core has.
fn words() -> usize {
    (NVIC.ictr.get() as usize & 0xF) + 1
}

/// The line `index` as (word, bit); `None` beyond the architecture's 496.
fn place(index: u32) -> Option<(usize, u32)> {
    (index < 496).then_some(((index / 32) as usize, 1 << (index % 32)))
}

/// Disable every line, forget what is pending, give all the same priority.
pub fn init() {
    for word in 0..words() {
        if let (Some(icer), Some(icpr)) = (NVIC.icer.get(word), NVIC.icpr.get(word)) {
            icer.set(!0);
            icpr.set(!0);
        }
    }
    for ipr in NVIC.ipr.iter().take(words() * 8) {
        ipr.set(u32::from_ne_bytes([PRIORITY; 4]));
    }
}

/// Is one of the `attended` lines pending, whether or not it is enabled?
///
/// `attended` has a bit a line, 32 lines a word, from line 0.
#[must_use]
#[inline]
pub fn has_pending(attended: &[u32]) -> bool {
    NVIC.ispr
        .iter()
        .zip(attended)
        .any(|(pending, attended)| pending.get() & attended != 0)
}

/// Which of the first 32 lines are pending, whether or not they are enabled.
#[must_use]
#[inline]
pub fn pending() -> u32 {
    NVIC.ispr.first().map_or(0, |pending| pending.get())
}

/// The pending one of the `attended` lines with the lowest number.
#[must_use]
pub fn next_pending(attended: &[u32]) -> Option<u32> {
    NVIC.ispr
        .iter()
        .zip(attended)
        .zip((0..).step_by(32))
        .find_map(
            |((pending, attended), base)| match pending.get() & attended {
                0 => None,
                bits => Some(base + bits.trailing_zeros()),
            },
        )
}

/// One line of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nvic(u32);

impl Nvic {
    /// The line `index`, counted from 0. Lines that do not exist do nothing.
    ///
    /// # Safety
    ///
    /// Whoever holds this can enable and disable the line: there must be one owner.
    #[must_use]
    pub const unsafe fn new(index: u32) -> Self {
        Self(index)
    }

    /// Let the line interrupt.
    pub fn enable(&self) {
        if let Some((word, bit)) = place(self.0)
            && let Some(iser) = NVIC.iser.get(word)
        {
            iser.set(bit);
        }
    }

    /// Keep the line from interrupting; it can still become pending.
    pub fn disable(&self) {
        if let Some((word, bit)) = place(self.0)
            && let Some(icer) = NVIC.icer.get(word)
        {
            icer.set(bit);
        }
    }

    /// Forget that the line was raised. A level that is still high raises it again.
    pub fn clear_pending(&self) {
        if let Some((word, bit)) = place(self.0)
            && let Some(icpr) = NVIC.icpr.get(word)
        {
            icpr.set(bit);
        }
    }
}
