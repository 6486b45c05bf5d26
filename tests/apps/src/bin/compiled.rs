//! `compiled`: writes code into its partition for that, executes it, then reaches for what it may not.
//!
//! It stands in the supervisor's place, whose process the board restarts after a fault.
//!
//! | run since the board's start | does |
//! | --- | --- |
//! | 1 | programs a function, calls it; writes to the mapped flash |
//! | 2 | calls the function of the run before; executes its own memory |
//! | 3 | programs a function into the container store; executes it there |
//! | 4 | executes the function of the first run without having the partition mapped |
//!
//! Each must end in a fault; the fifth says that it is over. Where the manufacturer forbids compiled code, each run is as the fourth.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::flash_partition::Partition;
use libtock::{ErrorCode, EventSlot};
use test_apps::{Line, own};

libtock::main!(main);

/// `movs r0, #42; bx lr`, twice.
const FUNCTION: [u8; 8] = [0x2a, 0x20, 0x70, 0x47, 0x2a, 0x20, 0x70, 0x47];
/// Where the partition is.
const CODE: usize = 0x1c_0000;
/// A page of the container store.
const TRIALS: usize = 126;

static DONE: EventSlot = EventSlot::new();

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("compiled: failed: ")
            .text(code.name())
            .print();
    }
}

fn run() -> Result<(), ErrorCode> {
    let run = own::stats("compiled")?.1.restarts + 1;
    if run > 4 {
        Line::new().text("compiled: done").print();
        return Ok(());
    }
    if run == 4 {
        return reach(run, "without a mapping", || execute(CODE));
    }
    let mut code = match Partition::open_code(&DONE) {
        Ok(code) => code,
        Err(ErrorCode::NoDevice) => return reach(run, "what is not there", || execute(CODE)),
        Err(error) => return Err(error),
    };
    let (start, page) = (code.address(), code.page());
    if run == 1 {
        code.erase(0)?;
        code.program(0, &FUNCTION)?;
    }
    Line::new()
        .text("compiled: run ")
        .decimal(run)
        .text(", ")
        .decimal((code.length() / page) as u32)
        .text(" pages, the function returns ")
        .decimal(execute(start))
        .print();
    match run {
        1 => reach(run, "writing", || write(start + 4, 0)),
        2 => {
            let mut function = [0; FUNCTION.len()];
            core::hint::black_box(&mut function).copy_from_slice(&FUNCTION);
            let place = core::hint::black_box(&function).as_ptr().addr();
            reach(run, "executing memory", || execute(place))
        }
        _ => {
            let mut store = Partition::open(&DONE)?;
            let trial = store.page() * TRIALS;
            store.erase(TRIALS)?;
            store.program(trial, &FUNCTION)?;
            let place = store.address() + trial;
            reach(run, "executing the store", || execute(place))
        }
    }
}

/// Do what must not be possible.
fn reach(run: u32, what: &str, deed: impl FnOnce() -> u32) -> Result<(), ErrorCode> {
    Line::new()
        .text("compiled: run ")
        .decimal(run)
        .text(" reaches: ")
        .text(what)
        .print();
    let value = deed();
    Line::new()
        .text("compiled: NOT STOPPED, 0x")
        .hex(value)
        .print();
    Ok(())
}

fn write(address: usize, value: u32) -> u32 {
    // SAFETY: the memory protection unit answers.
    unsafe { core::ptr::without_provenance_mut::<u32>(address).write_volatile(value) }
    value
}

fn execute(address: usize) -> u32 {
    let address = core::ptr::without_provenance::<()>(address | 1);
    // SAFETY: the function that was put there touches nothing but r0, or the memory protection unit answers.
    let function: extern "C" fn() -> u32 = unsafe { core::mem::transmute(address) };
    function()
}
