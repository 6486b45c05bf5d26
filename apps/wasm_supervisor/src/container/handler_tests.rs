//! Interrupt handlers: real containers on the real engine, with a fake kernel.

use std::string::String;
use std::vec::Vec;

use berth_protocol::{Entry, Fault, ImageHash, Parameters, Service, State};

use super::schedule::{ALONE_SLICES, SHARE_DEFAULT, slice_fuel};
use super::test_device::Device;
use super::{Name, Refused};
use crate::engine::border::price;

/// Number of the block `timer0` on the fake board.
const TIMER: u32 = 1;
/// Number of the block `uart1`.
const UART: u32 = 2;

/// What a handler of the guest does beside logging.
const QUIET: &str = "";

/// A guest that registers its handler with `register` and then does `main`. The handler writes
/// to `timer0` what it was told, so the order of all handlers is seen, then does `act`.
fn guest(label: &str, register: &str, main: &str, act: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module
          (import "mmio:{label}" "claim" (func $claim (result i32)))
          (import "irq:{label}" "register"
            (func $register (param i32 i32 i32 i32) (result i32)))
          (import "irq:{label}" "unregister" (func $unregister))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "yield" (func $yield))
          (import "berth" "exit" (func $exit (param i32)))
          (import "berth" "now_us" (func $now (result i64)))
          (memory (export "memory") 64 (pagesize 1))
          (global $seen (mut i32) (i32.const 0))
          (type $handler (func (param i32 i32)))
          (table (export "__indirect_function_table") 4 funcref)
          (elem (i32.const 1) $handle $start $wrong)
          (func $wrong (param i32))
          (func $say (param $byte i32)
            (i32.store8 (i32.const 60) (local.get $byte))
            (call $log (i32.const 2) (i32.const 60) (i32.const 1)))
          (func $handle (type $handler)
            (global.set $seen (i32.add (global.get $seen) (i32.const 1)))
            (call $say (i32.add (i32.const 97) (local.get 0)))
            {act})
          (func $start (export "_start") (local $i i32) (local $sum i32)
            (drop (call $claim))
            {register}
            {main}))"#
    ))
    .unwrap()
}

/// Register function 1 for interrupt 0 with this priority and no captures.
fn plain(priority: u32) -> String {
    format!(
        "(drop (call $register (i32.const {priority}) (i32.const 1) (i32.const 0) (i32.const 0)))"
    )
}

const SLEEPS: &str = "(loop $l (call $sleep (i64.const 1000000)) (br $l))";
const SPINS: &str = "(loop $l (br $l))";

impl Device {
    /// A container that has registered and then sleeps.
    fn sleeper(&mut self, name: &str, label: &str, priority: u32, act: &str) -> usize {
        let image = guest(label, &plain(priority), SLEEPS, act);
        let slot = self.start(name, &image);
        assert!(self.containers.run_one());
        slot
    }

    fn faulted(&self, slot: usize, fault: Fault) {
        assert_eq!(self.state(slot), State::Faulted { fault });
        let record = self.containers.get(slot).unwrap().fault().unwrap();
        assert!(matches!(record.entry, Entry::Handler { .. }));
    }

    fn counts(&self, slot: usize) -> (u32, u32) {
        self.containers.interrupts(slot)
    }
}

#[test]
fn who_holds_a_label_with_interrupts_is_told() {
    let mut device = Device::new();
    let slot = device.sleeper("first", "timer0", 5, QUIET);
    let image = guest("timer0", &plain(5), SLEEPS, QUIET);
    let name = Name::new("second").unwrap();
    device
        .containers
        .store(name, image, ImageHash([0; 32]), Parameters::default())
        .unwrap();
    // One label, three imports.
    let refused = device.containers.start(1).unwrap_err();
    let holder = Some(slot);
    assert_eq!(refused, Refused::Busy { claim: 0, holder });
    device.containers.stop(slot).unwrap();
    device.containers.start(1).unwrap();
}

