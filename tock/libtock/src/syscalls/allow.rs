//! Allow: lend a buffer to a driver (TRD104 section 4.4).
//!
//! Between lending and getting back, the kernel may read (and, if read-write,
//! change) the bytes at any moment, so the process must not look at them. Two
//! shapes make that a matter of types: a scope, after which the buffer is back
//! ([`with_read_only`], [`with_read_write`]), and a value that owns the loan of
//! a buffer that lives for ever ([`SharedBuffer`]). Words that are atomic may be looked
//! at and changed while the kernel reads them ([`lend_words`]).

#![allow(unsafe_code)]

use core::sync::atomic::AtomicU32;

use crate::ErrorCode;
use crate::raw::{self, class, variant};

/// Lend `buffer` for reading while `body` runs.
///
/// # Errors
///
/// `NoDevice` without such a driver, `NoSupport` without such a number,
/// `Invalid` if the buffer is not the process's, `NoMem` if the kernel has no
/// room to remember it. `body` did not run then.
pub fn with_read_only<R>(
    driver: usize,
    number: usize,
    buffer: &[u8],
    body: impl FnOnce() -> R,
) -> Result<R, ErrorCode> {
    // SAFETY: the kernel only reads, and the loan ends before the borrow does.
    let _loan = unsafe {
        Loan::<{ class::ALLOW_READ_ONLY }>::new(
            driver,
            number,
            buffer.as_ptr().expose_provenance(),
            buffer.len(),
        )
    }?;
    Ok(body())
}

/// Lend `buffer` for reading and writing while `body` runs.
///
/// # Errors
///
/// As [`with_read_only`].
pub fn with_read_write<R>(
    driver: usize,
    number: usize,
    buffer: &mut [u8],
    body: impl FnOnce() -> R,
) -> Result<R, ErrorCode> {
    // SAFETY: the borrow is exclusive and the loan ends before it does.
    let _loan = unsafe {
        Loan::<{ class::ALLOW_READ_WRITE }>::new(
            driver,
            number,
            buffer.as_mut_ptr().expose_provenance(),
            buffer.len(),
        )
    }?;
    Ok(body())
}

/// Lend `words` for reading, for good: the kernel sees what the process stores in them.
///
/// # Errors
///
/// As [`with_read_only`].
pub fn lend_words(
    driver: usize,
    number: usize,
    words: &'static [AtomicU32],
) -> Result<(), ErrorCode> {
    let address = words.as_ptr().expose_provenance();
    // SAFETY: the words live for ever, and whoever reads them, atomics may change meanwhile.
    unsafe { swap::<{ class::ALLOW_READ_ONLY }>(driver, number, address, size_of_val(words)) }
}

/// Lend words that the process goes on reading (TRD104 section 4.7), for good: the
/// kernel may change them whenever the process does not run.
///
/// # Errors
///
/// As [`with_read_only`].
pub fn share_words(
    driver: usize,
    number: usize,
    words: &'static [AtomicU32],
) -> Result<(), ErrorCode> {
    let address = words.as_ptr().expose_provenance();
    // SAFETY: the words live for ever, and are only ever used as atomics.
    unsafe {
        swap::<{ class::ALLOW_USERSPACE_READABLE }>(driver, number, address, size_of_val(words))
    }
}

/// A buffer for reading and writing that the kernel has until it is taken back.
pub type SharedBuffer = Lent<{ class::ALLOW_READ_WRITE }>;

/// A buffer that the kernel reads until it is taken back.
pub type SharedText = Lent<{ class::ALLOW_READ_ONLY }>;

/// A buffer that the kernel has until it is taken back, by the class of its Allow.
///
/// Dropping the value ends the loan, too, but the buffer is then lost.
#[must_use]
pub struct Lent<const CLASS: u8> {
    loan: Loan<CLASS>,
    buffer: *mut [u8],
}

impl<const CLASS: u8> Lent<CLASS> {
    /// Lend `buffer`.
    ///
    /// # Errors
    ///
    /// As [`with_read_only`], with the buffer.
    pub fn lend(
        driver: usize,
        number: usize,
        buffer: &'static mut [u8],
    ) -> Result<Self, (ErrorCode, &'static mut [u8])> {
        let length = buffer.len();
        let pointer: *mut [u8] = buffer;
        // SAFETY: the buffer is ours, exclusively and for ever; from here on it
        // is reached through `pointer` only, and only after the loan has ended.
        unsafe {
            match Loan::new(
                driver,
                number,
                pointer.cast::<u8>().expose_provenance(),
                length,
            ) {
                Ok(loan) => Ok(Self {
                    loan,
                    buffer: pointer,
                }),
                Err(code) => Err((code, &mut *pointer)),
            }
        }
    }

    /// End the loan.
    #[must_use]
    pub fn take_back(self) -> &'static mut [u8] {
        let Self { loan, buffer } = self;
        drop(loan);
        // SAFETY: dropping the loan took the buffer away from the kernel, and
        // `lend` consumed the only reference to it.
        unsafe { &mut *buffer }
    }
}

/// One buffer in the kernel's hands; dropping takes it away again.
struct Loan<const CLASS: u8> {
    driver: usize,
    number: usize,
}

impl<const CLASS: u8> Loan<CLASS> {
    /// # Safety
    ///
    /// Until the loan is dropped the bytes must be neither freed nor used, as
    /// the class of the Allow demands.
    unsafe fn new(
        driver: usize,
        number: usize,
        address: usize,
        length: usize,
    ) -> Result<Self, ErrorCode> {
        // SAFETY: the caller's promise.
        unsafe { swap::<CLASS>(driver, number, address, length) }?;
        Ok(Self { driver, number })
    }
}

impl<const CLASS: u8> Drop for Loan<CLASS> {
    fn drop(&mut self) {
        // SAFETY: an empty buffer lends nothing.
        let back = unsafe { swap::<CLASS>(self.driver, self.number, 0, 0) };
        if let Err(code) = back {
            // The ABI says that an empty buffer is always accepted. A kernel
            // that keeps ours all the same would write into memory that is
            // about to have another use: there is no way on.
            crate::terminate(code as u32);
        }
    }
}

/// # Safety
///
/// As the class of the Allow demands for `[address, address + length)`.
unsafe fn swap<const CLASS: u8>(
    driver: usize,
    number: usize,
    address: usize,
    length: usize,
) -> Result<(), ErrorCode> {
    // SAFETY: the caller's promise.
    let [r0, r1, ..] = unsafe { raw::call::<CLASS>([driver, number, address, length]) };
    match r0 {
        variant::SUCCESS_2_U32 => Ok(()),
        // Some kernels answer a filtered call with the short form.
        variant::FAILURE_2_U32 | variant::FAILURE => Err(ErrorCode::from_raw(r1)),
        _ => Err(ErrorCode::BadRVal),
    }
}
