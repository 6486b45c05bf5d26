//! The last words of the kernel: why, the chip, every process. Then it waits.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt::Write;
use core::panic::PanicInfo;

use cortexm4::support;
use kernel::Kernel;
use kernel::utilities::single_core::SingleCore;
use mps2::uart::SyncWriter;

use crate::BoardChip;

/// What the report needs, as far as the start has come.
pub(crate) struct Witnesses {
    /// The kernel, which knows the processes.
    pub(crate) kernel: Cell<Option<&'static Kernel>>,
    /// The chip.
    pub(crate) chip: Cell<Option<&'static BoardChip>>,
    /// A report is being printed.
    reporting: Cell<bool>,
}

/// Set while the board starts, read in a panic.
// SAFETY: one core, and no interrupt handler runs Rust code but a panic's,
// after which nothing else runs.
pub(crate) static WITNESSES: SingleCore<Witnesses> = unsafe {
    SingleCore::new(Witnesses {
        kernel: Cell::new(None),
        chip: Cell::new(None),
        reporting: Cell::new(false),
    })
};

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    support::with_interrupts_disabled(|| {
        // SAFETY: nothing else runs from here on.
        let mut writer = unsafe { SyncWriter::new(0) };
        let again = WITNESSES.with(|witnesses| witnesses.reporting.replace(true));
        // Failing to print the report is nothing that could be reported.
        if again {
            let _ = writeln!(writer, "\r\npanic while reporting: {info}\r\n");
        } else {
            report(&mut writer, info);
        }
        loop {
            support::wfi();
        }
    })
}

fn report(writer: &mut dyn Write, info: &PanicInfo) {
    WITNESSES.with(|witnesses| {
        kernel::debug::panic_print(writer, info, witnesses.chip.get(), witnesses.kernel.get());
    });
    let _ = writeln!(writer, "\r\nThe system is halted.\r");
}
