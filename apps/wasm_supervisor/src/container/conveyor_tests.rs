//! Conveyors of containers, and captures that are found at their registers: real containers on the real engine, with a fake kernel.

use core::sync::atomic::Ordering;
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use berth_exposure::program::Place;
use berth_protocol::{Entry, Fault, ImageHash, MissingWhy, Parameters, State, Update};

use super::test_device::Device;
use super::{Containers, Refused};
use crate::admission::{Module, imports};
use crate::conveyors::{Direction, Move};
use crate::engine::Engine;
use crate::fake::HIDDEN;
use crate::platform::Width;
use crate::programs::Instruction;

/// Numbers of the blocks `fpgaio`, `timer0` and `uart1`, which is mapped.
const FPGAIO: u16 = 0;
const TIMER: u16 = 1;
const UART: u16 = 2;

const fn taken_in(offset: u16, place: u16) -> Move {
    Move {
        offset,
        width: Width::Bits32,
        direction: Direction::In,
        place,
        count: 1,
    }
}

const fn put_out(offset: u16, place: u16) -> Move {
    Move {
        direction: Direction::Out,
        ..taken_in(offset, place)
    }
}

fn text(bytes: impl IntoIterator<Item = u8>) -> String {
    let bytes = bytes.into_iter();
    bytes.map(|byte| format!("\\{byte:02x}")).collect()
}

