//! What the lists of `exposure.dts` allow of a system call, and a filter that holds what stands in a range of flash to one.

use berth_exposure::filter::{DriverRule, ProcessRule};
use core::ops::Range;
use kernel::ErrorCode;
use kernel::platform::SyscallFilter;
use kernel::process::Process;
use kernel::syscall::Syscall;

/// A board's filter. Upstream's loader starts whatever lies in flash, wherever it lies; so a process is known by where its
/// image begins, and everything that begins in the range is held to the rule.
pub struct RangeFilter {
    rule: &'static ProcessRule,
    range: Range<usize>,
}

impl RangeFilter {
    /// A filter for the processes whose images begin in `range`. All others may call everything.
    #[must_use]
    pub const fn new(rule: &'static ProcessRule, range: Range<usize>) -> Self {
        Self { rule, range }
    }
}

impl SyscallFilter for RangeFilter {
    fn filter_syscall(&self, process: &dyn Process, syscall: &Syscall) -> Result<(), ErrorCode> {
        if !self.range.contains(&process.get_addresses().flash_start) {
            return Ok(());
        }
        permit(self.rule.drivers, syscall)
    }
}

/// Decides what a process may call that is held to `rules`.
///
/// # Errors
/// The code of a driver that is not there, if they do not allow it.
#[inline]
pub fn permit(rules: &[DriverRule], syscall: &Syscall) -> Result<(), ErrorCode> {
    let (driver, command) = match *syscall {
        Syscall::Command {
            driver_number,
            subdriver_number,
            arg0,
            ..
        } => (driver_number, Some((subdriver_number, arg0))),
        Syscall::Subscribe { driver_number, .. }
        | Syscall::ReadWriteAllow { driver_number, .. }
        | Syscall::UserspaceReadableAllow { driver_number, .. }
        | Syscall::ReadOnlyAllow { driver_number, .. } => (driver_number, None),
        // What concerns the process itself only.
        Syscall::Yield { .. } | Syscall::Memop { .. } | Syscall::Exit { .. } => return Ok(()),
    };
    let rule = rules.iter().find(|rule| rule.driver == driver);
    let allowed = rule.is_some_and(|rule| {
        command.is_none_or(|(command, argument)| rule.allows(command, argument))
    });
    if allowed {
        Ok(())
    } else {
        Err(ErrorCode::NODEVICE)
    }
}
