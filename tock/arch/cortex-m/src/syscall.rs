//! The boundary between kernel and processes on Cortex-M.
//!
//! Arguments and results travel in the exception frame that the hardware
//! stacked in the process's own memory, from the process's stack pointer
//! upwards: r0 r1 r2 r3 r12 LR PC xPSR. The stack pointer is the process's word,
//! so no frame is touched before [`Frame::at`] has found it inside
//! `[mem_start, app_break)`.

#![allow(unsafe_code)]

use core::fmt::{self, Write};
use core::marker::PhantomData;

use kernel::errorcode::ErrorCode;
use kernel::process::FunctionCall;
use kernel::syscall::{ContextSwitchReason, SyscallReturn, UserspaceKernelBoundary};
use kernel::utilities::arch_helpers::{
    encode_syscall_return_trd104, syscall_from_register_arguments_trd104,
};
use kernel::utilities::hex::Hex;

use crate::fault::FaultStatus;
use crate::{CortexMVariant, LeaveReason, scb};

/// Words of an exception frame.
const FRAME_WORDS: usize = 8;
/// Bytes of an exception frame.
const FRAME_BYTES: usize = FRAME_WORDS * 4;
/// What the registers that the kernel saves are called in a report.
const SAVED_NAMES: [&str; 8] = [
    " r4  ", " r5  ", " r6  ", " r7  ", " r8  ", " r9  ", " r10 ", " r11 ",
];

/// xPSR of code that is about to start: Thumb state, no flags.
const XPSR_THUMB: u32 = 1 << 24;
/// xPSR: the hardware pushed a padding word under the frame and will remove it.
/// The word of a frame that has the program status.
const FRAME_PSR: usize = 7;
/// Number of the exception that is handled; 0 in a process.
const XPSR_EXCEPTION: u32 = 0x1ff;
const XPSR_PADDED: u32 = 1 << 9;

/// What the kernel keeps of a process that is not running.
#[derive(Debug, Default)]
pub struct CortexMStoredState {
    /// r4 to r11; the others are in the frame.
    regs: [u32; 8],
    /// Where the last system call returns to.
    yield_pc: u32,
    /// xPSR of the last system call.
    psr: u32,
    /// Stack pointer, that is where the frame is.
    psp: u32,
    /// Why it faulted, if it did, for the report.
    fault: Fault,
}

/// Why a process faulted.
#[derive(Clone, Copy, Debug, Default)]
enum Fault {
    #[default]
    None,
    /// The processor says so.
    Hardware(FaultStatus),
    /// Its stack pointer left its memory, though not what the MPU opens:
    /// that ends at a multiple of the MPU's granule.
    Stack,
    /// The frame it would return to is not one of a process: it let the kernel write
    /// there through a buffer that it had allowed.
    Frame,
    /// No system call has this class, or this way to yield.
    Call { class: u8 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Hardware(status) => status.fmt(f),
            Self::Stack => f.write_str("stack pointer above the break or below its RAM"),
            Self::Frame => f.write_str("exception frame overwritten, it would return to a handler"),
            Self::Call { class: 0 } => f.write_str("unknown way to yield (r0)"),
            // As a number whose formatter is there already.
            Self::Call { class } => {
                write!(f, "unknown system call class {}", usize::from(*class))
            }
        }
    }
}

/// An exception frame that lies in process memory.
struct Frame(*mut u32);

impl Frame {
    /// The frame at `stack`, if all of it lies in `[mem_start, app_brk)`.
    ///
    /// # Safety
    ///
    /// `[mem_start, app_brk)` must be memory of a process that is not running,
    /// to which no reference exists; `stack` must have been a stack pointer.
    unsafe fn at(mem_start: *const u8, app_brk: *const u8, stack: u32) -> Option<Self> {
        let stack = stack as usize;
        // A stack pointer is a multiple of four: the register has no other bits.
        let room = app_brk.addr().checked_sub(stack)?;
        (stack >= mem_start.addr() && room >= FRAME_BYTES)
            .then_some(Self(mem_start.with_addr(stack).cast::<u32>().cast_mut()))
    }

    /// r0 to r3.
    fn arguments(&mut self) -> &mut [u32; 4] {
        // SAFETY: `at` checked that these words lie in process memory, and its
        // caller that no reference to it exists; this one ends with the borrow.
        unsafe { &mut *self.0.cast::<[u32; 4]>() }
    }

    /// r0 to r3, PC, xPSR.
    fn call(&self) -> ([u32; 4], u32, u32) {
        // SAFETY: `at` checked that all eight words lie in process memory.
        unsafe {
            (
                self.0.cast::<[u32; 4]>().read_volatile(),
                self.0.add(6).read_volatile(),
                self.0.add(7).read_volatile(),
            )
        }
    }

