//! Prices of host calls in fuel, each some 11 instructions.
//!
//! Measured on the board as instructions from the call instruction to the next one (`make bench`, group `prices`), which
//! [`INSTRUCTIONS_PER_FUEL`] turns into fuel, rounded up.

use crate::admission::{Foreign, HostFunction};

/// What depends on the arguments is added by the function itself ([`Call::more`](super::Call::more)).
pub(in crate::engine) const fn of(function: &HostFunction<'_>) -> u32 {
    match function {
        HostFunction::Claim(_)
        | HostFunction::Read(_)
        | HostFunction::Write(_)
        | HostFunction::Modify32 => CALL,
        HostFunction::NowUs => CLOCK,
        HostFunction::SleepUs
        | HostFunction::Yield
        | HostFunction::Exit
        | HostFunction::Receive => SUSPEND,
        HostFunction::Log => LOG,
        HostFunction::Send => SEND,
        HostFunction::StateSave | HostFunction::StateLoad => STATE,
        HostFunction::Register(_) => REGISTER,
        HostFunction::Unregister(_) => UNREGISTER,
        HostFunction::Foreign(function) => foreign(*function),
    }
}

/// Returns the price of a function of another system, text apart.
const fn foreign(function: Foreign) -> u32 {
    FOREIGN
        + match function {
            // The first of ten lights that is exposed.
            Foreign::GetPinLed => 10 * SYSTEM_CALL,
            Foreign::PauseTask | Foreign::ResumeTask => 2 * STATE,
            Foreign::Print | Foreign::PrintInt | Foreign::PrintDouble | Foreign::FdWrite => LOG,
            Foreign::Delay | Foreign::ProcExit | Foreign::PollOneoff | Foreign::SchedYield => {
                SUSPEND
            }
            _ => SYSTEM_CALL,
        }
}

/// Instructions of the processor that one fuel stands for, in code that computes.
pub const INSTRUCTIONS_PER_FUEL: u32 = 11;

/// An access to a register of a mapped block, and the smallest host call at all.
pub const CALL: u32 = 25;
/// What an access through the kernel costs beside [`CALL`]: a system call.
pub const MEDIATED: u32 = 40;
/// What a second system call costs: of `modify32`, of the lights.
pub const SYSTEM_CALL: u32 = 30;
/// Reading the clock.
pub const CLOCK: u32 = 60;
/// A call that suspends: the way out of the engine and back.
pub const SUSPEND: u32 = 150;
/// A log line. Cleaning, keeping and printing it and each of its bytes is work that the
/// container would otherwise have done at the cost of the others.
pub const LOG: u32 = 500;
/// A byte of a log line.
pub const LOG_BYTE: u32 = 8;
/// Sending a message: finding the receiver and copying at most 64 bytes.
pub const SEND: u32 = 200;
/// Saving or loading state.
pub const STATE: u32 = 150;
/// Each byte of saved or loaded state.
pub const STATE_BYTE: u32 = 1;
/// Registering an interrupt: system calls and lists.
pub const REGISTER: u32 = 400;
/// Each captured register of a registration.
pub const CAPTURE: u32 = 20;
/// The end of a registration.
pub const UNREGISTER: u32 = 300;
/// A function of another system, through its wrapper for all types.
pub const FOREIGN: u32 = 150;
/// Bytes that `memory.copy`, `memory.fill` and their like move for one fuel.
pub const BYTES_PER_FUEL: u32 = 16;
