//! The 22 reference vectors, in the order they were recorded.
//!
//! Some depend on the ones before (a swap returns what the last one put in), so
//! the order matters. Registers that a return variant does not define must keep
//! what the process passed; the calls pass recognisable values there.

#![allow(unsafe_code)]

use libtock::raw::{self, class, variant};
use libtock::{ErrorCode, memop};
use test_apps::Line;
use test_apps::report::Expected::{Any, Is, Kept};
use test_apps::report::{Expected, Report};

const CONSOLE: usize = 1;
const LED: usize = 2;
/// No driver has this number.
const MISSING: usize = 0x7777;
/// First word of the kernel's RAM.
const KERNEL_RAM: usize = 0x2000_0000;
/// Room for the TBF header before the binary.
const HEADER: usize = 0x100;

const NO_DEVICE: Expected = Is(ErrorCode::NoDevice as usize);
const NO_SUPPORT: Expected = Is(ErrorCode::NoSupport as usize);
const INVALID: Expected = Is(ErrorCode::Invalid as usize);
const NO_MEM: Expected = Is(ErrorCode::NoMem as usize);
const FAIL: Expected = Is(ErrorCode::Fail as usize);

const FAILURE: Expected = Is(variant::FAILURE);
const FAILURE_2: Expected = Is(variant::FAILURE_2_U32);
const SUCCESS: Expected = Is(variant::SUCCESS);
const SUCCESS_1: Expected = Is(variant::SUCCESS_U32);
const SUCCESS_2: Expected = Is(variant::SUCCESS_2_U32);

/// Only ever subscribed, never called: nothing completes a read here.
extern "C" fn upcall(_: usize, _: usize, _: usize, _: usize) {}

