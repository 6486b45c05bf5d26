//! The whole supervisor on a fake platform, driven through its serial line.

mod claims;
mod edges;
mod failures;
mod lifecycle;
mod lines;
mod operators;
mod refused;
mod reset;
mod store;

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use berth_protocol::{
    CHUNK_MAX, DeviceError, Event, FRAME_MAX, Fault, FrameDecoder, ImageHash, MissingWhy, Op,
    Parameters, Reply, Request, Response, State, encode_frame,
};

use super::Supervisor;
use crate::fake::{EXPOSED, Fake};

/// A supervisor and the operator's end of its line.
struct Bench {
    fake: Fake,
    supervisor: Supervisor<Fake>,
    next_id: u32,
    /// Text seen outside frames.
    text: String,
}

impl Bench {
    fn new() -> Self {
        let fake = Fake::default();
        Self {
            supervisor: Supervisor::new(fake.clone()),
            fake,
            next_id: 100,
            text: String::new(),
        }
    }

    fn type_text(&mut self, text: &str) -> String {
        self.fake.0.input.borrow_mut().extend(text.bytes());
        self.polls(4);
        self.collect();
        std::mem::take(&mut self.text)
    }

    fn polls(&mut self, count: usize) {
        for _ in 0..count {
            self.supervisor.poll();
        }
    }

    /// Let time pass as the process would: run, and sleep when there is nothing to do.
    fn live(&mut self, until_us: u64) {
        while self.fake.0.now_us.get() < until_us {
            if !self.supervisor.poll() {
                let wake = self.supervisor.deadline().unwrap_or(until_us);
                self.fake.0.now_us.set(wake.min(until_us));
            }
        }
    }

    /// Take apart what the supervisor has sent.
    fn collect(&mut self) -> Vec<Vec<u8>> {
        let sent = std::mem::take(&mut *self.fake.0.output.borrow_mut());
        let mut decoder = FrameDecoder::new();
        let mut messages = Vec::new();
        for byte in sent {
            match decoder.push(byte) {
                Event::Message(message) => messages.push(message.to_vec()),
                Event::Text(byte) => self.text.push(byte as char),
                _ => {}
            }
        }
        messages
    }

    fn send(&mut self, id: u32, op: Op<'_>) -> Vec<Vec<u8>> {
        let mut frame = [0; FRAME_MAX];
        let frame = encode_frame(&Request { id, op }, &mut frame).unwrap();
        self.fake.0.input.borrow_mut().extend(frame.iter());
        while !self.fake.0.input.borrow().is_empty() {
            self.supervisor.poll();
        }
        self.collect()
    }

    /// One request and what `check` makes of its answer.
    fn ask<R>(
        &mut self,
        op: Op<'_>,
        check: impl FnOnce(Result<Reply<'_>, DeviceError<'_>>) -> R,
    ) -> R {
        self.next_id += 1;
        let id = self.next_id;
        let answers = self.send(id, op);
        assert_eq!(answers.len(), 1, "one answer");
        let response = Response::decode(&answers[0]).unwrap();
        assert_eq!(response.id, id);
        check(response.result)
    }

    fn ok(&mut self, op: Op<'_>) {
        self.ask(op, |result| assert!(result.is_ok(), "{result:?}"));
    }

    fn refused(&mut self, op: Op<'_>) -> String {
        self.ask(op, |result| result.unwrap_err().to_string())
    }

    fn begin<'a>(name: &'a str, image: &[u8]) -> Op<'a> {
        Op::UploadBegin {
            upload: 0,
            name,
            length: image.len() as u32,
            hash: ImageHash::of(image),
            parameters: Parameters::default(),
        }
    }

    fn upload(&mut self, name: &str, image: &[u8]) {
        self.ok(Self::begin(name, image));
        for (number, bytes) in image.chunks(CHUNK_MAX).enumerate() {
            let offset = (number * CHUNK_MAX) as u32;
            self.ok(Op::UploadChunk {
                upload: 0,
                offset,
                bytes,
            });
        }
    }

    fn install(&mut self, name: &str, wat: &str) {
        let image = wat::parse_str(wat).unwrap();
        self.upload(name, &image);
        self.ok(Op::UploadCommit { upload: 0 });
    }

    fn state(&mut self, name: &str) -> State {
        let slot = self.supervisor.service.containers.find(name).unwrap();
        self.supervisor
            .service
            .containers
            .get(slot)
            .unwrap()
            .state()
    }

    /// All log lines of a container, through the protocol.
    fn logs(&mut self, name: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut from = 0;
        loop {
            let line = self.ask(
                Op::Log {
                    name,
                    log: None,
                    from,
                },
                |result| match result.unwrap() {
                    Reply::LogLine { sequence, text, .. } => Some((sequence, text.to_string())),
                    Reply::End => None,
                    other => panic!("{other:?}"),
                },
            );
            let Some((sequence, text)) = line else {
                return lines;
            };
            from = sequence + 1;
            lines.push(text);
        }
    }
}

