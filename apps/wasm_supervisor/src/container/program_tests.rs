//! Register programs of containers: real containers on the real engine, with a fake kernel.

use std::format;
use std::string::String;
use std::vec::Vec;

use berth_exposure::program::{Exchange, Place, Ready};
use berth_protocol::{Entry, Fault, ImageHash, MissingWhy, Parameters, State, Update};

use super::test_device::Device;
use super::{Containers, Refused};
use crate::admission::{Module, imports};
use crate::fake::HIDDEN;
use crate::interrupts::Interrupts;
use crate::platform::{Platform, Width};
use crate::programs::Instruction;

/// Number of the block `fpgaio`, and of `timer0`.
const FPGAIO: u16 = 0;
const TIMER: u16 = 1;

const fn word(offset: u16) -> Place {
    Place {
        offset,
        width: Width::Bits32,
    }
}

/// More passes than one, and fewer than a slice pays for.
fn several(count: u32) -> Vec<Instruction> {
    [
        Instruction::Write(word(0), 7),
        Instruction::Repeat { count, body: 1 },
        Instruction::Modify {
            at: word(4),
            mask: 0xff,
            value: 0x55,
        },
        Instruction::Read(word(0)),
    ]
    .into()
}

/// Waits for a register to become 1, for as long as it may.
fn endless() -> Vec<Instruction> {
    [Instruction::Poll {
        at: word(8),
        mask: 1,
        value: 1,
        limit: 1_000_000,
    }]
    .into()
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// Bytes of the program at 64, output at 32 (and input behind the program).
fn encoded(program: &[Instruction]) -> Vec<u8> {
    program.iter().flat_map(|i| i.encode()).collect()
}

/// The call of a program at 64, with this much input behind it and output to 32.
fn run(length: usize, input: usize, output: usize) -> String {
    format!(
        "(call $run (call $claim) (i32.const 64) (i32.const {length}) (i32.const {}) (i32.const {input}) (i32.const 32) (i32.const {output}))",
        64 + length
    )
}

/// A guest with a program at 64 and its input behind.
fn guest(label: &str, program: &[Instruction], input: &[u8], parts: &str) -> Vec<u8> {
    let irq = match label {
        "timer0" => {
            r#"(import "irq:timer0" "register"
                 (func $register (param i32 i32 i32 i32) (result i32)))"#
        }
        _ => "",
    };
    wat::parse_str(format!(
        r#"(module
          (import "mmio:{label}" "claim" (func $claim (result i32)))
          {irq}
          (import "program" "run"
            (func $run (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "exit" (func $exit (param i32)))
          (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
          (memory (export "memory") 2048 65536 (pagesize 1))
          (table (export "__indirect_function_table") 4 funcref)
          (elem (i32.const 1) $handle)
          (type $handler (func (param i32 i32)))
          (data (i32.const 64) "{}{}")
          {parts})"#,
        text(&encoded(program)),
        text(input),
    ))
    .unwrap()
}

/// Main that runs a program and exits with what that returns, or with a word of the output.
fn main(run: &str) -> String {
    format!(r#"(func $handle (type $handler)) (func (export "_start") (call $exit {run}))"#)
}

impl Device {
    /// Turns until the container has ended.
    fn ended(&mut self, slot: usize) -> State {
        for _ in 0..10_000 {
            if self.state(slot) != State::Running {
                break;
            }
            self.containers.run_handlers();
            self.containers.run_one();
        }
        self.state(slot)
    }

    /// Runs a guest to its end. Returns that, and the block and place of its last call, if it faulted.
    fn end_of(&mut self, image: &[u8]) -> (State, Option<(String, [u32; 2])>) {
        let slot = self.start("it", image);
        let state = self.ended(slot);
        let record = self.containers.get(slot).unwrap().fault();
        let call = record.and_then(|record| record.last_call);
        let call = call.map(|call| (call.name.to_string(), call.arguments));
        self.containers.remove(slot).unwrap();
        assert_eq!(self.under_way(), 0, "something goes on");
        (state, call)
    }

    fn under_way(&self) -> usize {
        self.fake.0.programs.borrow().under_way()
    }
}

#[test]
fn a_program_of_one_pass_is_done_in_the_call() {
    let program = [Instruction::Write(word(0), 0x1234)];
    let image = guest(
        "fpgaio",
        &program,
        &[],
        r#"(func $handle (type $handler))
           (func (export "_start")
             (call $exit (call $run (call $claim) (i32.const 64) (i32.const 16) (i32.const 0) (i32.const 0)
               (i32.const 32) (i32.const 0))))"#,
    );
    let mut device = Device::new();
    let slot = device.start("it", &image);
    assert!(device.containers.run_one());
    assert_eq!(device.state(slot), State::Exited { code: 0 });
    assert_eq!(device.fake.0.programs.borrow().passes, 1);
    assert_eq!(device.register(FPGAIO, 0), 0x1234);
}

#[test]
fn a_longer_one_goes_on_in_the_same_turn_as_far_as_that_reaches() {
    let program = several(24);
    let image = guest("fpgaio", &program, &[], &main(&run(64, 0, 4)));
    let mut device = Device::new();
    let slot = device.start("it", &image);
    assert!(device.containers.run_one());
    assert_eq!(device.state(slot), State::Exited { code: 4 });
    assert!(device.fake.0.programs.borrow().passes > 2);
    assert_eq!(device.register(FPGAIO, 4), 0x55);
}

#[test]
fn others_run_while_a_long_one_goes_on_and_its_time_is_its_containers() {
    let program = several(5_000);
    let long = guest("fpgaio", &program, &[], &main(&run(64, 0, 4)));
    let other = wat::parse_str(
        r#"(module (memory (export "memory") 16 (pagesize 1)) (func (export "_start") (loop $l (br $l))))"#,
    )
    .unwrap();
    let mut device = Device::new();
    let (slot, other) = (device.start("it", &long), device.start("other", &other));
    let mut turns = 0;
    while device.state(slot) == State::Running {
        assert!(device.containers.run_one());
        turns += 1;
    }
    assert_eq!(device.state(slot), State::Exited { code: 4 });
    let used = |slot: usize| device.containers.get(slot).unwrap().fuel_used();
    // Turn by turn, with equal shares.
    let (own, others) = (used(slot), used(other));
    assert!(
        turns > 10 && own.abs_diff(others) < own / 5,
        "{own} and {others}"
    );
}

#[test]
fn what_goes_in_comes_from_where_the_container_says() {
    let exchange = Instruction::Exchange(Exchange {
        data: Place {
            offset: 8,
            width: Width::Bits16,
        },
        status: 12,
        words: 40,
        under_way: 1,
        room: Some(Ready { bit: 1, is: true }),
        from_input: true,
        filled: Some(Ready { bit: 2, is: true }),
        to_output: true,
        limit: 3,
    });
    let input: Vec<u8> = (1..=80).collect();
    // What comes out at 1000, the input behind the program or elsewhere.
    for elsewhere in [false, true] {
        let place = if elsewhere { 1200 } else { 80 };
        let parts = format!(
            r#"(func $handle (type $handler))
               (func (export "_start") (local $i i32)
                 (memory.copy (i32.const {place}) (i32.const 80) (i32.const 80))
                 (if (i32.ne (call $run (call $claim) (i32.const 64) (i32.const 16) (i32.const {place}) (i32.const 80)
                       (i32.const 1000) (i32.const 80)) (i32.const 80))
                   (then unreachable))
                 (loop $l
                   (if (i32.ne (i32.load8_u offset=1000 (local.get $i)) (i32.load8_u offset=80 (local.get $i)))
                     (then unreachable))
                   (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 80)))))"#
        );
        let mut device = Device::new();
        device.set(FPGAIO, 12, 6);
        let image = guest("fpgaio", &[exchange], &input, &parts);
        assert_eq!(device.end_of(&image), (State::Exited { code: 0 }, None));
    }
}

#[test]
fn what_is_refused_is_a_fault_that_says_where() {
    let block = |program: &[Instruction], length: usize, output| {
        let image = guest("fpgaio", program, &[0; 64], &main(&run(length, 0, output)));
        Device::new().end_of(&image)
    };
    let fault = |fault, place| {
        let call = ("program.run".to_string(), [0, place]);
        (State::Faulted { fault }, Some(call))
    };
    let good = Instruction::Write(word(0), 1);
    let wide = |offset, width| Instruction::Read(Place { offset, width });
    for (bad, offset) in [
        (Instruction::Read(word(HIDDEN)), HIDDEN.into()),
        (Instruction::Write(word(HIDDEN), 1), HIDDEN.into()),
        (wide(0x20, Width::Bits32), 0x20),
        (wide(6, Width::Bits32), 6),
        (wide(5, Width::Bits16), 5),
    ] {
        // Checked before the first access, however many passes that takes.
        for program in [&[bad][..], &[good, bad], &[good, good, good, good, bad]] {
            let mut device = Device::new();
            let image = guest(
                "fpgaio",
                program,
                &[],
                &main(&run(16 * program.len(), 0, 4)),
            );
            assert_eq!(device.end_of(&image), fault(Fault::BadRegister, offset));
            assert!(device.fake.0.writes.borrow().is_empty());
        }
    }
    let zero = Instruction::Repeat { count: 0, body: 1 };
    let far = Instruction::Repeat { count: 1, body: 3 };
    assert_eq!(
        block(&[good, zero, good], 48, 0),
        fault(Fault::BadProgram, 1)
    );
    assert_eq!(
        block(&[good, far, good], 48, 0),
        fault(Fault::BadProgram, 1)
    );
    // Zeros are no instruction; a part of one is none; nothing is none; too many; more output than there is room for.
    assert_eq!(block(&[good], 32, 0), fault(Fault::BadProgram, 1));
    assert_eq!(block(&[good], 24, 0), fault(Fault::BadProgram, 1));
    assert_eq!(block(&[good], 0, 0), fault(Fault::BadProgram, 0));
    let many = [good; 33];
    assert_eq!(block(&many, 16 * 33, 0), fault(Fault::BadProgram, 33));
    let read = Instruction::Read(word(0));
    assert_eq!(block(&[good, read], 32, 3), fault(Fault::BadProgram, 1));
}

#[test]
fn places_outside_memory_and_handles_that_are_none_are_faults() {
    let image = |arguments: &str| {
        let run = format!("(call $run {arguments})");
        guest("fpgaio", &several(1), &[], &main(&run))
    };
    let call = |handle: &str, numbers: [u32; 6]| {
        let numbers: String = numbers.iter().map(|n| format!("(i32.const {n})")).collect();
        image(&format!("{handle} {numbers}"))
    };
    let own = "(call $claim)";
    for numbers in [
        [2040, 16, 0, 0, 0, 0],
        [u32::MAX, 16, 0, 0, 0, 0],
        [64, u32::MAX - 15, 0, 0, 0, 0],
        [64, 64, 2047, 2, 0, 0],
        [64, 64, 0, 0, 2045, 4],
        // Where the program is, and where its input is.
        [64, 64, 0, 0, 124, 4],
        [64, 64, 20, 20, 36, 4],
    ] {
        let (state, _) = Device::new().end_of(&call(own, numbers));
        let fault = Fault::BadPointer;
        assert_eq!(state, State::Faulted { fault }, "{numbers:?}");
    }
    let (state, _) = Device::new().end_of(&call("(i32.const 1)", [64, 64, 0, 0, 0, 4]));
    let fault = Fault::BadHandle;
    assert_eq!(state, State::Faulted { fault });
}

#[test]
fn a_device_that_does_not_become_ready_is_an_error_that_says_where() {
    let program = [
        Instruction::Read(word(0)),
        Instruction::Read(Place {
            offset: 4,
            width: Width::Bits16,
        }),
        Instruction::Poll {
            at: word(8),
            mask: 1,
            value: 1,
            limit: 3_000,
        },
    ];
    let image = guest("fpgaio", &program, &[], &main(&run(48, 0, 8)));
    let mut device = Device::new();
    let error = 1 << 31 | 6 << 16 | 2 << 8 | 13;
    assert_eq!(device.end_of(&image).0, State::Exited { code: error });
    // What becomes ready meanwhile.
    let slot = device.start("again", &image);
    device.containers.slice_of(slot, 400, 0);
    assert_eq!(device.under_way(), 1);
    device.set(FPGAIO, 8, 1);
    assert_eq!(device.ended(slot), State::Exited { code: 6 });
}

/// A guest whose handler does `act` and whose main runs an endless program after it has registered.
fn beside(program: &[Instruction], act: &str) -> Vec<u8> {
    let run = run(program.len() * 16, 0, 4);
    let parts = format!(
        r#"(func $handle (type $handler) {act})
           (func (export "_start")
             (drop (call $register (i32.const 5) (i32.const 1) (i32.const 0) (i32.const 0)))
             (call $exit {run}))"#
    );
    guest("timer0", program, &[], &parts)
}

#[test]
fn handlers_run_beside_a_program_and_may_let_the_memory_grow() {
    let mut device = Device::new();
    let mut program = endless();
    program.push(Instruction::Read(word(8)));
    let act = "(i32.store (i32.const 1024) (memory.grow (i32.const 30000)))";
    let slot = device.start("it", &beside(&program, act));
    device.containers.run_one();
    assert_eq!(device.under_way(), 1);
    assert!(device.fake.raise(TIMER.into(), 0));
    assert!(device.containers.run_handlers());
    device.set(TIMER, 8, 1);
    assert_eq!(device.ended(slot), State::Exited { code: 4 });
}

#[test]
fn an_interrupt_ends_the_turn_between_two_passes() {
    let mut device = Device::new();
    let slot = device.start("it", &beside(&endless(), ""));
    device.containers.run_one();
    let passes = || device.fake.0.programs.borrow().passes;
    let before = passes();
    device.containers.run_one();
    let usual = passes() - before;
    assert!(usual > 3, "{usual}");
    assert!(device.fake.raise(TIMER.into(), 0));
    let before = device.fake.0.programs.borrow().passes;
    device.containers.slice_of(slot, 2_500, 0);
    let after = device.fake.0.programs.borrow().passes;
    assert_eq!(after - before, 1);
    assert_eq!(device.fake.waiting(), 0, "watched outside of turns");
}

#[test]
fn a_handler_on_the_same_block_is_told_that_it_is_busy() {
    let program = endless();
    let run = run(16, 0, 0);
    let act =
        format!("(i32.store (i32.const 1024) {run}) (call $exit (i32.load (i32.const 1024)))");
    let mut device = Device::new();
    let slot = device.start("it", &beside(&program, &act));
    device.containers.run_one();
    assert!(device.fake.raise(TIMER.into(), 0));
    let busy = 1 << 31 | 2;
    assert!(device.containers.run_handlers());
    assert_eq!(device.state(slot), State::Exited { code: busy });
    assert_eq!(device.under_way(), 0);
}

/// A guest that runs a program of several passes in its handler, and exits with what it returns.
fn in_handler(program: &[Instruction]) -> Vec<u8> {
    let run = run(program.len() * 16, 0, 4);
    let parts = format!(
        r#"(func $handle (type $handler) (call $exit {run}))
           (func (export "_start")
             (drop (call $register (i32.const 5) (i32.const 1) (i32.const 0) (i32.const 0)))
             (loop $l (call $sleep (i64.const 1000000)) (br $l)))"#
    );
    guest("timer0", program, &[], &parts)
}

#[test]
fn handlers_run_programs_as_far_as_their_budget_pays() {
    for (program, end) in [
        (several(40), State::Exited { code: 4 }),
        (
            endless(),
            State::Faulted {
                fault: Fault::HandlerTooLong,
            },
        ),
    ] {
        let mut device = Device::new();
        let slot = device.start("it", &in_handler(&program));
        device.containers.run_one();
        assert!(device.fake.raise(TIMER.into(), 0));
        device.containers.run_handlers();
        assert_eq!(device.state(slot), end);
        assert_eq!(device.under_way(), 0);
        let passes = device.fake.0.programs.borrow().passes;
        assert!((2..60).contains(&passes), "{passes}");
    }
}

#[test]
fn so_do_start_functions() {
    for (program, good) in [(several(8), true), (endless(), false)] {
        let parts = format!(
            r#"(func $handle (type $handler))
               (func $begin (drop {})) (start $begin)
               (func (export "_start"))"#,
            run(program.len() * 16, 0, 4)
        );
        let mut device = Device::new();
        let slot = device.store("it", &guest("fpgaio", &program, &[], &parts));
        let started = device.containers.start(slot);
        if good {
            assert_eq!(started, Ok(()));
        } else {
            let fault = Fault::StartTooLong;
            assert_eq!(started, Err(Refused::State(State::Faulted { fault })));
            let record = device.containers.get(slot).unwrap().fault().unwrap();
            assert_eq!(record.entry, Entry::Start);
        }
        assert_eq!(device.under_way(), 0);
    }
}

#[test]
fn as_many_as_the_board_has_room_for() {
    let mut device = Device::new();
    let program = endless();
    for label in ["fpgaio", "timer0", "uart1"] {
        let image = guest(label, &program, &[], &main(&run(16, 0, 0)));
        device.start(label, &image);
    }
    for _ in 0..12 {
        device.containers.run_one();
    }
    assert_eq!(device.under_way(), 2);
    let full = 1 << 31 | 9;
    let states = || (0..3).map(|slot| device.state(slot));
    let count = |state| states().filter(|other| *other == state).count();
    assert_eq!(count(State::Running), 2);
    assert_eq!(count(State::Exited { code: full }), 1);
}

#[test]
fn nothing_goes_on_for_a_run_that_is_over_or_paused() {
    let image = guest("fpgaio", &endless(), &[], &main(&run(16, 0, 0)));
    for end in [Containers::stop, Containers::kill] {
        let mut device = Device::new();
        let slot = device.start("it", &image);
        device.containers.run_one();
        assert_eq!(device.under_way(), 1);
        end(&mut device.containers, slot).unwrap();
        assert_eq!(device.under_way(), 0);
        assert_eq!(device.state(slot), State::Stopped);
    }
    let mut device = Device::new();
    let slot = device.start("it", &image);
    device.containers.run_one();
    device.containers.pause(slot).unwrap();
    let passes = device.fake.0.programs.borrow().passes;
    assert!(!device.containers.run_one());
    assert_eq!(device.fake.0.programs.borrow().passes, passes);
    device.containers.resume(slot).unwrap();
    device.set(FPGAIO, 8, 1);
    assert_eq!(device.ended(slot), State::Exited { code: 0 });
}

#[test]
fn a_live_update_ends_the_old_ones_program_where_it_is() {
    let image = guest("fpgaio", &endless(), &[], &main(&run(16, 0, 0)));
    // The new one runs one of its own for the same block, which passes over.
    let new = guest("fpgaio", &several(8), &[], &main(&run(64, 0, 4)));
    let mut device = Device::new();
    let slot = device.start("it", &image);
    device.containers.run_one();
    let claims = device.fake.0.claims.get();
    let hash = ImageHash([1; 32]);
    let update = device
        .containers
        .update(slot, &new, hash, Parameters::default(), 1_000);
    assert!(matches!(update, Ok(Update::Trial { .. })), "{update:?}");
    assert_eq!(device.fake.0.claims.get(), claims, "claimed anew");
    assert_eq!(device.under_way(), 0);
    assert_eq!(device.fake.0.programs.borrow().ended.len(), 1);
    assert_eq!(device.ended(slot), State::Exited { code: 4 });
}

#[test]
fn an_update_that_fails_leaves_the_program_as_it_is() {
    let image = guest("fpgaio", &endless(), &[], &main(&run(16, 0, 0)));
    let parts = r#"(func $handle (type $handler))
        (func $begin unreachable) (start $begin) (func (export "_start"))"#;
    let new = guest("fpgaio", &several(8), &[], parts);
    let mut device = Device::new();
    let slot = device.start("it", &image);
    device.containers.run_one();
    let hash = ImageHash([1; 32]);
    let update = device
        .containers
        .update(slot, &new, hash, Parameters::default(), 1_000);
    assert!(
        matches!(update, Ok(Update::RolledBack { .. })),
        "{update:?}"
    );
    assert_eq!(device.under_way(), 1);
    device.set(FPGAIO, 8, 1);
    assert_eq!(device.ended(slot), State::Exited { code: 0 });
}

#[test]
fn a_board_without_programs_refuses_the_load() {
    let image = guest("fpgaio", &several(1), &[], &main(&run(64, 0, 4)));
    let mut device = Device::new();
    device.fake.0.no_programs.set(true);
    let slot = device.store("it", &image);
    assert_eq!(device.containers.start(slot), Err(Refused::Missing(1)));
    assert!(device.fake.0.holders.borrow().iter().all(Option::is_none));
    let module = Module::scan(&image).unwrap();
    let missing: Vec<_> = imports::missing(&module, &device.fake).collect();
    assert_eq!(missing.len(), 1);
    let (import, why) = missing[0];
    assert_eq!((import.module, import.name), ("program", "run"));
    assert_eq!(why, MissingWhy::NoPrograms);
    assert_eq!(device.fake.names().0, "fake board");
}
