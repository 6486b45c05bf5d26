//! Operations and reports, through the line.

use berth_protocol::{
    Entry, Fault, HostCall, ImageHash, Level, Op, Parameters, Place, Reply, Restart, State,
};

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::{BLINK, Bench, SPIN, program};

/// All events as words, oldest first.
fn events(bench: &mut Bench) -> Vec<String> {
    let mut all = Vec::new();
    let mut from = 0;
    loop {
        let event = bench.ask(Op::Events { log: None, from }, |result| {
            match result.unwrap() {
                Reply::Event {
                    sequence,
                    dropped,
                    name,
                    what,
                    ..
                } => Some((
                    sequence,
                    dropped,
                    format!("{} {what:?}", name.unwrap_or("-")),
                )),
                Reply::End => None,
                other => panic!("{other:?}"),
            }
        });
        let Some((sequence, dropped, text)) = event else {
            return all;
        };
        assert_eq!(dropped, sequence - from);
        from = sequence + 1;
        all.push(text);
    }
}

#[test]
fn every_operation_is_an_event() {
    let mut bench = Bench::new();
    bench.install("spin", SPIN);
    let name = "spin";
    let edit = Op::Edit {
        name,
        parameters: Parameters {
            share: Some(7),
            ..Parameters::default()
        },
        restart: false,
    };
    for op in [
        Op::Start { name },
        Op::Pause { name },
        edit,
        Op::Resume { name },
        Op::Kill { name },
        Op::Remove { name },
    ] {
        bench.ok(op);
    }
    let all = events(&mut bench);
    let expected = [
        "- Boot { restarts: 0, safe_mode: false }",
        "spin Stored",
        "spin Started",
        "spin Paused",
        "spin Edited",
        "spin Resumed",
        "spin Stopped",
        "spin Removed",
    ];
    assert_eq!(all, expected);
}

/// A package that says where it is, in the global that `pack` gives it.
#[test]
fn a_fault_is_told_with_its_place() {
    let mut bench = Bench::new();
    let places = |number: u32| {
        format!(
            r#"(module (global (export "_place") (mut i32) (i32.const 0))
                 (func (export "_start") (global.set 0 (i32.const {number})) (unreachable)))"#
        )
    };
    let place = |bench: &mut Bench| {
        bench.ask(Op::FaultPlace { name: "bad" }, |result| match result {
            Ok(Reply::FaultPlace { place }) => place,
            other => panic!("{other:?}"),
        })
    };
    let source = places(12);
    bench.install("bad", &source);
    assert_eq!(place(&mut bench), None);
    bench.ok(Op::Start { name: "bad" });
    bench.polls(3);
    let told = place(&mut bench).unwrap();
    let [a, b, c, d, ..] = ImageHash::of(&wat::parse_str(&source).unwrap()).0;
    assert_eq!(told.number, 12);
    assert_eq!(told.image.to_be_bytes(), [a, b, c, d]);
    let op = Op::Log {
        name: "bad",
        log: None,
        from: 0,
    };
    bench.ask(op, |result| match result {
        Ok(Reply::LogLine { text, .. }) => {
            assert!(
                text.starts_with("faulted: unreachable in main, at place 12 of "),
                "{text}"
            );
            assert_eq!(Place::in_line(text), Some(told));
        }
        other => panic!("{other:?}"),
    });
    // Before its first place, and what is no number of one.
    for number in [0, u32::MAX] {
        let name = &*format!("bad{number}");
        bench.install(name, &places(number));
        bench.ok(Op::Start { name });
        bench.polls(3);
        bench.ask(Op::FaultPlace { name }, |result| {
            assert_eq!(result, Ok(Reply::FaultPlace { place: None }));
        });
    }
}

