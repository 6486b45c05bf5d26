//! System calls: from the decoded call to the return value.
//!
//! Where upstream Tock and TRD104 disagree, or upstream has a known fault, this
//! kernel decides as follows.
//!
//! 1. *Yield with a reserved number*: the process faults, as upstream does (TRD104
//!    would return at once). The architecture cannot decode the call
//!    ([`syscall_from_register_arguments_trd104`](crate::utilities::arch_helpers::syscall_from_register_arguments_trd104)).
//! 2. *Yield-NoWait with only null upcalls queued* returns and writes 0, as TRD104
//!    says (upstream writes 1 and blocks).
//! 3. *Yield-WaitFor* looks for its event in the queue, so no later event can
//!    hide it, and the event has a reserved place when the queue is full.
//! 4. *Subscribe* drops all queued events of that number, those without a
//!    function included.
//! 5. *A call that the filter refuses* with NODEVICE is answered exactly as if the
//!    driver were absent, so that a process cannot tell (upstream: plain Failure
//!    whatever the class, against TRD104 4). Any other code of the filter is
//!    returned as plain Failure, as upstream does.
//! 6. *An unknown allow number* is NOSUPPORT, as upstream does and libraries
//!    expect (TRD104 4.4: INVALID).
//! 7. *A restart* that a system call asks for (Exit, or a driver) begins when
//!    the call is over, never under a driver that is inside a grant.
//! 8. *Entering an entered grant* is an error instead of a panic
//!    ([`grant`](crate::grant)).
//! 9. *The loader* cannot be stalled by a header with `total_size` 0
//!    ([`load_processes`](crate::process::load_processes)).

use core::cell::Cell;

use crate::errorcode::ErrorCode;
use crate::grant::KernelPart;
use crate::memop;
use crate::platform::{SyscallDriverLookup, SyscallFilter};
use crate::process::{Error, Process, ProcessId};
use crate::processbuffer::UserspaceReadableProcessBuffer;
use crate::syscall::SyscallDriver;
use crate::syscall::{Syscall, SyscallReturn, YieldCall};
use crate::upcall::UpcallId;

/// Carry out `syscall`, which the process `id` just made, and hand it the
/// result. Whether it is in [`State::Running`](crate::process::State::Running) then.
#[inline]
pub(crate) fn handle_syscall<L: SyscallDriverLookup, F: SyscallFilter>(
    lookup: &L,
    filter: &F,
    process: &dyn Process,
    id: ProcessId,
    syscall: Syscall,
) -> bool {
    // TRD104 4: what a process does to itself only is never filtered.
    let result = match syscall {
        // First, and by itself: the call that is made most often.
        Syscall::Command {
            driver_number,
            subdriver_number,
            arg0,
            arg1,
        } => match filter.filter_syscall(process, &syscall) {
            Ok(()) => lookup.with_driver(driver_number, |driver| match driver {
                Some(driver) => driver
                    .command(subdriver_number, arg0, arg1, id)
                    .into_inner(),
                None => SyscallReturn::Failure(ErrorCode::NODEVICE),
            }),
            Err(code) => SyscallReturn::Failure(code),
        },
        Syscall::Subscribe { driver_number, .. }
        | Syscall::ReadWriteAllow { driver_number, .. }
        | Syscall::UserspaceReadableAllow { driver_number, .. }
        | Syscall::ReadOnlyAllow { driver_number, .. } => {
            match filter.filter_syscall(process, &syscall) {
                Ok(()) => {
                    lookup.with_driver(driver_number, |driver| exchange(process, driver, &syscall))
                }
                Err(ErrorCode::NODEVICE) => exchange(process, None, &syscall),
                Err(code) => SyscallReturn::Failure(code),
            }
        }
        Syscall::Memop { operand, arg0 } => {
            let result = memop::memop(process, operand, arg0);
            if memop::moves_break(operand) {
                let runs = process.set_syscall_return_value(result);
                // A new break may have given it memory that is still to be cleared.
                return runs && !process.is_being_cleared();
            }
            result
        }
        Syscall::Yield { yield_type } => return handle_yield(process, yield_type),
        Syscall::Exit {
            which,
            completion_code,
        } => return handle_exit(process, which, completion_code),
    };
    process.set_syscall_return_value(result)
}

/// Class 0.
#[inline(always)]
fn handle_yield(process: &dyn Process, yield_type: YieldCall) -> bool {
    match yield_type {
        YieldCall::NoWait(flag) => {
            let has_upcall = process.has_tasks();
            if flag != 0 {
                // TRD104 4.1: written only if it is the process's own memory.
                let _ = process.set_byte(flag, u8::from(has_upcall));
            }
            if !has_upcall {
                return true;
            }
            process.set_yielded_state();
        }
        YieldCall::Wait => process.set_yielded_state(),
        YieldCall::WaitFor(id) => process.set_yielded_for_state(id),
    }
    false
}

/// Class 6.
fn handle_exit(process: &dyn Process, which: usize, completion_code: usize) -> bool {
    #[allow(clippy::cast_possible_truncation)]
    let code = Some(completion_code as u32);
    match which {
        0 => process.terminate(code),
        1 => process.try_restart(code),
        _ => {
            return process.set_syscall_return_value(SyscallReturn::Failure(ErrorCode::NOSUPPORT));
        }
    }
    false
}

