//! Holds what stands in a range of flash to the list that `exposure.dts` has for it.

use berth_exposure::filter::ProcessRule;
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
            Syscall::Yield { .. } | Syscall::Memop { .. } | Syscall::Exit { .. } => return Ok(()),
        };
        let allowed = self.rule.driver(driver).is_some_and(|driver| {
            command.is_none_or(|(command, argument)| driver.allows(command, argument))
        });
        // The code of a driver that is not there.
        if allowed {
            Ok(())
        } else {
            Err(ErrorCode::NODEVICE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_exposure::filter::DriverRule;
    use kernel::test_utils::{TestApp, TestKernel};

    static RULE: ProcessRule = ProcessRule {
        flash_start: 0,
        drivers: &[DriverRule {
            driver: 1,
            commands: 0b11,
            indexed: 0,
            indices: 0,
        }],
    };

    fn command(driver_number: usize, subdriver_number: usize) -> Syscall {
        Syscall::Command {
            driver_number,
            subdriver_number,
            arg0: 0,
            arg1: 0,
        }
    }

    #[test]
    fn whatever_begins_in_the_range_is_held_to_the_list() {
        let test = TestKernel::new();
        let all = test.start_all(&[TestApp::default(), TestApp::default()]);
        let [inside, outside] = [all[1].as_process(), all[0].as_process()];
        let start = inside.get_addresses().flash_start;
        // It need not be the first address of the range.
        let filter = RangeFilter::new(&RULE, start - 4..start + 4);
        let refused = Err(ErrorCode::NODEVICE);
        for (call, answer) in [
            (command(1, 0), Ok(())),
            (command(1, 2), refused),
            (command(2, 0), refused),
        ] {
            assert_eq!(filter.filter_syscall(inside, &call), answer);
            assert_eq!(filter.filter_syscall(outside, &call), Ok(()));
        }
        let subscribe = |driver_number| Syscall::Subscribe {
            driver_number,
            subdriver_number: 0,
            upcall_ptr: 0,
            appdata: 0,
        };
        assert_eq!(filter.filter_syscall(inside, &subscribe(1)), Ok(()));
        assert_eq!(filter.filter_syscall(inside, &subscribe(3)), refused);
        let memop = Syscall::Memop {
            operand: 2,
            arg0: 0,
        };
        assert_eq!(filter.filter_syscall(inside, &memop), Ok(()));
    }
}
