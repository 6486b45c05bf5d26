//! Containers that say more than the line takes.

use super::*;
use crate::fake::Unkept;

/// Says a line of 40 bytes each turn.
const CHATTY: &str = r#"(module
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "yield" (func $yield))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "the quick brown fox jumps over lazy dogs")
  (func (export "_start")
    (loop $again
      (call $log (i32.const 2) (i32.const 0) (i32.const 40))
      (call $yield)
      (br $again))))"#;

/// Fuel that a container in an endless loop gets in 2,000 turns of 0.5 ms beside a chatty one, with a
/// line that takes `byte_us` a byte; and all that was printed.
fn beside(byte_us: u64) -> (u64, String, u32) {
    let mut bench = Bench::new();
    bench.install("chatty", CHATTY);
    bench.install("spin", SPIN);
    bench.ok(Op::Start { name: "chatty" });
    bench.ok(Op::Start { name: "spin" });
    bench.fake.0.byte_us.set(byte_us);
    bench.fake.0.run_us.set(500);
    bench.polls(2_000);
    bench.fake.0.run_us.set(0);
    bench.collect();
    let slot = bench.supervisor.service.containers.find("spin").unwrap();
    let fuel = bench
        .supervisor
        .service
        .containers
        .get(slot)
        .unwrap()
        .fuel_used();
    // What is still in the ring is printed when there is time.
    bench.ok(Op::Stop { name: "chatty" });
    bench.ok(Op::Stop { name: "spin" });
    for turn in 0..200 {
        bench.fake.0.now_us.set(3_000_000 + turn * 10_000);
        bench.polls(1);
    }
    bench.collect();
    let chatty = bench.supervisor.service.containers.find("chatty").unwrap();
    let said = bench
        .supervisor
        .service
        .shared
        .with_log(chatty, |log| log.next_sequence())
        .unwrap();
    (fuel, bench.text, said)
}

#[test]
fn a_slow_line_slows_nobody_and_lost_lines_are_counted() {
    let (fast, ..) = beside(0);
    for byte_us in [87, 1_000] {
        let (slow, text, said) = beside(byte_us);
        // The supervisor never waited: the container got every one of its turns.
        assert_eq!(slow, fast, "{byte_us} us a byte");
        let (printed, lost) = printed(&text);
        assert!(printed > 10 && lost > 10, "{printed} printed, {lost} lost");
        // Lines lost after the last one printed are told with the next one.
        assert!(printed + lost <= said && printed + lost + 60 > said);
    }
}

/// A look brings 64 bytes at most, and a turn lasts longer than a line at 115,200 baud takes to bring as many.
#[test]
fn a_container_that_computes_does_not_keep_the_line_waiting() {
    let mut bench = Bench::new();
    bench.install("spin", SPIN);
    bench.ok(Op::Start { name: "spin" });
    let mut frame = [0; FRAME_MAX];
    let frame = encode_frame(
        &Request {
            id: 7,
            op: Op::Heap,
        },
        &mut frame,
    )
    .unwrap();
    let requests = 300_usize.div_ceil(frame.len());
    let come = frame.repeat(requests);
    bench.fake.0.input.borrow_mut().extend(come);
    bench.polls(1);
    assert!(bench.fake.0.input.borrow().is_empty());
    assert_eq!(bench.collect().len(), requests);
}

/// Lines printed, and lines said to be lost.
fn printed(text: &str) -> (u32, u32) {
    let lines: Vec<_> = text.split("\r\n").filter(|line| !line.is_empty()).collect();
    let mut lost = 0;
    for line in &lines {
        let rest = line.strip_prefix("[chatty] ").expect(line);
        if let Some((count, _)) = rest
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(" lost) "))
        {
            lost += count.parse::<u32>().unwrap();
        }
        assert!(rest.ends_with("the quick brown fox jumps over lazy dogs"));
    }
    (lines.len() as u32, lost)
}

