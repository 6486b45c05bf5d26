//! A driver with a grant, and one without.

use std::boxed::Box;

use crate::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use crate::process::{Error, ProcessId};
use crate::syscall::{CommandReturn, SyscallDriver};
use crate::test_utils::TestKernel;

/// Its number, that of the console in the reference vectors.
pub(super) const NUM: usize = 1;

#[derive(Default)]
pub(super) struct Data {
    pub(super) value: u32,
}

/// Upcalls 0..3, read-only buffers 0..2, read-write buffers 0..2.
pub(super) type Apps = Grant<Data, UpcallCount<3>, AllowRoCount<2>, AllowRwCount<2>>;

pub(super) struct Driver {
    pub(super) apps: Apps,
}

pub(super) fn driver(test: &TestKernel) -> &'static Driver {
    Box::leak(Box::new(Driver {
        apps: test.create_grant(NUM),
    }))
}

impl SyscallDriver for Driver {
    /// 0 exists; 1 count up; 2 schedule upcall `r2` with `r3`.
    fn command(&self, number: usize, r2: usize, r3: usize, id: ProcessId) -> CommandReturn {
        match number {
            0 => CommandReturn::success(),
            1 => self
                .apps
                .enter(id, |data, _| {
                    data.value += 1;
                    CommandReturn::success_u32(data.value)
                })
                .unwrap_or_else(CommandReturn::from),
            2 => self
                .apps
                .enter(id, |_, kernel| {
                    match kernel.schedule_upcall(r2, (r3, 0, 0)) {
                        Ok(()) => CommandReturn::success(),
                        Err(_) => CommandReturn::failure(crate::ErrorCode::FAIL),
                    }
                })
                .unwrap_or_else(CommandReturn::from),
            _ => CommandReturn::failure(crate::ErrorCode::NOSUPPORT),
        }
    }

    fn allocate_grant(&self, id: ProcessId) -> Result<(), Error> {
        self.apps.enter(id, |_, _| {})
    }
}

/// Like the LED driver: no grant.
pub(super) struct Bare;

impl SyscallDriver for Bare {
    fn allocate_grant(&self, _: ProcessId) -> Result<(), Error> {
        Ok(())
    }
}