    fn read(&self) -> [u32; FRAME_WORDS] {
        // SAFETY: `at` checked that all eight words lie in process memory.
        unsafe { self.0.cast::<[u32; FRAME_WORDS]>().read_volatile() }
    }

    fn write(&self, words: [u32; FRAME_WORDS]) {
        // SAFETY: `at` checked that all eight words lie in process memory.
        unsafe { self.0.cast::<[u32; FRAME_WORDS]>().write_volatile(words) }
    }
}

/// The halfword that `pc` comes after is the SVC instruction; its low byte is
/// the class of the call.
///
/// # Safety
///
/// The process must just have executed this instruction, which proves that the
/// address can be read.
unsafe fn class_of_call(pc: u32) -> u8 {
    let instruction = (pc as usize).wrapping_sub(2);
    // SAFETY: see above; instructions are at even addresses.
    let svc = unsafe { core::ptr::with_exposed_provenance::<u16>(instruction).read_volatile() };
    svc as u8
}

/// [`UserspaceKernelBoundary`] for the core `A`.
#[derive(Debug)]
pub struct SysCall<A: CortexMVariant>(PhantomData<A>);

impl<A: CortexMVariant> SysCall<A> {
    /// The boundary.
    ///
    /// # Safety
    ///
    /// Exceptions must be vectored to the handlers of `A`.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

impl<A: CortexMVariant> UserspaceKernelBoundary for SysCall<A> {
    type StoredState = CortexMStoredState;

    fn initial_process_app_brk_size(&self) -> usize {
        FRAME_BYTES
    }

    unsafe fn initialize_process(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &mut Self::StoredState,
    ) -> Result<(), ()> {
        if app_brk
            .addr()
            .saturating_sub(accessible_memory_start.addr())
            < FRAME_BYTES
        {
            return Err(());
        }
        *state = CortexMStoredState {
            psr: XPSR_THUMB,
            psp: u32::try_from(accessible_memory_start.addr()).map_err(|_| ())?,
            ..CortexMStoredState::default()
        };
        Ok(())
    }

    unsafe fn set_syscall_return_value(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &mut Self::StoredState,
        return_value: SyscallReturn,
    ) -> Result<(), ()> {
        // SAFETY: the caller passes the process's own bounds while it does not run.
        let mut frame =
            unsafe { Frame::at(accessible_memory_start, app_brk, state.psp) }.ok_or(())?;
        // A variant defines some of the four registers and leaves the others as
        // they were.
        let [r0, r1, r2, r3] = frame.arguments();
        encode_syscall_return_trd104(&return_value, r0, r1, r2, r3);
        Ok(())
    }

    unsafe fn set_process_function(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &mut Self::StoredState,
        callback: FunctionCall,
    ) -> Result<(), ()> {
        // SAFETY: the caller passes the process's own bounds while it does not run.
        let frame = unsafe { Frame::at(accessible_memory_start, app_brk, state.psp) }.ok_or(())?;
        let words = [
            callback.argument0 as u32,
            callback.argument1 as u32,
            callback.argument2 as u32,
            callback.argument3 as u32,
            0,
            // The function returns to where the process yielded; bit 0: Thumb.
            state.yield_pc | 1,
            callback.pc as u32 & !1,
            // The padding, if any, belongs to this frame and must go with it.
            state.psr & XPSR_PADDED | XPSR_THUMB,
        ];
        frame.write(words);
        Ok(())
    }

