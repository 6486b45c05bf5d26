//! The report about a process, for people.

use core::fmt::{Result, Write};

use super::standard::ProcessStandard;
use super::work::Report;
use super::{Process, ProcessMemory, State, StoppedState};
use crate::platform::chip::Chip;
use crate::platform::mpu::MPU as _;
use crate::utilities::hex::Hex;

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

/// Where the registers begin among the parts of a report.
const REGISTERS: usize = 12;
/// The parts of the registers that a report has room for.
const REGISTER_PARTS: usize = 8;
const MPU: usize = REGISTERS + REGISTER_PARTS;
/// Regions of an MPU at most.
const REGIONS: usize = 16;
/// The last part, which says what becomes of the process.
pub(super) const OUTCOME: u8 = (MPU + REGIONS) as u8;

impl<C: Chip> ProcessStandard<C> {
    /// Print one part of the report, a line of it; whether there are more.
    pub(super) fn print_part(&self, report: &Report, writer: &mut dyn Write) -> bool {
        let part = usize::from(report.part);
        // Failing to print is nothing that could be reported.
        let _ = match part {
            0..REGISTERS => self.print_facts(part, report, writer),
            REGISTERS..MPU => {
                self.print_registers(part - REGISTERS, writer);
                Ok(())
            }
            _ => self.print_mpu(part - MPU, report, writer),
        };
        part < MPU + REGIONS
    }

    fn print_facts(&self, part: usize, report: &Report, writer: &mut dyn Write) -> Result {
        let a = self.get_addresses();
        let sizes = self.get_sizes();
        let kernel_own = sizes.process_control_block + sizes.grant_pointers;
        match part {
            0 => write!(
                writer,
                "\r\nProcess \"{}\" (id {}): {}\r\n",
                self.get_process_name(),
                self.processid().id(),
                state_name(self.get_state()),
            ),
            1 => match self.get_completion_code() {
                Some(Some(code)) => write!(writer, " last ended with code {code}\r\n"),
                Some(None) => writer.write_str(" last ended without a code\r\n"),
                None => Ok(()),
            },
            2 => write!(
                writer,
                " restarts {}, system calls {}, time slices used up {}\r\n",
                self.get_restart_count(),
                self.debug_syscall_count(),
                self.debug_timeslice_expiration_count(),
            ),
            3 => write!(
                writer,
                " events waiting {}, dropped {}; grants {}\r\n",
                report.events,
                self.debug_dropped_upcall_count(),
                report.grants,
            ),
            4 => write!(
                writer,
                " RAM   {}-{}\r\n",
                Hex(a.sram_start),
                Hex(a.sram_end)
            ),
            5 => write!(
                writer,
                "  kernel  {} ({kernel_own} bytes)\r\n",
                Hex(a.sram_end.saturating_sub(kernel_own)),
            ),
            6 => write!(
                writer,
                "  grants  {} ({} bytes)\r\n",
                Hex(a.sram_grant_start),
                a.sram_end
                    .saturating_sub(kernel_own)
                    .saturating_sub(a.sram_grant_start),
            ),
            7 => write!(
                writer,
                "  break   {} ({} bytes in use)\r\n",
                Hex(a.sram_app_brk),
                a.sram_app_brk.saturating_sub(a.sram_start),
            ),
            8 => match a.sram_heap_start {
                Some(heap) => write!(writer, "  heap    {}\r\n", Hex(heap)),
                None => Ok(()),
            },
            9 => match a.sram_stack_top {
                Some(top) => write!(writer, "  stack   {} (top)\r\n", Hex(top)),
                None => Ok(()),
            },
            10 => match a.sram_stack_bottom {
                Some(lowest) => {
                    write!(writer, "  stack   {} (lowest seen)\r\n", Hex(lowest))?;
                    if lowest < a.sram_start {
                        writer.write_str("  the stack has overflowed\r\n")?;
                    }
                    Ok(())
                }
                None => Ok(()),
            },
            _ => write!(
                writer,
                " flash {}-{}, own code from {}\r\n",
                Hex(a.flash_start),
                Hex(a.flash_end),
                Hex(a.flash_non_protected_start),
            ),
        }
    }

    /// A line of the MPU's regions, and the end.
    fn print_mpu(&self, line: usize, report: &Report, writer: &mut dyn Write) -> Result {
        if line < REGIONS
            && let Ok(config) = self.mpu_config.try_borrow()
        {
            return self.chip.mpu().print_region(&config, line, writer);
        }
        match report.outcome {
            "" => writer.write_str("\r\n"),
            outcome => write!(writer, "\r\n{} {outcome}\r\n", self.get_process_name()),
        }
    }
}
