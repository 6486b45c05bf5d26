//! Every pointer, length, handle and offset at its edges, at every host function.

use super::*;

/// Bytes of the guest's memory.
const MEMORY: u64 = 64;

/// Where a part of memory can begin and how long it can be.
const EDGES: [u32; 11] = [
    0,
    1,
    15,
    16,
    63,
    64,
    65,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffc0,
    0xffff_ffff,
];

const IMPORTS: &str = r#"
  (import "mmio:fpgaio" "claim" (func $fpgaio (result i32)))
  (import "mmio:uart1" "claim" (func $uart1 (result i32)))
  (import "mmio" "read8" (func $read8 (param i32 i32) (result i32)))
  (import "mmio" "read16" (func $read16 (param i32 i32) (result i32)))
  (import "mmio" "read32" (func $read32 (param i32 i32) (result i32)))
  (import "mmio" "write8" (func $write8 (param i32 i32 i32)))
  (import "mmio" "write16" (func $write16 (param i32 i32 i32)))
  (import "mmio" "write32" (func $write32 (param i32 i32 i32)))
  (import "mmio" "modify32" (func $modify32 (param i32 i32 i32 i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
  (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
  (import "berth" "send" (func $send (param i32 i32 i32 i32) (result i32)))
  (import "berth" "receive" (func $receive (param i32 i32 i32) (result i32)))
  (memory (export "memory") 64 (pagesize 1))"#;

/// How main ends that consists of `body`: its fault, or `None` if it goes on or exits.
fn outcome(bench: &mut Bench, body: &str) -> Option<Fault> {
    bench.install(
        "edge",
        &format!(r#"(module {IMPORTS} (func (export "_start") {body}))"#),
    );
    bench.ok(Op::Start { name: "edge" });
    bench.polls(3);
    let state = bench.state("edge");
    if state.is_active() {
        bench.ok(Op::Kill { name: "edge" });
    }
    bench.ok(Op::Remove { name: "edge" });
    bench.collect();
    match state {
        State::Faulted { fault } => Some(fault),
        _ => None,
    }
}

/// Call with every pointer and length; the outcome must be what arithmetic without overflow says.
fn parts(call: impl Fn(u32, u32) -> String) {
    let mut bench = Bench::new();
    for pointer in EDGES {
        for length in EDGES {
            let inside = u64::from(pointer) + u64::from(length) <= MEMORY;
            let expected = (!inside).then_some(Fault::BadPointer);
            let body = call(pointer, length);
            assert_eq!(outcome(&mut bench, &body), expected, "{body}");
        }
    }
}

#[test]
fn log_reads_nothing_outside_the_memory() {
    parts(|pointer, length| {
        format!("(call $log (i32.const 2) (i32.const {pointer}) (i32.const {length}))")
    });
}

#[test]
fn saved_state_is_read_and_written_only_inside_the_memory() {
    parts(|pointer, length| {
        format!("(drop (call $save (i32.const {pointer}) (i32.const {length})))")
    });
    parts(|pointer, length| {
        format!(
            "(drop (call $save (i32.const 0) (i32.const 64)))
             (drop (call $load (i32.const {pointer}) (i32.const {length})))"
        )
    });
}

#[test]
fn messages_are_read_and_written_only_inside_the_memory() {
    parts(|pointer, length| {
        format!(
            "(drop (call $send (i32.const {pointer}) (i32.const {length})
               (i32.const 0) (i32.const 4)))"
        )
    });
    parts(|pointer, length| {
        format!(
            "(drop (call $send (i32.const 0) (i32.const 4)
               (i32.const {pointer}) (i32.const {length})))"
        )
    });
    parts(|pointer, length| {
        format!("(drop (call $receive (i32.const {pointer}) (i32.const {length}) (i32.const 0)))")
    });
}

#[test]
fn registers_are_reached_only_through_own_handles_and_inside_the_block() {
    let handles = [0, 1, 2, 7, 8, 0x700, 0x701, 0x8000_0000, 0xffff_ffff_u32];
    let offsets = [
        0,
        1,
        2,
        3,
        4,
        0x0c,
        0x0d,
        0x0e,
        0x0f,
        0x10,
        0x1b,
        0x1c,
        0x1f,
        0x20,
        0xffff,
        0x1_0000,
        0x7fff_fffc,
        0xffff_fffc,
        0xffff_ffff_u32,
    ];
    let mut bench = Bench::new();
    for handle in handles {
        // fpgaio is mediated, uart1 is mapped.
        let length = [Some(0x20), Some(0x10)]
            .get(handle as usize)
            .copied()
            .flatten();
        for offset in offsets {
            for width in [1u32, 2, 4] {
                let bits = 8 * width;
                let expected = match length {
                    None => Some(Fault::BadHandle),
                    Some(length) => {
                        let inside = u64::from(offset) + u64::from(width) <= length;
                        let hidden = handle == 0 && offset == u32::from(crate::fake::HIDDEN);
                        // The mapped one has registers of 32 bits only.
                        let fits = handle == 0 || width == 4;
                        let good = inside && offset.is_multiple_of(width) && !hidden && fits;
                        (!good).then_some(Fault::BadRegister)
                    }
                };
                let place = format!("(i32.const {handle}) (i32.const {offset})");
                let mut bodies = std::vec![
                    format!("(drop (call $read{bits} {place}))"),
                    format!("(call $write{bits} {place} (i32.const -1))"),
                ];
                if width == 4 {
                    bodies.push(format!(
                        "(call $modify32 {place} (i32.const 1) (i32.const 1))"
                    ));
                }
                for body in bodies {
                    assert_eq!(outcome(&mut bench, &body), expected, "{body}");
                }
            }
        }
    }
}
