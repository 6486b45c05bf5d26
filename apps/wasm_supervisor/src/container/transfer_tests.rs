//! Transfers of containers on the kernel's buses.

use std::vec::Vec;

use berth_protocol::{Fault, ImageHash, Parameters, State};

use super::Name;
use super::test_device::Device;
use crate::buses::{Bus, SpiSettings};

impl Device {
    /// Everybody has turns, as long as somebody wants one.
    fn some_turns(&mut self) {
        for _ in 0..20 {
            self.containers.run_one();
        }
    }

    /// How many transfers were begun.
    fn begun(&self) -> usize {
        self.fake.0.wires.borrow().begun.len()
    }
}

const IMPORTS: &str = r#"
    (import "tock:spi" "configure" (func $configure (param i32 i32) (result i32)))
    (import "tock:spi" "transfer" (func $transfer (param i32 i32 i32) (result i32)))
    (import "tock:spi" "read" (func $read (param i32 i32) (result i32)))
    (import "tock:i2c" "write_read" (func $write_read (param i32 i32 i32 i32 i32) (result i32)))
    (import "tock:uart" "write" (func $uart_write (param i32 i32) (result i32)))
    (import "tock:uart" "read" (func $uart_read (param i32 i32) (result i32)))
    (import "berth" "exit" (func $exit (param i32)))
    (memory (export "memory") 2048 (pagesize 1))
    (data (i32.const 16) "abcdefgh")"#;

