//! Run record: words that a run of this process leaves to the next (driver 0xA0002).

use core::sync::atomic::AtomicU32;

use crate::{ErrorCode, allow, command};

/// Driver number.
pub const DRIVER_NUM: usize = 0xA_0002;

/// Words of the longest record.
pub const WORDS_MAX: usize = 16;

const PREVIOUS: usize = 1;
const KEEP: usize = 2;
const RO_RECORD: usize = 0;

/// Word `index` of what the previous run left; `None` if it left no such word, or the
/// kernel has no such driver.
#[must_use]
pub fn previous(index: usize) -> Option<u32> {
    command(DRIVER_NUM, PREVIOUS, index, 0).success_u32().ok()
}

/// Lend `record` for good: the kernel copies it when this process faults. Words
/// behind the first [`WORDS_MAX`] are not kept.
///
/// # Errors
///
/// `NoDevice` without the driver, `NoMem` if the kernel has no room.
pub fn share(record: &'static [AtomicU32]) -> Result<(), ErrorCode> {
    allow::lend_words(DRIVER_NUM, RO_RECORD, record)
}

/// Keep the record now, before ending by oneself.
///
/// # Errors
///
/// `Reserve` if nothing is lent, `NoDevice` without the driver.
pub fn keep() -> Result<(), ErrorCode> {
    command(DRIVER_NUM, KEEP, 0, 0).success()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{class, variant};
    use core::sync::atomic::Ordering::Relaxed;
    use std::sync::Mutex;

    static RECORD: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

    #[test]
    fn what_is_lent_is_the_record_itself() {
        static LENT: Mutex<Option<(usize, usize)>> = Mutex::new(None);
        crate::host::install(move |class, [driver, number, address, length]| {
            assert_eq!(
                (class, driver, number),
                (class::ALLOW_READ_ONLY, DRIVER_NUM, 0)
            );
            *LENT.lock().unwrap() = Some((address, length));
            [variant::SUCCESS_2_U32, 0, 0, length]
        });
        assert_eq!(share(&RECORD), Ok(()));
        let (address, length) = LENT.lock().unwrap().unwrap();
        assert_eq!((address, length), (RECORD.as_ptr().addr(), 8));
        RECORD[1].store(7, Relaxed);
    }

    #[test]
    fn a_kernel_without_the_driver_has_no_record() {
        crate::host::install(|_, [_, _, r2, r3]| [variant::FAILURE, 11, r2, r3]);
        assert_eq!(previous(0), None);
        assert_eq!(share(&RECORD), Err(ErrorCode::NoDevice));
        assert_eq!(keep(), Err(ErrorCode::NoDevice));
    }
}
