//! `conformance`: asks the kernel 22 questions whose answers are known.
//!
//! The answers were recorded on upstream's kernel, register by register
//! ([`vectors`]); [`behaviour`] adds what a table of registers cannot say:
//! upcalls, queues, memory. One line for each, then the count, then the one
//! vector whose answer is that the process is stopped:
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
mod report;
mod vectors;

use report::Report;

libtock::main!(main);

fn main() {
    let mut report = Report::new();
    vectors::run(&mut report);
    behaviour::run(&mut report);
    report.count();
    vectors::run_last();
}