#[test]
fn a_paused_container_that_is_deleted_leaves_no_handler() {
    let mut device = Device::new();
    for round in 0..3 {
        let slot = device.sleeper("it", "timer0", 5, QUIET);
        assert_eq!(slot, 0, "the place of the one before");
        assert!(device.fake.raise(TIMER, 0));
        assert!(device.containers.run_handlers());
        assert_eq!(device.said(slot).len(), 1, "round {round}");
        device.containers.pause(slot).unwrap();
        device.containers.remove(slot).unwrap();
        assert!(!device.fake.raise(TIMER, 0) && !device.containers.run_handlers());
        let interrupts = device.fake.0.interrupts.borrow();
        assert!(interrupts.registrations.is_empty());
    }
}

#[test]
fn a_handler_runs_beside_main_wherever_main_is() {
    for main in [SLEEPS, SPINS, "(loop $l (call $yield) (br $l))"] {
        let mut device = Device::new();
        let image = guest("timer0", &plain(5), main, QUIET);
        let slot = device.start("it", &image);
        assert!(!device.containers.run_handlers());
        device.containers.run_one();
        for round in 1..=5 {
            assert!(device.fake.raise(TIMER, 0));
            assert!(device.containers.run_handlers());
            assert!(!device.containers.run_handlers());
            assert_eq!(device.said(slot).len(), round);
            device.containers.run_one();
        }
        assert_eq!(device.state(slot), State::Running);
        assert_eq!(device.counts(slot), (5, 0));
        let (source, more) = device.containers.source(slot, 0).unwrap();
        assert_eq!((source.label, source.priority, more), ("timer0", 5, false));
        assert_eq!((source.taken, source.dropped), (5, 0));
        assert!(source.longest_fuel > 0);
    }
}

#[test]
fn main_sees_what_the_handler_did_and_its_result_stays_exact() {
    // Main adds up numbers; the handler grows the memory under it and writes behind the
    // old end, main reads that at its own end.
    let main = "(loop $l
          (local.set $sum (i32.add (local.get $sum) (local.get $i)))
          (i32.store (i32.const 0) (local.get $sum))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
            (i32.const 30000))))
        (call $say (i32.add (i32.const 65) (global.get $seen)))
        (if (i32.eq (i32.load (i32.const 0)) (i32.const 449985000)) (then
          (call $say (i32.load8_u (i32.const 500)))))";
    let act = "(if (i32.lt_u (memory.size) (i32.const 1000)) (then
          (drop (memory.grow (i32.const 1000)))))
        (i32.store8 (i32.const 500) (i32.const 33))";
    let image = guest("timer0", "", &format!("{} {main}", plain(5)), act);
    let mut device = Device::new();
    let slot = device.start("it", &image);
    let mut handled = 0;
    while device.state(slot) == State::Running {
        device.containers.run_one();
        if handled < 3 && device.state(slot) == State::Running {
            assert!(device.fake.raise(TIMER, 0));
            assert!(device.containers.run_handlers());
            handled += 1;
        }
    }
    assert_eq!(device.state(slot), State::Exited { code: 0 });
    let said = device.said(slot);
    assert_eq!(said.last().unwrap(), "!");
    // The three handlers were seen by main.
    assert_eq!(said[said.len() - 2], "D");
}

/// Suspended in the call that follows at once, or at the end of a slice.
#[test]
fn captured_values_and_handlers_reach_memory_that_main_has_just_grown() {
    for then in [SLEEPS, SPINS] {
        // The capture's target is behind the old end, as far as may be.
        let main = format!(
            "(drop (memory.grow (i32.const 1000)))
             (i32.store8 (i32.const 1063) (i32.const 33))
             (i64.store (i32.const 0) (i64.const 0x0000041c00040004))
             (drop (call $register (i32.const 5) (i32.const 1) (i32.const 0) (i32.const 1)))
             {then}"
        );
        let act =
            "(call $say (i32.load8_u (i32.const 1063))) (call $say (i32.load (i32.const 1052)))
            (i32.store8 (i32.const 1063) (i32.const 34))";
        let mut device = Device::new();
        let image = guest("timer0", "", &main, act);
        let slot = device.start("it", &image);
        device.containers.run_one();
        device.fake.0.interrupts.borrow_mut().values = vec![u32::from(b'x')];
        for seen in ["!", "\""] {
            let before = device.said(slot).len();
            assert!(device.fake.raise(TIMER, 0));
            assert!(device.containers.run_handlers());
            assert_eq!(device.said(slot)[before..], ["a", seen, "x"]);
            device.containers.run_one();
        }
        assert_eq!(device.state(slot), State::Running);
    }
}

