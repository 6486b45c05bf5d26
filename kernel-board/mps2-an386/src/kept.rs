//! Memory that a reset leaves as it was, and the start of the kernel, too: RAM in a section that nobody sets.
//!
//! What it holds after power-on is anything.

#![allow(unsafe_code)]

use flash_partition::Kept;

use crate::layout::STORE_PAGES;

#[unsafe(link_section = ".kept")]
static mut BUDGETS: Kept<STORE_PAGES> = Kept::new();

/// The budgets of erases.
///
/// # Safety
///
/// Once: they are referred to by nobody else.
pub(crate) unsafe fn budgets() -> &'static Kept<STORE_PAGES> {
    // What it holds is not what it was declared with, so the compiler is not to know that it is this variable.
    let budgets = core::hint::black_box(&raw const BUDGETS);
    // SAFETY: numbers in cells, of which every content is a valid one; and the caller promised that nobody else
    // refers to them.
    unsafe { &*budgets }
}
