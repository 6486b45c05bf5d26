//! Pausing, with and without the container's help.

use std::string::String;
use std::vec::Vec;

use berth_protocol::{Entry, Fault, State};

use super::Refused;
use super::test_device::Device;

impl Device {
    /// Returns a device with one container.
    fn with(image: &[u8]) -> Self {
        let mut device = Self::new();
        device.store("it", image);
        device
    }

    fn slice(&mut self, fuel: u64) {
        if let Some(end) = self.containers.slice_of(0, fuel, 0) {
            self.containers.end(0, end);
        }
    }

    fn pause_and_resume(&mut self) {
        self.containers.pause(0).unwrap();
        assert!(!self.containers.run_one(), "a paused container ran");
        self.containers.resume(0).unwrap();
    }

    /// All that the container has done, once it has ended.
    fn all_done(&self) -> Outcome {
        Outcome {
            state: self.state(0),
            writes: self.fake.0.writes.borrow().clone(),
            logs: self.said(0),
            fuel: self.containers.get(0).unwrap().fuel_used(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    state: State,
    writes: Vec<(u16, u16, u32)>,
    logs: Vec<String>,
    fuel: u64,
}

/// Something of everything: loops, calls, memory, globals, growth, every kind of host call.
/// It uses some 16,600 fuel, a third of it for host calls.
const WORK: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "mmio" "write32" (func $write (param i32 i32 i32)))
  (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
  (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "yield" (func $yield))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (import "berth" "exit" (func $exit (param i32)))
  (memory (export "memory") 256 (pagesize 1))
  (table 2 funcref)
  (elem (i32.const 0) $mix $fold)
  (type $unary (func (param i32) (result i32)))
  (global $sum (mut i32) (i32.const 7))
  (func $mix (type $unary)
    (i32.xor (i32.mul (local.get 0) (i32.const 31)) (i32.rotl (local.get 0) (i32.const 7))))
  (func $fold (type $unary) (local $i i32)
    (loop $again
      (i32.store8 (i32.and (local.get $i) (i32.const 63)) (local.get 0))
      (local.set 0 (i32.add (local.get 0)
        (i32.load8_u (i32.and (i32.add (local.get $i) (i32.const 5)) (i32.const 63)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 24))))
    (local.get 0))
  (func $round (param $n i32)
    (global.set $sum (call_indirect (type $unary) (global.get $sum)
      (i32.and (local.get $n) (i32.const 1))))
    (if (i32.eq (i32.and (local.get $n) (i32.const 7)) (i32.const 3))
      (then
        (call $write (call $claim) (i32.const 4) (global.get $sum))
        (call $modify (call $claim) (i32.const 8) (i32.const 0xff) (global.get $sum))
        (global.set $sum (i32.add (global.get $sum) (call $read (call $claim) (i32.const 8))))
        (call $yield)))
    (if (i32.eq (i32.and (local.get $n) (i32.const 31)) (i32.const 9))
      (then
        (drop (memory.grow (i32.const 16)))
        (memory.copy (i32.const 64) (i32.const 0) (i32.const 64))
        (memory.fill (i32.const 128) (i32.const 65) (i32.const 4))
        (call $log (i32.const 2) (i32.const 128) (i32.const 4))
        (call $sleep (i64.const 100)))))
  (func (export "_start") (local $n i32)
    (loop $again
      (call $round (local.get $n))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 90))))
    (call $exit (global.get $sum))))"#;

/// Run it to its end in slices of `fuel`, doing `between` after each.
fn finish(bench: &mut Device, fuel: u64, mut between: impl FnMut(&mut Device)) -> Outcome {
    while bench.state(0) == State::Running {
        bench.slice(fuel);
        bench.fake.0.now_us.set(bench.fake.0.now_us.get() + 100);
        if bench.state(0) == State::Running {
            between(bench);
        }
    }
    bench.all_done()
}

