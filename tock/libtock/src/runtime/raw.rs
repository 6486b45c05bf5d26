//! The eight system call classes as they cross the border: four registers.
//!
//! Everything else in this crate is built on the two functions here. They check
//! nothing and interpret nothing, which makes them also the tool of conformance
//! tests. Registers that a return variant does not define keep what was passed
//! in.

#![allow(unsafe_code)]

/// What [`call`] can be asked for; the number is the immediate of the `svc`
/// instruction (TRD104 section 4).
pub mod class {
    /// Give up the processor, perhaps to receive upcalls; see [`super::yield_call`].
    pub const YIELD: u8 = 0;
    /// `(driver, number, function, data)`: set the upcall of one event.
    pub const SUBSCRIBE: u8 = 1;
    /// `(driver, number, argument, argument)`: ask a driver to do something.
    pub const COMMAND: u8 = 2;
    /// `(driver, number, address, length)`: lend a buffer for reading and writing.
    pub const ALLOW_READ_WRITE: u8 = 3;
    /// `(driver, number, address, length)`: lend a buffer for reading.
    pub const ALLOW_READ_ONLY: u8 = 4;
    /// `(operation, argument)`: ask about, or move, the process's memory.
    pub const MEMOP: u8 = 5;
    /// `(variant, code)`: end or restart the process.
    pub const EXIT: u8 = 6;
    /// `(driver, number, address, length)`: lend a buffer that the process keeps reading.
    pub const ALLOW_USERSPACE_READABLE: u8 = 7;
}

/// First register of a return: which kind of answer it is (TRD104 section 3.2).
pub mod variant {
    /// Failure: error code.
    pub const FAILURE: usize = 0;
    /// Failure: error code, u32.
    pub const FAILURE_U32: usize = 1;
    /// Failure: error code, u32, u32.
    pub const FAILURE_2_U32: usize = 2;
    /// Failure: error code, u64.
    pub const FAILURE_U64: usize = 3;
    /// Success.
    pub const SUCCESS: usize = 128;
    /// Success: u32.
    pub const SUCCESS_U32: usize = 129;
    /// Success: u32, u32.
    pub const SUCCESS_2_U32: usize = 130;
    /// Success: u64.
    pub const SUCCESS_U64: usize = 131;
    /// Success: u32, u32, u32.
    pub const SUCCESS_3_U32: usize = 132;
    /// Success: u32, u64.
    pub const SUCCESS_U32_U64: usize = 133;
}

/// First argument of a Yield (TRD104 section 4.1).
pub mod yield_variant {
    /// Run one pending upcall if there is one; `(address of a flag byte or 0)`.
    pub const NO_WAIT: usize = 0;
    /// Sleep until an upcall has run.
    pub const WAIT: usize = 1;
    /// `(driver, number)`: sleep until that event and return its three arguments.
    pub const WAIT_FOR: usize = 2;
}

/// Make a system call of a class that delivers no upcalls (all but Yield).
///
/// # Safety
///
/// A call can lend memory to the kernel, take memory away from the process or
/// hand the kernel a function to call later: the caller vouches for what the
/// registers say. Must not be used with [`class::YIELD`], which runs other code
/// before it returns.
#[cfg(target_os = "none")]
#[inline(always)]
pub unsafe fn call<const CLASS: u8>(registers: [usize; 4]) -> [usize; 4] {
    const { assert!(CLASS != class::YIELD) };
    let [mut r0, mut r1, mut r2, mut r3] = registers;
    // SAFETY: the exception saves and restores what it does not return in r0 to
    // r3; r12, lr and the flags are declared lost because the ABI lets a kernel
    // lose them. Effects on memory are the caller's promise.
    unsafe {
        core::arch::asm!(
            "svc {class}",
            class = const CLASS,
            inlateout("r0") r0,
            inlateout("r1") r1,
            inlateout("r2") r2,
            inlateout("r3") r3,
            lateout("r12") _,
            lateout("lr") _,
        );
    }
    [r0, r1, r2, r3]
}

/// Yield. Upcalls may run inside.
///
/// # Safety
///
/// Functions subscribed earlier run before this returns, and the NoWait variant
/// makes the kernel write one byte to the address in the second register.
#[cfg(target_os = "none")]
#[inline(always)]
pub unsafe fn yield_call(registers: [usize; 4]) -> [usize; 4] {
    let [mut r0, mut r1, mut r2, mut r3] = registers;
    // SAFETY: an upcall is an `extern "C"` function that returns straight behind
    // the `svc`, so exactly what such a function may destroy is declared lost.
    unsafe {
        core::arch::asm!(
            "svc 0",
            inlateout("r0") r0,
            inlateout("r1") r1,
            inlateout("r2") r2,
            inlateout("r3") r3,
            clobber_abi("C"),
        );
    }
    [r0, r1, r2, r3]
}

/// Make a system call: on the host it goes to the fake kernel of the calling
/// thread.
///
/// # Safety
///
/// As on the board: what the fake kernel does with the registers is the test's
/// responsibility.
#[cfg(not(target_os = "none"))]
pub unsafe fn call<const CLASS: u8>(registers: [usize; 4]) -> [usize; 4] {
    const { assert!(CLASS != class::YIELD) };
    super::host::dispatch(CLASS, registers)
}

/// Yield to the fake kernel of the calling thread.
///
/// # Safety
///
/// As [`call`].
#[cfg(not(target_os = "none"))]
pub unsafe fn yield_call(registers: [usize; 4]) -> [usize; 4] {
    super::host::dispatch(class::YIELD, registers)
}
