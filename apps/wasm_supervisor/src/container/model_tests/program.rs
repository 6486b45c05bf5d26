//! What the containers of the random operations do.

use std::format;
use std::vec::Vec;

/// What a container does, one step each slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Program {
    /// Yields so often, then exits with this code.
    Exits { yields: u8, code: u8 },
    /// Yields so often, then traps.
    Traps { yields: u8 },
    /// Sleeps for ever, 1 ms at a time, holding a label.
    Claims,
    /// Computes for ever.
    Spins,
    /// Computes for a slice and a half of the usual length, then exits with 9.
    Computes,
    /// Counts its yields, beginning with its saved state, and exits with 12 at 12.
    Saves,
    /// Sleeps; its `_pause` does what it should not, or nothing.
    Pause(OnPause),
    /// Its module's start function traps.
    BadStart,
    /// Its module's start function does not end.
    LongStart,
    /// Waits for messages, for ever.
    Receives,
    /// Sends a byte to the container in slot [`RECEIVER`] and sleeps 1 ms, for ever.
    Sends,
    /// Has a handler for an interrupt and sleeps for ever, 1 ms at a time.
    Handles(OnInterrupt),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OnPause {
    Nothing,
    Spins,
    Traps,
    Exits,
    Yields,
}

/// What a handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OnInterrupt {
    Nothing,
    Traps,
    Exits,
    Spins,
}

pub(super) const PROGRAMS: [Program; 21] = [
    Program::Exits { yields: 0, code: 0 },
    Program::Exits { yields: 2, code: 3 },
    Program::Traps { yields: 0 },
    Program::Traps { yields: 3 },
    Program::Claims,
    Program::Claims,
    Program::Spins,
    Program::Computes,
    Program::Saves,
    Program::Saves,
    Program::Pause(OnPause::Nothing),
    Program::Pause(OnPause::Spins),
    Program::Pause(OnPause::Traps),
    Program::BadStart,
    Program::LongStart,
    Program::Receives,
    Program::Receives,
    Program::Sends,
    Program::Handles(OnInterrupt::Nothing),
    Program::Handles(OnInterrupt::Nothing),
    Program::Handles(OnInterrupt::Traps),
];

pub(super) const PAUSES: [OnPause; 5] = [
    OnPause::Nothing,
    OnPause::Spins,
    OnPause::Traps,
    OnPause::Exits,
    OnPause::Yields,
];

pub(super) const INTERRUPTS: [OnInterrupt; 4] = [
    OnInterrupt::Nothing,
    OnInterrupt::Traps,
    OnInterrupt::Exits,
    OnInterrupt::Spins,
];

/// Number of the block `timer0` of the fake board, whose interrupt is handled; the block that
/// `Claims` wants is 0.
pub(super) const TIMER: usize = 1;

/// Where messages go: to the container with the name of this slot.
pub(super) const RECEIVER: usize = 1;

pub(super) const SLEEP_US: u64 = 1_000;

