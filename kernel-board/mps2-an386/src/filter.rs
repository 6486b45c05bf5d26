//! Which system calls a process may make on this board.
//!
//! Processes in a place that `exposure.dts` lists may call what it lists and nothing else. In a place that it
//! does not list, the manufacturer's own may call everything, and all others nothing.
//! Whatever stands in the supervisor's place, anywhere in it, is
//! held to the supervisor's list. What a process's own header permits narrows that further.

use core::cell::Cell;
use core::ptr;

use berth_exposure::filter::{DriverRule, ProcessRule};
use kernel::ErrorCode;
use kernel::platform::{SyscallFilter, TbfHeaderFilterDefaultAllow};
use kernel::process::Process;
use kernel::syscall::Syscall;
use wasm_host_board::permit;

use crate::places;

/// What a process may call, beside what its header says.
#[derive(Clone, Copy)]
enum Rule {
    /// Everything.
    Everything,
    /// These drivers.
    Only(&'static [DriverRule]),
}

/// The filter over the generated rules.
///
/// It is asked at every system call, so it remembers what it found out about the two
/// processes that matter: the last that may call everything, and the last that may not. A process is
/// remembered by the address of its control block, which is made once, at its place in
/// RAM, for one image at its place in flash.
pub(crate) struct Filter {
    /// Place by place.
    rules: [Rule; places::COUNT],
    header: TbfHeaderFilterDefaultAllow,
    /// Has neither a rule nor permissions in its header.
    unbound: Cell<*const ()>,
    /// Any other, and its rule.
    bound: Cell<(*const (), Rule)>,
}

impl Filter {
    /// A filter by these rules, for places whose flash begins at `starts`. `None`: a rule is for no place.
    pub(crate) fn new(
        rules: &'static [ProcessRule],
        starts: [usize; places::COUNT],
    ) -> Option<Self> {
        let orphan = |rule: &ProcessRule| !starts.contains(&rule.flash_start);
        if rules.iter().any(orphan) {
            return None;
        }
        let mut numbers = 0..;
        let rules = starts.map(|start| {
            let own = numbers.next().is_some_and(places::is_own);
            match rules.iter().find(|rule| rule.flash_start == start) {
                Some(rule) => Rule::Only(rule.drivers),
                None if own => Rule::Everything,
                None => Rule::Only(&[]),
            }
        });
        Some(Self {
            rules,
            header: TbfHeaderFilterDefaultAllow {},
            unbound: Cell::new(ptr::null()),
            bound: Cell::new((ptr::null(), Rule::Only(&[]))),
        })
    }

    /// The rule of a process that is not known to be unbound.
    fn rule(&self, process: &dyn Process) -> Rule {
        let this = identity(process);
        let (known, rule) = self.bound.get();
        if known == this {
            return rule;
        }
        let rule = self.rules.get(process.place());
        let rule = rule.copied().unwrap_or(Rule::Only(&[]));
        if matches!(rule, Rule::Everything) && !process.has_command_permissions() {
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
        match self.rule(process) {
            Rule::Everything => Ok(()),
            Rule::Only(rules) => permit(rules, syscall),
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
