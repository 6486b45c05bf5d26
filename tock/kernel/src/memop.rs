//! Class 5: what a process asks about or does to its own memory.

use crate::errorcode::ErrorCode;
use crate::process::{Process, ProcessAddress};
use crate::syscall::SyscallReturn;

/// Operation numbers of the ABI.
mod op {
    pub(super) const BRK: usize = 0;
    pub(super) const SBRK: usize = 1;
    pub(super) const RAM_START: usize = 2;
    pub(super) const RAM_END: usize = 3;
    pub(super) const FLASH_START: usize = 4;
    pub(super) const FLASH_END: usize = 5;
    pub(super) const GRANT_START: usize = 6;
    pub(super) const FLASH_REGIONS: usize = 7;
    pub(super) const FLASH_REGION_START: usize = 8;
    pub(super) const FLASH_REGION_END: usize = 9;
    pub(super) const STACK_TOP: usize = 10;
    pub(super) const HEAP_START: usize = 11;
}

/// Whether the operation may move the break.
#[inline]
pub(crate) fn moves_break(operand: usize) -> bool {
    operand <= op::SBRK
}

/// Carry out operation `operand`.
#[inline]
pub(crate) fn memop(process: &dyn Process, operand: usize, arg0: usize) -> SyscallReturn {
    match operand {
        op::BRK => process
            .brk(arg0)
            .map_or(NO_MEMORY, |_| SyscallReturn::Success),
        op::SBRK => {
            // The argument is a signed 32-bit number in a register.
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
            let increment = arg0 as u32 as i32 as isize;
            process
                .sbrk(increment)
                .map_or(NO_MEMORY, SyscallReturn::SuccessAddr)
        }
        op::RAM_START => address(process, ProcessAddress::RamStart),
        op::RAM_END => address(process, ProcessAddress::RamEnd),
        op::FLASH_START => address(process, ProcessAddress::FlashStart),
        op::FLASH_END => address(process, ProcessAddress::FlashEnd),
        op::GRANT_START => address(process, ProcessAddress::GrantStart),
        op::FLASH_REGIONS => SyscallReturn::SuccessAddr(process.number_writeable_flash_regions()),
        op::FLASH_REGION_START => flash_region(process, arg0, |start, _| start),
        op::FLASH_REGION_END => flash_region(process, arg0, |start, size| start + size),
        op::STACK_TOP => {
            process.update_stack_start_pointer(arg0);
            SyscallReturn::Success
        }
        op::HEAP_START => {
            process.update_heap_start_pointer(arg0);
            SyscallReturn::Success
        }
        _ => SyscallReturn::Failure(ErrorCode::NOSUPPORT),
    }
}

const NO_MEMORY: SyscallReturn = SyscallReturn::Failure(ErrorCode::NOMEM);

fn address(process: &dyn Process, which: ProcessAddress) -> SyscallReturn {
    SyscallReturn::SuccessAddr(process.address(which))
}

/// An address of the writeable flash region `index`, from its start and size.
fn flash_region(
    process: &dyn Process,
    index: usize,
    pick: impl FnOnce(usize, usize) -> usize,
) -> SyscallReturn {
    match process.get_writeable_flash_region(index) {
        Some((offset, size)) => SyscallReturn::SuccessAddr(pick(
            process.address(ProcessAddress::FlashStart) + offset,
            size,
        )),
        None => SyscallReturn::Failure(ErrorCode::FAIL),
    }
}
