//! Exit: end the process or start it anew (TRD104 section 4.6).

#![allow(unsafe_code)]

use crate::raw::{self, class};

/// End the process. Code 0 means success; 1 to 1024 an
/// [`ErrorCode`](crate::ErrorCode).
pub fn terminate(code: u32) -> ! {
    exit(0, code)
}

/// Start the process anew, with fresh memory. Code as in [`terminate`].
pub fn restart(code: u32) -> ! {
    exit(1, code)
}

fn exit(variant: usize, code: u32) -> ! {
    // SAFETY: nothing of the process is used afterwards.
    unsafe { raw::call::<{ class::EXIT }>([variant, code as usize, 0, 0]) };
    // Not reached with a kernel that keeps the ABI.
    #[cfg(not(target_os = "none"))]
    panic!("the process left with code {code} (exit variant {variant})");
    #[cfg(target_os = "none")]
    loop {
        crate::yield_wait();
    }
}
