//! Requests as they come over the line: answered once, whatever comes between, and the shell's words.

use super::*;

#[test]
fn all_missing_imports_are_named_and_nothing_else_is_disturbed() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    bench.ok(Op::Start { name: "blink" });
    bench.install(
        "greedy",
        r#"(module
          (import "mmio:watchdog" "claim" (func (result i32)))
          (import "mmio:timer0" "claim" (func (result i32)))
          (import "mmio" "read64" (func (param i32 i32) (result i64)))
          (import "mmio" "read32" (func (param i32) (result i32)))
          (import "env" "abort" (func))
          (import "berth" "log" (global i32))
          (func (export "_start")))"#,
    );
    bench.next_id = 500;
    let error = bench.refused(Op::Start { name: "greedy" });
    assert_eq!(error, "5 imports are not available on this device");
    let mut missing = Vec::new();
    loop {
        let index = missing.len() as u16;
        let found = bench.ask(Op::Detail { of: 501, index }, |result| {
            match result.unwrap() {
                Reply::Missing { module, name, why } => Some((format!("{module}.{name}"), why)),
                Reply::End => None,
                other => panic!("{other:?}"),
            }
        });
        match found {
            Some(item) => missing.push(item),
            None => break,
        }
    }
    let expected = [
        ("mmio:watchdog.claim", MissingWhy::NotExposed),
        ("mmio.read64", MissingWhy::UnknownFunction),
        ("mmio.read32", MissingWhy::Signature),
        ("env.abort", MissingWhy::UnknownModule),
        ("berth.log", MissingWhy::NotAFunction),
    ];
    assert_eq!(missing, expected.map(|(name, why)| (name.to_string(), why)));
    assert_eq!(bench.state("greedy"), State::Stored);
    // Not even what it could have had was taken.
    assert_eq!(bench.fake.0.holders.borrow()[1], None);
    bench.ask(Op::Detail { of: 1, index: 0 }, |result| {
        assert_eq!(result, Err(DeviceError::NoDetail));
    });
    bench.live(300_000);
    assert_eq!(bench.state("blink"), State::Running);
    let text = bench.type_text("start greedy\n");
    assert!(text.contains("mmio:watchdog.claim: not exposed by this board"));
}

#[test]
fn a_repeated_request_is_answered_but_not_executed() {
    let mut bench = Bench::new();
    bench.install("spin", SPIN);
    let start = Op::Start { name: "spin" };
    let first = bench.send(7, start);
    bench.ok(Op::Stop { name: "spin" });
    assert_eq!(bench.send(7, start), first);
    assert_eq!(bench.state("spin"), State::Stopped);
    // The same id with something else to do is another request.
    bench.send(7, Op::Remove { name: "spin" });
    assert!(bench.supervisor.service.containers.find("spin").is_none());
}

#[test]
fn noise_and_half_frames_do_no_harm() {
    let mut bench = Bench::new();
    bench.install("spin", SPIN);
    let mut frame = [0; FRAME_MAX];
    let whole = encode_frame(
        &Request {
            id: 9,
            op: Op::Start { name: "spin" },
        },
        &mut frame,
    )
    .unwrap()
    .to_vec();
    for length in 0..whole.len() {
        bench.fake.0.input.borrow_mut().extend(&whole[..length]);
        bench.polls(8);
        bench.fake.0.now_us.set(bench.fake.0.now_us.get() + 600_000);
        bench.polls(2);
        assert!(bench.collect().is_empty());
        assert!(!bench.supervisor.decoder.in_frame());
    }
    assert_eq!(bench.state("spin"), State::Stored);
    assert!(enters_go_on(&mut bench).contains("once more"));
    assert!(bench.type_text("heap\n").contains("containers"));
    // A request that this device does not know yet.
    let newer = encode_frame(&(9u32, 200u8), &mut frame).unwrap().to_vec();
    bench.fake.0.input.borrow_mut().extend(&newer);
    bench.polls(8);
    let answers = bench.collect();
    let response = Response::decode(&answers[0]).unwrap();
    assert_eq!(
        (response.id, response.result),
        (9, Err(DeviceError::Unsupported))
    );
}

/// Enter twice, a moment before each. Returns what is said.
fn enters_go_on(bench: &mut Bench) -> String {
    let mut said = String::new();
    for _ in 0..2 {
        bench.fake.0.now_us.set(bench.fake.0.now_us.get() + 400_000);
        said += &bench.type_text("\r\n");
    }
    said
}

