//! Memop: the process's own memory (TRD104 section 4.5).
//!
//! ```text
//!   RAM start   stack │ data, bss │ heap →│ break ··· grants (kernel) │ RAM end
//! ```

#![allow(unsafe_code)]

use crate::ErrorCode;
use crate::raw::{self, class, variant};

/// Operation numbers.
mod op {
    pub(super) const BRK: usize = 0;
    pub(super) const SBRK: usize = 1;
    pub(super) const RAM_START: usize = 2;
    pub(super) const RAM_END: usize = 3;
    pub(super) const FLASH_START: usize = 4;
    pub(super) const FLASH_END: usize = 5;
    pub(super) const GRANT_START: usize = 6;
    pub(super) const REGION_COUNT: usize = 7;
}

/// Lowest address of the process's RAM.
pub fn ram_start() -> Result<usize, ErrorCode> {
    ask(op::RAM_START)
}

/// First address behind the process's RAM, kernel part included.
pub fn ram_end() -> Result<usize, ErrorCode> {
    ask(op::RAM_END)
}

/// Where the process's flash starts, TBF header included.
pub fn flash_start() -> Result<usize, ErrorCode> {
    ask(op::FLASH_START)
}

/// First address behind the process's flash.
pub fn flash_end() -> Result<usize, ErrorCode> {
    ask(op::FLASH_END)
}

/// Lowest address of the kernel part of the process's RAM: the break can grow
/// up to about here (the MPU may need a gap).
pub fn grant_start() -> Result<usize, ErrorCode> {
    ask(op::GRANT_START)
}

/// How many writeable flash regions the process has.
pub fn flash_region_count() -> Result<usize, ErrorCode> {
    ask(op::REGION_COUNT)
}

/// The first address that the process may not use.
pub fn app_break() -> Result<usize, ErrorCode> {
    // SAFETY: a move by 0 bytes changes nothing.
    unsafe { sbrk(0) }
}

/// Take `bytes` more memory at the break.
///
/// The memory is zeroed and belongs to the caller for ever. A heap calls this
/// once or as often as it needs more; [`grant_start`] minus [`app_break`] says
/// what is left. The start is as aligned as the break was: a caller that takes
/// multiples of 8 gets multiples of 8.
///
/// # Errors
///
/// `NoMem` if that much is not left; `Invalid` if `bytes` is over 2 GiB.
pub fn extend(bytes: usize) -> Result<&'static mut [u8], ErrorCode> {
    let step = isize::try_from(bytes).map_err(|_| ErrorCode::Invalid)?;
    if i32::try_from(step).is_err() {
        return Err(ErrorCode::Invalid);
    }
    // SAFETY: growing takes no memory away from anyone.
    let start = unsafe { sbrk(step) }?;
    // SAFETY: the kernel just moved the break from `start` to `start + bytes`,
    // so nobody else refers to this range, and newly exposed memory is zeroed.
    // It stays: the break only goes down through the unsafe calls below.
    Ok(unsafe {
        core::slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(start), bytes)
    })
}

/// Take as much memory at the break as there is, at most `most` bytes, and leave `spare` bytes to the kernel, which
/// needs them when the process first calls a driver that keeps something for it.
///
/// How much comes depends on what the process was given and on the steps in which the protection unit divides it: on
/// a Cortex-M4, upstream's kernel keeps a sixteenth of the process's RAM at the least. Whoever calls this looks at
/// the length.
#[must_use]
pub fn extend_at_most(most: usize, spare: usize) -> &'static mut [u8] {
    const STEP: usize = 1024;
    let room = match (app_break(), grant_start()) {
        (Ok(now), Ok(end)) => end.saturating_sub(now).saturating_sub(spare),
        // A kernel that does not tell can still refuse.
        _ => most,
    };
    let mut bytes = most.min(room);
    while bytes > 0 {
        if let Ok(memory) = extend(bytes) {
            return memory;
        }
        bytes = bytes.saturating_sub(STEP);
    }
    &mut []
}

/// Move the break to `address`.
///
/// # Safety
///
/// Memory between the new and the old break, if the break goes down, must not
/// be used any more.
///
/// # Errors
///
/// `NoMem` outside what the process may have.
pub unsafe fn brk(address: usize) -> Result<(), ErrorCode> {
    // SAFETY: handed on to the caller.
    let [r0, r1, ..] = unsafe { raw::call::<{ class::MEMOP }>([op::BRK, address, 0, 0]) };
    match r0 {
        variant::SUCCESS => Ok(()),
        variant::FAILURE => Err(ErrorCode::from_raw(r1)),
        _ => Err(ErrorCode::BadRVal),
    }
}

