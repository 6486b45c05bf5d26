//! The assembly: exception handlers and the switch into a process.
//!
//! Handlers are naked and push nothing: at entry `sp` is the main stack, and if
//! a process was interrupted (EXC_RETURN bit 2), the word at `sp` is r0 in the
//! frame of the kernel's `svc`. r0-r3 and r12 are saved by the hardware.
//! A write to CONTROL needs no barrier here: exception return synchronizes.

#![allow(unsafe_code)]

use core::arch::naked_asm;

use cortexm::LeaveReason;
use cortexm::nvic::NOTED;

use crate::Width;

/// Values of r0 with which the kernel's `svc` returns. `SYSCALL` must be 0:
/// the handler uses the same register to make the processor privileged.
const SYSCALL: u32 = 0;
const INTERRUPTED: u32 = 1;
const FAULT: u32 = 2;

/// Reset: the process-independent start of every kernel image.
///
/// Copies initialized data from flash, clears the rest, calls `main`. The board
/// provides `main` and its linker script the word-aligned symbols `_etext` (start of the
/// initial values), `_srelocate`, `_erelocate`, `_szero`, `_ezero`.
///
/// # Safety
///
/// Only as the entry of the vector table: it overwrites all static variables.
#[unsafe(naked)]
pub unsafe extern "C" fn initialize_ram_jump_to_main() {
    naked_asm!(
        "   ldr   r0, =_szero          // r0 = first word to clear",
        "   ldr   r1, =_ezero          // r1 = end",
        "   movs  r2, #0",
        "1: cmp   r0, r1",
        "   beq   2f",
        "   str   r2, [r0], #4         // *r0++ = 0",
        "   b     1b",
        "2: ldr   r0, =_srelocate      // r0 = first word to set",
        "   ldr   r1, =_erelocate      // r1 = end",
        "   ldr   r2, =_etext          // r2 = initial values",
        "3: cmp   r0, r1",
        "   beq   4f",
        "   ldr   r3, [r2], #4         // *r0++ = *r2++",
        "   str   r3, [r0], #4",
        "   b     2b",
        "4: bl    main",
        "5: b     5b                   // main never returns",
    )
}

/// Enter a process and come back when it is left.
///
/// r0 = its stack pointer, r1 = where its r4-r11 are kept.
/// Returns r0 = why it was left, r1 = its stack pointer.
#[unsafe(naked)]
unsafe extern "C" fn switch(stack: u32, registers: *mut [u32; 8]) -> u64 {
    naked_asm!(
        "   push  {{r1, r4-r11, lr}}   // ten words: sp stays a multiple of eight",
        "   msr   psp, r0",
        "   ldmia r1, {{r4-r11}}       // the process's registers; r0-r3 are in its frame",
        "   svc   #0                   // the process runs; r0 = why it was left",
        "   pop   {{r2}}               // r2 = registers",
        "   stmia r2, {{r4-r11}}",
        "   mrs   r1, psp",
        "   pop   {{r4-r11, pc}}",
    )
}

/// Run a process until it is left: its new stack pointer, and why it was left.
///
/// # Safety
///
/// The MPU must be configured for this process, and the eight words at `stack`
/// must be an exception frame in its memory.
pub unsafe fn switch_to_user_v7m(stack: u32, registers: &mut [u32; 8]) -> (u32, LeaveReason) {
    // SAFETY: the caller vouches for the stack; the assembly keeps to the C
    // calling convention and writes exactly the eight words of `registers`.
    let result = unsafe { switch(stack, registers) };
    let reason = match result as u32 {
        SYSCALL => LeaveReason::Syscall,
        INTERRUPTED => LeaveReason::Interrupted,
        _ => LeaveReason::Fault,
    };
    ((result >> 32) as u32, reason)
}

/// SVC: from the kernel into the process, from the process into the kernel.
///
/// Into the process only if no interrupt came and no slice ended since the kernel last looked
/// ([`cortexm::nvic::NOTED`]). While this handler runs none can come in between, and one that becomes
/// pending now is taken right at the return, from the process: so nothing that the kernel has to
/// look at waits behind a process, wherever it came between the look and here.
///
/// # Safety
///
/// Only as an entry of the vector table.
#[unsafe(naked)]
pub unsafe extern "C" fn svc_handler_v7m() {
    naked_asm!(
        "   tst   lr, #4",
        "   bne   1f",
        "   ldr   r1, ={noted}",
        "   ldr   r1, [r1]",
        "   cbnz  r1, 2f",
        "   movs  r0, #1               // kernel called: thread mode unprivileged",
        "   msr   control, r0",
        "   mvn   lr, #2               // return to the process stack",
        "   bx    lr",
        "1: movs  r0, #{syscall}       // process called: thread mode privileged",
        "   msr   control, r0",
        "   str   r0, [sp]             // the kernel's svc returns SYSCALL",
        "   mvn   lr, #6               // return to the main stack",
        "   bx    lr",
        "2: movs  r0, #{interrupted}   // not into the process: the kernel looks first",
        "   str   r0, [sp]",
        "   bx    lr",
        noted = sym NOTED,
        syscall = const SYSCALL,
        interrupted = const INTERRUPTED,
    )
}