#[test]
fn a_fault_is_known_in_full_after_everything_else_is_gone() {
    let mut bench = Bench::new();
    bench.fake.0.now_us.set(500);
    let body = "(call $yield) (call $write (call $claim) (i32.const 28) (i32.const 1))";
    bench.install("bad", &program(body));
    bench.ok(Op::Start { name: "bad" });
    bench.fake.0.now_us.set(700);
    bench.polls(3);
    bench.ask(Op::Inspect { name: "bad" }, |result| {
        let Ok(Reply::Inspection(inspection)) = result else {
            panic!("{result:?}");
        };
        let fault = inspection.fault.unwrap();
        assert_eq!(
            (fault.fault, fault.entry),
            (Fault::BadRegister, Entry::Main)
        );
        let call = HostCall {
            name: "mmio.write32",
            arguments: [0, 28],
        };
        assert_eq!(fault.last_call, Some(call));
        assert!(fault.fuel_used > 0);
        assert_eq!((fault.restarts, fault.time_us), (0, 700));
        assert_eq!((inspection.saved_bytes, inspection.log_dropped), (0, 0));
    });
    bench.ask(Op::FaultBlock { name: "bad" }, |result| {
        let label = Some("fpgaio");
        assert_eq!(result, Ok(Reply::FaultBlock { label }));
    });
    bench.ask(Op::FaultPlace { name: "bad" }, |result| {
        assert_eq!(result, Ok(Reply::FaultPlace { place: None }));
    });
    assert_eq!(
        bench.refused(Op::Inspect { name: "none" }),
        "no container of this name"
    );
}

#[test]
fn a_fault_in_the_start_function_is_known_in_full() {
    // That memory is told needs the arenas: `tests/memory.rs`.
    let start = |body: &str| {
        let module = program("nop").replace("(module", "(module (start $s)");
        module.replace(
            r#"(func (export "_start")"#,
            &format!("(func $s {body}) (func (export \"_start\")"),
        )
    };
    let write =
        |offset: u32| format!("(call $write (call $claim) (i32.const {offset}) (i32.const 1))");
    let call = |name: &'static str, arguments| Some(HostCall { name, arguments });
    for (body, fault, last_call) in [
        (write(28), Fault::BadRegister, call("mmio.write32", [0, 28])),
        (
            format!("{} unreachable", write(0)),
            Fault::Unreachable,
            call("mmio.write32", [0, 0]),
        ),
        (
            format!("{} (call $yield)", write(0)),
            Fault::MaySuspend,
            call("berth.yield", [0, 0]),
        ),
        ("(loop $l (br $l))".into(), Fault::StartTooLong, None),
    ] {
        let mut bench = Bench::new();
        bench.install("bad", &start(&body));
        bench.refused(Op::Start { name: "bad" });
        bench.ask(Op::Inspect { name: "bad" }, |result| {
            let Ok(Reply::Inspection(inspection)) = result else {
                panic!("{result:?}");
            };
            let record = inspection.fault.unwrap();
            assert_eq!(
                (record.fault, record.entry),
                (fault, Entry::Start),
                "{body}"
            );
            assert_eq!(record.last_call, last_call, "{body}");
            assert!(
                (1..=2_500).contains(&record.fuel_used),
                "{body}: {record:?}"
            );
        });
    }
}

#[test]
fn a_policy_brings_a_container_back_and_gives_it_up() {
    let mut bench = Bench::new();
    bench.install("bad", &program("unreachable"));
    let name = "bad";
    let policy = |limit| Op::Edit {
        name,
        parameters: Parameters {
            restart: Some(Restart::OnFailure {
                limit,
                backoff_ms: 1000,
            }),
            ..Parameters::default()
        },
        restart: false,
    };
    bench.ok(policy(2));
    bench.ok(Op::Start { name });
    bench.polls(1);
    assert_eq!(bench.state(name), State::Restarting { count: 1 });
    assert_eq!(
        bench.supervisor.service.containers.next_wake(),
        Some(1_000_000)
    );
    bench.live(1_500_000);
    assert_eq!(bench.state(name), State::Restarting { count: 2 });
    bench.live(10_000_000);
    let fault = Fault::Unreachable;
    assert_eq!(bench.state(name), State::Faulted { fault });
    bench.ask(Op::Inspect { name }, |result| match result {
        Ok(Reply::Inspection(inspection)) => {
            assert_eq!(inspection.fault.unwrap().restarts, 2);
        }
        other => panic!("{other:?}"),
    });
    // The operator's word ends it at any time.
    bench.ok(Op::Start { name });
    bench.polls(1);
    assert_eq!(bench.state(name), State::Restarting { count: 1 });
    bench.ok(Op::Stop { name });
    assert_eq!(bench.state(name), State::Stopped);
    bench.live(30_000_000);
    assert_eq!(bench.state(name), State::Stopped);
}

