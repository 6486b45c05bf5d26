//! System calls as the architecture hands them over, and what goes back.
//!
//! Classes, register use and variant numbers are those of TRD104.

use core::fmt::Write;

use crate::errorcode::ErrorCode;
use crate::process::FunctionCall;
use crate::upcall::UpcallId;

pub use crate::syscall_driver::{CommandReturn, SyscallDriver};

/// The system-call classes and the numbers processes name them by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SyscallClass {
    /// Wait for events.
    Yield = 0,
    /// Register a function for an event.
    Subscribe = 1,
    /// Tell a driver to do something.
    Command = 2,
    /// Lend a driver memory it may write.
    ReadWriteAllow = 3,
    /// Lend a driver memory it may read.
    ReadOnlyAllow = 4,
    /// Ask about or change the process's own memory.
    Memop = 5,
    /// End or restart.
    Exit = 6,
    /// Lend a driver memory it may write while the process reads it.
    UserspaceReadableAllow = 7,
}

/// The ways to yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YieldCall {
    /// Run one upcall if there is one; whether it did is written to the byte at this address (0: nowhere).
    NoWait(usize),
    /// Sleep until an upcall has run.
    Wait,
    /// Sleep until this event and return its arguments; no function runs.
    WaitFor(UpcallId),
}

/// One decoded system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syscall {
    /// Class 0.
    Yield {
        /// Which way.
        yield_type: YieldCall,
    },
    /// Class 1.
    Subscribe {
        /// Driver number.
        driver_number: usize,
        /// Subscribe number.
        subdriver_number: usize,
        /// Address of the function; 0 unsubscribes.
        upcall_ptr: usize,
        /// Passed to the function untouched.
        appdata: usize,
    },
    /// Class 2.
    Command {
        /// Driver number.
        driver_number: usize,
        /// Command number.
        subdriver_number: usize,
        /// First argument.
        arg0: usize,
        /// Second argument.
        arg1: usize,
    },
    /// Class 3.
    ReadWriteAllow {
        /// Driver number.
        driver_number: usize,
        /// Allow number.
        subdriver_number: usize,
        /// Address of the buffer.
        allow_address: usize,
        /// Length of the buffer in bytes.
        allow_size: usize,
    },
    /// Class 7.
    UserspaceReadableAllow {
        /// Driver number.
        driver_number: usize,
        /// Allow number.
        subdriver_number: usize,
        /// Address of the buffer.
        allow_address: usize,
        /// Length of the buffer in bytes.
        allow_size: usize,
    },
    /// Class 4.
    ReadOnlyAllow {
        /// Driver number.
        driver_number: usize,
        /// Allow number.
        subdriver_number: usize,
        /// Address of the buffer.
        allow_address: usize,
        /// Length of the buffer in bytes.
        allow_size: usize,
    },
    /// Class 5.
    Memop {
        /// Operation number.
        operand: usize,
        /// Its argument.
        arg0: usize,
    },
    /// Class 6.
    Exit {
        /// 0 terminate, 1 restart.
        which: usize,
        /// What the process says about its end.
        completion_code: usize,
    },
}

impl Syscall {
    /// The driver addressed, if the call addresses one.
    #[must_use]
    pub fn driver_number(&self) -> Option<usize> {
        match *self {
            Syscall::Subscribe { driver_number, .. }
            | Syscall::Command { driver_number, .. }
            | Syscall::ReadWriteAllow { driver_number, .. }
            | Syscall::UserspaceReadableAllow { driver_number, .. }
            | Syscall::ReadOnlyAllow { driver_number, .. } => Some(driver_number),
            Syscall::Yield { .. } | Syscall::Memop { .. } | Syscall::Exit { .. } => None,
        }
    }
}

/// What a system call returns.
///
/// Only the registers that a variant defines are written; see
/// [`encode_syscall_return_trd104`](crate::utilities::arch_helpers::encode_syscall_return_trd104).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyscallReturn {
    /// Variant 0.
    Failure(ErrorCode),
    /// Variant 1.
    FailureU32(ErrorCode, u32),
    /// Variant 2.
    FailureU32U32(ErrorCode, u32, u32),
    /// Variant 3.
    FailureU64(ErrorCode, u64),
    /// Variant 128.
    Success,
    /// Variant 129.
    SuccessU32(u32),
    /// Variant 130.
    SuccessU32U32(u32, u32),
    /// Variant 131.
    SuccessU64(u64),
    /// Variant 132.
    SuccessU32U32U32(u32, u32, u32),
    /// Variant 133.
    SuccessU32U64(u32, u64),
    /// Variant 129 with an address.
    SuccessAddr(usize),
    /// Variant 130: what Subscribe or Allow replaced (pointer; appdata or length).
    SwapSuccess(usize, usize),
    /// Variant 2: Subscribe or Allow refused, with what was passed.
    SwapFailure(ErrorCode, usize, usize),
    /// The three arguments of the event, without a variant number.
    YieldWaitFor(usize, usize, usize),
}

