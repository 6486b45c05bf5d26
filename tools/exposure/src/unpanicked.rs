//! A panic of a library is an answer, too.
//!
//! The parser of SVD files adds offsets without a look at what becomes of them, and ends at some paths in
//! `derivedFrom`. Such files are odd, not a fault of who compiles them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// A panic of this thread is expected, and nothing is said of it.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// What a function returns, or `None` if it panics. What it can change is lost with it.
pub(crate) fn unpanicked<T>(function: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                hook(panic);
            }
        }));
    });
    let before = EXPECTED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(function)).ok();
    EXPECTED.set(before);
    result
}