/// Toggles bit 1 of the first register of `fpgaio` every 100 ms.
const BLINK: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
  (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "toggled")
  (func (export "_start") (local $handle i32)
    (local.set $handle (call $claim))
    (loop $again
      (call $modify (local.get $handle) (i32.const 0) (i32.const 2)
        (i32.xor (call $read (local.get $handle) (i32.const 0)) (i32.const 2)))
      (call $log (i32.const 2) (i32.const 0) (i32.const 7))
      (call $sleep (i64.const 100000))
      (br $again))))"#;

const SPIN: &str = r#"(module (func (export "_start") (loop $again (br $again))))"#;

/// A module whose main is `body`, with what bodies need.
fn program(body: &str) -> String {
    format!(
        r#"(module
          (import "mmio:fpgaio" "claim" (func $claim (result i32)))
          (import "mmio" "read8" (func $read8 (param i32 i32) (result i32)))
          (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
          (import "mmio" "write16" (func $write16 (param i32 i32 i32)))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "now_us" (func $now (result i64)))
          (import "berth" "yield" (func $yield))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 64 (pagesize 1))
          (func $deep (call $deep))
          (func (export "_start") {body}))"#
    )
}

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
fn every_bad_upload_has_its_own_error() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    bench.ok(Op::Start { name: "blink" });
    let image = wat::parse_str(SPIN).unwrap();
    let other = wat::parse_str(BLINK).unwrap();

    assert_eq!(
        bench.refused(Op::UploadCommit { upload: 0 }),
        "this upload is not in progress"
    );
    assert_eq!(
        bench.refused(Bench::begin("no name", &image)),
        "not a container name"
    );
    assert_eq!(
        bench.refused(Bench::begin("blink", &image)),
        "the name is taken by another container"
    );
    bench.ask(Bench::begin("blink", &other), |result| {
        assert_eq!(result, Ok(Reply::Unchanged));
    });
    assert!(
        bench
            .refused(Op::UploadBegin {
                upload: 0,
                name: "big",
                length: u32::MAX,
                hash: ImageHash([0; 32]),
                parameters: Parameters::default(),
            })
            .starts_with("image too large")
    );
    let bad = Parameters {
        share: Some(0),
        ..Parameters::default()
    };
    assert!(
        bench
            .refused(Op::UploadBegin {
                upload: 0,
                name: "x",
                length: 8,
                hash: ImageHash([0; 32]),
                parameters: bad,
            })
            .contains("share")
    );

    // Truncated.
    bench.ok(Bench::begin("spin", &image));
    let (first, rest) = image.split_at(10);
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 0,
        bytes: first,
    });
    assert_eq!(
        bench.refused(Op::UploadCommit { upload: 0 }),
        "image incomplete, only 10 bytes arrived"
    );
    // Out of order, too long, corrupted.
    bench.ok(Bench::begin("spin", &image));
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 0,
        bytes: first,
    });
    assert!(
        bench
            .refused(Op::UploadChunk {
                upload: 0,
                offset: 11,
                bytes: rest
            })
            .contains("10")
    );
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 0,
        bytes: first,
    });
    assert!(
        bench
            .refused(Op::UploadChunk {
                upload: 0,
                offset: 10,
                bytes: &[0; 200]
            })
            .contains("out of order")
    );
    let mut damaged = rest.to_vec();
    damaged[5] ^= 1;
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 10,
        bytes: &damaged,
    });
    assert!(
        bench
            .refused(Op::UploadCommit { upload: 0 })
            .contains("damaged")
    );
    // An interrupted upload goes on where it was.
    bench.ok(Bench::begin("spin", &image));
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 0,
        bytes: first,
    });
    bench.ask(Bench::begin("spin", &image), |result| {
        assert_eq!(result, Ok(Reply::Upload { offset: 10 }));
    });
    bench.ok(Op::UploadAbort { upload: 0 });
    // Not a module; a module that only a validator refuses.
    bench.upload("text", b"hello, world");
    assert!(
        bench
            .refused(Op::UploadCommit { upload: 0 })
            .contains("not a WebAssembly module")
    );
    let typed = br#"(module (func (export "_start") i32.add drop))"#;
    bench.upload("types", &wat::parse_bytes(typed).unwrap());
    assert!(
        bench
            .refused(Op::UploadCommit { upload: 0 })
            .starts_with("invalid module at offset")
    );

    // Full.
    for number in 1..crate::container::CONTAINERS_MAX {
        bench.install(&format!("c{number}"), SPIN);
    }
    assert_eq!(
        bench.refused(Bench::begin("one-more", &image)),
        "the device is full: 16 containers are stored"
    );

    bench.live(250_000);
    assert_eq!(bench.state("blink"), State::Running);
    assert_eq!(bench.supervisor.service.containers.iter().count(), 16);
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
