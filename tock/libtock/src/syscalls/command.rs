//! Command: ask a driver to do something (TRD104 section 4.3).

#![allow(unsafe_code)]

use crate::ErrorCode;
use crate::raw::{self, class, variant};

/// Ask `driver` to execute its command `number`.
///
/// A command never touches the process's memory except through buffers that
/// were lent by an Allow, which is why it is safe to call with any numbers.
#[inline]
pub fn command(driver: usize, number: usize, arg0: usize, arg1: usize) -> CommandReturn {
    // SAFETY: a Command takes plain numbers; memory is lent by Allow only, and
    // those who lend it answer for it.
    CommandReturn(unsafe { raw::call::<{ class::COMMAND }>([driver, number, arg0, arg1]) })
}

/// The answer to a [`command`]; read it with the method for the variant that
/// the driver's page names.
///
/// A driver that answers with another success variant than the one expected
/// gives [`ErrorCode::BadRVal`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct CommandReturn([usize; 4]);

impl CommandReturn {
    /// The four registers, uninterpreted.
    #[must_use]
    pub const fn registers(self) -> [usize; 4] {
        self.0
    }

    /// Success without a value.
    pub const fn success(self) -> Result<(), ErrorCode> {
        match self.expect(variant::SUCCESS) {
            Ok(_) => Ok(()),
            Err(code) => Err(code),
        }
    }

    /// Success with one number.
    pub const fn success_u32(self) -> Result<u32, ErrorCode> {
        match self.expect(variant::SUCCESS_U32) {
            Ok([a, ..]) => Ok(a as u32),
            Err(code) => Err(code),
        }
    }

    /// Success with two numbers.
    pub const fn success_2_u32(self) -> Result<(u32, u32), ErrorCode> {
        match self.expect(variant::SUCCESS_2_U32) {
            Ok([a, b, _]) => Ok((a as u32, b as u32)),
            Err(code) => Err(code),
        }
    }

    /// Success with three numbers.
    pub const fn success_3_u32(self) -> Result<(u32, u32, u32), ErrorCode> {
        match self.expect(variant::SUCCESS_3_U32) {
            Ok([a, b, c]) => Ok((a as u32, b as u32, c as u32)),
            Err(code) => Err(code),
        }
    }

    /// Failure with one number, if that is what the driver answered.
    #[must_use]
    pub const fn failure_u32(self) -> Option<(ErrorCode, u32)> {
        let [which, code, a, _] = self.0;
        if which == variant::FAILURE_U32 {
            Some((ErrorCode::from_raw(code), a as u32))
        } else {
            None
        }
    }

    /// Failure with two numbers, if that is what the driver answered.
    #[must_use]
    pub const fn failure_2_u32(self) -> Option<(ErrorCode, u32, u32)> {
        let [which, code, a, b] = self.0;
        if which == variant::FAILURE_2_U32 {
            Some((ErrorCode::from_raw(code), a as u32, b as u32))
        } else {
            None
        }
    }

    /// Success with one 64-bit number.
    pub const fn success_u64(self) -> Result<u64, ErrorCode> {
        match self.expect(variant::SUCCESS_U64) {
            Ok([low, high, _]) => Ok((high as u64) << 32 | low as u64),
            Err(code) => Err(code),
        }
    }

    /// The three value registers if the variant is the one expected.
    const fn expect(self, wanted: usize) -> Result<[usize; 3], ErrorCode> {
        let [got, a, b, c] = self.0;
        // First, since it is what mostly happens.
        if got == wanted {
            return Ok([a, b, c]);
        }
        match got {
            variant::FAILURE
            | variant::FAILURE_U32
            | variant::FAILURE_2_U32
            | variant::FAILURE_U64 => Err(ErrorCode::from_raw(a)),
            _ => Err(ErrorCode::BadRVal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_is_read_by_its_own_method_only() {
        let answer = |variant| CommandReturn([variant, 3, 1, 2]);
        assert_eq!(answer(128).success(), Ok(()));
        assert_eq!(answer(129).success_u32(), Ok(3));
        assert_eq!(answer(130).success_2_u32(), Ok((3, 1)));
        assert_eq!(answer(131).success_u64(), Ok(0x1_0000_0003));
        assert_eq!(answer(132).success_3_u32(), Ok((3, 1, 2)));
        assert_eq!(answer(129).success(), Err(ErrorCode::BadRVal));
        assert_eq!(answer(128).success_u32(), Err(ErrorCode::BadRVal));
        for failure in 0..4 {
            assert_eq!(answer(failure).success(), Err(ErrorCode::Already));
        }
    }

    #[test]
    fn without_a_kernel_there_is_no_device() {
        assert_eq!(command(1, 0, 0, 0).success(), Err(ErrorCode::NoDevice));
    }
}
