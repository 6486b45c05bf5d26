//! `declared`: does the kernel keep to what this process's header declares?
//!
//! The header is elf2tab's (see the Makefile): permission for the console's command 1
//! (write) and process info's 2 and 3 only; a short id; and, because of the section
//! below, a writeable flash region.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::raw::{self, class, variant};
use libtock::{ErrorCode, allow, command};
use test_apps::report::Report;

libtock::main!(main);

const ALARM: usize = 0;
const CONSOLE: usize = 1;
const LED: usize = 2;
const PROCESS_INFO: usize = 0x10002;

/// What the Makefile asks elf2tab for.
const SHORT_ID: u32 = 0x1234;

/// The flash that this process may change.
#[unsafe(link_section = ".wfr.declared")]
#[used]
static REGION: [u8; 512] = [0x5a; 512];

fn main() {
    let mut report = Report::new();
    permissions(&mut report);
    flash_regions(&mut report);
    let mut ids = [0; 16];
    let asked = allow::with_read_write(PROCESS_INFO, 0, &mut ids, || {
        command(PROCESS_INFO, 3, 0, 0).success_u32()
    });
    report.check(
        "the short id is the declared one",
        asked.is_ok_and(|count| count.is_ok())
            && ids.chunks_exact(4).any(|id| *id == SHORT_ID.to_le_bytes()),
    );
    report.count();
}

fn permissions(report: &mut Report) {
    for (what, driver, number) in [
        ("another command of a driver", CONSOLE, 2),
        ("command 0 of a driver", CONSOLE, 0),
        ("a command far beyond", CONSOLE, 64 + 1),
        ("a driver", LED, 1),
        ("command 0 of another driver", LED, 0),
    ] {
        let answer = command(driver, number, 0x22, 0x33).registers();
        report.check(what, answer == refused([driver, number, 0x22, 0x33]));
    }
    report.check(
        "subscribing to another driver",
        call::<{ class::SUBSCRIBE }>(ALARM) == NOT_SWAPPED,
    );
    report.check(
        "lending to another driver",
        call::<{ class::ALLOW_READ_WRITE }>(LED) == NOT_SWAPPED
            && call::<{ class::ALLOW_READ_ONLY }>(LED) == NOT_SWAPPED,
    );
    report.check(
        "subscribing and lending to a driver with any permission is allowed",
        call::<{ class::SUBSCRIBE }>(CONSOLE)[0] == variant::SUCCESS_2_U32
            && call::<{ class::ALLOW_READ_WRITE }>(CONSOLE)[0] == variant::SUCCESS_2_U32,
    );
}

fn flash_regions(report: &mut Report) {
    let start = REGION.as_ptr().addr();
    for (what, operation, index, value) in [
        ("one writeable flash region", 7, 0, Some(1)),
        ("its start", 8, 0, Some(start)),
        ("its end", 9, 0, Some(start + REGION.len())),
        ("no start of a second", 8, 1, None),
        ("no end of a second", 9, 1, None),
    ] {
        // SAFETY: only asks.
        let answer = unsafe { raw::call::<{ class::MEMOP }>([operation, index, 0x22, 0x33]) };
        let expected = match value {
            Some(value) => [variant::SUCCESS_U32, value, 0x22, 0x33],
            None => [variant::FAILURE, ErrorCode::Fail as usize, 0x22, 0x33],
        };
        report.check(what, answer == expected);
    }
}

/// What a driver that is not there answers to [`call`].
const NOT_SWAPPED: [usize; 4] = [variant::FAILURE_2_U32, ErrorCode::NoDevice as usize, 0, 0];

/// What a driver that is not there answers to a command.
fn refused([_, _, r2, r3]: [usize; 4]) -> [usize; 4] {
    [variant::FAILURE, ErrorCode::NoDevice as usize, r2, r3]
}

/// Nothing, handed to number 0 of a driver.
fn call<const CLASS: u8>(driver: usize) -> [usize; 4] {
    // SAFETY: no function and no memory.
    unsafe { raw::call::<CLASS>([driver, 0, 0, 0]) }
}
