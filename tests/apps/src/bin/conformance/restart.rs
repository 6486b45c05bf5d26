//! Exit-restart: the second run finds nothing of the first.

#![allow(unsafe_code)]

use libtock::raw::{self, class, variant};
use libtock::{ErrorCode, EventSlot, alarm, memop};
use test_apps::report::Report;

const CONSOLE: usize = 1;
/// Bytes that the first run takes, fills and lends.
const TAKEN: usize = 256;

static ALARM: EventSlot = EventSlot::new();

/// First run: leave things lying about and ask to be restarted.
pub(crate) fn leave_a_mess() -> Result<(), ErrorCode> {
    let memory = memop::extend(TAKEN)?;
    memory.fill(0xa5);
    alarm::notify(&ALARM)?;
    if !crate::upcalls::expire() {
        return Err(ErrorCode::Fail);
    }
    alarm::set_relative(1 << 30)?;
    let buffer = memory.as_mut_ptr().expose_provenance();
    // SAFETY: the memory is never used again.
    let lent = unsafe { raw::call::<{ class::ALLOW_READ_WRITE }>([CONSOLE, 1, buffer, TAKEN]) };
    if lent[0] != variant::SUCCESS_2_U32 {
        return Err(ErrorCode::Fail);
    }
    libtock::restart(7)
}

/// Second run.
pub(crate) fn run(report: &mut Report, restarts: u32) {
    report.check("after exit-restart the restart is counted", restarts == 1);
    report.check(
        "no event of the first run is left",
        !libtock::yield_no_wait(),
    );
    report.check(
        "the alarm of the first run is off",
        alarm::stop() == Err(ErrorCode::Already),
    );
    // SAFETY: nothing is subscribed and nothing lent.
    let (subscribed, lent) = unsafe {
        (
            raw::call::<{ class::SUBSCRIBE }>([alarm::DRIVER_NUM, 0, 0, 0]),
            raw::call::<{ class::ALLOW_READ_WRITE }>([CONSOLE, 1, 0, 0]),
        )
    };
    report.check(
        "what the first run subscribed is gone",
        subscribed == [variant::SUCCESS_2_U32, 0, 0, 0],
    );
    report.check(
        "what the first run lent is gone",
        lent == [variant::SUCCESS_2_U32, 0, 0, 0],
    );
    // SAFETY: what is taken here is given back and used by nobody else.
    unsafe {
        let size = TAKEN as isize;
        let clear = memop::sbrk(size).is_ok_and(|start| {
            let bytes = core::ptr::with_exposed_provenance::<u8>(start);
            core::slice::from_raw_parts(bytes, TAKEN) == [0; TAKEN]
        });
        report.check("memory of the first run is zero", clear);
        report.check(
            "a buffer of the first run does not hold the break",
            memop::sbrk(-size).is_ok(),
        );
    }
}