#[test]
fn pausing_at_any_fuel_gives_the_result_of_the_uninterrupted_run() {
    let image = wat::parse_str(WORK).unwrap();
    let mut bench = Device::with(&image);
    bench.containers.start(0).unwrap();
    let whole = finish(&mut bench, u64::MAX >> 1, |_| ());
    assert!(matches!(whole.state, State::Exited { .. }), "{whole:?}");
    assert!(whole.fuel > 10_000, "{whole:?}");
    assert_eq!((whole.writes.len(), whole.logs.len()), (22, 3));
    let mut cut = 0;
    // A third of the fuel is the price of host calls, and a slice that ends in one ends behind it: so there are
    // more amounts to try than before there were prices.
    for fuel in 1..=whole.fuel {
        let mut bench = Device::with(&image);
        bench.containers.start(0).unwrap();
        // As long as it takes to get there, whatever it calls meanwhile.
        let mut left = fuel;
        while left > 0 {
            let before = bench.containers.get(0).unwrap().fuel_used();
            bench.slice(left);
            let used = bench.containers.get(0).unwrap().fuel_used() - before;
            match bench.containers.run_mut(0).map(|run| run.main) {
                Some(super::run::Main::Cut) => {
                    cut += 1;
                    break;
                }
                Some(_) => {}
                // The price of its last calls was not taken before its end.
                None => break,
            }
            bench.pause_and_resume();
            left = left.saturating_sub(used.max(1));
        }
        if bench.state(0) == State::Running {
            bench.pause_and_resume();
        }
        assert_eq!(finish(&mut bench, 1 << 40, |_| ()), whole, "fuel {fuel}");
    }
    assert!(cut > 8_000, "cut in the middle only {cut} times");
}

#[test]
fn pausing_after_every_instruction_gives_the_result_of_the_uninterrupted_run() {
    let image = wat::parse_str(WORK).unwrap();
    let mut bench = Device::with(&image);
    bench.containers.start(0).unwrap();
    let whole = finish(&mut bench, u64::MAX >> 1, |_| ());
    for fuel in [1, 2, 3, 7, 50] {
        let mut bench = Device::with(&image);
        bench.containers.start(0).unwrap();
        let mut pauses = 0;
        let outcome = finish(&mut bench, fuel, |bench| {
            bench.pause_and_resume();
            pauses += 1;
        });
        assert_eq!(outcome, whole, "in pieces of {fuel}");
        assert!(pauses > 100, "only {pauses} pauses");
    }
}

