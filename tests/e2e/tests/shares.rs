//! Shares of the CPU hold whatever a container does: compute, call the host, have its handlers called.
//!
//! Measured from outside, by the board's own clock on a board that counts instructions ([`berth_e2e::shares`]).

mod guests;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use berth_e2e::Flash;
use berth_e2e::shares::{Got, Hog, SPINS, Shares, bus_functions, foreign_functions, own_functions};

/// What the victim may be off its share.
const TOLERANCE: f64 = 0.05;
/// So often it may be off: on a busy machine nobody reads the board's line for a while, and then each byte that is printed is an
/// interrupt of its own. What a container does to another it does each time.
const ATTEMPTS: u32 = 3;

/// The victim has its share beside it, and no more than that if the hog never waits; `ps` tells who had the rest.
fn holds(hog: &Hog, got: Got) -> Result<()> {
    let name = &hog.name;
    println!("{name}: {:.3} of its share, told {:?}", got.part, got.told);
    ensure!(got.part >= 1.0 - TOLERANCE, "{name}: {got:?}");
    if !hog.waits {
        ensure!(got.part <= 1.0 + TOLERANCE, "{name}: {got:?}");
        let [victim, hog] = got.told;
        ensure!(victim.abs_diff(hog) <= 100, "{name}: {got:?}");
    }
    Ok(())
}

fn each(hogs: &[Hog]) -> Result<()> {
    each_on(Shares::new()?, hogs)
}

fn each_on(mut shares: Shares, hogs: &[Hog]) -> Result<()> {
    let mut wrong = Vec::new();
    for hog in hogs {
        let mut result = Ok(());
        for _ in 0..ATTEMPTS {
            result = shares.beside(&hog.text).and_then(|got| holds(hog, got));
            if result.is_ok() {
                break;
            }
        }
        wrong.extend(result.err().map(|error| format!("{}: {error:#}", hog.name)));
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

#[test]
fn a_container_gets_its_share_beside_any_function_of_the_device() -> Result<()> {
    each(&own_functions())
}

#[test]
fn a_container_gets_its_share_beside_any_function_of_other_systems() -> Result<()> {
    each(&foreign_functions())
}

/// Each transfer is an interrupt, copies of the kernel's and a turn in the middle of which it ends.
#[test]
fn a_container_gets_its_share_beside_any_function_of_the_buses() -> Result<()> {
    each_on(Shares::on_buses()?, &bus_functions())
}

/// What the engine itself does in one instruction.
#[test]
fn a_container_gets_its_share_beside_long_instructions() -> Result<()> {
    let hog = |name: &str, body: &str| Hog {
        name: name.to_owned(),
        text: format!(
            r#"(module (memory (export "memory") 4096 16384 (pagesize 1))
              (table $t 64 funcref) (elem $e func 0 0 0 0 0 0 0 0)
              (data $d "{}")
              (func (export "_start") (loop $l {} (br $l))))"#,
            "a".repeat(512),
            body.repeat(4)
        ),
        waits: false,
        counted: None,
    };
    each(&[
        hog(
            "memory.copy",
            "(memory.copy (i32.const 1) (i32.const 0) (i32.const 4095))",
        ),
        hog(
            "memory.fill",
            "(memory.fill (i32.const 0) (i32.const 7) (i32.const 4096))",
        ),
        hog(
            "memory.init",
            "(memory.init $d (i32.const 1) (i32.const 0) (i32.const 512))",
        ),
        hog("memory.grow", "(drop (memory.grow (i32.const 1)))"),
        hog(
            "table.copy",
            "(table.copy (i32.const 1) (i32.const 0) (i32.const 63))",
        ),
        hog(
            "table.fill",
            "(table.fill (i32.const 0) (ref.null func) (i32.const 64))",
        ),
        hog(
            "table.init",
            "(table.init $e (i32.const 0) (i32.const 0) (i32.const 8))",
        ),
        hog("f64.div", "(drop (f64.div (f64.const 3) (f64.const 7)))"),
        hog("f64.sqrt", "(drop (f64.sqrt (f64.const 3)))"),
        hog("i64.div", "(drop (i64.div_u (i64.const -3) (i64.const 7)))"),
    ])
}

/// Takes the timer's interrupts as fast as they come, in a handler that calls the host and stays below its fuel.
fn handler_hog() -> Hog {
    let calls = "(drop (call $now))".repeat(40);
    Hog {
        name: "a handler".to_owned(),
        text: format!(
            r#"(module
              (import "mmio:timer0" "claim" (func $claim (result i32)))
              (import "irq:timer0" "register" (func $register (param i32 i32 i32 i32) (result i32)))
              (import "mmio" "write32" (func $write (param i32 i32 i32)))
              (import "berth" "sleep_us" (func $sleep (param i64)))
              (import "berth" "now_us" (func $now (result i64)))
              (memory (export "memory") 64 (pagesize 1))
              (table (export "__indirect_function_table") 1 funcref)
              (elem (i32.const 0) $handler)
              (func $handler (param i32 i32) {calls})
              (func (export "_start")
                (if (call $register (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
                  (then unreachable))
                (call $write (call $claim) (i32.const 8) (i32.const 249))
                (call $write (call $claim) (i32.const 0) (i32.const 9))
                (loop $l (call $sleep (i64.const 1000000)) (br $l))))"#
        ),
        waits: false,
        counted: None,
    }
}

#[test]
fn a_container_gets_its_share_beside_handlers() -> Result<()> {
    let mut shares = Shares::new()?;
    let hog = handler_hog();
    let got = shares.beside(&hog.text)?;
    println!("{got:?}");
    ensure!(got.part >= 1.0 - TOLERANCE, "{got:?}");
    // The victim is not charged with what the handlers used.
    let [victim, hog] = got.told;
    // Compiled they do the same in less of the time.
    let least = if Flash::compiles() { 100 } else { 300 };
    ensure!(victim + hog <= 1_010 && hog >= least, "{got:?}");
    Ok(())
}

#[test]
fn the_shell_answers_while_handlers_call_the_host_for_a_minute() -> Result<()> {
    let mut shares = Shares::new()?;
    shares.upload("spin", SPINS)?;
    shares.upload("storm", &handler_hog().text)?;
    shares.device().berth(&["start", "storm"])?.ok()?;
    let begin = shares.seconds()?;
    let patience = Instant::now() + Duration::from_secs(300);
    while shares.seconds()? - begin < 60 {
        ensure!(Instant::now() < patience, "the board's time stands still");
        let device = shares.device();
        device.berth(&["start", "spin"])?.ok()?;
        ensure!(device.state("spin")? == "running");
        device.berth(&["kill", "spin"])?.ok()?;
        ensure!(device.state("storm")? == "running");
        std::thread::sleep(Duration::from_millis(500));
    }
    let device = shares.device();
    device.berth(&["kill", "storm"])?.ok()?;
    ensure!(device.state("storm")? == "stopped");
    Ok(())
}
