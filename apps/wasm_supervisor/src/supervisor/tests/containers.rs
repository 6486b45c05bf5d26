//! Containers from their start to their end: what they may do, and what ends them.

use super::*;

#[test]
fn a_container_drives_a_register_and_logs() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    assert_eq!(bench.state("blink"), State::Stored);
    bench.ok(Op::Start { name: "blink" });
    bench.live(950_000);
    assert_eq!(bench.state("blink"), State::Running);
    let writes = bench.fake.0.writes.borrow().clone();
    let values: Vec<_> = writes.iter().map(|(_, _, value)| *value).collect();
    assert_eq!(values, [2, 0, 2, 0, 2, 0, 2, 0, 2, 0]);
    assert_eq!(bench.logs("blink"), ["toggled"; 10]);
    bench.ok(Op::Stop { name: "blink" });
    assert_eq!(bench.state("blink"), State::Stopped);
    assert_eq!(*bench.fake.0.holders.borrow(), [None; EXPOSED.len()]);
    bench.ok(Op::Remove { name: "blink" });
    assert_eq!(
        bench.refused(Op::Remove { name: "blink" }),
        "no container of this name"
    );
    assert!(bench.text.contains("[blink] toggled\r\n"));
}

#[test]
fn an_endless_loop_blocks_neither_others_nor_the_line() {
    let mut bench = Bench::new();
    bench.install("spin", SPIN);
    bench.install("blink", BLINK);
    bench.ok(Op::Start { name: "spin" });
    bench.ok(Op::Start { name: "blink" });
    for step in 1..=10 {
        bench.polls(3);
        bench.fake.0.now_us.set(step * 100_000);
    }
    bench.polls(3);
    assert!(bench.fake.0.writes.borrow().len() >= 10);
    assert!(bench.type_text("ps\n").contains("running"));
    bench.ok(Op::Stop { name: "spin" });
    assert_eq!(bench.state("spin"), State::Stopped);
}

#[test]
fn a_label_has_one_holder() {
    let mut bench = Bench::new();
    bench.install("first", BLINK);
    bench.install("second", BLINK);
    bench.ok(Op::Start { name: "first" });
    assert_eq!(
        bench.refused(Op::Start { name: "second" }),
        "fpgaio is in use by container first"
    );
    bench.ok(Op::Stop { name: "first" });
    bench.ok(Op::Start { name: "second" });
    bench.ask(Op::Exposures { cursor: 0 }, |result| {
        let text = format!("{result:?}");
        assert!(text.contains("Container(\"second\")"), "{text}");
    });
}

#[test]
fn importing_a_label_twice_claims_it_once() {
    let mut bench = Bench::new();
    bench.install(
        "twice",
        r#"(module
          (import "mmio:timer0" "claim" (func $other (result i32)))
          (import "mmio:fpgaio" "claim" (func $a (result i32)))
          (import "mmio:fpgaio" "claim" (func $b (result i32)))
          (import "berth" "exit" (func $exit (param i32)))
          (func (export "_start")
            (call $exit (i32.add (i32.mul (call $a) (i32.const 10)) (call $b)))))"#,
    );
    bench.ok(Op::Start { name: "twice" });
    bench.polls(2);
    assert_eq!(bench.state("twice"), State::Exited { code: 11 });
}