/// Counts, and saves its count when it is paused. Claims a label.
const COUNTER: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "berth" "yield" (func $yield))
  (import "berth" "exit" (func $exit (param i32)))
  (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
  (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
  (memory (export "memory") 16 (pagesize 1))
  (func (export "_pause") (drop (call $save (i32.const 0) (i32.const 4))))
  (func (export "_start")
    (drop (call $claim))
    (drop (call $load (i32.const 0) (i32.const 4)))
    (loop $again
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (call $yield)
      (br_if $again (i32.lt_u (i32.load (i32.const 0)) (i32.const 10))))
    (call $exit (i32.load (i32.const 0)))))"#;

#[test]
fn a_container_that_saves_its_state_gives_everything_back_and_goes_on() {
    let image = wat::parse_str(COUNTER).unwrap();
    let mut bench = Device::with(&image);
    bench.containers.start(0).unwrap();
    for _ in 0..4 {
        bench.containers.run_one();
    }
    bench.containers.pause(0).unwrap();
    assert_eq!(bench.state(0), State::Paused);
    assert_eq!(bench.fake.0.holders.borrow()[0], None);
    // Meanwhile another has its label; it can only go on when that is free again.
    let other = bench.store("other", &image);
    bench.containers.start(other).unwrap();
    assert!(matches!(
        bench.containers.resume(0),
        Err(Refused::Busy { .. })
    ));
    assert_eq!(bench.state(0), State::Paused);
    bench.containers.stop(other).unwrap();
    bench.containers.resume(0).unwrap();
    for _ in 0..7 {
        assert_eq!(bench.state(0), State::Running);
        bench.containers.run_one();
    }
    assert_eq!(bench.state(0), State::Exited { code: 10 });
}

#[test]
fn saved_state_is_offered_at_the_next_start_and_goes_with_the_container() {
    let image = wat::parse_str(COUNTER).unwrap();
    let mut bench = Device::with(&image);
    bench.containers.start(0).unwrap();
    bench.containers.run_one();
    bench.containers.pause(0).unwrap();
    bench.containers.stop(0).unwrap();
    bench.containers.start(0).unwrap();
    let slices = std::iter::from_fn(|| bench.containers.run_one().then_some(())).count();
    assert_eq!(slices, 10, "one was counted before");
    bench.containers.remove(0).unwrap();
    let slot = bench.store("it", &image);
    bench.containers.start(slot).unwrap();
    let slices = std::iter::from_fn(|| bench.containers.run_one().then_some(())).count();
    assert_eq!(slices, 11, "nothing is left of the one before");
}

#[test]
fn what_state_cannot_be_saved_or_loaded_is_told_or_trapped() {
    // Too long; not inside the memory; a buffer shorter than the state gets its beginning.
    let program = |body: &str| {
        std::format!(
            r#"(module
              (import "berth" "exit" (func $exit (param i32)))
              (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
              (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
              (memory (export "memory") 2048 (pagesize 1))
              (data (i32.const 0) "abcd")
              (func (export "_start") (call $exit {body})))"#
        )
    };
    let save = |length: u32| std::format!("(call $save (i32.const 0) (i32.const {length}))");
    let cases = [
        (save(1024), State::Exited { code: 0 }),
        (save(1025), State::Exited { code: 7 }),
        (save(2048), State::Exited { code: 7 }),
        (
            save(2049),
            State::Faulted {
                fault: Fault::BadPointer,
            },
        ),
        (
            "(call $load (i32.const 2047) (i32.const 2))".into(),
            State::Faulted {
                fault: Fault::BadPointer,
            },
        ),
        (
            "(call $load (i32.const -1) (i32.const -1))".into(),
            State::Faulted {
                fault: Fault::BadPointer,
            },
        ),
        (
            "(call $load (i32.const 0) (i32.const 9))".into(),
            State::Exited { code: 0 },
        ),
        (
            r#"(i32.add
              (call $save (i32.const 0) (i32.const 4))
              (i32.add
                (i32.mul (i32.const 1000) (call $load (i32.const 100) (i32.const 2)))
                (i32.add (i32.load8_u (i32.const 101)) (i32.load8_u (i32.const 102)))))"#
                .into(),
            State::Exited {
                code: 4000 + b'b' as i32,
            },
        ),
    ];
    for (body, state) in cases {
        let mut bench = Device::with(&wat::parse_str(program(&body)).unwrap());
        bench.containers.start(0).unwrap();
        bench.containers.run_one();
        assert_eq!(bench.state(0), state, "{body}");
    }
}

#[test]
fn pause_is_asked_at_a_border_if_main_comes_to_one_soon() {
    // Sets a global, computes, sets it back: `_pause` must not see it set.
    let program = |rounds: u32| {
        std::format!(
            r#"(module
              (import "berth" "yield" (func $yield))
              (import "berth" "exit" (func $exit (param i32)))
              (global $inside (mut i32) (i32.const 0))
              (func (export "_pause") (if (global.get $inside) (then (call $exit (i32.const 1)))))
              (func (export "_start") (local $i i32)
                (loop $for_ever
                  (global.set $inside (i32.const 1))
                  (local.set $i (i32.const 0))
                  (loop $again
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $again (i32.lt_u (local.get $i) (i32.const {rounds}))))
                  (global.set $inside (i32.const 0))
                  (call $yield)
                  (br $for_ever))))"#
        )
    };
    let image = wat::parse_str(program(100)).unwrap();
    for fuel in 1..500 {
        let mut bench = Device::with(&image);
        bench.containers.start(0).unwrap();
        bench.slice(fuel);
        bench.containers.pause(0).unwrap();
        assert_eq!(bench.state(0), State::Paused, "fuel {fuel}");
    }
    // One that does not is asked where it is.
    let mut bench = Device::with(&wat::parse_str(program(1_000_000)).unwrap());
    bench.containers.start(0).unwrap();
    bench.containers.run_one();
    assert!(bench.containers.pause(0).is_err());
    assert_eq!(bench.state(0), State::Exited { code: 1 });
}

#[test]
fn what_pause_does_wrong_is_recorded_as_its_own() {
    let program = |body: &str| {
        std::format!(
            r#"(module
              (import "berth" "yield" (func $yield))
              (func (export "_pause") {body})
              (func (export "_start") (loop $l (call $yield) (br $l))))"#
        )
    };
    for (body, fault) in [
        ("(loop $l (br $l))", Fault::PauseTooLong),
        ("unreachable", Fault::Unreachable),
        ("(call $yield)", Fault::MaySuspend),
    ] {
        let mut bench = Device::with(&wat::parse_str(program(body)).unwrap());
        bench.containers.start(0).unwrap();
        bench.containers.run_one();
        let before = bench.containers.get(0).unwrap().fuel_used();
        assert!(bench.containers.pause(0).is_err());
        let record = bench.containers.get(0).unwrap().fault().unwrap();
        assert_eq!((record.fault, record.entry), (fault, Entry::Pause));
        // An endless `_pause` took one slice and no more.
        assert!(record.fuel_used - before <= 2_500, "{record:?}");
    }
}