    unsafe fn switch_to_process(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &mut Self::StoredState,
    ) -> (ContextSwitchReason, Option<*const u8>) {
        // SAFETY: the stack pointer was checked when the frame was made or the process
        // was left; the whole block of the process is readable.
        let psr = unsafe { (state.psp as *const u32).add(FRAME_PSR).read_volatile() };
        // The processor would take the fault of such a return for the kernel's own.
        if psr & XPSR_EXCEPTION != 0 {
            state.fault = Fault::Frame;
            let stack_pointer = accessible_memory_start.with_addr(state.psp as usize);
            return (ContextSwitchReason::Fault, Some(stack_pointer));
        }
        // SAFETY: the caller has configured the MPU for this process. A stack
        // pointer outside it makes the process fault, not the kernel.
        let (stack, reason) = unsafe { A::switch_to_user(state.psp, &mut state.regs) };
        state.psp = stack;
        let stack_pointer = Some(accessible_memory_start.with_addr(stack as usize));

        if reason == LeaveReason::Fault {
            state.fault = Fault::Hardware(scb::take_fault_status());
            return (ContextSwitchReason::Fault, stack_pointer);
        }
        // SAFETY: the process does not run any more; the bounds are its own.
        let Some(frame) = (unsafe { Frame::at(accessible_memory_start, app_brk, stack) }) else {
            state.fault = Fault::Stack;
            return (ContextSwitchReason::Fault, stack_pointer);
        };
        if reason == LeaveReason::Interrupted {
            return (ContextSwitchReason::Interrupted, stack_pointer);
        }
        let ([r0, r1, r2, r3], pc, psr) = frame.call();
        state.yield_pc = pc;
        state.psr = psr;
        // SAFETY: the process has just executed the SVC before `pc`.
        let class = unsafe { class_of_call(pc) };
        let syscall = syscall_from_register_arguments_trd104(
            class,
            r0 as usize,
            r1 as usize,
            r2 as usize,
            r3 as usize,
        );
        match syscall {
            Some(syscall) => (ContextSwitchReason::SyscallFired { syscall }, stack_pointer),
            None => {
                // An unknown class is a fault of the process (tests of upstream rely on it).
                state.fault = Fault::Call { class };
                (ContextSwitchReason::Fault, stack_pointer)
            }
        }
    }

    unsafe fn print_context(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &CortexMStoredState,
        writer: &mut dyn Write,
    ) {
        for part in 0.. {
            // SAFETY: the caller's promise is the same.
            let more = unsafe {
                self.print_context_part(accessible_memory_start, app_brk, state, part, writer)
            };
            if !more {
                break;
            }
        }
    }

    unsafe fn print_context_part(
        &self,
        accessible_memory_start: *const u8,
        app_brk: *const u8,
        state: &CortexMStoredState,
        part: usize,
        writer: &mut dyn Write,
    ) -> bool {
        // SAFETY: the caller passes the process's own bounds while it does not run.
        let frame = unsafe { Frame::at(accessible_memory_start, app_brk, state.psp) };
        let frame = frame.map(|frame| frame.read());
        let hex = |word: u32| Hex(word as usize);
        // Failing to print a report is nothing that could be reported.
        let _ = match (part, frame) {
            (0, _) if !matches!(state.fault, Fault::None) => {
                write!(writer, " cause: {}\r\n", state.fault)
            }
            (1, Some([r0, r1, r2, r3, ..])) => write!(
                writer,
                " r0  {} r1  {} r2  {} r3  {}\r\n",
                hex(r0),
                hex(r1),
                hex(r2),
                hex(r3),
            ),
            (1, None) => write!(
                writer,
                " stack pointer {} is outside {}..{}: r0-r3, pc are lost\r\n",
                hex(state.psp),
                Hex(accessible_memory_start.addr()),
                Hex(app_brk.addr()),
            ),
            (2, Some([.., r12, lr, pc, psr])) => write!(
                writer,
                " r12 {} sp  {} lr  {} pc  {} xpsr {}\r\n",
                hex(r12),
                hex(state.psp.wrapping_add(FRAME_BYTES as u32)),
                hex(lr),
                hex(pc),
                hex(psr),
            ),
            (3 | 4, _) => {
                let registers = SAVED_NAMES.iter().zip(&state.regs);
                registers
                    .skip((part - 3) * 4)
                    .take(4)
                    .try_for_each(|(name, value)| write!(writer, "{name}{}", hex(*value)))
                    .and_then(|()| writer.write_str("\r\n"))
            }
            (5, _) => match state.fault {
                Fault::Hardware(FaultStatus {
                    cfsr,
                    hfsr,
                    mmfar,
                    bfar,
                }) => write!(
                    writer,
                    " CFSR {} HFSR {} MMFAR {} BFAR {}\r\n",
                    hex(cfsr),
                    hex(hfsr),
                    hex(mmfar),
                    hex(bfar),
                ),
                _ => Ok(()),
            },
            _ => Ok(()),
        };
        part < 5
    }

    fn store_context(
        &self,
        state: &CortexMStoredState,
        out: &mut [u8],
    ) -> Result<usize, ErrorCode> {
        const TAG: u32 = u32::from_le_bytes(*b"ctxm");
        const VERSION: u32 = 1;
        let head = [VERSION, TAG, state.yield_pc, state.psr, state.psp];
        let words = head.iter().chain(&state.regs);
        let len = (head.len() + state.regs.len()) * 4;
        let out = out.get_mut(..len).ok_or(ErrorCode::SIZE)?;
        for (bytes, word) in out.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Ok(len)
    }
}