/// A guest with a list at 64 and captures at 256. `$handle` is function 1 of its table.
fn guest(label: &str, list: &[Move], captures: &[[u8; 8]], parts: &str) -> Vec<u8> {
    let irq = if label == "fpgaio" {
        String::new()
    } else {
        format!(
            r#"(import "irq:{label}" "register" (func $register (param i32 i32 i32 i32) (result i32)))"#
        )
    };
    wat::parse_str(format!(
        r#"(module
          (import "mmio:{label}" "claim" (func $claim (result i32)))
          {irq}
          (import "conveyor:{label}" "attach" (func $attach (param i32 i32 i32 i32) (result i32)))
          (import "conveyor:{label}" "sync" (func $sync (param i32 i32) (result i32)))
          (import "conveyor:{label}" "detach" (func $detach))
          (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
          (import "mmio" "read16" (func $read16 (param i32 i32) (result i32)))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
          (import "program" "run" (func $run (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 2048 65536 (pagesize 1))
          (table (export "__indirect_function_table") 4 funcref)
          (elem (i32.const 1) $handle)
          (type $handler (func (param i32 i32)))
          (data (i32.const 64) "{}")
          (data (i32.const 256) "{}")
          (func $sleeps (loop $l (call $sleep (i64.const 1000000)) (br $l)))
          (func $must (param i32) (if (local.get 0) (then unreachable)))
          {parts})"#,
        text(list.iter().flat_map(|one| one.encode())),
        text(captures.iter().flatten().copied()),
    ))
    .unwrap()
}

const NO_HANDLER: &str = "(func $handle (type $handler))";

/// Attaches the whole list, with memory at 512. `when` as the import takes it.
fn attach(list: &[Move], when: u32) -> String {
    format!(
        "(call $attach (i32.const 64) (i32.const {}) (i32.const 512) (i32.const {when}))",
        list.len()
    )
}

/// Attaches, and does `main`.
fn main(list: &[Move], when: u32, main: &str) -> String {
    let attach = attach(list, when);
    format!(r#"{NO_HANDLER} (func (export "_start") (call $must {attach}) {main})"#)
}

impl Device {
    fn attached(&self) -> usize {
        self.fake.0.belts.borrow().attached()
    }

    fn syncs(&self) -> u32 {
        self.fake.0.belts.borrow().syncs
    }

    /// What a register of a block has, which may be mapped.
    fn found_at(&self, block: u16, offset: u16) -> u32 {
        if block == UART {
            self.fake.0.mapped.0[usize::from(offset / 4)].load(Ordering::Relaxed)
        } else {
            self.register(block, offset)
        }
    }

    fn put_at(&self, block: u16, offset: u16, value: u32) {
        if block == UART {
            self.fake.0.mapped.0[usize::from(offset / 4)].store(value, Ordering::Relaxed);
        } else {
            self.set(block, offset, value);
        }
    }

    /// So many words of a container's memory.
    fn words(&self, slot: usize, address: usize, count: usize) -> Vec<u32> {
        let run = self.containers.get(slot).unwrap().run.as_ref().unwrap();
        let engine = run.engine.as_ref().unwrap().peek().unwrap();
        let words = engine.memory_now()[address..].as_chunks::<4>().0.iter();
        let words = words.take(count);
        words.map(|word| u32::from_le_bytes(*word)).collect()
    }

    /// Runs a guest to its end. Returns that, and what its record says of the last call, if it faulted.
    fn came_to(&mut self, image: &[u8]) -> (State, Option<(String, [u32; 2])>) {
        let slot = self.start("it", image);
        for _ in 0..1_000 {
            self.containers.run_handlers();
            self.containers.run_one();
        }
        let state = self.state(slot);
        let record = self.containers.get(slot).unwrap().fault();
        let call = record.and_then(|record| record.last_call);
        let call = call.map(|call| (call.name.to_string(), call.arguments));
        self.containers.remove(slot).unwrap();
        assert_eq!(self.attached(), 0, "something is attached");
        (state, call)
    }
}

#[test]
fn registers_and_memory_are_alike_after_a_sync() {
    let narrow = Move {
        width: Width::Bits16,
        count: 3,
        ..taken_in(8, 4)
    };
    let list = [put_out(4, 0), narrow, taken_in(12, 12)];
    let body = "(i32.store (i32.const 512) (i32.const 0x77))
        (i32.store8 (i32.const 522) (i32.const 0x99))
        (call $must (call $sync (i32.const 0) (i32.const 3)))
        (call $exit (i32.add (i32.load16_u (i32.const 520)) (i32.add
          (i32.load8_u (i32.const 522)) (i32.load (i32.const 524)))))";
    let mut device = Device::new();
    device.set(FPGAIO, 8, 0x1_0203);
    device.set(FPGAIO, 12, 0x1000);
    let image = guest("fpgaio", &list, &[], &main(&list, 0, body));
    let (state, _) = device.came_to(&image);
    assert_eq!(
        state,
        State::Exited {
            code: 0x1203 + 0x99
        }
    );
    assert_eq!(device.register(FPGAIO, 4), 0x77);
    assert_eq!(device.syncs(), 1);
}

/// The memory that mirrors registers moves when another container is in the way of its growth: the mirror is where the container has it.
#[test]
fn a_mirror_follows_memory_that_moves() {
    let list = [taken_in(4, 0)];
    let body = "(if (i32.eq (memory.grow (i32.const 20000)) (i32.const -1)) (then unreachable))
        (call $must (call $sync (i32.const 0) (i32.const 1)))
        (call $exit (i32.load (i32.const 512)))";
    let mut device = Device::new();
    device.set(FPGAIO, 4, 0x1234);
    let image = guest("fpgaio", &list, &[], &main(&list, 0, body));
    let slot = device.start("it", &image);
    // In the way.
    let other = wat::parse_str(
        r#"(module (memory (export "memory") 4096 (pagesize 1)) (func (export "_start") (loop $l (br $l))))"#,
    );
    device.start("other", &other.unwrap());
    while device.state(slot) == State::Running {
        device.containers.run_one();
    }
    assert_eq!(device.state(slot), State::Exited { code: 0x1234 });
}

#[test]
fn what_cannot_be_attached_is_a_fault_that_says_where() {
    let fault = |fault, place| {
        let call = ("conveyor.attach".to_string(), [0, place]);
        (State::Faulted { fault }, Some(call))
    };
    let good = taken_in(0, 0);
    let come = |list: &[Move]| {
        let image = guest("fpgaio", list, &[], &main(list, 0, ""));
        let mut device = Device::new();
        let come = device.came_to(&image);
        assert!(device.fake.0.writes.borrow().is_empty());
        come
    };
    // Not exposed, outside of the block, misaligned: the register.
    for offset in [HIDDEN, 0x20, 6, 0xfffc] {
        let bad = taken_in(offset, 0);
        let place = offset.into();
        assert_eq!(come(&[good, bad]), fault(Fault::BadRegister, place));
    }
    // No move, too many accesses, not in the longest memory: which it is.
    for bad in [
        Move { count: 0, ..good },
        Move { place: 2, ..good },
        Move { count: 61, ..good },
        Move { place: 256, ..good },
    ] {
        assert_eq!(come(&[good, bad]), fault(Fault::BadConveyor, 1), "{bad:?}");
    }
    // None, and too many.
    assert_eq!(come(&[]), fault(Fault::BadConveyor, 0));
    assert_eq!(come(&[good; 17]), fault(Fault::BadConveyor, 17));
    // When is that?
    for when in [3, 1, 999 << 2 | 1, 4, 0x100 << 2 | 2] {
        let image = guest("fpgaio", &[good], &[], &main(&[good], when, ""));
        let come = Device::new().came_to(&image);
        assert_eq!(come, fault(Fault::BadConveyor, 1), "{when}");
    }
    // Neither list nor memory is where it says.
    for (list, moves, memory) in [
        (2041, 1, 512),
        (u32::MAX, 1, 512),
        (64, u32::MAX, 512),
        (64, 1, 2045),
        (64, 1, u32::MAX),
    ] {
        let body = format!(
            r#"{NO_HANDLER} (func (export "_start") (drop (call $attach
                 (i32.const {list}) (i32.const {moves}) (i32.const {memory}) (i32.const 0))))"#
        );
        let (state, _) = Device::new().came_to(&guest("fpgaio", &[good], &[], &body));
        let fault = Fault::BadPointer;
        assert_eq!(state, State::Faulted { fault }, "{list} {moves} {memory}");
    }
}

