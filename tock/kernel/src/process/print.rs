//! The report about a process, for people.

use core::fmt::{Display, Result, Write};

use super::{Process, State, StoppedState};

/// What a state is called.
fn state_name(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Yielded => "waiting for any upcall",
        State::YieldedFor(_) => "waiting for one event",
        State::Stopped(StoppedState::Running) => "stopped while running",
        State::Stopped(_) => "stopped while waiting",
        State::Faulted => "faulted",
        State::Terminated => "ended",
    }
}

/// Print identity, counters, memory map, registers and MPU regions.
pub(super) fn report(
    process: &dyn Process,
    mpu_config: Option<&dyn Display>,
    print_registers: impl FnOnce(&mut dyn Write),
    writer: &mut dyn Write,
) -> Result {
    let a = process.get_addresses();
    let sizes = process.get_sizes();
    write!(
        writer,
        "\r\nProcess \"{}\" (id {}): {}\r\n",
        process.get_process_name(),
        process.processid().id(),
        state_name(process.get_state()),
    )?;
    if let Some(code) = process.get_completion_code() {
        match code {
            Some(code) => write!(writer, " last ended with code {code}\r\n")?,
            None => write!(writer, " last ended without a code\r\n")?,
        }
    }
    write!(
        writer,
        " restarts {}, system calls {}, time slices used up {}\r\n \
         events waiting {}, dropped {}; grants {}\r\n",
        process.get_restart_count(),
        process.debug_syscall_count(),
        process.debug_timeslice_expiration_count(),
        process.pending_tasks(),
        process.debug_dropped_upcall_count(),
        process.grant_allocated_count(),
    )?;
    let kernel_own = sizes.process_control_block + sizes.grant_pointers;
    write!(
        writer,
        " RAM   {:#010x}-{:#010x}\r\n  \
           kernel  {:#010x} ({kernel_own} bytes)\r\n  \
           grants  {:#010x} ({} bytes)\r\n  \
           break   {:#010x} ({} bytes in use)\r\n",
        a.sram_start,
        a.sram_end,
        a.sram_end.saturating_sub(kernel_own),
        a.sram_grant_start,
        a.sram_end
            .saturating_sub(kernel_own)
            .saturating_sub(a.sram_grant_start),
        a.sram_app_brk,
        a.sram_app_brk - a.sram_start,
    )?;
    if let Some(heap) = a.sram_heap_start {
        write!(writer, "  heap    {heap:#010x}\r\n")?;
    }
    if let Some(top) = a.sram_stack_top {
        write!(writer, "  stack   {top:#010x} (top)\r\n")?;
    }
    if let Some(lowest) = a.sram_stack_bottom {
        write!(writer, "  stack   {lowest:#010x} (lowest seen)\r\n")?;
        if lowest < a.sram_start {
            write!(writer, "  the stack has overflowed\r\n")?;
        }
    }
    write!(
        writer,
        " flash {:#010x}-{:#010x}, own code from {:#010x}\r\n",
        a.flash_start, a.flash_end, a.flash_non_protected_start,
    )?;
    print_registers(writer);
    if let Some(config) = mpu_config {
        write!(writer, "{config}\r\n")?;
    }
    Ok(())
}