#[test]
fn the_most_urgent_goes_first_and_before_any_main() {
    let mut device = Device::new();
    let slow = device.sleeper("slow", "timer0", 9, QUIET);
    let fast = device.sleeper("fast", "uart1", 3, QUIET);
    for _ in 0..3 {
        device.fake.raise(TIMER, 0);
        device.fake.raise(UART, 0);
        assert!(device.containers.run_handlers());
    }
    assert_eq!((device.said(slow).len(), device.said(fast).len()), (3, 3));
    let acknowledged = device.fake.0.interrupts.borrow().acknowledged.clone();
    let (timer, uart) = (1 << (2 * TIMER), 1 << (2 * UART));
    assert_eq!(acknowledged, [uart, timer, uart, timer, uart, timer]);
}

#[test]
fn a_slice_ends_at_the_next_host_call_once_an_interrupt_waits() {
    // Main calls the host all the time and would use its whole slice.
    let main = "(loop $l (drop (call $now)) (br $l))";
    let mut device = Device::new();
    let image = guest("timer0", &plain(5), main, QUIET);
    let slot = device.start("it", &image);
    device.containers.run_one();
    let fuel = |device: &Device| device.containers.get(slot).unwrap().fuel_used();
    let before = fuel(&device);
    device.containers.run_one();
    let whole = fuel(&device) - before;
    // It is alone, and has a long one, in pieces.
    let long = ALONE_SLICES * u64::from(slice_fuel(SHARE_DEFAULT));
    assert!(whole >= long - 150, "{whole}");
    // Host calls are taken from the fuel of a slice in portions.
    let portion = crate::engine::border::SETTLE_FUEL as u64 + 100;
    assert!(whole <= long + portion, "{whole}");
    device.fake.raise(TIMER, 0);
    let before = fuel(&device);
    device.containers.run_one();
    let cut = fuel(&device) - before;
    // One call and its price.
    let one = u64::from(crate::engine::border::price::CLOCK) + 50;
    assert!(cut < one, "{cut} of fuel after the interrupt");
    assert!(device.containers.run_handlers());
    let before = fuel(&device);
    device.containers.run_one();
    assert_eq!(fuel(&device) - before, whole);
}

#[test]
fn what_runs_beside_main_is_not_cut() {
    // Both handlers wait; the first calls the host in a loop, which must not end it.
    let act = "(loop $l (drop (call $now)) (br_if $l (i32.lt_u
        (global.get $seen) (i32.const 1))))";
    let mut device = Device::new();
    let slow = device.sleeper("slow", "timer0", 9, QUIET);
    let fast = device.sleeper("fast", "uart1", 3, act);
    device.fake.raise(TIMER, 0);
    device.fake.raise(UART, 0);
    device.containers.run_handlers();
    assert_eq!(device.state(slow), State::Running);
    assert_eq!(device.state(fast), State::Running);
    // Loading with an interrupt pending: a start function that calls the host.
    device.fake.raise(TIMER, 0);
    device.containers.watch_interrupts();
    device.containers.ignore_interrupts();
    let image = wat::parse_str(
        r#"(module (import "berth" "now_us" (func $now (result i64)))
             (func $s (local $i i32) (loop $l (drop (call $now)) (br_if $l (i32.lt_u
               (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9)))))
             (start $s) (func (export "_start")))"#,
    );
    let starts = device.start("starts", &image.unwrap());
    assert_eq!(device.state(starts), State::Running);
}

