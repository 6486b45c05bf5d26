//! Where execution enters a module and leaves it: nothing runs of one that cannot be entered, and calls nest as deep as
//! its stack.

use std::format;
use std::string::String;
use std::vec::Vec;

use berth_pack::{Options, pack};
use berth_protocol::{Fault, ImageHash, Parameters, State};

use super::test_device::Device;
use super::{Name, Refused};

impl Device {
    /// Store `image` and start it, if it is taken.
    fn try_start(&mut self, image: Vec<u8>, stack: Option<u32>) -> Result<(), Refused> {
        let hash = ImageHash::of(&image);
        let parameters = Parameters {
            stack,
            ..Parameters::default()
        };
        let name = Name::new("it").unwrap();
        self.containers.store(name, image, hash, parameters)?;
        self.containers.start(0)
    }

    /// Returns what has become of it after 200 ms.
    fn later(&mut self) -> State {
        self.pass(200);
        self.state(0)
    }
}

const IMPORTS: &str = r#"
    (import "mmio:fpgaio" "claim" (func $claim (result i32)))
    (import "mmio" "write32" (func $write (param i32 i32 i32)))
    (import "berth" "yield" (func $yield))
    (import "berth" "exit" (func $exit (param i32)))"#;

fn assemble(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {IMPORTS} {body})")).unwrap()
}

#[test]
fn a_start_function_does_not_act_in_a_module_that_cannot_be_entered() {
    for entry in [
        r#"(func (export "_start") (param i32))"#,
        r#"(func (export "_start") (result i32) (i32.const 1))"#,
        r#"(func (export "_start")) (func (export "_pause") (param i64))"#,
        r#"(export "_start" (func $yield))"#,
        r#"(func (export "_start")) (export "_pause" (func $yield))"#,
    ] {
        let mut device = Device::new();
        let image = assemble(&format!(
            "(func $acts (call $write (call $claim) (i32.const 0) (i32.const 1)))
             (start $acts) {entry}"
        ));
        let refused = device.try_start(image, None);
        assert!(matches!(refused, Err(Refused::Invalid(_))), "{refused:?}");
        assert!(device.fake.0.writes.borrow().is_empty(), "{entry}");
    }
}

#[test]
fn a_function_of_the_device_in_a_functions_place_is_packed_as_a_call() {
    // It suspends in the device's function and goes on behind it.
    let image = assemble(
        r#"(func $last (return_call $yield))
           (func $answer (param i32) (return_call $exit (i32.add (local.get 0) (i32.const 40))))
           (func (export "_start")
             (call $last) (call $last) (return_call $answer (i32.const 2)))"#,
    );
    let mut device = Device::new();
    let refused = device.try_start(image.clone(), None);
    assert!(matches!(refused, Err(Refused::Invalid(_))), "{refused:?}");
    let options = Options {
        name: String::from("it"),
        ..Options::default()
    };
    let packed = pack(&image, &options).unwrap();
    assert_eq!(
        packed.tail_calls, 2,
        "the module's own functions stay tail calls"
    );
    device.try_start(packed.image, None).unwrap();
    assert_eq!(device.later(), State::Exited { code: 42 });
}

/// Calls itself `depth` times, each time with two values.
fn nested(depth: u32) -> String {
    format!(
        r#"(func $deep (param i32) (result i32)
             (if (result i32) (local.get 0)
               (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
               (else (i32.const 0))))
           (func (export "_start") (call $exit (call $deep (i32.const {depth}))))"#
    )
}

#[test]
fn calls_nest_as_deep_as_the_stack() {
    for (stack, depth) in [(None, 60), (Some(8 * 1024), 240), (Some(64 * 1024), 2_000)] {
        let mut device = Device::new();
        device.try_start(assemble(&nested(depth)), stack).unwrap();
        let code = depth as i32;
        assert_eq!(device.later(), State::Exited { code }, "{stack:?}");
    }
}

#[test]
fn a_stack_that_is_used_up_is_that_containers_fault() {
    let endless = r#"(func $f (export "_start") (call $f))"#;
    let with_values = nested(1_000_000);
    for stack in [None, Some(128), Some(8 * 1024), Some(64 * 1024)] {
        for body in [endless, &with_values] {
            let mut device = Device::new();
            device.try_start(assemble(body), stack).unwrap();
            let fault = Fault::StackOverflow;
            assert_eq!(device.later(), State::Faulted { fault }, "{stack:?}");
        }
    }
}