/// Vectors 1 to 21.
pub(crate) fn run(report: &mut Report) {
    let mut buffer = [0u8; 4];
    let buffer = buffer.as_mut_ptr().expose_provenance();
    let function = upcall as *const () as usize;
    let header = memop::flash_start().unwrap_or(0);
    let flash = header + HEADER;
    let app_break = memop::app_break().unwrap_or(0);

    let mut number = 0;
    let mut ask = |class: u8, before: [usize; 4], expected: [Expected; 4]| {
        number += 1;
        report.vector(number, before, call(class, before), expected);
    };

    use class::{ALLOW_READ_ONLY, ALLOW_READ_WRITE, COMMAND, EXIT, MEMOP, SUBSCRIBE};
    // A driver that is not there.
    ask(
        COMMAND,
        [MISSING, 0, 1, 2],
        [FAILURE, NO_DEVICE, Kept, Kept],
    );
    ask(
        SUBSCRIBE,
        [MISSING, 0, 0, 0x55],
        [FAILURE_2, NO_DEVICE, Is(0), Is(0x55)],
    );
    // Subscribe: a function outside the process, a number that does not exist,
    // then a swap there and back.
    ask(
        SUBSCRIBE,
        [CONSOLE, 1, KERNEL_RAM, 0x55],
        [FAILURE_2, INVALID, Is(KERNEL_RAM), Is(0x55)],
    );
    ask(
        SUBSCRIBE,
        [CONSOLE, 77, 0, 0x55],
        [FAILURE_2, NO_SUPPORT, Is(0), Is(0x55)],
    );
    ask(
        SUBSCRIBE,
        [CONSOLE, 2, function, 0x55],
        [SUCCESS_2, Is(0), Is(0), Kept],
    );
    ask(
        SUBSCRIBE,
        [CONSOLE, 2, 0, 0x66],
        [SUCCESS_2, Is(function), Is(0x55), Kept],
    );
    // Read-write allow: a number that does not exist, memory that is not ours,
    // memory that is ours but not writeable.
    ask(
        ALLOW_READ_WRITE,
        [CONSOLE, 77, buffer, 4],
        [FAILURE_2, NO_SUPPORT, Is(buffer), Is(4)],
    );
    ask(
        ALLOW_READ_WRITE,
        [CONSOLE, 1, KERNEL_RAM, 4],
        [FAILURE_2, INVALID, Is(KERNEL_RAM), Is(4)],
    );
    ask(
        ALLOW_READ_WRITE,
        [CONSOLE, 1, flash, 4],
        [FAILURE_2, INVALID, Is(flash), Is(4)],
    );
    // Read-only allow: our flash, but not the header; anything of length 0.
    ask(
        ALLOW_READ_ONLY,
        [CONSOLE, 0, flash, 4],
        [SUCCESS_2, Is(0), Is(0), Kept],
    );
    ask(
        ALLOW_READ_ONLY,
        [CONSOLE, 0, header, 4],
        [FAILURE_2, INVALID, Is(header), Is(4)],
    );
    ask(
        ALLOW_READ_ONLY,
        [CONSOLE, 0, 0xdead_beef, 0],
        [SUCCESS_2, Is(flash), Is(4), Kept],
    );
    ask(
        ALLOW_READ_ONLY,
        [CONSOLE, 0, 0, 0],
        [SUCCESS_2, Is(0xdead_beef), Is(0), Kept],
    );
    ask(
        ALLOW_READ_ONLY,
        [MISSING, 0, 0x1234, 5],
        [FAILURE_2, NO_DEVICE, Is(0x1234), Is(5)],
    );
    // Numbers that do not exist.
    ask(
        COMMAND,
        [CONSOLE, 99, 0x11, 0x22],
        [FAILURE, NO_SUPPORT, Kept, Kept],
    );
    ask(
        MEMOP,
        [99, 0x11, 0x22, 0x33],
        [FAILURE, NO_SUPPORT, Kept, Kept],
    );
    // Memory.
    ask(
        MEMOP,
        [0, 0x3000_0000, 0x22, 0x33],
        [FAILURE, NO_MEM, Kept, Kept],
    );
    ask(
        MEMOP,
        [1, 0, 0x22, 0x33],
        [SUCCESS_1, Is(app_break), Kept, Kept],
    );
    // No writeable flash regions: a count of 0 and a failure for the first.
    // Recorded as one vector; both parts must hold.
    let count = [7, 0, 0x22, 0x33];
    let got = call(MEMOP, count);
    if (got[0], got[1]) == (variant::SUCCESS_U32, 0) {
        ask(MEMOP, [8, 0, 0x22, 0x33], [FAILURE, FAIL, Kept, Kept]);
    } else {
        ask(MEMOP, count, [SUCCESS_1, Is(0), Kept, Kept]);
    }
    // A way to exit that does not exist.
    ask(EXIT, [9, 0, 0x22, 0x33], [FAILURE, NO_SUPPORT, Kept, Kept]);
    // Are you there? Recorded as one vector, too.
    let console = call(COMMAND, [CONSOLE, 0, 0x11, 0x22]);
    if console[0] == variant::SUCCESS {
        ask(COMMAND, [LED, 0, 0x11, 0x22], [SUCCESS_1, Any, Kept, Kept]);
    } else {
        ask(
            COMMAND,
            [CONSOLE, 0, 0x11, 0x22],
            [SUCCESS, Kept, Kept, Kept],
        );
    }
}

/// Vector 22: a reserved Yield variant faults the process, as it does on upstream.
///
/// (TRD104 section 4.1 would have it return at once.) So this is the end: the
/// kernel's fault report takes the place of the vector's "ok".
pub(crate) fn run_last() {
    Line::new()
        .text("vector 22: a reserved yield variant, for which this process must be stopped")
        .print();
    // SAFETY: no upcall is subscribed by now, and the variant is no known one.
    unsafe { raw::yield_call([9, 0, 0, 0]) };
    Line::new().text("vector 22 FAIL, not stopped").print();
}

/// A system call of any class but Yield.
fn call(class: u8, registers: [usize; 4]) -> [usize; 4] {
    // SAFETY: the calls above lend only the four bytes of `buffer` (refused) and
    // flash, subscribe a function that ignores its arguments, and move the break
    // by nothing.
    unsafe {
        match class {
            class::SUBSCRIBE => raw::call::<{ class::SUBSCRIBE }>(registers),
            class::COMMAND => raw::call::<{ class::COMMAND }>(registers),
            class::ALLOW_READ_WRITE => raw::call::<{ class::ALLOW_READ_WRITE }>(registers),
            class::ALLOW_READ_ONLY => raw::call::<{ class::ALLOW_READ_ONLY }>(registers),
            class::MEMOP => raw::call::<{ class::MEMOP }>(registers),
            class::EXIT => raw::call::<{ class::EXIT }>(registers),
            _ => [0; 4],
        }
    }
}