#[test]
fn only_moves_of_a_conveyor_that_is_attached_are_made() {
    let list = [taken_in(0, 0), taken_in(4, 4)];
    for (before, first, count) in [
        ("", 0, 3),
        ("", 2, 1),
        ("", u32::MAX, 1),
        ("", 0, u32::MAX),
        ("(call $detach)", 0, 1),
    ] {
        let body = format!("{before} (drop (call $sync (i32.const {first}) (i32.const {count})))");
        let image = guest("fpgaio", &list, &[], &main(&list, 0, &body));
        let (state, call) = Device::new().came_to(&image);
        let fault = Fault::BadConveyor;
        assert_eq!(state, State::Faulted { fault }, "{before} {first} {count}");
        assert_eq!(call, Some(("conveyor.sync".to_string(), [0, first])));
    }
}

#[test]
fn a_block_has_one_and_a_device_room_for_some() {
    let list = [taken_in(0, 0)];
    // Again: busy. After it was detached: attached anew.
    let again = attach(&list, 0);
    let body = format!("(drop {again}) (call $detach) (call $must {again}) (call $exit {again})");
    let image = guest("fpgaio", &list, &[], &main(&list, 0, &body));
    let (state, _) = Device::new().came_to(&image);
    assert_eq!(state, State::Exited { code: -2 });
    let mut device = Device::new();
    for label in ["fpgaio", "timer0"] {
        let image = guest(label, &list, &[], &main(&list, 0, "(call $sleeps)"));
        device.start(label, &image);
        device.containers.run_one();
    }
    let body = format!(r#"{NO_HANDLER} (func (export "_start") (call $exit {again}))"#);
    let slot = device.start("uart1", &guest("uart1", &list, &[], &body));
    device.containers.run_one();
    assert_eq!(device.state(slot), State::Exited { code: -9 });
}

#[test]
fn from_time_to_time_main_finds_registers_anew_without_a_call() {
    let list = [taken_in(4, 0), put_out(8, 4)];
    let when = 2_000 << 2 | 1;
    // Computes, without ever calling the host.
    let body = "(i32.store (i32.const 516) (i32.const 5))
        (loop $l (br_if $l (i32.ne (i32.load (i32.const 512)) (i32.const 7))))
        (call $exit (i32.const 1))";
    let image = guest("fpgaio", &list, &[], &main(&list, when, body));
    let mut device = Device::new();
    let slot = device.start("it", &image);
    device.containers.run_one();
    assert!(!device.containers.run_handlers(), "not due yet");
    let begin = device.fake.0.now_us.get();
    for (passed, syncs) in [
        (1_999, 0),
        (2_000, 1),
        (2_001, 1),
        (4_000, 2),
        (9_100, 3),
        (11_000, 3),
        (11_100, 4),
    ] {
        device.fake.0.now_us.set(begin + passed);
        device.containers.run_handlers();
        assert_eq!(device.syncs(), syncs, "after {passed} us");
        device.containers.run_one();
    }
    assert_eq!(device.register(FPGAIO, 8), 5);
    assert_eq!(device.state(slot), State::Running);
    // It is when it is next looked for, while it sleeps, too.
    let wake = device.containers.next_wake().unwrap();
    assert!(wake <= begin + 13_100, "{wake}");
    device.set(FPGAIO, 4, 7);
    device.fake.0.now_us.set(begin + 13_100);
    assert!(device.containers.run_handlers());
    device.containers.run_one();
    assert_eq!(device.state(slot), State::Exited { code: 1 });
}

#[test]
fn while_a_container_is_paused_or_over_nothing_is_synchronised() {
    let list = [put_out(8, 0)];
    let when = 1_000 << 2 | 1;
    let image = guest("fpgaio", &list, &[], &main(&list, when, "(call $sleeps)"));
    let mut device = Device::new();
    let slot = device.start("it", &image);
    device.containers.run_one();
    device.pass(1);
    assert_eq!(
        device.containers.next_wake(),
        Some(device.fake.0.now_us.get())
    );
    device.containers.pause(slot).unwrap();
    device.pass(5);
    assert!(!device.containers.run_handlers());
    assert_eq!((device.syncs(), device.attached()), (0, 1));
    assert_eq!(device.containers.next_wake(), None);
    device.containers.resume(slot).unwrap();
    assert!(device.containers.run_handlers());
    assert_eq!(device.syncs(), 1);
    for end in [Containers::stop, Containers::kill] {
        end(&mut device.containers, slot).unwrap();
        assert_eq!(device.attached(), 0);
        device.pass(5);
        assert!(!device.containers.run_handlers());
        device.containers.start(slot).unwrap();
        device.containers.run_one();
        assert_eq!(device.attached(), 1);
    }
}

/// What a container that is synchronised all the time takes is its own.
#[test]
fn the_time_of_syncs_is_the_containers() {
    let list = [taken_in(4, 0)];
    let image = guest(
        "fpgaio",
        &list,
        &[],
        &main(&list, 1_000 << 2 | 1, "(call $sleeps)"),
    );
    let mut device = Device::new();
    let slot = device.start("it", &image);
    device.containers.run_one();
    let before = device.containers.get(slot).unwrap().fuel_used();
    for _ in 0..10 {
        device.pass(1);
        assert!(device.containers.run_handlers());
    }
    let used = device.containers.get(slot).unwrap().fuel_used() - before;
    let one = crate::engine::border::price::synced(1, 1);
    assert_eq!(used, u64::from(10 * one));
}

#[test]
fn a_live_update_ends_the_old_ones_conveyor() {
    let list = [taken_in(0, 0)];
    let old = guest(
        "fpgaio",
        &list,
        &[],
        &main(&list, 1_000 << 2 | 1, "(call $sleeps)"),
    );
    let new = guest(
        "fpgaio",
        &list,
        &[],
        &main(&list, 0, "(call $exit (i32.const 3))"),
    );
    let mut device = Device::new();
    let slot = device.start("it", &old);
    device.containers.run_one();
    assert_eq!(device.attached(), 1);
    let hash = ImageHash([1; 32]);
    let parameters = Parameters::default();
    let update = device
        .containers
        .update(slot, &new, hash, parameters, 1_000);
    assert!(matches!(update, Ok(Update::Trial { .. })), "{update:?}");
    assert_eq!(device.attached(), 0);
    device.pass(3);
    assert!(!device.containers.run_handlers());
    assert_eq!(device.state(slot), State::Exited { code: 3 });
}

#[test]
fn a_board_without_conveyors_refuses_the_load() {
    let list = [taken_in(0, 0)];
    let image = guest("fpgaio", &list, &[], &main(&list, 0, ""));
    let mut device = Device::new();
    device.fake.0.no_conveyors.set(true);
    let slot = device.store("it", &image);
    assert_eq!(device.containers.start(slot), Err(Refused::Missing(3)));
    let module = Module::scan(&image).unwrap();
    for (import, why) in imports::missing(&module, &device.fake) {
        assert_eq!(
            (import.module, why),
            ("conveyor:fpgaio", MissingWhy::NoConveyors)
        );
    }
}

/// A capture whose value is found at its register.
const fn captured(offset: u16, bytes: u8) -> [u8; 8] {
    let [low, high] = offset.to_le_bytes();
    [low, high, bytes, 1, 0, 0, 0, 0]
}

/// Registers the handler with so many captures of 256, and sleeps.
fn handler(captures: usize, before: &str, act: &str) -> String {
    format!(
        r#"(func $handle (type $handler) {act})
           (func (export "_start") (drop (call $claim)) {before}
             (call $must (call $register (i32.const 5) (i32.const 1) (i32.const 256) (i32.const {captures})))
             (call $sleeps))"#
    )
}

/// The first read of a register in the handler gets what was read when the interrupt came, each value once and in order; everything else
/// is an access of the device, and so is everything behind the handler.
#[test]
fn a_captured_value_is_found_by_a_call_at_its_register() {
    for (label, block) in [("timer0", TIMER), ("uart1", UART)] {
        let captures = [captured(4, 4), captured(8, 2), captured(4, 4)];
        // Main reads before and after it.
        let act = "(i32.store (i32.const 600) (call $read (i32.const 0) (i32.const 4)))
            (i32.store (i32.const 604) (call $read16 (i32.const 0) (i32.const 8)))
            (call $write (i32.const 0) (i32.const 0) (i32.const 0x55))
            (call $modify (i32.const 0) (i32.const 0) (i32.const 0xf) (i32.const 0xa))
            (i32.store (i32.const 608) (call $read (i32.const 0) (i32.const 8)))
            (i32.store (i32.const 612) (call $read (i32.const 0) (i32.const 4)))
            (i32.store (i32.const 616) (call $read (i32.const 0) (i32.const 4)))";
        let mut device = Device::new();
        let slot = device.start("it", &guest(label, &[], &captures, &handler(3, "", act)));
        device.containers.run_one();
        device.fake.0.interrupts.borrow_mut().values = vec![0x11, 0x22, 0x33];
        device.put_at(block, 4, 0x1111);
        device.put_at(block, 8, 0x2222);
        for _ in 0..2 {
            assert!(device.fake.raise(block.into(), 0));
            assert!(device.containers.run_handlers());
            assert_eq!(device.state(slot), State::Running, "{label}");
            let seen = device.words(slot, 600, 5);
            assert_eq!(seen, [0x11, 0x22, 0x2222, 0x33, 0x1111], "{label}");
            assert_eq!(device.found_at(block, 0), 0x5a, "{label}");
        }
    }
}

/// A register program and a sync are made by the kernel, which reads the device: what was captured waits for the handler's own read. So in a
/// handler all of them work side by side.
#[test]
fn programs_and_syncs_of_a_handler_read_the_device_beside_what_was_captured() {
    for (label, block) in [("timer0", TIMER), ("uart1", UART)] {
        let list = [taken_in(4, 0), put_out(12, 4)];
        let program: Vec<u8> = [
            Instruction::Read(Place {
                offset: 4,
                width: Width::Bits32,
            }),
            Instruction::Write(
                Place {
                    offset: 0,
                    width: Width::Bits32,
                },
                0x77,
            ),
        ]
        .iter()
        .flat_map(|one| one.encode())
        .collect();
        let attach = format!("(call $must {})", attach(&list, 0));
        let act = format!(
            "(i32.store (i32.const 516) (i32.const 0x66))
             (call $must (i32.sub (call $run (i32.const 0) (i32.const 1024) (i32.const {}) (i32.const 0) (i32.const 0)
                 (i32.const 600) (i32.const 4)) (i32.const 4)))
             (drop (call $sync (i32.const 0) (i32.const 2)))
             (i32.store (i32.const 604) (i32.load (i32.const 512)))
             (i32.store (i32.const 608) (call $read (i32.const 0) (i32.const 4)))
             (i32.store (i32.const 612) (call $read (i32.const 0) (i32.const 4)))",
            program.len()
        );
        let parts = format!(
            r#"{} (data (i32.const 1024) "{}")"#,
            handler(1, &attach, &act),
            text(program)
        );
        let mut device = Device::new();
        let slot = device.start("it", &guest(label, &list, &[captured(4, 4)], &parts));
        device.containers.run_one();
        device.fake.0.interrupts.borrow_mut().values = vec![0x11];
        device.set(block, 4, 0x2222);
        device.put_at(block, 4, 0x2222);
        assert!(device.fake.raise(block.into(), 0));
        assert!(device.containers.run_handlers());
        assert_eq!(device.state(slot), State::Running, "{label}");
        let seen = device.words(slot, 600, 4);
        assert_eq!(seen, [0x2222, 0x2222, 0x11, 0x2222], "{label}");
        assert_eq!(device.register(block, 0), 0x77, "{label}");
        assert_eq!(device.register(block, 12), 0x66, "{label}");
    }
}

/// What is not exposed is a fault at a block whose registers were captured as at any other.
#[test]
fn a_capture_opens_nothing() {
    for (act, fault) in [
        (
            "(drop (call $read (i32.const 0) (i32.const 0x40)))",
            Fault::BadRegister,
        ),
        (
            "(drop (call $read (i32.const 0) (i32.const 2)))",
            Fault::BadRegister,
        ),
        (
            "(call $write (i32.const 0) (i32.const 0x40) (i32.const 1))",
            Fault::BadRegister,
        ),
        (
            "(call $modify (i32.const 0) (i32.const 0x40) (i32.const 1) (i32.const 1))",
            Fault::BadRegister,
        ),
        (
            "(drop (call $read (i32.const 1) (i32.const 4)))",
            Fault::BadHandle,
        ),
    ] {
        for (label, block) in [("timer0", TIMER), ("uart1", UART)] {
            let mut device = Device::new();
            let image = guest(label, &[], &[captured(4, 4)], &handler(1, "", act));
            let slot = device.start("it", &image);
            device.containers.run_one();
            device.fake.0.interrupts.borrow_mut().values = vec![1];
            assert!(device.fake.raise(block.into(), 0));
            assert!(device.containers.run_handlers());
            assert_eq!(
                device.state(slot),
                State::Faulted { fault },
                "{label}: {act}"
            );
        }
    }
    // A place behind a captured register, and no such kind, are none.
    for bad in [[4, 0, 4, 1, 1, 0, 0, 0], [4, 0, 4, 2, 0, 0, 0, 0]] {
        let parts = format!(
            r#"{NO_HANDLER} (func (export "_start") (call $exit
                 (call $register (i32.const 5) (i32.const 1) (i32.const 256) (i32.const 1))))"#
        );
        let image = guest("timer0", &[], &[bad], &parts);
        let (state, _) = Device::new().came_to(&image);
        assert_eq!(state, State::Exited { code: -6 });
    }
}