#[test]
fn captured_values_are_at_their_targets_before_the_handler_runs() {
    // Two captures: offset 4 (width 4) to 16, offset 8 (width 1) to 20.
    let list = "(i32.store (i32.const 0) (i32.const 0x00040004))
        (i32.store (i32.const 4) (i32.const 16))
        (i32.store (i32.const 8) (i32.const 0x00010008))
        (i32.store (i32.const 12) (i32.const 20))
        (drop (call $register (i32.const 7) (i32.const 1) (i32.const 0) (i32.const 2)))";
    let act = "(call $say (i32.load (i32.const 16))) (call $say (i32.load (i32.const 20)))";
    let image = guest("uart1", list, SLEEPS, act);
    let mut device = Device::new();
    let slot = device.start("it", &image);
    device.containers.run_one();
    {
        let mut lines = device.fake.0.interrupts.borrow_mut();
        let registered = &lines.registrations[&(1 << (2 * UART))];
        assert_eq!(*registered, (7, vec![(4, 4), (8, 1)]));
        lines.values = vec![u32::from(b'x'), u32::from(b'y')];
    }
    device.fake.raise(UART, 0);
    device.containers.run_handlers();
    assert_eq!(device.said(slot), ["a", "x", "y"]);
}

#[test]
fn a_bad_handler_faults_its_own_container_only() {
    for (act, fault) in [
        (SPINS, Fault::HandlerTooLong),
        ("unreachable", Fault::Unreachable),
        ("(drop (i32.load (i32.const 64)))", Fault::MemoryBounds),
        ("(call $yield)", Fault::MaySuspend),
        ("(call $sleep (i64.const 1))", Fault::MaySuspend),
        (
            "(call $write (i32.const 9) (i32.const 0) (i32.const 0))",
            Fault::BadHandle,
        ),
    ] {
        let mut device = Device::new();
        let other = device.sleeper("other", "uart1", 9, QUIET);
        let bad = device.sleeper("bad", "timer0", 3, act);
        device.fake.raise(TIMER, 0);
        device.fake.raise(UART, 0);
        device.containers.run_handlers();
        device.faulted(bad, fault);
        assert_eq!(device.state(other), State::Running);
        assert_eq!(device.said(other), ["a"]);
        // Its registration is gone, and what it was interrupted for counts as dropped.
        assert!(!device.fake.raise(TIMER, 0));
        assert_eq!(device.counts(bad), (1, 1));
        assert_eq!(device.counts(other), (1, 0));
    }
}

#[test]
fn a_handler_may_end_its_container() {
    let mut device = Device::new();
    let slot = device.sleeper("it", "timer0", 3, "(call $exit (i32.const 7))");
    device.fake.raise(TIMER, 0);
    device.containers.run_handlers();
    assert_eq!(device.state(slot), State::Exited { code: 7 });
    assert!(!device.fake.raise(TIMER, 0));
}

#[test]
fn a_handler_may_unregister_itself() {
    let mut device = Device::new();
    let slot = device.sleeper("it", "timer0", 3, "(call $unregister)");
    device.fake.raise(TIMER, 0);
    device.containers.run_handlers();
    assert_eq!(device.state(slot), State::Running);
    assert!(!device.fake.raise(TIMER, 0));
    assert!(device.containers.source(slot, 0).is_none());
}