impl SyscallReturn {
    /// Whether the call did what it was asked.
    #[must_use]
    pub fn is_success(&self) -> bool {
        !matches!(
            self,
            SyscallReturn::Failure(..)
                | SyscallReturn::FailureU32(..)
                | SyscallReturn::FailureU32U32(..)
                | SyscallReturn::FailureU64(..)
                | SyscallReturn::SwapFailure(..)
        )
    }
}

/// Why a process stopped running and the kernel runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextSwitchReason {
    /// It made this system call.
    SyscallFired {
        /// The call.
        syscall: Syscall,
    },
    /// It did something forbidden, or a system call that cannot be decoded.
    Fault,
    /// An interrupt came, or its time slice ended.
    Interrupted,
}

/// What an architecture does to run a process and to exchange values with it.
///
/// `accessible_memory_start` and `app_brk` bound the RAM that the process can
/// use now; an implementation that reads or writes the process's stack must
/// check that it lies inside and answer `Err(())` (or
/// [`ContextSwitchReason::Fault`]) otherwise. The kernel then faults the process.
#[allow(unsafe_code)]
pub trait UserspaceKernelBoundary {
    /// Registers of a process that are kept while it does not run.
    type StoredState: Default;

    /// Bytes of RAM a process must be able to use before its first instruction.
    fn initial_process_app_brk_size(&self) -> usize;

    /// Prepare `state` for a process that has not run yet.
    ///
    /// # Errors
    ///
    /// The memory is too small for what the architecture puts there.
    ///
    /// # Safety
    ///
    /// The bounds are those of the process that `state` belongs to.
    #[allow(clippy::result_unit_err)]
    unsafe fn initialize_process(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &mut Self::StoredState,
    ) -> Result<(), ()>;

    /// Hand `return_value` to the process, which stopped at a system call.
    ///
    /// # Errors
    ///
    /// The process's stack is not in its memory.
    ///
    /// # Safety
    ///
    /// As [`initialize_process`](Self::initialize_process).
    #[allow(clippy::result_unit_err)]
    unsafe fn set_syscall_return_value(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &mut Self::StoredState,
        return_value: SyscallReturn,
    ) -> Result<(), ()>;

    /// Make the process run `upcall` when it runs next, returning to where it yielded.
    ///
    /// # Errors
    ///
    /// The process's stack is not in its memory.
    ///
    /// # Safety
    ///
    /// As [`initialize_process`](Self::initialize_process).
    #[allow(clippy::result_unit_err)]
    unsafe fn set_process_function(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &mut Self::StoredState,
        upcall: FunctionCall,
    ) -> Result<(), ()>;

    /// Run the process until it stops. Also tells its stack pointer if known.
    ///
    /// # Safety
    ///
    /// As [`initialize_process`](Self::initialize_process), and the MPU is
    /// configured for this process.
    unsafe fn switch_to_process(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &mut Self::StoredState,
    ) -> (ContextSwitchReason, Option<*const u8>);

    /// Print the registers of a process for people.
    ///
    /// # Safety
    ///
    /// As [`initialize_process`](Self::initialize_process).
    unsafe fn print_context(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &Self::StoredState,
        writer: &mut dyn Write,
    );

    /// Print part `part` of that, a line or two, so that no part takes long. Unless it is
    /// implemented, all is part 0. Whether there are more.
    ///
    /// # Safety
    ///
    /// As [`initialize_process`](Self::initialize_process).
    unsafe fn print_context_part(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &Self::StoredState,
        part: usize,
        writer: &mut dyn Write,
    ) -> bool {
        if part == 0 {
            // SAFETY: the caller's promise is the same.
            unsafe { self.print_context(accessible_memory_start, app_brk, state, writer) };
        }
        false
    }

    /// Write the stored registers to `out`; returns the bytes written.
    ///
    /// # Errors
    ///
    /// `SIZE` if `out` is too short, `NOSUPPORT` if the architecture does not offer it.
    fn store_context(
        &self,
        _state: &Self::StoredState,
        _out: &mut [u8],
    ) -> Result<usize, ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }
}