/// SysTick: the time slice is over. The kernel is told, wherever it is; a process is left.
///
/// # Safety
///
/// Only as an entry of the vector table.
#[unsafe(naked)]
pub unsafe extern "C" fn systick_handler_v7m() {
    naked_asm!(
        "   ldr   r0, ={noted}",
        "   movs  r1, #{interrupted}",
        "   str   r1, [r0]",
        "   tst   lr, #4",
        "   beq   1f",
        "   movs  r0, #0               // thread mode privileged",
        "   msr   control, r0",
        "   str   r1, [sp]             // the kernel's svc returns INTERRUPTED",
        "   mvn   lr, #6               // return to the main stack",
        "1: bx    lr",
        noted = sym NOTED,
        interrupted = const INTERRUPTED,
    )
}

/// The top half of every interrupt: keep the line quiet, remember it in its
/// pending bit, note that there is something to look at, leave the process. The kernel loop does the rest.
///
/// # Safety
///
/// Only as an entry of the vector table.
#[unsafe(naked)]
pub unsafe extern "C" fn generic_isr_v7m() {
    naked_asm!(
        "   mrs   r0, ipsr             // exception number, 16 = line 0",
        "   sub   r0, r0, #16",
        "   and   r1, r0, #31",
        "   movs  r2, #1",
        "   lsls  r2, r1               // r2 = bit of the line",
        "   lsrs  r0, r0, #5           // r0 = word of the line",
        "   movw  r1, #0xE180",
        "   movt  r1, #0xE000          // r1 = NVIC ICER[0]",
        "   add   r1, r1, r0, lsl #2",
        "   str   r2, [r1]             // ICER: disable",
        "   str   r2, [r1, #0x80]      // ISPR: pending again, a pulse is not lost",
        "   ldr   r0, ={noted}",
        "   movs  r1, #{interrupted}",
        "   str   r1, [r0]",
        "   tst   lr, #4",
        "   beq   1f",
        "   movs  r0, #0               // thread mode privileged",
        "   msr   control, r0",
        "   str   r1, [sp]             // the kernel's svc returns INTERRUPTED",
        "   mvn   lr, #6               // return to the main stack",
        "1: bx    lr",
        noted = sym NOTED,
        interrupted = const INTERRUPTED,
    )
}

/// Every fault: leave the process, or report that the kernel faulted.
///
/// What a process pends dies with it. An exception whose frame could not be stacked (a call, an undefined
/// instruction, an access that was refused) is still pending when the fault of the stacking is handled, as
/// is that fault when a breakpoint goes before it. All synchronous exceptions that can be pending are
/// dropped, otherwise they would next be taken for the kernel's own; what they were stands in the fault
/// status and goes into the report of this process.
///
/// # Safety
///
/// Only as an entry of the vector table.
#[unsafe(naked)]
pub unsafe extern "C" fn fault_handler_v7m() {
    naked_asm!(
        "   tst   lr, #4",
        "   beq   1f",
        "   movw  r1, #0xED24",
        "   movt  r1, #0xE000          // r1 = SHCSR",
        "   ldr   r2, [r1]",
        "   bic   r2, r2, #0xF000      // nothing pended: SVC, bus, memory, usage fault",
        "   str   r2, [r1]",
        "   movs  r0, #0               // thread mode privileged",
        "   msr   control, r0",
        "   movs  r0, #{fault}         // the kernel's svc returns FAULT",
        "   str   r0, [sp]",
        "   mvn   lr, #6               // return to the main stack",
        "   dsb",
        "   bx    lr",
        "1: movw  r1, #0xED28",
        "   movt  r1, #0xE000          // r1 = CFSR",
        "   ldr   r2, [r1]",
        "   movw  r0, #0x8600          // a bus error of an access, precise or not, and nothing else:",
        "   bics  r0, r2, r0           // so the frame below was stacked",
        "   bne   2f",
        "   ldr   r0, ={probes}",
        "   bic   r0, r0, #1           // without the Thumb bit, as a stacked address",
        "   ldr   r3, [sp, #24]        // r3 = where",
        "   subs  r3, r3, r0",
        "   cmp   r3, #{length}",
        "   bhs   2f",
        "   str   r2, [r1]             // CFSR: a set bit is cleared by writing it",
        "   adds  r0, #{length}",
        "   str   r0, [sp, #24]        // go on behind the probes, where they fail",
        "   bx    lr",
        "2: mov   r0, sp               // the kernel's frame, if its stack is sound",
        "   movw  r1, #0xED08",
        "   movt  r1, #0xE000          // r1 = VTOR",
        "   ldr   r1, [r1]",
        "   ldr   r1, [r1]             // r1 = initial stack pointer",
        "   msr   msp, r1              // a stack overflow must not end the report",
        "   b     {kernel_fault}",
        fault = const FAULT,
        kernel_fault = sym kernel_fault,
        probes = sym probes,
        length = const PROBES_BYTES,
    )
}

