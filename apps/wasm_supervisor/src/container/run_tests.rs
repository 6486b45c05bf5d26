//! A run is committed or dropped whole: what the image of a live update does before it is the container's.

use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use berth_protocol::{Fault, ImageHash, Parameters, State, Update};

use super::Refused;
use super::test_device::Device;

/// Number of the block `timer0` on the fake board.
const TIMER: u32 = 1;

const TRIAL_MS: u32 = 5_000;

/// What a module does while it is loaded, beside what it does as a container.
#[derive(Clone, Copy, Default)]
struct Guest<'a> {
    /// Says `handled` in its handler.
    says: char,
    /// In the module's start function.
    start: &'a str,
    /// At the beginning of main.
    main: &'a str,
    /// In `_pause`.
    pause: &'a str,
}

const REGISTERS: &str =
    "(drop (call $register (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 0)))";
const UNREGISTERS: &str = "(call $unregister)";
const SAVES: &str = "(drop (call $save (i32.const 32) (i32.const 1)))";
const SENDS: &str = "(drop (call $send (i32.const 40) (i32.const 2) (i32.const 32) (i32.const 1)))";
const TRAPS: &str = "unreachable";

impl Guest<'_> {
    fn image(self) -> Vec<u8> {
        let Self {
            says,
            start,
            main,
            pause,
        } = self;
        wat::parse_str(format!(
            r#"(module
              (import "mmio:timer0" "claim" (func $claim (result i32)))
              (import "irq:timer0" "register"
                (func $register (param i32 i32 i32 i32) (result i32)))
              (import "irq:timer0" "unregister" (func $unregister))
              (import "berth" "log" (func $log (param i32 i32 i32)))
              (import "berth" "sleep_us" (func $sleep (param i64)))
              (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
              (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
              (import "berth" "send" (func $send (param i32 i32 i32 i32) (result i32)))
              (import "berth" "receive" (func $receive (param i32 i32 i32) (result i32)))
              (memory (export "memory") 64 (pagesize 1))
              (data (i32.const 32) "{says}")
              (data (i32.const 40) "it")
              (table (export "__indirect_function_table") 2 funcref)
              (elem (i32.const 1) $handle)
              (func $say (call $log (i32.const 2) (i32.const 32) (i32.const 1)))
              (func $handle (param i32 i32) (call $say))
              (func $start {start})
              (start $start)
              (func (export "_pause") {pause})
              (func (export "_start")
                {main}
                (loop $again (call $sleep (i64.const 1000000)) (br $again))))"#
        ))
        .unwrap()
    }
}

impl Device {
    /// A device on which `guest` runs.
    fn running(guest: Guest<'_>) -> Self {
        let mut device = Self::new();
        device.start("it", &guest.image());
        device.turns();
        device
    }

    /// Turns as long as somebody wants one.
    fn turns(&mut self) {
        while self.containers.run_one() {}
    }

    fn update(&mut self, guest: Guest<'_>) -> Result<Update, Refused> {
        let image = guest.image();
        let hash = ImageHash::of(&image);
        self.containers
            .update(0, image, hash, Parameters::default(), TRIAL_MS)
    }

    /// Raise the interrupt and run handlers. Returns what they said.
    fn interrupt(&mut self) -> Vec<String> {
        let before = self.said(0).len();
        self.fake.raise(TIMER, 0);
        self.containers.run_handlers();
        self.said(0).split_off(before)
    }

    fn saved(&self) -> Vec<u8> {
        let shared = &self.containers.shared;
        shared.with_saved(0, |saved| saved.bytes().to_vec())
    }
}

const OLD: Guest<'static> = Guest {
    says: 'o',
    start: "",
    main: REGISTERS,
    pause: "",
};

