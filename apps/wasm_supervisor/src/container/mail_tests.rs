//! Messages between containers, from import to import.

use std::format;
use std::string::String;

use berth_protocol::{Fault, ImageHash, Parameters, State};

use super::{Containers, Name, Shared};
use crate::fake::Fake;

struct Bench {
    fake: Fake,
    containers: Containers<Fake>,
}

/// A module with all that messages need; 256 bytes of memory, `data` at 0.
fn program(data: &str, body: &str) -> String {
    format!(
        r#"(module
          (import "berth" "send" (func $send (param i32 i32 i32 i32) (result i32)))
          (import "berth" "receive" (func $receive (param i32 i32 i32) (result i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 256 (pagesize 1))
          (data (i32.const 0) "{data}")
          (func (export "_start") {body}))"#
    )
}

/// Answers each message of one byte with that byte doubled, to whoever sent it.
const DOUBLER: &str = r#"(local $length i32)
  (loop $again
    (drop (call $receive (i32.const 100) (i32.const 1) (i32.const 128)))
    ;; The name is padded with zeros: its length is where the first one stands.
    (local.set $length (i32.const 0))
    (loop $count
      (if (i32.load8_u (i32.add (i32.const 128) (local.get $length)))
        (then
          (local.set $length (i32.add (local.get $length) (i32.const 1)))
          (br $count))))
    (i32.store8 (i32.const 100) (i32.mul (i32.load8_u (i32.const 100)) (i32.const 2)))
    (drop (call $send (i32.const 128) (local.get $length) (i32.const 100) (i32.const 1)))
    (br $again))"#;

/// Asks `doubler` to double 21 and exits with the answer.
const CLIENT: &str = r#"
  (i32.store8 (i32.const 64) (i32.const 21))
  (if (call $send (i32.const 0) (i32.const 7) (i32.const 64) (i32.const 1))
    (then (call $exit (i32.const -1))))
  (drop (call $receive (i32.const 65) (i32.const 1) (i32.const 0)))
  (call $exit (i32.load8_u (i32.const 65)))"#;

impl Bench {
    fn new() -> Self {
        let fake = Fake::default();
        Self {
            containers: Containers::new(Shared::new(fake.clone()).into()),
            fake,
        }
    }

    fn start(&mut self, name: &str, wat: &str) -> usize {
        let image = wat::parse_str(wat).unwrap();
        let (hash, parameters) = (ImageHash([0; 32]), Parameters::default());
        self.containers
            .store(Name::new(name).unwrap(), image, hash, parameters)
            .unwrap();
        let slot = self.containers.find(name).unwrap();
        self.containers.start(slot).unwrap();
        slot
    }

    fn run(&mut self) {
        for _ in 0..100 {
            if !self.containers.run_one() {
                let now = self.fake.0.now_us.get();
                self.fake.0.now_us.set(now + 1000);
            }
        }
    }

    fn state(&self, slot: usize) -> State {
        self.containers.get(slot).unwrap().state()
    }
}

#[test]
fn one_container_serves_others_by_name() {
    let mut bench = Bench::new();
    let doubler = bench.start("doubler", &program("", DOUBLER));
    bench.run();
    // It waits, and costs nothing meanwhile.
    assert!(!bench.containers.run_one());
    assert_eq!(bench.containers.next_wake(), None);
    for name in ["a", "a-client-with-a-name-of-32-bytes"] {
        let client = bench.start(name, &program("doubler", CLIENT));
        bench.run();
        assert_eq!(bench.state(client), State::Exited { code: 42 }, "{name}");
    }
    assert_eq!(bench.state(doubler), State::Running);
}

#[test]
fn every_way_a_message_is_not_taken_has_its_number() {
    // (name, length of the message, what `send` gives)
    for (name, length, number) in [
        ("nobody", 1, 11),
        ("", 1, 11),
        ("stopped", 1, 11),
        ("sleeper", 64, 0),
        ("sleeper", 0, 0),
        ("sleeper", 65, 7),
    ] {
        let mut bench = Bench::new();
        let sleep = "(loop $l (call $sleep (i64.const 1000)) (br $l))";
        bench.start("sleeper", &program("", sleep));
        let stopped = bench.start("stopped", &program("", sleep));
        bench.containers.stop(stopped).unwrap();
        let body = format!(
            "(call $exit (call $send (i32.const 0) (i32.const {}) (i32.const 8) (i32.const {length})))",
            name.len()
        );
        let sender = bench.start("sender", &program(name, &body));
        bench.run();
        assert_eq!(
            bench.state(sender),
            State::Exited { code: number },
            "{name} {length}"
        );
    }
}

#[test]
fn a_full_queue_says_so_until_it_is_read() {
    let mut bench = Bench::new();
    let reader = bench.start(
        "reader",
        &program(
            "",
            "(call $sleep (i64.const 1000000))
             (loop $l (drop (call $receive (i32.const 0) (i32.const 64) (i32.const 0))) (br $l))",
        ),
    );
    // Exits with the number of messages that were taken before the first that was not.
    let body = r#"(local $count i32) (local $answer i32)
      (loop $l
        (local.set $answer (call $send (i32.const 0) (i32.const 6) (i32.const 0) (i32.const 64)))
        (if (i32.eqz (local.get $answer))
          (then (local.set $count (i32.add (local.get $count) (i32.const 1))) (br $l))))
      (call $exit (i32.add (i32.mul (local.get $answer) (i32.const 100)) (local.get $count)))"#;
    let sender = bench.start("s", &program("reader", body));
    bench.run();
    assert_eq!(bench.state(sender), State::Exited { code: 205 });
    bench.fake.0.now_us.set(2_000_000);
    bench.run();
    assert_eq!(bench.state(reader), State::Running);
    bench.containers.start(sender).unwrap();
    bench.run();
    assert!(!bench.containers.has_mail(reader), "all was read");
}

#[test]
fn a_message_longer_than_its_place_is_cut_and_its_length_told() {
    let mut bench = Bench::new();
    let body = r#"(call $exit (i32.add
      (i32.mul (i32.const 1000) (call $receive (i32.const 10) (i32.const 2) (i32.const 0)))
      (i32.add
        (i32.mul (i32.const 10) (i32.load8_u (i32.const 11)))
        (i32.load8_u (i32.const 12)))))"#;
    let reader = bench.start("reader", &program("", body));
    let send = "(drop (call $send (i32.const 0) (i32.const 6) (i32.const 6) (i32.const 3)))";
    bench.start("s", &program("reader\\01\\05\\07", send));
    bench.run();
    assert_eq!(bench.state(reader), State::Exited { code: 3050 });
}