/// A handler that calls nothing: what it reads was moved, or captured, before it, and what it writes is moved behind it.
#[test]
fn at_an_interrupt_a_handler_needs_loads_and_stores_alone() {
    let list = [
        taken_in(4, 0),
        taken_in(8, 4),
        put_out(12, 8),
        put_out(0, 12),
    ];
    let attach = format!("(call $must {})", attach(&list, 2));
    let act = "(i32.store (i32.const 520) (i32.add (i32.load (i32.const 512)) (i32.load (i32.const 516))))";
    let mut device = Device::new();
    let image = guest(
        "timer0",
        &list,
        &[captured(8, 4)],
        &handler(1, &attach, act),
    );
    let slot = device.start("it", &image);
    device.containers.run_one();
    assert_eq!(device.syncs(), 0);
    device.set(TIMER, 4, 0x1000);
    // Read by the kernel when the interrupt came, and not again.
    device.set(TIMER, 8, 0xbad);
    device.fake.0.interrupts.borrow_mut().values = vec![0x234];
    assert!(device.fake.raise(TIMER.into(), 0));
    assert!(device.containers.run_handlers());
    assert_eq!(device.state(slot), State::Running);
    assert_eq!(device.register(TIMER, 12), 0x1234);
    assert_eq!(device.syncs(), 2);
    // It is about interrupt 0.
    assert!(device.containers.get(slot).unwrap().fuel_used() > 0);
}

