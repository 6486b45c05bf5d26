//! The TRD104 register encoding that 32-bit architectures share.

use crate::syscall::{Syscall, SyscallReturn, YieldCall};
use crate::upcall::UpcallId;

/// Decode a system call from its class number and the first four argument registers.
///
/// `None`: no such class, or a reserved way to yield. The architecture reports
/// [`ContextSwitchReason::Fault`](crate::syscall::ContextSwitchReason::Fault) then.
#[must_use]
#[inline]
pub fn syscall_from_register_arguments_trd104(
    class: u8,
    r0: usize,
    r1: usize,
    r2: usize,
    r3: usize,
) -> Option<Syscall> {
    Some(match class {
        0 => Syscall::Yield {
            yield_type: match r0 {
                0 => YieldCall::NoWait(r1),
                1 => YieldCall::Wait,
                2 => YieldCall::WaitFor(UpcallId {
                    driver_num: r1,
                    subscribe_num: r2,
                }),
                _ => return None,
            },
        },
        1 => Syscall::Subscribe {
            driver_number: r0,
            subdriver_number: r1,
            upcall_ptr: r2,
            appdata: r3,
        },
        2 => Syscall::Command {
            driver_number: r0,
            subdriver_number: r1,
            arg0: r2,
            arg1: r3,
        },
        3 => Syscall::ReadWriteAllow {
            driver_number: r0,
            subdriver_number: r1,
            allow_address: r2,
            allow_size: r3,
        },
        4 => Syscall::ReadOnlyAllow {
            driver_number: r0,
            subdriver_number: r1,
            allow_address: r2,
            allow_size: r3,
        },
        5 => Syscall::Memop {
            operand: r0,
            arg0: r1,
        },
        6 => Syscall::Exit {
            which: r0,
            completion_code: r1,
        },
        7 => Syscall::UserspaceReadableAllow {
            driver_number: r0,
            subdriver_number: r1,
            allow_address: r2,
            allow_size: r3,
        },
        _ => return None,
    })
}

/// Write a return value to the four registers that carry it; a register that
/// the variant does not define keeps its value.
#[allow(clippy::cast_possible_truncation)]
#[inline]
pub fn encode_syscall_return_trd104(
    value: &SyscallReturn,
    a0: &mut u32,
    a1: &mut u32,
    a2: &mut u32,
    a3: &mut u32,
) {
    use SyscallReturn as R;
    match *value {
        R::Failure(e) => {
            *a0 = 0;
            *a1 = e as u32;
        }
        R::FailureU32(e, v0) => {
            *a0 = 1;
            *a1 = e as u32;
            *a2 = v0;
        }
        R::FailureU32U32(e, v0, v1) => {
            *a0 = 2;
            *a1 = e as u32;
            *a2 = v0;
            *a3 = v1;
        }
        R::SwapFailure(e, v0, v1) => {
            *a0 = 2;
            *a1 = e as u32;
            *a2 = v0 as u32;
            *a3 = v1 as u32;
        }
        R::FailureU64(e, v) => {
            *a0 = 3;
            *a1 = e as u32;
            *a2 = v as u32;
            *a3 = (v >> 32) as u32;
        }
        R::Success => *a0 = 128,
        R::SuccessU32(v0) => {
            *a0 = 129;
            *a1 = v0;
        }
        R::SuccessAddr(v0) => {
            *a0 = 129;
            *a1 = v0 as u32;
        }
        R::SuccessU32U32(v0, v1) => {
            *a0 = 130;
            *a1 = v0;
            *a2 = v1;
        }
        R::SwapSuccess(v0, v1) => {
            *a0 = 130;
            *a1 = v0 as u32;
            *a2 = v1 as u32;
        }
        R::SuccessU64(v) => {
            *a0 = 131;
            *a1 = v as u32;
            *a2 = (v >> 32) as u32;
        }
        R::SuccessU32U32U32(v0, v1, v2) => {
            *a0 = 132;
            *a1 = v0;
            *a2 = v1;
            *a3 = v2;
        }
        R::SuccessU32U64(v0, v) => {
            *a0 = 133;
            *a1 = v0;
            *a2 = v as u32;
            *a3 = (v >> 32) as u32;
        }
        R::YieldWaitFor(v0, v1, v2) => {
            *a0 = v0 as u32;
            *a1 = v1 as u32;
            *a2 = v2 as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errorcode::ErrorCode::*;

    fn encode(value: SyscallReturn) -> [u32; 4] {
        let mut r = [90, 91, 92, 93];
        let [a0, a1, a2, a3] = &mut r;
        encode_syscall_return_trd104(&value, a0, a1, a2, a3);
        r
    }

    #[test]
    fn every_variant_writes_only_its_registers() {
        use SyscallReturn as R;
        assert_eq!(encode(R::Failure(NODEVICE)), [0, 11, 92, 93]);
        assert_eq!(encode(R::FailureU32(BUSY, 5)), [1, 2, 5, 93]);
        assert_eq!(encode(R::FailureU32U32(BUSY, 5, 6)), [2, 2, 5, 6]);
        assert_eq!(encode(R::SwapFailure(INVAL, 5, 6)), [2, 6, 5, 6]);
        assert_eq!(encode(R::FailureU64(FAIL, 7 << 32 | 3)), [3, 1, 3, 7]);
        assert_eq!(encode(R::Success), [128, 91, 92, 93]);
        assert_eq!(encode(R::SuccessU32(5)), [129, 5, 92, 93]);
        assert_eq!(encode(R::SuccessAddr(5)), [129, 5, 92, 93]);
        assert_eq!(encode(R::SuccessU32U32(5, 6)), [130, 5, 6, 93]);
        assert_eq!(encode(R::SwapSuccess(5, 6)), [130, 5, 6, 93]);
        assert_eq!(encode(R::SuccessU64(7 << 32 | 3)), [131, 3, 7, 93]);
        assert_eq!(encode(R::SuccessU32U32U32(1, 2, 3)), [132, 1, 2, 3]);
        assert_eq!(encode(R::SuccessU32U64(1, 7 << 32 | 3)), [133, 1, 3, 7]);
        assert_eq!(encode(R::YieldWaitFor(1, 2, 3)), [1, 2, 3, 93]);
    }

    #[test]
    fn unknown_classes_and_yields_do_not_decode() {
        let decode = syscall_from_register_arguments_trd104;
        assert_eq!(decode(8, 0, 0, 0, 0), None);
        assert_eq!(decode(255, 0, 0, 0, 0), None);
        assert_eq!(decode(0, 3, 0, 0, 0), None);
        assert!(decode(0, 2, 1, 2, 0).is_some());
        for class in 0..8 {
            assert!(decode(class, 0, 0, 0, 0).is_some());
        }
    }
}