#[test]
fn editing_changes_what_it_names_and_restarts_when_asked_to() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    let name = "blink";
    let edit = |parameters, restart| Op::Edit {
        name,
        parameters,
        restart,
    };
    let share = Parameters {
        share: Some(20),
        ..Parameters::default()
    };
    let level = Parameters {
        log_level: Some(Level::Warn),
        boot: Some(true),
        ..Parameters::default()
    };
    // Not active: nothing is started.
    bench.ok(edit(share, true));
    assert_eq!(bench.state(name), State::Stored);
    bench.ok(Op::Start { name });
    bench.live(350_000);
    bench.ok(edit(level, false));
    let writes = bench.fake.0.writes.borrow().len();
    assert!(writes > 2);
    let slot = bench.supervisor.service.containers.find(name).unwrap();
    let container = bench.supervisor.service.containers.get(slot).unwrap();
    assert!(container.fuel_used() > 0);
    let expected = Parameters {
        share: Some(20),
        ..level
    };
    assert_eq!(container.parameters(), expected);
    bench.ok(edit(share, true));
    let container = bench.supervisor.service.containers.get(slot).unwrap();
    assert_eq!(container.started_us(), bench.fake.0.now_us.get());
    // A paused one runs afterwards, too.
    bench.ok(Op::Pause { name });
    bench.ok(edit(share, true));
    assert_eq!(bench.state(name), State::Running);
    let bad = Parameters {
        share: Some(101),
        ..Parameters::default()
    };
    assert!(bench.refused(edit(bad, true)).contains("share"));
    assert_eq!(bench.state(name), State::Running);
}

#[test]
fn images_and_status_are_told() {
    let mut bench = Bench::new();
    for name in ["one", "two"] {
        bench.install(name, SPIN);
    }
    let mut names = Vec::new();
    let mut cursor = Some(0);
    while let Some(at) = cursor {
        cursor = bench.ask(Op::Images { cursor: at }, |result| match result.unwrap() {
            Reply::Image { item, next } => {
                names.push(item.name.to_string());
                assert!(item.bytes > 8 && !item.persistent);
                next
            }
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(names, ["one", "two"]);
    bench.ask(Op::Images { cursor: 9 }, |result| {
        assert_eq!(result, Ok(Reply::End))
    });
    bench.ask(Op::Status, |result| match result {
        Ok(Reply::Status(status)) => {
            assert!(!status.safe_mode && status.suspect.is_none());
            assert_eq!(status.restarts, 0);
        }
        other => panic!("{other:?}"),
    });
}

#[test]
fn the_cpu_a_container_uses_is_told() {
    let mut bench = Bench::new();
    bench.install("spin", SPIN);
    bench.install("blink", BLINK);
    for name in ["spin", "blink"] {
        bench.ok(Op::Start { name });
    }
    // Each turn takes a millisecond.
    bench.fake.0.run_us.set(1_000);
    bench.polls(5_000);
    let permille = |name| {
        let slot = bench.supervisor.service.containers.find(name).unwrap();
        bench
            .supervisor
            .service
            .containers
            .get(slot)
            .unwrap()
            .cpu_permille()
    };
    assert!(
        (900..=1000).contains(&permille("spin")),
        "{}",
        permille("spin")
    );
    assert!(permille("blink") < 50, "{}", permille("blink"));
}

#[test]
fn ps_asks_the_kernel_once_about_each_interrupt() {
    let mut bench = Bench::new();
    bench.install(
        "it",
        r#"(module
          (import "mmio:timer0" "claim" (func (result i32)))
          (import "irq:timer0" "register" (func $register (param i32 i32 i32 i32) (result i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (memory (export "memory") 64 (pagesize 1))
          (table (export "__indirect_function_table") 2 funcref)
          (elem (i32.const 1) $handle)
          (func $handle (param i32 i32))
          (func (export "_start")
            (drop (call $register (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 0)))
            (call $sleep (i64.const 10000000))))"#,
    );
    bench.ok(Op::Start { name: "it" });
    bench.polls(5);
    assert!(bench.fake.raise(1, 0));
    bench.polls(5);
    bench.fake.0.counted.set(0);
    bench.ask(Op::Containers { cursor: 0 }, |result| match result {
        Ok(Reply::Container { item, .. }) => assert_eq!(item.interrupts, 1),
        other => panic!("{other:?}"),
    });
    assert_eq!(bench.fake.0.counted.get(), 1);
}