/// Subscribe and the Allows: hand something over, get back what was there.
/// A failure returns what was passed.
pub(crate) fn exchange(
    process: &dyn Process,
    driver: Option<&dyn SyscallDriver>,
    syscall: &Syscall,
) -> SyscallReturn {
    let (passed, result) = match *syscall {
        Syscall::Subscribe {
            driver_number,
            subdriver_number,
            upcall_ptr,
            appdata,
        } => {
            let id = UpcallId {
                driver_num: driver_number,
                subscribe_num: subdriver_number,
            };
            let passed = (upcall_ptr, appdata);
            (passed, subscribe(process, driver, id, passed))
        }
        Syscall::ReadWriteAllow {
            driver_number,
            subdriver_number,
            allow_address,
            allow_size,
        } => {
            let passed = (allow_address, allow_size);
            let result = grant_slot(process, driver, driver_number, |part| {
                part.read_write(subdriver_number)
            })
            .and_then(|slot| {
                let buffer = process.build_readwrite_process_buffer(passed.0, passed.1)?;
                Ok(slot.replace(buffer.consume()))
            });
            (passed, result)
        }
        Syscall::ReadOnlyAllow {
            driver_number,
            subdriver_number,
            allow_address,
            allow_size,
        } => {
            let passed = (allow_address, allow_size);
            let result = grant_slot(process, driver, driver_number, |part| {
                part.read_only(subdriver_number)
            })
            .and_then(|slot| {
                let buffer = process.build_readonly_process_buffer(passed.0, passed.1)?;
                Ok(slot.replace(buffer.consume()))
            });
            (passed, result)
        }
        Syscall::UserspaceReadableAllow {
            subdriver_number,
            allow_address,
            allow_size,
            ..
        } => {
            let passed = (allow_address, allow_size);
            (
                passed,
                allow_userspace_readable(process, driver, subdriver_number, passed),
            )
        }
        // `handle_syscall` sends no other class here.
        Syscall::Yield { .. }
        | Syscall::Command { .. }
        | Syscall::Memop { .. }
        | Syscall::Exit { .. } => return SyscallReturn::Failure(ErrorCode::NOSUPPORT),
    };
    match result {
        Ok(previous) => SyscallReturn::SwapSuccess(previous.0, previous.1),
        Err(code) => SyscallReturn::SwapFailure(code, passed.0, passed.1),
    }
}

/// Class 1.
fn subscribe(
    process: &dyn Process,
    driver: Option<&dyn SyscallDriver>,
    id: UpcallId,
    passed: (usize, usize),
) -> Result<(usize, usize), ErrorCode> {
    // TRD104 4.2: the null upcall is no address, anything else must be code of
    // the process; a wrong one never reaches the driver.
    if passed.0 != 0 && !process.is_valid_upcall_function_pointer(passed.0) {
        return Err(ErrorCode::INVAL);
    }
    let slot = grant_slot(process, driver, id.driver_num, |part| {
        part.upcall(id.subscribe_num)
    })?;
    let previous = slot.replace(passed);
    // TRD104 4.2: neither the old nor the new function sees what was queued.
    let _ = process.remove_pending_upcalls(id);
    Ok(previous)
}

/// Class 7: the driver keeps the buffer, not the grant.
fn allow_userspace_readable(
    process: &dyn Process,
    driver: Option<&dyn SyscallDriver>,
    number: usize,
    passed: (usize, usize),
) -> Result<(usize, usize), ErrorCode> {
    let driver = driver.ok_or(ErrorCode::NODEVICE)?;
    let checked = process.build_readwrite_process_buffer(passed.0, passed.1)?;
    let (address, length) = checked.consume();
    // SAFETY: `build_readwrite_process_buffer` just checked this range.
    #[allow(unsafe_code)]
    let buffer =
        unsafe { UserspaceReadableProcessBuffer::new(address, length, process.processid()) };
    match driver.allow_userspace_readable(process.processid(), number, buffer) {
        Ok(previous) => Ok(previous.consume()),
        Err((_, code)) => Err(code),
    }
}

/// The cell in the driver's grant that `select` finds, allocating the grant if
/// this is the process's first contact with the driver.
fn grant_slot<'a>(
    process: &'a dyn Process,
    driver: Option<&dyn SyscallDriver>,
    driver_number: usize,
    select: impl Fn(&KernelPart<'a>) -> Option<&'a Cell<(usize, usize)>>,
) -> Result<&'a Cell<(usize, usize)>, ErrorCode> {
    let driver = driver.ok_or(ErrorCode::NODEVICE)?;
    let base = match process.lookup_grant_from_driver_num(driver_number) {
        Some(base) => base,
        None => {
            driver
                .allocate_grant(process.processid())
                .map_err(|error| match error {
                    Error::OutOfMemory => ErrorCode::NOMEM,
                    _ => ErrorCode::FAIL,
                })?;
            // A driver without a grant has neither upcalls nor buffers.
            process
                .lookup_grant_from_driver_num(driver_number)
                .ok_or(ErrorCode::NOSUPPORT)?
        }
    };
    // SAFETY: the process's table holds only grants that were initialised when
    // allocated, and keeps their memory until the process restarts, which is
    // not before this call is over.
    #[allow(unsafe_code)]
    let part = unsafe { KernelPart::at(base) };
    select(&part).ok_or(ErrorCode::NOSUPPORT)
}
