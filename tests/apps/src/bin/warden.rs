//! `warden`: a process of the manufacturer with power over the supervisor.
//!
//! Whoever lights LED 0 tells it to act; it puts the light out when it has. First it ends the
//! supervisor, next it starts it afresh, and so on. With the setting `computes` it ends it and goes on
//! computing without a system call, for good. Any other setting names who is ended and started in the supervisor's place.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::process_info::{self, Action, State};
use libtock::{ErrorCode, alarm, led};
use test_apps::{Line, Setting, own};

libtock::main!(main);

/// `acts`, `computes`, or a name.
static THEN: Setting<16> = Setting::new("warden", "acts");

const LED: u32 = 0;
const LOOK_EVERY_MS: u32 = 20;

fn main() {
    Line::new().text("warden: on duty").print();
    while let Ok(lit) = led::is_on(LED) {
        if lit && let Err(code) = act().and_then(|()| led::off(LED)) {
            Line::new().text("warden: ").text(code.name()).print();
            return;
        }
        if alarm::sleep_ms(LOOK_EVERY_MS).is_err() {
            return;
        }
    }
}

/// Processes of the firmware that are ready have their turns between two steps: what it computes keeps them waiting.
fn act() -> Result<(), ErrorCode> {
    let ward = match THEN.text() {
        "acts" | "computes" => "wasm_supervisor",
        name => name,
    };
    let (id, stats) = own::stats(ward)?;
    let action = match stats.state {
        State::Terminated => Action::Boot,
        _ => Action::Terminate,
    };
    alarm::sleep_ms(1)?;
    process_info::set_state(id, action)?;
    while THEN.text() == "computes" {
        core::hint::spin_loop();
    }
    alarm::sleep_ms(1)?;
    Line::new()
        .text(match action {
            Action::Boot => "warden: ward started",
            _ => "warden: ward ended",
        })
        .print();
    Ok(())
}