#[test]
fn what_a_run_did_that_is_dropped_is_undone_and_the_old_one_hears_its_interrupts() {
    let state = format!("{SAVES} {TRAPS}");
    for start in [
        &format!("{REGISTERS} {TRAPS}"),
        &format!("{UNREGISTERS} {TRAPS}"),
        &format!("{REGISTERS} {UNREGISTERS} {REGISTERS} {TRAPS}"),
        &state,
        &format!("{SENDS} {TRAPS}"),
    ] {
        let mut device = Device::running(Guest {
            main: &format!("{REGISTERS} {SAVES}"),
            ..OLD
        });
        // One that has come before, and one that comes after.
        assert!(device.fake.raise(TIMER, 0));
        let outcome = Update::RolledBack {
            fault: Some(Fault::Unreachable),
        };
        let new = Guest {
            says: 'n',
            start,
            ..Guest::default()
        };
        assert_eq!(device.update(new), Ok(outcome), "{start}");
        assert_eq!(device.interrupt(), ["o"], "{start}");
        assert_eq!(device.interrupt(), ["o"], "{start}");
        assert_eq!(device.saved(), b"o", "{start}");
        assert_eq!(device.state(0), State::Running);
        assert_eq!(device.containers.interrupts(0), (2, 0));
        assert!(!device.containers.has_mail(0), "{start}");
        assert_eq!(*device.fake.0.holders.borrow(), [None, Some(1), None]);
    }
}

#[test]
fn an_image_that_is_refused_in_the_end_leaves_the_old_one_its_interrupts() {
    // The kernel takes two interrupts of the block; the second registration of one is refused, and the new
    // image, which asks for what the kernel does not have, is dropped.
    let mut device = Device::running(OLD);
    device.fake.0.interrupts.borrow_mut().refuses = 1;
    let new = Guest {
        says: 'n',
        start: REGISTERS,
        ..Guest::default()
    };
    let outcome = Update::RolledBack {
        fault: Some(Fault::BadRegister),
    };
    assert_eq!(device.update(new), Ok(outcome));
    assert_eq!(device.interrupt(), ["o"]);
    assert_eq!(device.state(0), State::Running);
}

#[test]
fn what_a_start_function_does_counts_alike_when_started_and_when_updated() {
    let new = Guest {
        says: 'n',
        start: &format!("{REGISTERS} {SAVES} {SENDS}"),
        ..Guest::default()
    };
    let started = Device::running(new);
    let mut updated = Device::running(OLD);
    assert!(matches!(updated.update(new), Ok(Update::Trial { .. })));
    for mut device in [started, updated] {
        assert_eq!(device.interrupt(), ["n"]);
        assert_eq!(device.saved(), b"n");
        assert!(device.containers.has_mail(0));
    }
    // A plain start that fails has not changed the state that was saved, either.
    let mut device = Device::running(Guest { main: SAVES, ..OLD });
    device.containers.kill(0).unwrap();
    let fails = Guest {
        says: 'n',
        start: &format!("{SAVES} {REGISTERS} {TRAPS}"),
        ..Guest::default()
    };
    device.update(fails).unwrap();
    assert!(device.containers.start(0).is_err());
    assert_eq!(device.saved(), b"o");
    assert!(!device.fake.raise(TIMER, 0));
    assert_eq!(*device.fake.0.holders.borrow(), [None; 3]);
}

#[test]
fn messages_that_nobody_has_read_pass_over() {
    let mut device = Device::running(Guest { main: SENDS, ..OLD });
    let receives = "(drop (call $receive (i32.const 33) (i32.const 1) (i32.const 0)))
        (call $log (i32.const 2) (i32.const 33) (i32.const 1))";
    let new = Guest {
        says: 'n',
        start: SENDS,
        main: &format!("{receives} {receives}"),
        pause: "",
    };
    device.update(new).unwrap();
    device.turns();
    assert_eq!(device.said(0), vec!["o", "n"]);
}

#[test]
fn the_old_ones_last_word_counts_unless_the_new_one_has_spoken() {
    let old = Guest {
        main: "",
        pause: SAVES,
        ..OLD
    };
    for (start, state) in [("", b"o"), (SAVES, b"n")] {
        let mut device = Device::running(old);
        let new = Guest {
            says: 'n',
            start,
            main: "",
            pause: "",
        };
        device.update(new).unwrap();
        assert_eq!(device.saved(), state);
    }
}

#[test]
fn a_fault_in_the_trial_brings_back_state_of_any_length() {
    // The new image saves one byte, the old one had saved many: no memory is needed to bring that back.
    let long = "(drop (call $save (i32.const 0) (i32.const 64)))";
    let mut device = Device::running(Guest {
        main: "",
        pause: long,
        ..OLD
    });
    let new = Guest {
        says: 'n',
        start: "",
        main: &format!("{SAVES} {TRAPS}"),
        pause: "",
    };
    device.update(new).unwrap();
    device.turns();
    assert_eq!(
        device.containers.update_status(0),
        Update::RolledBack {
            fault: Some(Fault::Unreachable)
        }
    );
    assert_eq!(device.saved().len(), 64);
}
