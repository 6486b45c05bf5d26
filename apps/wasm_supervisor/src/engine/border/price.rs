//! Prices of host calls in fuel, each some 11 instructions.
//!
//! Measured on the board as instructions from one call to the next (`make bench`, group `shares`: `price.*`), a fuel for each
//! eleven, which is what one was in code that computes with wasmi 2.0.0; with 1.1.0 it is some 15, so calls cost a
//! little more than they take, until they are measured again. Where functions differ a little, the dearest of them counts.

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
        HostFunction::Program => LEND + PASS,
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
            // The first of some lights that is exposed.
            Foreign::GetPinLed => 2 * SYSTEM_CALL,
            Foreign::PauseTask | Foreign::ResumeTask => 2 * STATE,
            Foreign::Print | Foreign::PrintInt | Foreign::PrintDouble | Foreign::FdWrite => LOG,
            Foreign::Delay | Foreign::ProcExit | Foreign::PollOneoff | Foreign::SchedYield => {
                SUSPEND
            }
            _ if function.transfers() => SUSPEND,
            _ => SYSTEM_CALL,
        }
}

/// An access to a register of a mapped block, and the smallest host call at all.
pub const CALL: u32 = 34;
/// What an access through the kernel costs beside [`CALL`]: a system call.
pub const MEDIATED: u32 = 90;
/// What a second system call costs: of `modify32`, of the lights.
pub const SYSTEM_CALL: u32 = 70;
/// What it costs to lend a register program's parts to the kernel and to take them back, with the call, or with going
/// on with main behind it: some 2,400 instructions.
pub const LEND: u32 = 250;
/// A pass of a register program: a system call and twenty accesses, some 4,000 instructions.
pub const PASS: u32 = 360;
/// Reading the clock.
pub const CLOCK: u32 = 68;
/// A call that suspends: the way out of the engine and back.
pub const SUSPEND: u32 = 200;
/// A log line. Taking and cleaning it is some 200; the rest is what the kernel does to print it, which no clock of the
/// supervisor tells: some 60 fuel a byte, of which not every line becomes one.
pub const LOG: u32 = 500;
/// A byte of a log line.
pub const LOG_BYTE: u32 = 8;
/// Sending a message: finding the receiver and copying at most 64 bytes.
pub const SEND: u32 = 150;
/// Saving or loading state.
pub const STATE: u32 = 110;
/// Bytes of saved or loaded state that cost a fuel more.
pub const STATE_BYTES: u32 = 8;
/// Registering an interrupt: system calls and lists.
pub const REGISTER: u32 = 400;
/// Each captured register of a registration.
pub const CAPTURE: u32 = 20;
/// The end of a registration.
pub const UNREGISTER: u32 = 300;
/// A function of another system, through its wrapper for all types.
pub const FOREIGN: u32 = 150;
/// A longer linear memory: the place behind it, or another one, in the arena's list. What is copied and filled the
/// engine charges for.
pub const GROWTH: u32 = 40;
/// Looking through all pages for room that is not there; until something is given back the answer is known.
pub const SEARCH: u32 = 1_200;
