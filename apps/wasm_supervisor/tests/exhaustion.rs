//! Out of memory at the k-th allocation, for every k, in every operation: that
//! operation fails with a clear error or does without, and nothing else happens.

mod support;

use berth_protocol::{
    DeviceError, Entry, Event, FRAME_MAX, Fault, FrameDecoder, ImageHash, Level, Op, Parameters,
    Reply, Request, Response, State, encode_frame,
};
use support::ONE_AT_A_TIME;
use wasm_supervisor::arena::{self, ArenaId, Usage};
use wasm_supervisor::fake::Fake;
use wasm_supervisor::supervisor::Supervisor;

/// Does what takes memory: messages, saved state, log, growth, a table, claims; and in its
/// interrupt handler again, deeper than main.
const VICTIM: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "irq:timer0" "register" (func $register (param i32 i32 i32 i32) (result i32)))
  (import "mmio" "write32" (func $write (param i32 i32 i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "yield" (func $yield))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
  (import "berth" "send" (func $send (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 512 (pagesize 1))
  (data (i32.const 0) "witness")
  (data (i32.const 400) "\00\00\04\00\c0\01\00\00")
  (table (export "__indirect_function_table") 4 funcref)
  (elem (i32.const 1) $handle)
  (global (mut i32) (i32.const 7))
  (func $deep (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func $handle (param i32 i32)
    (drop (call $deep (i32.const 28)))
    (call $log (i32.const 2) (i32.const 0) (i32.const 7))
    (drop (call $send (i32.const 0) (i32.const 7) (i32.const 0) (i32.const 64)))
    (drop (call $save (i32.const 0) (i32.const 200)))
    (drop (memory.grow (i32.const 16))))
  (func (export "_pause") (drop (call $save (i32.const 0) (i32.const 300))))
  (func (export "_start")
    (drop (call $register (i32.const 1) (i32.const 1) (i32.const 400) (i32.const 1)))
    (loop $again
      (call $write (call $claim) (i32.const 0) (i32.const 1))
      (call $log (i32.const 2) (i32.const 0) (i32.const 7))
      (drop (call $deep (i32.const 20)))
      (drop (call $send (i32.const 0) (i32.const 7) (i32.const 0) (i32.const 64)))
      (drop (call $save (i32.const 0) (i32.const 100)))
      (drop (memory.grow (i32.const 64)))
      (call $yield)
      (call $sleep (i64.const 1000))
      (br $again))))"#;

/// Runs beside it and gets its messages.
const WITNESS: &str = r#"(module
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (loop $again (call $sleep (i64.const 1000)) (br $again))))"#;

/// The name under which `VICTIM` is stored.
const VICTIM_NAME: &str = "victim";

/// Number of the block `timer0` on the fake board.
const TIMER: u32 = 1;

/// What the device answered, owned by the test.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Good,
    /// It says that memory was missing.
    Memory,
    /// Another error.
    Refused(&'static str),
}

struct Bench {
    fake: Fake,
    supervisor: Supervisor<Fake>,
    id: u32,
}

impl Bench {
    fn new() -> Self {
        arena::set_installed();
        let fake = arena::of_the_test(Fake::default);
        Self {
            supervisor: Supervisor::new(fake.clone()),
            fake,
            id: 0,
        }
    }

    /// Send a request and wait for its answer.
    fn ask(&mut self, op: Op<'_>) -> Answer {
        self.look(op, |result| match result {
            Ok(_) => Answer::Good,
            Err(
                DeviceError::OutOfMemory { .. }
                | DeviceError::DeviceFull { .. }
                | DeviceError::WrongState {
                    state:
                        State::Faulted {
                            fault: Fault::OutOfMemory,
                        },
                },
            ) => Answer::Memory,
            Err(error) => Answer::Refused(error.word()),
        })
    }

    /// How the victim has failed, and in which entry, if it is there and has failed.
    fn fault(&mut self) -> Option<(Fault, Entry)> {
        self.look(Op::Inspect { name: VICTIM_NAME }, |result| match result {
            Ok(Reply::Inspection(inspection)) => {
                inspection.fault.map(|report| (report.fault, report.entry))
            }
            _ => None,
        })
    }

    /// Send a request and look at its answer.
    fn look<R>(&mut self, op: Op<'_>, look: impl Fn(Result<Reply<'_>, DeviceError<'_>>) -> R) -> R {
        self.id += 1;
        let id = self.id;
        let state = self.fake.0.clone();
        arena::of_the_test(|| {
            let mut frame = [0; FRAME_MAX];
            let frame = encode_frame(&Request { id, op }, &mut frame).unwrap();
            state.input.borrow_mut().extend(frame);
            state.output.borrow_mut().clear();
        });
        while !state.input.borrow().is_empty() {
            self.supervisor.poll();
        }
        arena::of_the_test(|| {
            let mut decoder = FrameDecoder::new();
            for byte in state.output.borrow().iter() {
                if let Event::Message(message) = decoder.push(*byte)
                    && let Ok(response) = Response::decode(message)
                    && response.id == id
                {
                    return look(response.result);
                }
            }
            panic!("no answer to request {id}")
        })
    }

    fn work(&mut self, turns: usize) {
        for _ in 0..turns {
            arena::of_the_test(|| self.fake.raise(TIMER, 0));
            self.supervisor.poll();
            self.fake.0.now_us.set(self.fake.0.now_us.get() + 500);
        }
        arena::of_the_test(|| {
            self.fake.0.writes.borrow_mut().clear();
            self.fake.0.output.borrow_mut().clear();
        });
    }

    fn upload(&mut self, name: &str, image: &[u8]) {
        for op in upload(name, image) {
            assert_eq!(self.ask(op), Answer::Good);
        }
    }
}

fn upload<'a>(name: &'a str, image: &'a [u8]) -> Vec<Op<'a>> {
    let begin = Op::UploadBegin {
        upload: 0,
        name,
        length: image.len() as u32,
        hash: ImageHash::of(image),
        parameters: Parameters::default(),
    };
    let chunks = image.chunks(200).scan(0, |offset, bytes| {
        let chunk = Op::UploadChunk {
            upload: 0,
            offset: *offset,
            bytes,
        };
        *offset += bytes.len() as u32;
        Some(chunk)
    });
    arena::of_the_test(|| {
        std::iter::once(begin)
            .chain(chunks)
            .chain([Op::UploadCommit { upload: 0 }])
            .collect()
    })
}

/// The requests that bring the victim through its life; after each, some turns.
fn life(image: &[u8]) -> Vec<Op<'_>> {
    let name = VICTIM_NAME;
    let mut ops = upload(name, image);
    arena::of_the_test(|| {
        ops.extend([
            Op::Start { name },
            Op::Containers { cursor: 0 },
            Op::Log {
                name,
                log: None,
                from: 0,
            },
            Op::Pause { name },
            Op::Inspect { name },
            Op::Resume { name },
            Op::Edit {
                name,
                parameters: Parameters {
                    share: Some(10),
                    log_level: Some(Level::Warn),
                    ..Parameters::default()
                },
                restart: true,
            },
            Op::Heap,
            Op::Images { cursor: 0 },
            Op::Events { log: None, from: 0 },
            Op::Status,
            Op::Stop { name },
            Op::Remove { name },
        ]);
    });
    ops
}

/// Turns of the containers after each request: enough for the victim's whole loop.
const TURNS: usize = 12;

#[test]
fn whichever_allocation_fails_only_its_operation_does() {
    let _guard = ONE_AT_A_TIME.lock();
    let (image, witness) = arena::of_the_test(|| {
        (
            wat::parse_str(VICTIM).unwrap(),
            wat::parse_str(WITNESS).unwrap(),
        )
    });
    let mut bench = Bench::new();
    bench.upload("witness", &witness);
    assert_eq!(bench.ask(Op::Start { name: "witness" }), Answer::Good);
    bench.work(TURNS);
    let ops = life(&image);
    // Once without a failure: afterwards the witness has a mailbox for as long as it runs.
    for op in &ops {
        assert_eq!(bench.ask(*op), Answer::Good, "{op:?}");
        bench.work(TURNS);
    }
    let mut cases = 0;
    let mut refused = 0;
    let mut in_handlers = 0;
    let mut baseline = None;
    for step in 0..ops.len() {
        for k in 0.. {
            // Everything before it goes well.
            for op in &ops[..step] {
                assert_eq!(bench.ask(*op), Answer::Good, "{op:?}");
                bench.work(TURNS);
            }
            arena::fail_after(k, ArenaId::of_container(0).unwrap());
            let answer = bench.ask(ops[step]);
            bench.work(TURNS);
            let failed = arena::has_failed();
            match answer {
                Answer::Good => {}
                Answer::Memory if failed => refused += 1,
                other => panic!("{:?}, allocation {k}: {other:?}", ops[step]),
            }
            cases += u64::from(failed);
            // The other container has not noticed, and nothing is left of the victim.
            let name = VICTIM_NAME;
            match bench.fault() {
                None => {}
                Some((Fault::OutOfMemory, Entry::Handler { .. })) => in_handlers += 1,
                Some((Fault::OutOfMemory, _)) => {}
                Some(other) => panic!("{:?}, allocation {k}: {other:?}", ops[step]),
            }
            bench.ask(Op::UploadAbort { upload: 0 });
            bench.ask(Op::Kill { name });
            bench.ask(Op::Remove { name });
            bench.work(TURNS);
            let context = format_args_of(&ops[step], k);
            let witness_runs = bench.ask(Op::Pause { name: "witness" });
            assert_eq!(witness_runs, Answer::Good, "{context}");
            assert_eq!(bench.ask(Op::Resume { name: "witness" }), Answer::Good);
            let slot = ArenaId::of_container(1).unwrap();
            assert_eq!(arena::usage(slot), Usage::default(), "{context}");
            arena::trim(ArenaId::SUPERVISOR);
            let used = arena::usage(ArenaId::SUPERVISOR).used_bytes;
            let first = *baseline.get_or_insert(used);
            assert_eq!(used, first, "{context}: bytes of the supervisor");
            arena::of_the_test(|| drop(context));
            if !failed {
                break;
            }
        }
    }
    println!(
        "{cases} allocations failed, {refused} operations were refused, {in_handlers} handlers ended"
    );
    assert!(cases > 300 && refused > 100, "{cases} {refused}");
    assert!(in_handlers > 10, "only {in_handlers} in handlers");
}

fn format_args_of(op: &Op<'_>, k: u64) -> String {
    arena::of_the_test(|| format!("{op:?}, allocation {k}"))
}
