//! Prices of host calls in fuel, each some 15 instructions: what one is in code that computes.
//!
//! Measured on the board as instructions from one call to the next (`make bench`, group `shares`: `price.*`). Where functions
//! differ a little, the dearest of them counts; what only puts a container's main off ends its slice anyway.

use crate::admission::{Foreign, HostFunction};

/// What depends on the arguments is added by the function itself ([`Call::more`](super::Call::more)).
pub(in crate::engine) const fn of(function: &HostFunction<'_>) -> u32 {
    match function {
        HostFunction::Claim(_)
        | HostFunction::Read(_)
        | HostFunction::Write(_)
        | HostFunction::Modify32
        | HostFunction::ConfigChanges => CALL,
        HostFunction::NowUs => CLOCK,
        HostFunction::SleepUs
        | HostFunction::Yield
        | HostFunction::Exit
        | HostFunction::Receive
        | HostFunction::ConfigGet
        | HostFunction::ValueGet
        | HostFunction::ValueSet
        | HostFunction::ValueRemove => SUSPEND,
        // One pass; further ones are added by the function.
        HostFunction::Program => LEND + PROGRAM_CALL + PASS,
        HostFunction::Log => LOG,
        HostFunction::Send => SEND,
        HostFunction::StateSave | HostFunction::StateLoad => STATE,
        HostFunction::Register(_) => REGISTER,
        HostFunction::Unregister(_) => CLOCK,
        HostFunction::Attach(_) => ATTACH,
        HostFunction::Sync(_) => SYNC,
        HostFunction::Detach(_) => CLOCK,
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
            Foreign::Print | Foreign::PrintInt | Foreign::PrintDouble | Foreign::FdWrite => PRINT,
            Foreign::Delay
            | Foreign::ProcExit
            | Foreign::PollOneoff
            | Foreign::SchedYield
            | Foreign::EnvironGet
            | Foreign::EnvironSizesGet => SUSPEND,
            Foreign::AlarmWaitFor | Foreign::AlarmWaitUntil => SUSPEND,
            Foreign::AlarmNow => CLOCK,
            _ if function.transfers() => SUSPEND,
            _ => SYSTEM_CALL,
        }
}

/// An access to a register of a mapped block, and the smallest host call at all.
pub const CALL: u32 = 26;
/// What an access through the kernel costs beside [`CALL`]: a system call.
pub const MEDIATED: u32 = 50;
/// What a second system call costs: of `modify32`, of the lights.
pub const SYSTEM_CALL: u32 = 36;
/// What it costs to lend a register program's parts to the kernel and to take them back, with the call, or with going
/// on with main behind it: some 2,400 instructions.
pub const LEND: u32 = 160;
/// A system call that carries out passes of a register program, some 1,150 instructions.
pub const PROGRAM_CALL: u32 = 77;
/// A pass of a register program in it: nine words that are exchanged, 20 values read, or 40 writes, 1,200 to 1,850 instructions.
pub const PASS: u32 = 125;
/// Attaching a conveyor: system calls and lists.
pub const ATTACH: u32 = 200;
/// Each move of its list.
pub const MOVE_CHECKED: u32 = 20;
/// A sync of a conveyor with its system call, some 1,330 instructions, and the copies of a longest memory there and back, 18 a word.
pub const SYNC: u32 = 165;
/// An access of a conveyor, some 42 instructions; one for which bits are kept takes twice as long, and is not told apart.
const MOVES: u32 = 6;

/// Returns what so many accesses of a conveyor cost.
pub const fn moved(accesses: u32) -> u32 {
    accesses.saturating_mul(MOVES)
}

/// Returns what so many syncs with so many accesses cost that are made without a host call.
pub const fn synced(calls: u32, accesses: u32) -> u32 {
    calls.saturating_mul(SYNC) + moved(accesses)
}

/// Reading the clock.
pub const CLOCK: u32 = 55;
/// A call that suspends: the way out of the engine and back.
pub const SUSPEND: u32 = 600;
/// A log line, beside its text. What the kernel does to print it is no fuel of the container's: it is charged as time when
/// the line is printed (`Containers::charge_line`).
pub const LOG: u32 = 130;
/// A piece of text of another system's program, beside [`FOREIGN`] and its bytes.
pub const PRINT: u32 = 170;
/// A byte of text: taking it and looking at its characters.
pub const LOG_BYTE: u32 = 6;
/// Sending a message: finding the receiver and copying at most 64 bytes.
pub const SEND: u32 = 80;
/// Saving or loading state.
pub const STATE: u32 = 55;
/// Bytes of state, saved or copied to who loads it, that cost a fuel more.
pub const STATE_BYTES: u32 = 12;
/// Registering an interrupt: system calls and lists.
pub const REGISTER: u32 = 330;
/// Each captured register of a registration.
pub const CAPTURE: u32 = 20;
/// The end of a registration, beside [`CLOCK`], which is what it costs to find none.
pub const UNREGISTER: u32 = 145;
/// A function of another system, through its wrapper for all types.
pub const FOREIGN: u32 = 110;
/// A longer linear memory: the place behind it, or another one, in the arena's list. What is copied and filled the
/// engine charges for. Growing by a byte takes some 510 instructions.
pub const GROWTH: u32 = 34;
/// Looking through all pages for room that is not there, some 43,600 instructions; until something is given back the
/// answer is known.
pub const SEARCH: u32 = 2_900;
