//! The vector table: reset, faults, system calls, SysTick, 32 interrupt lines.

#![allow(unsafe_code)]

use cortexm4::{CortexM4, CortexMVariant, initialize_ram_jump_to_main, unhandled_interrupt};
use mps2::interrupts::LINES;

unsafe extern "C" {
    /// Top of the kernel's stack; from `kernel.ld`.
    fn _estack();
}

/// One entry: where to go. The first entry is the initial stack pointer, which
/// the linker script gives like the address of a function.
type Entry = unsafe extern "C" fn();

/// The table as the core reads it, from address 0.
#[repr(C)]
struct VectorTable {
    initial_stack: Entry,
    reset: Entry,
    nmi: Entry,
    hard_fault: Entry,
    memory_fault: Entry,
    bus_fault: Entry,
    usage_fault: Entry,
    reserved: [Entry; 4],
    svc: Entry,
    debug_monitor: Entry,
    reserved_too: Entry,
    pend_sv: Entry,
    sys_tick: Entry,
    interrupts: [Entry; LINES],
}

#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: VectorTable = VectorTable {
    initial_stack: _estack,
    reset: initialize_ram_jump_to_main,
    nmi: unhandled_interrupt,
    hard_fault: CortexM4::HARD_FAULT_HANDLER,
    memory_fault: CortexM4::HARD_FAULT_HANDLER,
    bus_fault: CortexM4::HARD_FAULT_HANDLER,
    usage_fault: CortexM4::HARD_FAULT_HANDLER,
    reserved: [unhandled_interrupt; 4],
    svc: CortexM4::SVC_HANDLER,
    debug_monitor: unhandled_interrupt,
    reserved_too: unhandled_interrupt,
    pend_sv: unhandled_interrupt,
    sys_tick: CortexM4::SYSTICK_HANDLER,
    interrupts: [CortexM4::GENERIC_ISR; LINES],
};