#[test]
fn registrations_are_checked() {
    let register = |how: u32, index: u32, pointer: u32, count: u32| {
        format!(
            "(call $exit (call $register (i32.const {how}) (i32.const {index})
               (i32.const {pointer}) (i32.const {count})))"
        )
    };
    let with =
        |entry: u64, rest: &str| format!("(i64.store (i32.const 0) (i64.const {entry})) {rest}");
    let target = |target: u64| 0x0004_0000 | target << 32;
    for (text, end) in [
        (register(5, 1, 0, 0), State::Exited { code: 0 }),
        // No such interrupt, and bits that mean nothing.
        (register(0x0205, 1, 0, 0), State::Exited { code: -11 }),
        (register(0x1_0005, 1, 0, 0), State::Exited { code: -6 }),
        // Not a capture; too many.
        (register(5, 1, 0, 1), State::Exited { code: -6 }),
        (
            with(target(60), &register(5, 1, 0, 1)),
            State::Exited { code: 0 },
        ),
    ] {
        let mut device = Device::new();
        let image = guest("timer0", &text, "", QUIET);
        let slot = device.start("it", &image);
        device.containers.run_one();
        assert_eq!(device.state(slot), end, "{text}");
        assert!(!device.fake.raise(TIMER, 0));
    }
    for (text, fault) in [
        (register(5, 0, 0, 0), Fault::NullCall),
        (register(5, 4, 0, 0), Fault::TableBounds),
        (register(5, u32::MAX, 0, 0), Fault::TableBounds),
        (register(5, 2, 0, 0), Fault::Signature),
        (register(5, 3, 0, 0), Fault::Signature),
        (register(5, 1, 60, 1), Fault::BadPointer),
        (register(5, 1, 0, u32::MAX), Fault::BadPointer),
        (register(5, 1, u32::MAX, 1), Fault::BadPointer),
        (with(target(61), &register(5, 1, 0, 1)), Fault::BadPointer),
        (
            with(target(0xffff_fffe), &register(5, 1, 0, 1)),
            Fault::BadPointer,
        ),
    ] {
        let mut device = Device::new();
        let image = guest("timer0", &text, "", QUIET);
        let slot = device.start("it", &image);
        device.containers.run_one();
        assert_eq!(device.state(slot), State::Faulted { fault }, "{text}");
    }
}

#[test]
fn a_block_without_interrupts_refuses_the_load() {
    let image = guest("fpgaio", &plain(3), SLEEPS, QUIET);
    let mut device = Device::new();
    let name = Name::new("it").unwrap();
    let (hash, parameters) = (ImageHash([0; 32]), Parameters::default());
    device
        .containers
        .store(name, image, hash, parameters)
        .unwrap();
    // Two functions of `irq:fpgaio`.
    assert_eq!(device.containers.start(0), Err(Refused::Missing(2)));
}

#[test]
fn pause_defers_handlers_and_resume_delivers_them() {
    let mut device = Device::new();
    let slot = device.sleeper("it", "timer0", 3, QUIET);
    let other = device.sleeper("other", "uart1", 9, QUIET);
    device.containers.pause(slot).unwrap();
    assert!(device.fake.raise(TIMER, 0));
    device.fake.raise(UART, 0);
    assert!(device.containers.run_handlers());
    assert!(!device.containers.run_handlers());
    assert_eq!(device.said(slot), [""; 0]);
    assert_eq!(device.said(other), ["a"]);
    assert_eq!(device.containers.interrupt_wake(), None);
    device.containers.resume(slot).unwrap();
    assert!(device.containers.run_handlers());
    assert_eq!(device.said(slot), ["a"]);
    assert_eq!(device.counts(slot), (1, 0));
}

#[test]
fn stop_and_delete_while_a_handler_waits() {
    let mut device = Device::new();
    let slot = device.sleeper("it", "timer0", 3, QUIET);
    device.fake.raise(TIMER, 0);
    device.containers.stop(slot).unwrap();
    assert!(!device.containers.run_handlers());
    assert_eq!(device.counts(slot), (1, 1));
    assert!(!device.fake.raise(TIMER, 0));
    device.containers.remove(slot).unwrap();
    assert!(!device.containers.run_handlers());
    // Started again it counts anew.
    let slot = device.sleeper("it", "timer0", 3, QUIET);
    device.fake.raise(TIMER, 0);
    assert!(device.containers.run_handlers());
    assert_eq!(device.counts(slot), (1, 0));
}

#[test]
fn a_line_that_had_to_stay_shut_is_tried_again() {
    let mut device = Device::new();
    let slot = device.sleeper("it", "timer0", 3, QUIET);
    device.fake.0.interrupts.borrow_mut().opens_us = 400;
    device.fake.raise(TIMER, 0);
    device.containers.run_handlers();
    assert_eq!(device.containers.next_wake(), Some(400));
    device.fake.0.now_us.set(399);
    device.containers.run_handlers();
    let asked = |device: &Device| device.fake.0.interrupts.borrow().asked.len();
    assert_eq!(asked(&device), 0);
    device.fake.0.interrupts.borrow_mut().opens_us = 0;
    device.fake.0.now_us.set(400);
    device.containers.run_handlers();
    assert_eq!(asked(&device), 1);
    assert_eq!(device.fake.0.interrupts.borrow().acknowledged.len(), 1);
    assert_eq!(device.containers.interrupt_wake(), None);
    assert_eq!(device.said(slot).len(), 1);
}