#[test]
fn a_sync_that_is_refused_by_the_bus_ends_the_container_and_names_the_register() {
    let list = [taken_in(4, 0), put_out(HIDDEN_LATER, 4)];
    for (when, entry_is_handler) in [(1_000 << 2 | 1, false), (2, true)] {
        let attach = format!("(call $must {})", attach(&list, when));
        let mut device = Device::new();
        let image = guest("timer0", &list, &[], &handler(0, &attach, ""));
        let slot = device.start("it", &image);
        device.containers.run_one();
        device.fake.0.gated.set(Some(HIDDEN_LATER));
        device.pass(2);
        device.fake.raise(TIMER.into(), 0);
        assert!(device.containers.run_handlers());
        let fault = Fault::BadRegister;
        assert_eq!(device.state(slot), State::Faulted { fault });
        let record = device.containers.get(slot).unwrap().fault().unwrap();
        let call = record.last_call.unwrap();
        assert_eq!(
            (call.name, call.arguments),
            ("conveyor.sync", [0, HIDDEN_LATER.into()])
        );
        assert_eq!(
            matches!(record.entry, Entry::Handler { .. }),
            entry_is_handler
        );
        assert_eq!(device.attached(), 0);
    }
}

/// A register whose bus answers with an error from some time on.
const HIDDEN_LATER: u16 = 12;