/// A function table with a handler in place 1.
macro_rules! handler {
    ($body:literal) => {
        concat!(
            r#"(table (export "__indirect_function_table") 2 funcref) (elem (i32.const 1) $h)
            (func $h (param i32 i32) "#,
            $body,
            ")"
        )
    };
}

impl Program {
    /// The number of the block that it claims.
    pub(super) const fn block(self) -> Option<usize> {
        match self {
            Self::Claims => Some(0),
            Self::Handles(_) => Some(TIMER),
            _ => None,
        }
    }

    pub(super) fn image(self) -> Vec<u8> {
        let sleep = format!("(loop $l (call $sleep (i64.const {SLEEP_US})) (br $l))");
        let claim = r#"(import "mmio:fpgaio" "claim" (func $claim (result i32)))"#;
        let (imports, main, pause, start) = match self {
            Self::Exits { yields, code } => {
                let yields = "(call $yield)".repeat(usize::from(yields));
                (
                    "",
                    format!("{yields} (call $exit (i32.const {code}))"),
                    "",
                    "",
                )
            }
            Self::Traps { yields } => {
                let yields = "(call $yield)".repeat(usize::from(yields));
                ("", format!("{yields} unreachable"), "", "")
            }
            Self::Claims => (claim, format!("(drop (call $claim)) {sleep}"), "", ""),
            Self::Spins => ("", "(loop $l (br $l))".into(), "", ""),
            Self::Computes => (
                "",
                r#"(local $i i32)
                (loop $l
                  (local.set $i (i32.add (local.get $i) (i32.const 1)))
                  (br_if $l (i32.lt_u (local.get $i) (i32.const 1165))))
                (call $exit (i32.const 9))"#
                    .into(),
                "",
                "",
            ),
            Self::Saves => (
                "",
                r#"(drop (call $load (i32.const 0) (i32.const 4)))
                (loop $l
                  (if (i32.ge_u (i32.load (i32.const 0)) (i32.const 12))
                    (then (call $exit (i32.load (i32.const 0)))))
                  (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                  (call $yield)
                  (br $l))"#
                    .into(),
                r#"(func (export "_pause") (drop (call $save (i32.const 0) (i32.const 4))))"#,
                "",
            ),
            Self::Pause(what) => (
                "",
                sleep,
                match what {
                    OnPause::Nothing => r#"(func (export "_pause"))"#,
                    OnPause::Spins => r#"(func (export "_pause") (loop $l (br $l)))"#,
                    OnPause::Traps => r#"(func (export "_pause") unreachable)"#,
                    OnPause::Exits => r#"(func (export "_pause") (call $exit (i32.const 5)))"#,
                    OnPause::Yields => r#"(func (export "_pause") (call $yield))"#,
                },
                "",
            ),
            Self::BadStart => ("", sleep, "", "(func $s unreachable) (start $s)"),
            Self::LongStart => ("", sleep, "", "(func $s (loop $l (br $l))) (start $s)"),
            Self::Receives => (
                r#"(import "berth" "receive" (func $receive (param i32 i32 i32) (result i32)))"#,
                "(loop $l (drop (call $receive (i32.const 0) (i32.const 4) (i32.const 0))) (br $l))"
                    .into(),
                "",
                "",
            ),
            Self::Sends => (
                r#"(import "berth" "send" (func $send (param i32 i32 i32 i32) (result i32)))"#,
                format!(
                    r#"(i32.store16 (i32.const 8) (i32.const {}))
                    (loop $l
                      (drop (call $send (i32.const 8) (i32.const 2) (i32.const 0) (i32.const 1)))
                      (call $sleep (i64.const {SLEEP_US}))
                      (br $l))"#,
                    u16::from_le_bytes([b'c', b'0' + RECEIVER as u8])
                ),
                "",
                "",
            ),
            Self::Handles(what) => (
                r#"(import "irq:timer0" "register"
                  (func $register (param i32 i32 i32 i32) (result i32)))"#,
                format!(
                    r#"(drop (call $register
                      (i32.const 5) (i32.const 1) (i32.const 0) (i32.const 0))) {sleep}"#
                ),
                "",
                match what {
                    OnInterrupt::Nothing => handler!("nop"),
                    OnInterrupt::Traps => handler!("unreachable"),
                    OnInterrupt::Exits => handler!("(call $exit (i32.const 6))"),
                    OnInterrupt::Spins => handler!("(loop $l (br $l))"),
                },
            ),
        };
        wat::parse_str(format!(
            r#"(module {imports}
              (import "berth" "sleep_us" (func $sleep (param i64)))
              (import "berth" "yield" (func $yield))
              (import "berth" "exit" (func $exit (param i32)))
              (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
              (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
              (memory (export "memory") 16 (pagesize 1))
              {start} {pause} (func (export "_start") {main}))"#
        ))
        .unwrap()
    }
}
