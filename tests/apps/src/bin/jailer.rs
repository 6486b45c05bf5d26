//! `jailer`: a process of the manufacturer that stops, ends and starts what stands in the supervisor's place.
//!
//! It acts each time when that one has faulted and is to begin again, and tells what came of it.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::process_info::{self, Action, State, Stats};
use libtock::{ErrorCode, alarm};
use test_apps::{Line, own};

libtock::main!(main);

/// What faults again and again.
const PRISONER: &str = "abuse";
/// Its report is printed in more.
const LOOK_EVERY_MS: u32 = 1;
/// Longer than the report and several runs take.
const QUIET_MS: u32 = 2_000;

fn main() {
    if let Err(code) = act() {
        Line::new().text("jailer: ").text(code.name()).print();
    }
}

fn act() -> Result<(), ErrorCode> {
    let (id, before) = faulted()?;
    refused(id, Action::Boot, ErrorCode::Already)?;
    process_info::set_state(id, Action::Stop)?;
    refused(id, Action::Stop, ErrorCode::Already)?;
    quiet("stopped", State::Stopped, before)?;
    process_info::set_state(id, Action::Start)?;
    begins_again("let go", before)?;

    let (id, before) = faulted()?;
    process_info::set_state(id, Action::Terminate)?;
    refused(id, Action::Terminate, ErrorCode::Already)?;
    refused(id, Action::Stop, ErrorCode::Off)?;
    quiet("ended", State::Terminated, before)?;
    process_info::set_state(id, Action::Boot)?;
    begins_again("started", before)?;
    Line::new().text("jailer: done").print();
    Ok(())
}

/// Waits until it has faulted and not begun again.
fn faulted() -> Result<(u32, Stats), ErrorCode> {
    loop {
        let (id, stats) = own::stats(PRISONER)?;
        if stats.state == State::Faulted {
            return Ok((id, stats));
        }
        alarm::sleep_ms(LOOK_EVERY_MS)?;
    }
}

fn refused(id: u32, action: Action, with: ErrorCode) -> Result<(), ErrorCode> {
    match process_info::set_state(id, action) {
        Err(code) if code == with => Ok(()),
        Err(code) => Err(code),
        Ok(()) => Err(ErrorCode::Fail),
    }
}

/// It does nothing for a while, and stays in this state.
fn quiet(what: &str, state: State, before: Stats) -> Result<(), ErrorCode> {
    alarm::sleep_ms(QUIET_MS)?;
    let (_, now) = own::stats(PRISONER)?;
    let is = now == Stats { state, ..before };
    let said = if is { " and quiet" } else { ", and NOT QUIET" };
    Line::new().text("jailer: ").text(what).text(said).print();
    Ok(())
}

fn begins_again(what: &str, before: Stats) -> Result<(), ErrorCode> {
    while own::stats(PRISONER)?.1.restarts == before.restarts {
        alarm::sleep_ms(LOOK_EVERY_MS)?;
    }
    Line::new()
        .text("jailer: ")
        .text(what)
        .text(" and there again")
        .print();
    Ok(())
}
