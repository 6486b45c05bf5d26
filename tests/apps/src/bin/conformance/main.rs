//! `conformance`: asks the kernel questions whose answers are known.
//!
//! 22 answers were recorded on upstream's kernel, register by register ([`vectors`]);
//! the other modules add what a table of registers cannot say: [`start`] the registers
//! of a new process, [`restart`] that nothing outlives one, [`upcalls`] yields and the
//! queue, [`memory`] the break, [`swaps`] subscribing and lending.
//!
//! It first restarts itself, silently. Then one line for each answer, the count, and
//! the one vector whose answer is that the process is stopped:
//!
//! ```text
//! vector 01 ok
//! vector 02 FAIL r0=0 r1=b r2=0 r3=55, expected r0=2
//! check  newly exposed memory is zero: ok
//! 36 passed, 1 failed
//! vector 22: a reserved yield variant, for which this process must be stopped
//! ```

#![no_std]
#![no_main]

mod behaviour;
mod memory;
mod restart;
mod start;
mod swaps;
mod upcalls;
mod vectors;

use test_apps::Line;
use test_apps::report::Report;

libtock::main!(main);

fn main() {
    let restarts = match test_apps::own::stats("conformance") {
        Ok((_, stats)) => stats.restarts,
        Err(code) => return failed(code),
    };
    if restarts == 0
        && let Err(code) = restart::leave_a_mess()
    {
        return failed(code);
    }
    let mut report = Report::new();
    start::run(&mut report);
    restart::run(&mut report, restarts);
    vectors::run(&mut report);
    behaviour::run(&mut report);
    upcalls::run(&mut report);
    memory::run(&mut report);
    swaps::run(&mut report);
    report.count();
    vectors::run_last();
}

/// It could not even begin.
fn failed(code: libtock::ErrorCode) {
    Line::new()
        .text("conformance could not begin: ")
        .text(code.name())
        .text("; 1 failed")
        .print();
}
