//! Memory that a reset leaves as it was, and the start of the kernel, too: RAM in a section that nobody sets.
//!
//! What it holds after power-on is anything.

#![allow(unsafe_code)]

use flash_partition::Kept;

use crate::layout::{CODE_PAGES, STORE_PAGES};

/// The budgets of erases of the flash.
pub(crate) struct Budgets {
    /// Of the container store.
    pub(crate) store: Kept<STORE_PAGES>,
    /// Of compiled code.
    pub(crate) code: Kept<CODE_PAGES>,
}

#[unsafe(link_section = ".kept")]
static mut BUDGETS: Budgets = Budgets {
    store: Kept::new(),
    code: Kept::new(),
};

/// The budgets of erases.
///
/// # Safety
///
/// Once: they are referred to by nobody else.
pub(crate) unsafe fn budgets() -> &'static Budgets {
    // What it holds is not what it was declared with, so the compiler is not to know that it is this variable.
    let budgets = core::hint::black_box(&raw const BUDGETS);
    // SAFETY: numbers in cells, of which every content is a valid one; and the caller promised that nobody else
    // refers to them.
    unsafe { &*budgets }
}