#[test]
fn what_a_container_may_not_do_ends_it_and_says_why() {
    let cases = [
        (
            "(drop (call $read (i32.const 1) (i32.const 0)))",
            Fault::BadHandle,
        ),
        (
            "(drop (call $read (i32.const -1) (i32.const 0)))",
            Fault::BadHandle,
        ),
        (
            "(drop (call $read (call $claim) (i32.const 32)))",
            Fault::BadRegister,
        ),
        (
            "(drop (call $read (call $claim) (i32.const 29)))",
            Fault::BadRegister,
        ),
        (
            "(drop (call $read (call $claim) (i32.const -4)))",
            Fault::BadRegister,
        ),
        (
            "(drop (call $read (call $claim) (i32.const 2)))",
            Fault::BadRegister,
        ),
        (
            "(call $write16 (call $claim) (i32.const 1) (i32.const 0))",
            Fault::BadRegister,
        ),
        // Inside the block, but the kernel does not give it.
        (
            "(call $write (call $claim) (i32.const 28) (i32.const 0))",
            Fault::BadRegister,
        ),
        (
            "(call $log (i32.const 0) (i32.const 60) (i32.const 5))",
            Fault::BadPointer,
        ),
        (
            "(call $log (i32.const 0) (i32.const -1) (i32.const 2))",
            Fault::BadPointer,
        ),
        ("unreachable", Fault::Unreachable),
        ("(drop (i32.load (i32.const 61)))", Fault::MemoryBounds),
        (
            "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
            Fault::DivisionByZero,
        ),
        ("(call $deep)", Fault::StackOverflow),
    ];
    for (body, fault) in cases {
        let mut bench = Bench::new();
        bench.install("bad", &program(body));
        bench.ok(Op::Start { name: "bad" });
        bench.polls(3);
        assert_eq!(bench.state("bad"), State::Faulted { fault }, "{body}");
        let logs = bench.logs("bad");
        assert!(logs[0].starts_with(&format!("faulted: {}", fault.word())));
        assert_eq!(*bench.fake.0.holders.borrow(), [None; EXPOSED.len()]);
        assert!(bench.fake.0.writes.borrow().is_empty());
        // And it can be started again.
        bench.ok(Op::Start { name: "bad" });
    }
}

#[test]
fn the_edges_of_what_a_container_may_do_are_inside() {
    let body = "(local $h i32) (local.set $h (call $claim))
      (call $write16 (local.get $h) (i32.const 26) (i32.const 0x12345))
      (drop (call $read8 (local.get $h) (i32.const 31)))
      (call $log (i32.const 0) (i32.const 0) (i32.const 64))
      (call $log (i32.const 0) (i32.const 64) (i32.const 0))
      (call $yield)
      (call $exit (i32.wrap_i64 (call $now)))";
    let mut bench = Bench::new();
    bench.fake.0.now_us.set(77);
    bench.install("good", &program(body));
    bench.ok(Op::Start { name: "good" });
    bench.polls(3);
    assert_eq!(bench.state("good"), State::Exited { code: 77 });
    assert_eq!(*bench.fake.0.writes.borrow(), [(0, 26, 0x2345)]);
}

#[test]
fn a_start_function_may_neither_suspend_nor_take_for_ever() {
    let mut bench = Bench::new();
    let module = |start: &str| {
        format!(
            r#"(module (import "berth" "yield" (func $yield))
              (func $begin {start}) (start $begin) (func (export "_start")))"#
        )
    };
    bench.install("waits", &module("(call $yield)"));
    bench.install("spins", &module("(loop $again (br $again))"));
    bench.install("quick", &module(""));
    for (name, state) in [("waits", "may-suspend"), ("spins", "start-too-long")] {
        let error = bench.refused(Op::Start { name });
        assert_eq!(error, format!("the container is faulted({state})"));
    }
    bench.ok(Op::Start { name: "quick" });
}

#[test]
fn pausing_anywhere_does_not_change_the_result() {
    let body = "(local $i i32) (local $sum i32)
      (loop $again
        (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (local.get $i)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 15000))))
      (call $exit (local.get $sum))";
    let expected = (0..15_000i32).fold(0i32, |sum, i| sum.wrapping_mul(31).wrapping_add(i));
    let mut bench = Bench::new();
    bench.install("sum", &program(body));
    bench.ok(Op::Start { name: "sum" });
    let slot = bench.supervisor.service.containers.find("sum").unwrap();
    let mut pauses = 0;
    while bench.state("sum") == State::Running {
        bench.supervisor.service.containers.pause(slot).unwrap();
        assert!(!bench.supervisor.service.containers.run_one());
        bench.supervisor.service.containers.resume(slot).unwrap();
        bench.polls(1);
        pauses += 1;
    }
    assert!(pauses > 5);
    assert_eq!(bench.state("sum"), State::Exited { code: expected });
}