/// A guest that does this, and exits with what that leaves.
fn guest(main: &str) -> Vec<u8> {
    let text = std::format!(r#"(module {IMPORTS} (func (export "_start") (call $exit {main})))"#);
    wat::parse_str(text).unwrap()
}

/// Sends four bytes, and exits with the code and, if that is 0, the first byte that came.
const FOUR: &str = "(i32.or (call $transfer (i32.const 16) (i32.const 32) (i32.const 4)) (i32.load8_u (i32.const 32)))";

#[test]
fn main_waits_and_others_run_until_a_transfer_is_over() {
    let mut device = Device::new();
    let waits = device.start("waits", &guest(FOUR));
    device.some_turns();
    assert_eq!((device.begun(), device.state(waits)), (1, State::Running));
    let other = device.start("other", &guest("(i32.const 7)"));
    device.some_turns();
    assert_eq!(device.state(other), State::Exited { code: 7 });
    assert_eq!(device.containers.next_wake(), None, "it looks all the time");
    device.fake.complete(Bus::Spi);
    assert!(device.containers.next_wake().is_some());
    device.some_turns();
    assert_eq!(
        device.state(waits),
        State::Exited {
            code: i32::from(!b'a')
        }
    );
    let wires = device.fake.0.wires.borrow();
    assert_eq!(wires.begun[0].2, b"abcd");
}

#[test]
fn transfers_of_several_come_one_after_the_other_each_with_its_own_clock() {
    let mut device = Device::new();
    let first = device.start("first", &guest(FOUR));
    let main = std::format!("(i32.or (call $configure (i32.const 250000) (i32.const 3)) {FOUR})");
    let second = device.start("second", &guest(&main));
    device.some_turns();
    assert_eq!(device.begun(), 1);
    device.fake.complete(Bus::Spi);
    device.some_turns();
    assert_eq!(device.begun(), 2);
    device.fake.complete(Bus::Spi);
    device.some_turns();
    for slot in [first, second] {
        assert_eq!(
            device.state(slot),
            State::Exited {
                code: i32::from(!b'a')
            }
        );
    }
    let wires = device.fake.0.wires.borrow();
    let mut settings: Vec<_> = wires.begun.iter().map(|transfer| transfer.1).collect();
    settings.sort_by_key(|settings| settings.rate);
    let of = |rate, mode| SpiSettings { rate, mode };
    assert_eq!(settings, [of(250_000, 3), of(1_000_000, 0)]);
}

#[test]
fn both_buses_are_used_at_once_and_an_error_is_what_the_call_returns() {
    let mut device = Device::new();
    let spi = device.start("spi", &guest("(call $read (i32.const 32) (i32.const 2))"));
    let call = |address: u8| {
        std::format!(
            "(call $write_read (i32.const {address}) (i32.const 16) (i32.const 1) (i32.const 32) (i32.const 2))"
        )
    };
    let i2c = device.start("i2c", &guest(&call(0x48)));
    let nobody = device.start("nobody", &guest(&call(0x20)));
    device.some_turns();
    assert_eq!(device.begun(), 2);
    for _ in 0..3 {
        device.fake.complete(Bus::Spi);
        device.fake.complete(Bus::I2c);
        device.some_turns();
    }
    assert_eq!(device.state(spi), State::Exited { code: 0 });
    assert_eq!(device.state(i2c), State::Exited { code: 0 });
    assert_eq!(device.state(nobody), State::Exited { code: 13 });
}

#[test]
fn who_ends_or_is_paused_has_the_bus_no_longer() {
    for pauses in [false, true] {
        let mut device = Device::new();
        let slot = device.start("it", &guest(FOUR));
        device.some_turns();
        assert!(device.fake.0.wires.borrow().is_busy(Bus::Spi));
        if pauses {
            device.containers.pause(slot).unwrap();
        } else {
            device.containers.kill(slot).unwrap();
        }
        assert!(!device.fake.0.wires.borrow().is_busy(Bus::Spi));
        // What was cancelled is not over yet; then the next one's begins.
        let next = device.start("next", &guest(FOUR));
        device.some_turns();
        assert_eq!(device.begun(), 1);
        device.fake.complete(Bus::Spi);
        device.some_turns();
        assert_eq!(device.begun(), 2);
        device.fake.complete(Bus::Spi);
        device.some_turns();
        assert_eq!(
            device.state(next),
            State::Exited {
                code: i32::from(!b'a')
            }
        );
        if pauses {
            device.containers.resume(slot).unwrap();
            device.some_turns();
            assert_eq!(device.state(slot), State::Exited { code: 8 });
        }
    }
}

#[test]
fn what_cannot_be_is_told_at_once() {
    for (main, code) in [
        (
            "(call $transfer (i32.const 16) (i32.const 32) (i32.const 0))",
            6,
        ),
        ("(call $read (i32.const 0) (i32.const 1025))", 7),
        ("(call $configure (i32.const 0) (i32.const 0))", 6),
        ("(call $configure (i32.const 1) (i32.const 4))", 6),
        (
            "(call $write_read (i32.const 0x80) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))",
            6,
        ),
        (
            "(call $write_read (i32.const 1) (i32.const 0) (i32.const 129) (i32.const 0) (i32.const 0))",
            7,
        ),
    ] {
        let mut device = Device::new();
        let slot = device.start("it", &guest(main));
        device.some_turns();
        assert_eq!(device.state(slot), State::Exited { code }, "{main}");
        assert_eq!(device.begun(), 0, "{main}");
    }
}

#[test]
fn places_outside_memory_are_faults_and_handlers_cannot_wait() {
    for main in [
        "(call $transfer (i32.const 2046) (i32.const 32) (i32.const 4))",
        "(call $transfer (i32.const 16) (i32.const 2046) (i32.const 4))",
        "(call $read (i32.const -1) (i32.const 2))",
        "(call $write_read (i32.const 0x48) (i32.const 16) (i32.const 1) (i32.const 2047) (i32.const 2))",
    ] {
        let mut device = Device::new();
        let slot = device.start("it", &guest(main));
        device.some_turns();
        let fault = Fault::BadPointer;
        assert_eq!(device.state(slot), State::Faulted { fault }, "{main}");
    }
    // A start function has a budget, and no turns to wait in.
    let text = std::format!(
        r#"(module {IMPORTS} (func $start (drop {FOUR})) (start $start) (func (export "_start")))"#
    );
    let image = wat::parse_str(text).unwrap();
    let mut device = Device::new();
    let (hash, parameters) = (ImageHash([0; 32]), Parameters::default());
    let own = Name::new("it").unwrap();
    device
        .containers
        .store(own, image, hash, parameters)
        .unwrap();
    let slot = device.containers.find("it").unwrap();
    let _ = device.containers.start(slot);
    assert_eq!(
        device.state(slot),
        State::Faulted {
            fault: Fault::MaySuspend
        }
    );
    assert_eq!(device.begun(), 0);
}

#[test]
fn a_board_without_the_bus_refuses_the_module() {
    let mut device = Device::new();
    device.fake.0.wires.borrow_mut().none = true;
    let (hash, parameters) = (ImageHash([0; 32]), Parameters::default());
    let own = Name::new("it").unwrap();
    device
        .containers
        .store(own, guest(FOUR), hash, parameters)
        .unwrap();
    let slot = device.containers.find("it").unwrap();
    assert!(device.containers.start(slot).is_err());
}

#[test]
fn one_reads_from_the_uart_while_another_writes_and_each_direction_has_its_limits() {
    let mut device = Device::new();
    let reads =
        "(i32.or (call $uart_read (i32.const 32) (i32.const 3)) (i32.load8_u (i32.const 32)))";
    let reads = device.start("reads", &guest(reads));
    let writes = device.start(
        "writes",
        &guest("(call $uart_write (i32.const 16) (i32.const 5))"),
    );
    device.some_turns();
    assert_eq!(device.begun(), 2);
    let sent = |(_, _, bytes): &(_, _, Vec<u8>)| bytes == b"abcde";
    assert!(device.fake.0.wires.borrow().begun.iter().any(sent));
    device.fake.complete(Bus::UartOut);
    device.some_turns();
    assert_eq!(device.state(writes), State::Exited { code: 0 });
    assert_eq!(device.state(reads), State::Running);
    device.fake.complete(Bus::UartIn);
    device.some_turns();
    assert_eq!(device.state(reads), State::Exited { code: 255 });
    for (call, code) in [
        ("(call $uart_write (i32.const 0) (i32.const 257))", 7),
        ("(call $uart_read (i32.const 0) (i32.const 257))", 7),
        ("(call $uart_write (i32.const 0) (i32.const 0))", 7),
        ("(call $uart_read (i32.const 0) (i32.const 0))", 7),
    ] {
        let slot = device.start("wrong", &guest(call));
        device.some_turns();
        assert_eq!(device.state(slot), State::Exited { code }, "{call}");
    }
    assert_eq!(device.begun(), 2);
}