/// Move the break by `bytes` and return where it was.
///
/// # Safety
///
/// As [`brk`].
///
/// # Errors
///
/// `NoMem` outside what the process may have.
pub unsafe fn sbrk(bytes: isize) -> Result<usize, ErrorCode> {
    value(
        // SAFETY: handed on to the caller.
        unsafe { raw::call::<{ class::MEMOP }>([op::SBRK, bytes as usize, 0, 0]) },
    )
}

fn ask(operation: usize) -> Result<usize, ErrorCode> {
    // SAFETY: the operations above other than brk and sbrk only report.
    value(unsafe { raw::call::<{ class::MEMOP }>([operation, 0, 0, 0]) })
}

fn value([r0, r1, ..]: [usize; 4]) -> Result<usize, ErrorCode> {
    match r0 {
        variant::SUCCESS_U32 => Ok(r1),
        variant::FAILURE => Err(ErrorCode::from_raw(r1)),
        _ => Err(ErrorCode::BadRVal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extend_hands_out_memory_once_and_reports_exhaustion() {
        let mut left = std::vec![0u8; 64].leak() as &'static mut [u8];
        crate::host::install(move |_, [operation, bytes, r2, r3]| {
            assert_eq!(operation, op::SBRK);
            if bytes > left.len() {
                return [variant::FAILURE, ErrorCode::NoMem as usize, r2, r3];
            }
            let (head, tail) = core::mem::take(&mut left).split_at_mut(bytes);
            left = tail;
            [
                variant::SUCCESS_U32,
                head.as_mut_ptr().expose_provenance(),
                r2,
                r3,
            ]
        });
        let first = extend(40).unwrap();
        let second = extend(24).unwrap();
        first.fill(1);
        assert!(second.iter().all(|&byte| byte == 0));
        assert_eq!(extend(1).unwrap_err(), ErrorCode::NoMem);
        assert_eq!(extend(usize::MAX).unwrap_err(), ErrorCode::Invalid);
    }

    /// A process of `bytes` bytes whose protection unit divides it in steps of `step`; the kernel's own part
    /// at its end is `kernel` bytes long. What `extend_at_most` gives.
    fn extended(bytes: usize, step: usize, kernel: usize, most: usize, spare: usize) -> usize {
        let memory = std::vec![0u8; bytes].leak();
        let start = memory.as_mut_ptr().expose_provenance();
        let mut end = start;
        crate::host::install(move |_, [operation, argument, r2, r3]| match operation {
            op::GRANT_START => [variant::SUCCESS_U32, start + bytes - kernel, r2, r3],
            op::SBRK => {
                let wanted = end + argument;
                if (wanted - start).next_multiple_of(step) > bytes - kernel {
                    return [variant::FAILURE, ErrorCode::NoMem as usize, r2, r3];
                }
                let old = core::mem::replace(&mut end, wanted);
                [variant::SUCCESS_U32, old, r2, r3]
            }
            _ => [variant::FAILURE, ErrorCode::NoSupport as usize, r2, r3],
        });
        extend_at_most(most, spare).len()
    }

    #[test]
    fn as_much_as_there_is_is_taken_whatever_the_steps_are() {
        let k = 1024;
        // All that is wanted.
        assert_eq!(extended(256 * k, 4 * k, 2 * k, 212 * k, 4 * k), 212 * k);
        // As an upstream kernel on a Cortex-M4 divides 256 KiB: 240 are left.
        assert_eq!(extended(256 * k, 16 * k, k + 100, 250 * k, 4 * k), 240 * k);
        // No steps to speak of: the kernel keeps its spare part.
        let all = extended(64 * k, 8, 1000, usize::MAX, 4 * k);
        assert_eq!(all, 64 * k - 1000 - 4 * k);
        // Nothing is left, or less than is to be spared.
        assert_eq!(extended(8 * k, 8 * k, k, k, 0), 0);
        assert_eq!(extended(4 * k, 8, k, usize::MAX, 4 * k), 0);
    }

    #[test]
    fn a_kernel_that_tells_nothing_gives_nothing() {
        crate::host::install(crate::host::no_device);
        assert!(extend_at_most(100_000, 0).is_empty());
    }
}
