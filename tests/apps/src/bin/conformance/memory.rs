//! Memop: the break, its limits, and where things are.

#![allow(unsafe_code)]

use libtock::raw::{self, class, variant};
use libtock::{ErrorCode, memop};
use test_apps::report::Report;

const FAIL: usize = ErrorCode::Fail as usize;
const NO_MEM: usize = ErrorCode::NoMem as usize;
const NO_SUPPORT: usize = ErrorCode::NoSupport as usize;

pub(crate) fn run(report: &mut Report) {
    const SIZE: isize = 64;
    // SAFETY: what is taken here is used by nobody else, and given back before
    // the next step takes it again.
    unsafe {
        let zero_again = memop::sbrk(SIZE).is_ok_and(|start| {
            let bytes = core::ptr::with_exposed_provenance_mut::<u8>(start);
            bytes.write_bytes(0xa5, SIZE as usize);
            memop::sbrk(-SIZE).is_ok()
                && memop::sbrk(SIZE) == Ok(start)
                && core::slice::from_raw_parts(bytes, SIZE as usize) == [0; SIZE as usize]
        });
        report.check("newly exposed memory is zero", zero_again);

        let end = memop::app_break().unwrap_or(0);
        let lent = raw::call::<{ class::ALLOW_READ_WRITE }>([1, 1, end - 4, 4]);
        let shrunk = memop::sbrk(-SIZE);
        let back = raw::call::<{ class::ALLOW_READ_WRITE }>([1, 1, 0, 0]);
        let shrunk_after = memop::sbrk(-SIZE);
        report.check(
            "the break never goes below a buffer that was lent",
            lent[0] == variant::SUCCESS_2_U32
                && shrunk == Err(ErrorCode::NoMem)
                && back == [variant::SUCCESS_2_U32, end - 4, 4, 0]
                && shrunk_after == Err(ErrorCode::NoMem),
        );
    }
    let start = memop::ram_start().unwrap_or(0);
    let app_break = memop::app_break().unwrap_or(0);
    let grants = memop::grant_start().unwrap_or(0);
    let end = memop::ram_end().unwrap_or(0);
    report.check(
        "memory is laid out as RAM start < break <= grants < RAM end",
        start < app_break && app_break <= grants && grants < end,
    );
    // SAFETY: refused, so nothing moves.
    let above = unsafe { memop::brk(grants + 1) };
    report.check(
        "the break stops at the grants",
        above == Err(ErrorCode::NoMem),
    );
    limits(report, start, app_break);
    questions(report);
}

fn limits(report: &mut Report, start: usize, app_break: usize) {
    let refused = [
        [0, start, 0x22, 0x33],
        [0, start - 1, 0x22, 0x33],
        [0, 0, 0x22, 0x33],
        [0, usize::MAX, 0x22, 0x33],
        [1, i32::MIN.cast_unsigned() as usize, 0x22, 0x33],
        [1, i32::MAX as usize, 0x22, 0x33],
    ];
    report.check(
        "a break below what was lent, below RAM or above it is NOMEM",
        refused
            .iter()
            .all(|&[op, arg, r2, r3]| memop(op, arg) == [0, NO_MEM, r2, r3]),
    );
    report.check(
        "and leaves the break where it was",
        memop::app_break() == Ok(app_break),
    );
    report.check(
        "brk to where it is succeeds, without a value",
        memop(0, app_break) == [variant::SUCCESS, app_break, 0x22, 0x33],
    );
}

fn questions(report: &mut Report) {
    let flash = memop::flash_start().unwrap_or(0);
    let flash_end = memop::flash_end().unwrap_or(0);
    let here = run as *const () as usize;
    report.check(
        "the code lies between the start and the end of flash",
        flash < here && here < flash_end && flash_end - flash >= 512,
    );
    report.check(
        "the second and any writeable flash region do not exist either",
        [(8, 1), (9, 0), (9, usize::MAX)]
            .iter()
            .all(|&(op, index)| memop(op, index) == [0, FAIL, 0x22, 0x33]),
    );
    report.check(
        "telling where stack and heap are always succeeds",
        [10, 11]
            .iter()
            .all(|&op| memop(op, 0xdead_beef) == [variant::SUCCESS, 0xdead_beef, 0x22, 0x33]),
    );
    report.check(
        "operations 12 and up are NOSUPPORT",
        [12, 0xff, usize::MAX]
            .iter()
            .all(|&op| memop(op, 0) == [0, NO_SUPPORT, 0x22, 0x33]),
    );
}

fn memop(operation: usize, argument: usize) -> [usize; 4] {
    // SAFETY: the break is never moved here.
    unsafe { raw::call::<{ class::MEMOP }>([operation, argument, 0x22, 0x33]) }
}
