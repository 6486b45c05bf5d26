//! Messages between containers, from import to import.

use std::format;

use berth_protocol::{Fault, State};

use super::test_device::Device;

/// A module with all that messages need; 256 bytes of memory, `data` at 0.
fn program(data: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "berth" "send" (func $send (param i32 i32 i32 i32) (result i32)))
          (import "berth" "receive" (func $receive (param i32 i32 i32) (result i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 256 (pagesize 1))
          (data (i32.const 0) "{data}")
          (func (export "_start") {body}))"#
    );
    wat::parse_str(text).unwrap()
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

#[test]
fn one_container_serves_others_by_name() {
    let mut device = Device::new();
    let doubler = device.start("doubler", &program("", DOUBLER));
    device.pass(100);
    // It waits, and costs nothing meanwhile.
    assert!(!device.containers.run_one());
    assert_eq!(device.containers.next_wake(), None);
    for name in ["a", "a-client-with-a-name-of-32-bytes"] {
        let client = device.start(name, &program("doubler", CLIENT));
        device.pass(100);
        assert_eq!(device.state(client), State::Exited { code: 42 }, "{name}");
    }
    assert_eq!(device.state(doubler), State::Running);
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
        let mut device = Device::new();
        let sleep = "(loop $l (call $sleep (i64.const 1000)) (br $l))";
        device.start("sleeper", &program("", sleep));
        let stopped = device.start("stopped", &program("", sleep));
        device.containers.stop(stopped).unwrap();
        let body = format!(
            "(call $exit (call $send (i32.const 0) (i32.const {}) (i32.const 8) (i32.const {length})))",
            name.len()
        );
        let sender = device.start("sender", &program(name, &body));
        device.pass(100);
        assert_eq!(
            device.state(sender),
            State::Exited { code: number },
            "{name} {length}"
        );
    }
}

#[test]
fn a_full_queue_says_so_until_it_is_read() {
    let mut device = Device::new();
    let reader = device.start(
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
    let sender = device.start("s", &program("reader", body));
    device.pass(100);
    assert_eq!(device.state(sender), State::Exited { code: 205 });
    device.fake.0.now_us.set(2_000_000);
    device.pass(100);
    assert_eq!(device.state(reader), State::Running);
    device.containers.start(sender).unwrap();
    device.pass(100);
    assert!(!device.containers.has_mail(reader), "all was read");
}

#[test]
fn a_message_longer_than_its_place_is_cut_and_its_length_told() {
    let mut device = Device::new();
    let body = r#"(call $exit (i32.add
      (i32.mul (i32.const 1000) (call $receive (i32.const 10) (i32.const 2) (i32.const 0)))
      (i32.add
        (i32.mul (i32.const 10) (i32.load8_u (i32.const 11)))
        (i32.load8_u (i32.const 12)))))"#;
    let reader = device.start("reader", &program("", body));
    let send = "(drop (call $send (i32.const 0) (i32.const 6) (i32.const 6) (i32.const 3)))";
    device.start("s", &program("reader\\01\\05\\07", send));
    device.pass(100);
    assert_eq!(device.state(reader), State::Exited { code: 3050 });
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
        let mut device = Device::new();
        let slot = device.start("it", &program("", call));
        device.pass(100);
        let fault = Fault::BadPointer;
        assert_eq!(device.state(slot), State::Faulted { fault }, "{call}");
    }
}

#[test]
fn what_was_sent_to_a_container_ends_with_it() {
    let mut device = Device::new();
    let sleep = "(loop $l (call $sleep (i64.const 1000)) (br $l))";
    let sleeper = device.start("sleeper", &program("", sleep));
    let send = "(drop (call $send (i32.const 0) (i32.const 7) (i32.const 0) (i32.const 3)))";
    device.start("s", &program("sleeper", send));
    device.pass(100);
    assert!(device.containers.has_mail(sleeper));
    device.containers.pause(sleeper).unwrap();
    assert!(device.containers.has_mail(sleeper), "a pause keeps it");
    device.containers.stop(sleeper).unwrap();
    assert!(!device.containers.has_mail(sleeper));
}

#[test]
fn waiting_for_a_message_can_be_paused_and_stopped() {
    let mut device = Device::new();
    let doubler = device.start("doubler", &program("", DOUBLER));
    device.pass(100);
    device.containers.pause(doubler).unwrap();
    let client = device.start("client", &program("doubler", CLIENT));
    device.pass(100);
    assert_eq!(
        device.state(client),
        State::Running,
        "it waits for the answer"
    );
    device.containers.resume(doubler).unwrap();
    device.pass(100);
    assert_eq!(device.state(client), State::Exited { code: 42 });
    device.containers.stop(doubler).unwrap();
    assert_eq!(device.state(doubler), State::Stopped);
}