/// Bytes of [`probes`] before the place where they fail.
const PROBES_BYTES: u32 = 64;

/// Accesses that may be answered with a bus error. The fault handler knows them by their place.
///
/// r0 = address, which is not 0, r1 = value; returns r0 as it was if the access was made, 0 if the bus answered with an error,
/// r1 = what was read. Each is eight bytes long and called by its number: that of the width, and [`STORES`] more for a store.
/// A store waits until it is done, so that an error of it is not taken for another's, on cores that go on meanwhile.
#[unsafe(naked)]
unsafe extern "C" fn probes() {
    naked_asm!(
        "   ldrb  r1, [r0]             // 0: read 8 bits",
        "   bx    lr",
        "   nop",
        "   nop",
        "   ldrh  r1, [r0]             // 1: read 16 bits",
        "   bx    lr",
        "   nop",
        "   nop",
        "2: bx    lr                   // where stores end",
        "   nop",
        "   nop",
        "   nop",
        "   ldr   r1, [r0]             // 3: read 32 bits",
        "   bx    lr",
        "   nop",
        "   nop",
        "   strb  r1, [r0]             // 4: write 8 bits",
        "   dsb",
        "   b     2b",
        "   strh  r1, [r0]             // 5: write 16 bits",
        "   dsb",
        "   b     2b",
        "   nop",
        "   nop",
        "   nop",
        "   nop",
        "   str   r1, [r0]             // 7: write 32 bits",
        "   dsb",
        "   b     2b",
        // 64: where they fail.
        "   movs  r0, #0",
        "   bx    lr",
    )
}

/// Number of the first probe that stores.
const STORES: usize = 4;

/// Call probe `number` (0, 1, 3, and 4 more for a store); what was read, or that the bus answered with an error.
///
/// # Safety
///
/// Device registers are at the address, or nothing; it is not 0 and aligned to the width of the probe, and no store to it breaks
/// memory safety; interrupts are not masked.
#[inline(always)]
unsafe fn probe(number: usize, address: usize, value: u32) -> Option<u32> {
    let entry = (probes as *const () as usize) + number * 8;
    // SAFETY: a probe begins every eight bytes and has this signature; bit 0 (Thumb) is set in the
    // address of the first. The caller vouches for the access.
    let result = unsafe {
        let probe: unsafe extern "C" fn(usize, u32) -> u64 = core::mem::transmute(entry);
        probe(address, value)
    };
    (result as u32 != 0).then_some((result >> 32) as u32)
}

/// Load; `None` if the bus answered with an error. Bits beyond the width are zero.
///
/// # Safety
///
/// Device registers are there, or nothing, and it is not 0; aligned to the width; interrupts are not masked.
#[must_use]
#[inline(always)]
pub unsafe fn try_load(width: Width, address: usize) -> Option<u32> {
    // SAFETY: the caller vouches for the address.
    unsafe { probe(width as usize, address, 0) }
}

/// Store the low bits of `value`; `None` if the bus answered with an error.
///
/// # Safety
///
/// As for loads, and no store there breaks memory safety.
#[inline(always)]
pub unsafe fn try_store(width: Width, address: usize, value: u32) -> Option<()> {
    // SAFETY: the caller vouches for the address and the store.
    unsafe { probe(STORES + width as usize, address, value) }.map(|_| ())
}

/// Handler of exceptions that are never enabled.
///
/// # Safety
///
/// Only as an entry of the vector table.
pub unsafe extern "C" fn unhandled_interrupt_v7m() {
    let number: u32;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mrs {}, ipsr", out(reg) number, options(nomem, nostack)) };
    panic!("exception {number} has no handler");
}

/// The kernel itself faulted: say where and why.
extern "C" fn kernel_fault(frame: u32, initial_stack: u32) -> ! {
    let status = cortexm::scb::take_fault_status();
    // The kernel's stack lies at the bottom of RAM, so what is below its
    // initial top by less than this is stack; anything else is not read.
    const LARGEST_STACK: u32 = 0x1_0000;
    if status.cfsr & STACKING_FAILED != 0
        || !(initial_stack.saturating_sub(LARGEST_STACK)..initial_stack).contains(&frame)
    {
        panic!("kernel stack overflow (stack pointer {frame:#010x}): {status}");
    }
    // SAFETY: stacking succeeded and the frame lies in the kernel's stack: checked above.
    let (lr, pc) = unsafe {
        let frame = frame as *const u32;
        (frame.add(5).read_volatile(), frame.add(6).read_volatile())
    };
    panic!("kernel fault at {pc:#010x}, called from {lr:#010x}: {status}");
}

/// MSTKERR and STKERR of CFSR: the exception frame was not written.
const STACKING_FAILED: u32 = 1 << 4 | 1 << 12;