/// A neighbour on the line had raised it: no handler runs, and the line opens, at once or when it may.
#[test]
fn what_another_block_has_raised_runs_no_handler() {
    let mut device = Device::new();
    let slot = device.sleeper("it", "timer0", 3, QUIET);
    let set = |device: &Device, are_anothers, opens_us| {
        let mut lines = device.fake.0.interrupts.borrow_mut();
        (lines.are_anothers, lines.opens_us) = (are_anothers, opens_us);
    };
    set(&device, true, 400);
    device.fake.raise(TIMER, 0);
    device.containers.run_handlers();
    assert_eq!(device.said(slot).len(), 0);
    assert_eq!(device.fake.0.interrupts.borrow().acknowledged.len(), 1);
    assert_eq!(device.containers.next_wake(), Some(400));
    set(&device, false, 0);
    device.fake.0.now_us.set(400);
    device.containers.run_handlers();
    assert_eq!(device.fake.0.interrupts.borrow().asked.len(), 1);
    device.fake.raise(TIMER, 0);
    device.containers.run_handlers();
    assert_eq!(device.said(slot).len(), 1);
}

/// What is on the line of one that ended may have waited for it alone. One that has come meanwhile, between
/// looking and asking, is handled like any other.
#[test]
fn where_a_handler_ends_the_lines_of_the_others_are_asked_for() {
    let mut device = Device::new();
    let slot = device.sleeper("it", "timer0", 3, QUIET);
    let other = device.sleeper("other", "uart1", 3, QUIET);
    device.containers.run_handlers();
    device.containers.stop(other).unwrap();
    assert_eq!(device.containers.next_wake(), Some(1));
    device.fake.0.now_us.set(1);
    device.fake.raise(TIMER, 0);
    device.containers.run_handlers();
    let lines = device.fake.0.interrupts.borrow();
    assert_eq!(lines.asked, [1 << (2 * TIMER)]);
    assert_eq!(lines.acknowledged, [1 << (2 * TIMER)]);
    drop(lines);
    assert_eq!(device.said(slot), ["a"]);
    assert_eq!(device.counts(slot), (1, 0));
    assert_eq!(device.containers.interrupt_wake(), None);
}

#[test]
fn in_periodic_service_handlers_run_at_the_period_with_a_budget() {
    let image = guest("timer0", &plain(3), SLEEPS, QUIET);
    let mut device = Device::new();
    device.fake.0.now_us.set(500);
    let service = Service {
        period_ms: 10,
        budget: 1,
    };
    let parameters = Parameters {
        service: Some(service),
        ..Parameters::default()
    };
    let slot = device.start_with("it", &image, parameters);
    // Until there is nothing to do: what passes while it sleeps is nobody's time.
    while device.containers.run_one() {}
    // The first period has begun and nothing waits: it is over.
    assert!(!device.containers.run_handlers());
    let mut last = 500;
    for period in 1..8 {
        assert!(device.fake.raise(TIMER, 0));
        assert!(!device.containers.run_handlers());
        let next = device.containers.interrupt_wake().unwrap();
        assert_eq!(next - last, 10_000);
        device.fake.0.now_us.set(next - 1);
        assert!(!device.containers.run_handlers());
        device.fake.0.now_us.set(next);
        // One handler uses the whole budget.
        assert!(device.containers.run_handlers());
        assert!(device.fake.raise(TIMER, 0));
        assert!(!device.containers.run_handlers());
        assert_eq!(device.said(slot).len(), 2 * period - 1);
        // A whole period missed: from then on anew.
        last = next + 25_000;
        device.fake.0.now_us.set(last);
        assert!(device.containers.run_handlers());
        assert_eq!(device.said(slot).len(), 2 * period);
        assert_eq!(device.state(slot), State::Running);
    }
}

