//! Which system calls a process may make on this board.
//!
//! Processes that `exposure.dts` lists may call what it lists and nothing else; all
//! others are the manufacturer's own and may call everything. A process is known by
//! the place of its image in flash, so whatever stands in the supervisor's place is
//! held to the supervisor's list. What a process's own header permits narrows that further.

use core::cell::Cell;
use core::ptr;

use berth_exposure::filter::ProcessRule;
use kernel::ErrorCode;
use kernel::platform::{SyscallFilter, TbfHeaderFilterDefaultAllow};
use kernel::process::Process;
use kernel::syscall::Syscall;

/// The filter over the generated rules.
///
/// It is asked at every system call, so it remembers what it found out about the two
/// processes that matter: the last that may call everything, and the last that may not. A process is
/// remembered by the address of its control block, which is made once, at its place in
/// RAM, for one image at its place in flash.
pub(crate) struct Filter {
    rules: &'static [ProcessRule],
    header: TbfHeaderFilterDefaultAllow,
    /// Has neither a rule nor permissions in its header.
    unbound: Cell<*const ()>,
    /// Any other, and its rule if it has one.
    bound: Cell<(*const (), Option<&'static ProcessRule>)>,
}

impl Filter {
    /// A filter by these rules.
    pub(crate) const fn new(rules: &'static [ProcessRule]) -> Self {
        Self {
            rules,
            header: TbfHeaderFilterDefaultAllow {},
            unbound: Cell::new(ptr::null()),
            bound: Cell::new((ptr::null(), None)),
        }
    }

    /// The rule of a process that is not known to be unbound.
    fn rule(&self, process: &dyn Process) -> Option<&'static ProcessRule> {
        let this = identity(process);
        let (known, rule) = self.bound.get();
        if known == this {
            return rule;
        }
        let flash_start = process.get_addresses().flash_start;
        let rule = self.rules.iter().find(|r| r.flash_start == flash_start);
        if rule.is_none() && !process.has_command_permissions() {
            self.unbound.set(this);
        } else {
            self.bound.set((this, rule));
        }
        rule
    }

    /// What header and rule say.
    #[inline(never)]
    fn look(&self, process: &dyn Process, syscall: &Syscall) -> Result<(), ErrorCode> {
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

/// What tells one process from another.
fn identity(process: &dyn Process) -> *const () {
    ptr::from_ref(process).cast()
}

impl SyscallFilter for Filter {
    #[inline]
    fn filter_syscall(&self, process: &dyn Process, syscall: &Syscall) -> Result<(), ErrorCode> {
        if identity(process) == self.unbound.get() {
            Ok(())
        } else {
            self.look(process, syscall)
        }
    }
}
