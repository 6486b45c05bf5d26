//! The border between the kernel and drivers that processes call.

use crate::errorcode::ErrorCode;
use crate::process::{self, ProcessId};
use crate::processbuffer::UserspaceReadableProcessBuffer;
use crate::syscall::SyscallReturn;

/// What a command returns: one of the variants TRD104 gives Command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandReturn(SyscallReturn);

impl CommandReturn {
    pub(crate) fn into_inner(self) -> SyscallReturn {
        self.0
    }

    /// Failure with a code.
    #[must_use]
    pub const fn failure(rc: ErrorCode) -> Self {
        Self(SyscallReturn::Failure(rc))
    }

    /// Failure with a code and a value.
    #[must_use]
    pub const fn failure_u32(rc: ErrorCode, data0: u32) -> Self {
        Self(SyscallReturn::FailureU32(rc, data0))
    }

    /// Failure with a code and two values.
    #[must_use]
    pub const fn failure_u32_u32(rc: ErrorCode, data0: u32, data1: u32) -> Self {
        Self(SyscallReturn::FailureU32U32(rc, data0, data1))
    }

    /// Failure with a code and a 64-bit value.
    #[must_use]
    pub const fn failure_u64(rc: ErrorCode, data0: u64) -> Self {
        Self(SyscallReturn::FailureU64(rc, data0))
    }

    /// Success.
    #[must_use]
    pub const fn success() -> Self {
        Self(SyscallReturn::Success)
    }

    /// Success with a value.
    #[must_use]
    pub const fn success_u32(data0: u32) -> Self {
        Self(SyscallReturn::SuccessU32(data0))
    }

    /// Success with two values.
    #[must_use]
    pub const fn success_u32_u32(data0: u32, data1: u32) -> Self {
        Self(SyscallReturn::SuccessU32U32(data0, data1))
    }

    /// Success with three values.
    #[must_use]
    pub const fn success_u32_u32_u32(data0: u32, data1: u32, data2: u32) -> Self {
        Self(SyscallReturn::SuccessU32U32U32(data0, data1, data2))
    }

    /// Success with a 64-bit value.
    #[must_use]
    pub const fn success_u64(data0: u64) -> Self {
        Self(SyscallReturn::SuccessU64(data0))
    }

    /// Success with a value and a 64-bit value.
    #[must_use]
    pub const fn success_u32_u64(data0: u32, data1: u64) -> Self {
        Self(SyscallReturn::SuccessU32U64(data0, data1))
    }

    /// Whether this is [`success`](Self::success).
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self.0, SyscallReturn::Success)
    }
}

/// Two questions for each variant that holds something: is it this one, and what does it hold?
macro_rules! variants {
    ($($variant:ident($($value:ident: $type:ty),+) of $constructor:literal, $is:ident, $get:ident;)+) => {
        // A type in parentheses is a tuple where there are several.
        #[allow(unused_parens)]
        impl CommandReturn {
            $(
                #[doc = concat!("Whether this is [`", $constructor, "`](Self::", $constructor, ").")]
                #[must_use]
                pub fn $is(&self) -> bool {
                    self.$get().is_some()
                }

                #[doc = concat!("What [`", $constructor, "`](Self::", $constructor, ") holds, if this is one.")]
                #[must_use]
                pub fn $get(&self) -> Option<($($type),+)> {
                    match self.0 {
                        SyscallReturn::$variant($($value),+) => Some(($($value),+)),
                        _ => None,
                    }
                }
            )+
        }
    };
}

variants! {
    Failure(rc: ErrorCode) of "failure", is_failure, get_failure;
    FailureU32(rc: ErrorCode, v0: u32) of "failure_u32", is_failure_u32, get_failure_u32;
    FailureU32U32(rc: ErrorCode, v0: u32, v1: u32) of "failure_u32_u32", is_failure_2_u32, get_failure_2_u32;
    FailureU64(rc: ErrorCode, v: u64) of "failure_u64", is_failure_u64, get_failure_u64;
    SuccessU32(v0: u32) of "success_u32", is_success_u32, get_success_u32;
    SuccessU32U32(v0: u32, v1: u32) of "success_u32_u32", is_success_2_u32, get_success_2_u32;
    SuccessU32U32U32(v0: u32, v1: u32, v2: u32) of "success_u32_u32_u32", is_success_3_u32, get_success_3_u32;
    SuccessU64(v: u64) of "success_u64", is_success_u64, get_success_u64;
    SuccessU32U64(v0: u32, v1: u64) of "success_u32_u64", is_success_u32_u64, get_success_u32_u64;
}

impl From<Result<(), ErrorCode>> for CommandReturn {
    fn from(result: Result<(), ErrorCode>) -> Self {
        match result {
            Ok(()) => Self::success(),
            Err(rc) => Self::failure(rc),
        }
    }
}

impl From<process::Error> for CommandReturn {
    fn from(error: process::Error) -> Self {
        Self::failure(error.into())
    }
}

/// A driver that processes can call.
///
/// Subscribe and Allow are not here: the kernel itself keeps upcalls and
/// buffers in the driver's grant, so that it can guarantee what swaps return.
pub trait SyscallDriver {
    /// Do what the process asks. `command_num` 0 asks whether the driver is
    /// there and has no side effect. Must not call back into the process or
    /// another client: events come later, through an upcall.
    fn command(
        &self,
        _command_num: usize,
        _r2: usize,
        _r3: usize,
        _process_id: ProcessId,
    ) -> CommandReturn {
        CommandReturn::failure(ErrorCode::NOSUPPORT)
    }

    /// Take a buffer that the process keeps reading. The driver keeps it and
    /// returns the one it had for this number.
    ///
    /// # Errors
    ///
    /// The buffer passed, and why it was not taken.
    fn allow_userspace_readable(
        &self,
        _process_id: ProcessId,
        _which: usize,
        buffer: UserspaceReadableProcessBuffer,
    ) -> Result<UserspaceReadableProcessBuffer, (UserspaceReadableProcessBuffer, ErrorCode)> {
        Err((buffer, ErrorCode::NOSUPPORT))
    }

    /// Allocate the driver's grant for this process, usually by
    /// `self.apps.enter(process_id, |_, _| {})`. A driver without a grant
    /// answers `Ok(())`.
    ///
    /// # Errors
    ///
    /// Why there is no grant now, usually [`process::Error::OutOfMemory`].
    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error>;
}