#[test]
fn a_handler_pays_for_its_host_calls_and_ends_with_its_budget() {
    // Hundreds of lines for next to no instructions of its own.
    let act = "(call $say (i32.const 98))".repeat(150);
    let mut device = Device::new();
    let slot = device.sleeper("it", "timer0", 3, &act);
    assert!(device.fake.raise(TIMER, 0));
    assert!(device.containers.run_handlers());
    device.faulted(slot, Fault::HandlerTooLong);
    // It was ended before the first call that it could not pay: one more would have been beyond its budget, and a
    // call's own instructions are a few fuel beside it.
    let line = u64::from(price::LOG + price::LOG_BYTE);
    let budget = super::handlers::HANDLER_FUEL;
    let said = device.said(slot);
    let said = said.iter().filter(|line| line.len() == 1).count() as u64;
    let most = budget / line;
    assert!(
        (most - most / 10..=most).contains(&said),
        "{said} of {most}"
    );
    let used = device.containers.get(slot).unwrap().fuel_used();
    assert!(used < budget + 1_000, "{used}");
}

#[test]
fn a_handler_with_the_largest_stack_is_over_sooner() {
    let mut device = Device::new();
    let image = guest("timer0", &plain(3), SLEEPS, SPINS);
    // A call may have to clear a frame that is as long as the stack, for a few fuel.
    let stack = Parameters {
        stack: Some(64 * 1024),
        ..Parameters::default()
    };
    let slot = device.start_with("it", &image, stack);
    assert!(device.containers.run_one());
    let before = device.containers.get(slot).unwrap().fuel_used();
    assert!(device.fake.raise(TIMER, 0));
    assert!(device.containers.run_handlers());
    device.faulted(slot, Fault::HandlerTooLong);
    let used = device.containers.get(slot).unwrap().fuel_used() - before;
    // What it says is noted, and taken from its fuel at the end.
    assert!((900..1_300).contains(&used), "{used}");
}

#[test]
fn main_that_only_calls_the_host_is_cut_in_straight_line_code() {
    // No loop, branch or call of its own between the host calls: nothing at which fuel is looked at.
    let calls = "(drop (call $now))".repeat(400);
    let main = format!("{calls} (call $say (i32.const 65))");
    let mut device = Device::new();
    let image = guest("timer0", "", &main, QUIET);
    let slot = device.start("it", &image);
    let mut slices = 0;
    while device.state(slot) == State::Running {
        let before = device.containers.get(slot).unwrap().fuel_used();
        let end = device.containers.slice_of(slot, 2_500, 0);
        let used = device.containers.get(slot).unwrap().fuel_used() - before;
        assert!(used < 5_000, "{used} in one slice");
        slices += 1;
        if end.is_some() || slices > 50 {
            break;
        }
    }
    assert!((3..50).contains(&slices), "{slices} slices");
}

#[test]
fn who_is_far_ahead_of_the_others_waits_with_its_handlers_too() {
    let mut device = Device::new();
    let hog = device.sleeper("hog", "timer0", 3, QUIET);
    let image = guest("uart1", "", SPINS, QUIET);
    let victim = device.start("victim", &image);
    assert!(device.containers.run_one());
    // By the clock its handler takes 15 ms, whatever its fuel says.
    device.containers.charge_to(Some(hog));
    let now = device.fake.0.now_us.get() + 15_000;
    device.fake.0.now_us.set(now);
    device.containers.charge_to(None);
    assert!(device.fake.raise(TIMER, 0));
    assert!(!device.containers.run_handlers(), "the victim is first");
    device.fake.0.run_us.set(1_000);
    for _ in 0..20 {
        assert!(device.containers.run_one());
    }
    device.fake.0.run_us.set(0);
    assert!(device.containers.run_handlers());
    assert_eq!(device.said(hog).len(), 1);
    assert!(device.containers.get(victim).unwrap().fuel_used() > 0);
}