#[test]
fn logs_are_followed_by_their_numbers() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    bench.ok(Op::Start { name: "blink" });
    let mut from = 0;
    let mut seen = 0;
    for round in 1..=30u64 {
        bench.live(round * 1_000_000);
        loop {
            let next = bench.ask(
                Op::Log {
                    name: "blink",
                    log: None,
                    from,
                },
                |reply| match reply.unwrap() {
                    Reply::LogLine {
                        sequence, dropped, ..
                    } => Some((sequence, dropped)),
                    _ => None,
                },
            );
            let Some((sequence, dropped)) = next else {
                break;
            };
            assert_eq!((sequence, dropped), (from, 0));
            from = sequence + 1;
            seen += 1;
        }
    }
    assert!(seen > 250, "{seen} lines");
}

#[test]
fn the_operators_level_applies_at_once() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    bench.ok(Op::Start { name: "blink" });
    bench.live(1_000_000);
    let before = bench.logs("blink").len();
    assert!(before > 5);
    let parameters = Parameters {
        log_level: Some(berth_protocol::Level::Warn),
        ..Parameters::default()
    };
    bench.ok(Op::Edit {
        name: "blink",
        parameters,
        restart: false,
    });
    bench.live(2_000_000);
    assert_eq!(bench.logs("blink").len(), before);
}

/// Registers a handler for the timer of the fake board, and computes.
const HANDLES: &str = r#"(module
  (import "mmio:timer0" "claim" (func $claim (result i32)))
  (import "irq:timer0" "register" (func $register (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 64 (pagesize 1))
  (table (export "__indirect_function_table") 2 funcref)
  (elem (i32.const 1) $handler)
  (func $handler (param i32 i32))
  (func (export "_start")
    (drop (call $claim))
    (drop (call $register (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 0)))
    (loop $again (br $again))))"#;

/// Asks for the time again and again.
const ASKS: &str = r#"(module
  (import "berth" "now_us" (func $now (result i64)))
  (func (export "_start") (loop $again (drop (call $now)) (br $again))))"#;

/// Upstream's console loses what comes when a read of 64 bytes is full, which it is after 5.5 ms: longer than a turn of
/// those that compute may be.
#[test]
fn no_byte_is_lost_by_a_console_that_keeps_nothing() {
    const BYTE_NS: u64 = 86_806;
    for (name, module) in [("spin", SPIN), ("asks", ASKS), ("handles", HANDLES)] {
        let mut bench = Bench::new();
        bench.install(name, module);
        bench.ok(Op::Start { name });
        bench.polls(1);
        let chunk = Op::UploadChunk {
            upload: 1,
            offset: 0,
            bytes: &[0x5a; CHUNK_MAX],
        };
        let mut sent = Vec::new();
        for id in 0..80 {
            let mut frame = [0; FRAME_MAX];
            sent.extend_from_slice(encode_frame(&Request { id, op: chunk }, &mut frame).unwrap());
        }
        let now = bench.fake.0.now_us.get();
        let times = (1..).map(|n| now + n * BYTE_NS / 1_000);
        *bench.fake.0.unkept.borrow_mut() = Some(Unkept {
            line: times.zip(sent).collect(),
            looked_us: now,
            lost: 0,
        });
        // A piece on a core of 31 MHz, and a handler.
        bench.fake.0.piece_us.set(1_700);
        bench.fake.0.run_us.set(300);
        let mut timer = 0;
        let mut answers = 0;
        while bench.fake.0.now_us.get() < now + 3_000_000 {
            if bench.fake.0.now_us.get() > timer {
                timer = bench.fake.0.now_us.get() + 1_000;
                bench.fake.raise(1, 0);
            }
            bench.supervisor.poll();
            answers += bench.collect().len();
        }
        let console = bench.fake.0.unkept.borrow_mut().take().unwrap();
        assert_eq!((console.lost, answers), (0, 80), "{name}");
        assert_eq!(bench.state(name), State::Running);
        let ran = bench.supervisor.service.containers.find(name);
        let ran = ran.and_then(|slot| bench.supervisor.service.containers.get(slot));
        assert!(ran.unwrap().fuel_used() > 10_000, "{name}");
    }
}
