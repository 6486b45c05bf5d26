//! Subscribe and Allow: what a swap returns, what is accepted, what a refusal leaves.

#![allow(unsafe_code)]

use core::ptr::addr_of;

use libtock::memop;
use libtock::raw::{self, class, variant};
use test_apps::report::Report;

const CONSOLE: usize = 1;
const MISSING: usize = 0x7777;
const NO_SUPPORT: usize = libtock::ErrorCode::NoSupport as usize;
const NO_DEVICE: usize = libtock::ErrorCode::NoDevice as usize;
const INVALID: usize = libtock::ErrorCode::Invalid as usize;

/// Never called.
extern "C" fn upcall(_: usize, _: usize, _: usize, _: usize) {}

pub(crate) fn run(report: &mut Report) {
    buffers(report);
    functions(report);
    userspace_readable(report);
}

fn buffers(report: &mut Report) {
    let mut memory = [0u8; 16];
    let a = memory.as_mut_ptr().expose_provenance();
    let lend = |address, length| lend_rw(CONSOLE, 1, address, length);
    report.check(
        "a lent buffer comes back when another takes its place",
        lend(a, 4) == swapped(0, 0) && lend(a + 4, 8) == swapped(a, 4),
    );
    let refused = [
        (a, usize::MAX),
        (0xffff_fff0, 0x20),
        (memop::app_break().unwrap_or(0), 1),
        (memop::ram_start().unwrap_or(0) - 1, 2),
    ];
    report.check(
        "buffers that leave the process are refused, wrapped ones too",
        refused
            .iter()
            .all(|&(address, length)| lend(address, length) == [2, INVALID, address, length]),
    );
    report.check(
        "a refusal leaves the buffer that was there",
        lend(0xdead_beef, 0) == swapped(a + 4, 8),
    );
    report.check(
        "an empty buffer may have any address and comes back as it was",
        lend(0, 0) == swapped(0xdead_beef, 0),
    );
    report.check(
        "buffers may overlap",
        lend(a, 8) == swapped(0, 0) && lend_ro(0, a + 4, 8) == swapped(0, 0),
    );
    report.check(
        "both come back",
        lend(0, 0) == swapped(a, 8) && lend_ro(0, 0, 0) == swapped(a + 4, 8),
    );
    let end = memop::app_break().unwrap_or(0);
    let start = memop::ram_start().unwrap_or(0);
    report.check(
        "a buffer may be all of the process's memory",
        lend(start, end - start) == swapped(0, 0) && lend(0, 0) == swapped(start, end - start),
    );
    let flash_end = memop::flash_end().unwrap_or(0);
    report.check(
        "a read-only buffer may end where flash does, and not behind",
        lend_ro(0, flash_end - 4, 4) == swapped(0, 0)
            && lend_ro(0, flash_end - 4, 5) == [2, INVALID, flash_end - 4, 5]
            && lend_ro(0, 0, 0) == swapped(flash_end - 4, 4),
    );
}

fn functions(report: &mut Report) {
    let function = upcall as *const () as usize;
    let flash = memop::flash_start().unwrap_or(0);
    let flash_end = memop::flash_end().unwrap_or(0);
    let app_break = memop::app_break().unwrap_or(0);
    let word = 0u32;
    let in_ram = addr_of!(word).addr();
    report.check(
        "a function may be in flash or in RAM",
        subscribe(1, function, 5) == swapped(0, 0)
            && subscribe(1, in_ram, 6) == swapped(function, 5),
    );
    report.check(
        "functions in the header, at the end of flash, at the break are refused",
        [flash, flash_end - 2, app_break - 2]
            .iter()
            .all(|&wrong| subscribe(1, wrong, 7) == [2, INVALID, wrong, 7]),
    );
    report.check(
        "a refusal leaves the function that was there",
        subscribe(1, 0, 0) == swapped(in_ram, 6),
    );
    report.check(
        "unsubscribing twice is no error",
        subscribe(1, 0, 9) == swapped(0, 0) && subscribe(1, 0, 0) == swapped(0, 9),
    );
}

fn userspace_readable(report: &mut Report) {
    let memory = [0u8; 4];
    let a = memory.as_ptr().expose_provenance();
    let lend = |driver| {
        // SAFETY: refused.
        unsafe { raw::call::<{ class::ALLOW_USERSPACE_READABLE }>([driver, 0, a, 4]) }
    };
    report.check(
        "userspace-readable allow: a driver without it is NOSUPPORT",
        lend(CONSOLE) == [2, NO_SUPPORT, a, 4],
    );
    report.check(
        "userspace-readable allow: a missing driver is NODEVICE",
        lend(MISSING) == [2, NO_DEVICE, a, 4],
    );
}

/// Success with what was there before; the fourth register is what was passed.
fn swapped(first: usize, second: usize) -> [usize; 4] {
    [variant::SUCCESS_2_U32, first, second, 0]
}

/// The fourth register is not the kernel's to define when a swap succeeds.
fn defined(mut registers: [usize; 4]) -> [usize; 4] {
    if registers[0] == variant::SUCCESS_2_U32 {
        registers[3] = 0;
    }
    registers
}

fn lend_rw(driver: usize, number: usize, address: usize, length: usize) -> [usize; 4] {
    // SAFETY: the kernel writes only when told to read from the console.
    defined(unsafe { raw::call::<{ class::ALLOW_READ_WRITE }>([driver, number, address, length]) })
}

fn lend_ro(number: usize, address: usize, length: usize) -> [usize; 4] {
    // SAFETY: the kernel only reads.
    defined(unsafe { raw::call::<{ class::ALLOW_READ_ONLY }>([CONSOLE, number, address, length]) })
}

fn subscribe(number: usize, function: usize, data: usize) -> [usize; 4] {
    // SAFETY: unsubscribed again before the next yield.
    defined(unsafe { raw::call::<{ class::SUBSCRIBE }>([CONSOLE, number, function, data]) })
}
