//! Which system calls a process may make on this board.
//!
//! Processes that `exposure.dts` lists may call what it lists and nothing else; all
//! others are the manufacturer's own and may call everything. A process is known by
//! the place of its image in flash, so whatever stands in the supervisor's place is
//! held to the supervisor's list. What a process's own header permits narrows that further.

use core::cell::Cell;

use berth_exposure::filter::ProcessRule;
use kernel::ErrorCode;
use kernel::platform::{SyscallFilter, TbfHeaderFilterDefaultAllow};
use kernel::process::{Process, ProcessId};
use kernel::syscall::Syscall;

/// The filter over the generated rules.
pub(crate) struct Filter {
    rules: &'static [ProcessRule],
    header: TbfHeaderFilterDefaultAllow,
    /// The process that was asked about last and its rule: the supervisor makes most
    /// calls, and its addresses need not be looked up for each.
    last: Cell<Option<(ProcessId, Option<&'static ProcessRule>)>>,
}

impl Filter {
    /// A filter by these rules.
    pub(crate) const fn new(rules: &'static [ProcessRule]) -> Self {
        Self {
            rules,
            header: TbfHeaderFilterDefaultAllow {},
            last: Cell::new(None),
        }
    }

    fn rule(&self, process: &dyn Process) -> Option<&'static ProcessRule> {
        let id = process.processid();
        if let Some((last, rule)) = self.last.get()
            && last == id
        {
            return rule;
        }
        let flash_start = process.get_addresses().flash_start;
        let rule = self.rules.iter().find(|r| r.flash_start == flash_start);
        self.last.set(Some((id, rule)));
        rule
    }
}

impl SyscallFilter for Filter {
    fn filter_syscall(&self, process: &dyn Process, syscall: &Syscall) -> Result<(), ErrorCode> {
        self.header.filter_syscall(process, syscall)?;
        let Some(rule) = self.rule(process) else {
            return Ok(());
        };
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
        let allowed = rule.driver(driver).is_some_and(|driver| {
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