/// Wherever a frame stands still, and for however long, what follows of it is no typing, though its bytes were chosen to look so.
#[test]
fn the_rest_of_a_frame_is_no_typing() {
    let mut bench = Bench::new();
    bench.install("spin", SPIN);
    let text = "\r\nrm spin\r\n\rrm spin\r".repeat(9);
    let mut frame = [0; FRAME_MAX];
    let op = Op::UploadChunk {
        upload: 0,
        offset: 0,
        bytes: text.as_bytes(),
    };
    let whole = encode_frame(&Request { id: 9, op }, &mut frame)
        .unwrap()
        .to_vec();
    for length in 1..whole.len() {
        for stall_us in [510_000, 5_000_000] {
            let (front, rest) = whole.split_at(length);
            for (bytes, time_us) in [(front, stall_us), (rest, stall_us)] {
                bench.fake.0.input.borrow_mut().extend(bytes);
                bench.polls(8);
                bench.fake.0.now_us.set(bench.fake.0.now_us.get() + time_us);
                bench.polls(2);
            }
            assert_eq!(bench.state("spin"), State::Stored, "{length} bytes");
        }
    }
    // Nor what is typed without a moment before it; a whole frame makes all well.
    assert!(!bench.type_text("heap\n").contains("containers"));
    assert!(!bench.type_text("\n\n\nheap\n").contains("containers"));
    bench.ok(Op::Start { name: "spin" });
    assert!(bench.type_text("heap\n").contains("containers"));
}

#[test]
fn a_request_that_is_looked_at_late_is_answered() {
    // Half of it is there before something takes very long, the rest arrives meanwhile.
    let mut bench = Bench::new();
    let request = Request {
        id: 7,
        op: Op::Heap,
    };
    let mut frame = [0; FRAME_MAX];
    let frame = encode_frame(&request, &mut frame).unwrap();
    let (first, rest) = frame.split_at(frame.len() / 2);
    bench.fake.0.input.borrow_mut().extend(first);
    bench.polls(1);
    assert!(bench.supervisor.decoder.in_frame());
    bench.fake.0.input.borrow_mut().extend(rest);
    bench.fake.0.now_us.set(bench.fake.0.now_us.get() + 900_000);
    bench.polls(1);
    let answers = bench.collect();
    assert_eq!(Response::decode(&answers[0]).unwrap().id, 7);
    assert_eq!(bench.text, "");
}

#[test]
fn the_shell_says_what_it_does() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    assert!(bench.type_text("help\r").contains("exposures"));
    assert!(bench.type_text("start blink\n").contains("ok"));
    assert!(bench.type_text("exposures\n").contains("blink"));
    assert!(
        bench
            .type_text("rm blink\n")
            .contains("error: the container is running")
    );
    assert!(bench.type_text("pause blink\n").contains("ok"));
    assert!(bench.type_text("ps\n").contains("paused"));
    assert!(bench.type_text("resume blink\nstop blink\n").contains("ok"));
    assert!(bench.type_text("logs blink\n").contains("info  toggled"));
    assert!(bench.type_text("rx\x7fm blink\n").contains("ok"));
    assert!(bench.type_text("start blink\n").contains("no container"));
    assert!(bench.type_text("nonsense\n").contains("type help"));
    assert!(!bench.type_text(&"x".repeat(500)).contains('\0'));
}

/// A follower is told when what it followed is gone, and does not take another's lines for that.
#[test]
fn a_log_has_an_identity() {
    const SAYS: &str = r#"(module
      (import "berth" "log" (func $log (param i32 i32 i32)))
      (memory (export "memory") 16 (pagesize 1))
      (func (export "_start") (call $log (i32.const 2) (i32.const 0) (i32.const 1))))"#;
    let mut bench = Bench::new();
    let mut logs = Vec::new();
    for _ in 0..3 {
        bench.install("it", SAYS);
        bench.ok(Op::Start { name: "it" });
        bench.polls(4);
        let ask = |log, from| Op::Log {
            name: "it",
            log,
            from,
        };
        let log = bench.ask(ask(None, 0), |result| match result {
            Ok(Reply::LogLine { log, .. }) => log,
            other => panic!("{other:?}"),
        });
        bench.ask(ask(Some(log), 1), |result| {
            assert_eq!(result, Ok(Reply::End))
        });
        for old in &logs {
            bench.ask(ask(Some(*old), 0), |result| {
                assert_eq!(result, Err(DeviceError::OtherLog));
            });
        }
        logs.push(log);
        bench.ok(Op::Remove { name: "it" });
    }
    // The events are those of this run of the supervisor.
    let log = bench.ask(Op::Events { log: None, from: 0 }, |result| match result {
        Ok(Reply::Event { log, .. }) => log,
        other => panic!("{other:?}"),
    });
    let mut bench = bench.restarted();
    bench.next_id += 1_000_000;
    bench.ask(Op::Events { log: None, from: 0 }, |result| {
        assert!(matches!(result, Ok(Reply::Event { log: new, .. }) if new != log));
    });
    let op = Op::Events {
        log: Some(log),
        from: 0,
    };
    bench.ask(op, |result| assert_eq!(result, Err(DeviceError::OtherLog)));
}