#[test]
fn places_outside_the_memory_trap() {
    for call in [
        "(drop (call $send (i32.const 250) (i32.const 7) (i32.const 0) (i32.const 1)))",
        "(drop (call $send (i32.const 0) (i32.const 1) (i32.const 256) (i32.const 1)))",
        "(drop (call $send (i32.const -1) (i32.const -1) (i32.const 0) (i32.const 1)))",
        "(drop (call $receive (i32.const 250) (i32.const 7) (i32.const 0)))",
        "(drop (call $receive (i32.const 0) (i32.const 1) (i32.const 225)))",
        "(drop (call $receive (i32.const -1) (i32.const -1) (i32.const 0)))",
    ] {
        let mut bench = Bench::new();
        let slot = bench.start("it", &program("", call));
        bench.run();
        let fault = Fault::BadPointer;
        assert_eq!(bench.state(slot), State::Faulted { fault }, "{call}");
    }
}

#[test]
fn what_was_sent_to_a_container_ends_with_it() {
    let mut bench = Bench::new();
    let sleep = "(loop $l (call $sleep (i64.const 1000)) (br $l))";
    let sleeper = bench.start("sleeper", &program("", sleep));
    let send = "(drop (call $send (i32.const 0) (i32.const 7) (i32.const 0) (i32.const 3)))";
    bench.start("s", &program("sleeper", send));
    bench.run();
    assert!(bench.containers.has_mail(sleeper));
    bench.containers.pause(sleeper).unwrap();
    assert!(bench.containers.has_mail(sleeper), "a pause keeps it");
    bench.containers.stop(sleeper).unwrap();
    assert!(!bench.containers.has_mail(sleeper));
}

#[test]
fn waiting_for_a_message_can_be_paused_and_stopped() {
    let mut bench = Bench::new();
    let doubler = bench.start("doubler", &program("", DOUBLER));
    bench.run();
    bench.containers.pause(doubler).unwrap();
    let client = bench.start("client", &program("doubler", CLIENT));
    bench.run();
    assert_eq!(
        bench.state(client),
        State::Running,
        "it waits for the answer"
    );
    bench.containers.resume(doubler).unwrap();
    bench.run();
    assert_eq!(bench.state(client), State::Exited { code: 42 });
    bench.containers.stop(doubler).unwrap();
    assert_eq!(bench.state(doubler), State::Stopped);
}
