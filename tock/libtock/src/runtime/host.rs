//! A stand-in for the kernel when the crate runs on the build machine.
//!
//! A test installs a function for its thread; it receives the class and the
//! four registers of every call and returns the four registers of the answer.
//! Without one, drivers are missing, memory operations are unsupported, and
//! Yield returns at once.
//!
//! ```
//! libtock::host::install(|class, [driver, number, ..]| {
//!     if class == libtock::raw::class::COMMAND && (driver, number) == (2, 0) {
//!         [129, 10, 0, 0] // ten LEDs
//!     } else {
//!         [0, 11, 0, 0]
//!     }
//! });
//! assert_eq!(libtock::led::count(), Ok(10));
//! ```

#![allow(unsafe_code)]

use super::raw::{class, variant};
use crate::ErrorCode;
use crate::syscalls::subscribe::deliver;
use core::cell::RefCell;
use std::boxed::Box;

type Kernel = Box<dyn FnMut(u8, [usize; 4]) -> [usize; 4]>;

std::thread_local! {
    static KERNEL: RefCell<Option<Kernel>> = const { RefCell::new(None) };
}

/// Answer all further calls of this thread with `kernel`.
///
/// The function must not make system calls itself.
pub fn install(kernel: impl FnMut(u8, [usize; 4]) -> [usize; 4] + 'static) {
    KERNEL.with_borrow_mut(|slot| *slot = Some(Box::new(kernel)));
}

/// What the fake kernel does for an upcall: fill the slot that a call of
/// [`subscribe`](crate::subscribe()) passed as its `data` register.
///
/// # Safety
///
/// `data` must be the fourth register of a Subscribe made through
/// [`subscribe`](crate::subscribe()), so that it is the address of a live slot.
pub unsafe fn upcall(data: usize, arguments: [usize; 3]) {
    let [a, b, c] = arguments;
    // SAFETY: the caller's promise is the one `deliver` asks for.
    unsafe { deliver(a, b, c, data) };
}

/// What a kernel answers that has no driver at all.
#[must_use]
pub fn no_device(class: u8, registers: [usize; 4]) -> [usize; 4] {
    let [r0, r1, r2, r3] = registers;
    match class {
        class::YIELD => [r0, r1, r2, r3],
        class::COMMAND => [variant::FAILURE, ErrorCode::NoDevice as usize, r2, r3],
        class::MEMOP | class::EXIT => [variant::FAILURE, ErrorCode::NoSupport as usize, r2, r3],
        _ => [variant::FAILURE_2_U32, ErrorCode::NoDevice as usize, r2, r3],
    }
}

pub(super) fn dispatch(class: u8, registers: [usize; 4]) -> [usize; 4] {
    KERNEL.with_borrow_mut(|slot| match slot {
        Some(kernel) => kernel(class, registers),
        None => no_device(class, registers),
    })
}
