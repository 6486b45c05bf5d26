//! Out of memory at the k-th allocation, for every k, in every operation: that
//! operation fails with a clear error or does without, and nothing else happens.

mod support;

use std::collections::BTreeSet;

use berth_flash::Simulated;
use berth_protocol::{
    DeviceError, Entry, Event, FRAME_MAX, Fault, FrameDecoder, Op, Parameters, Reply, Request,
    Response, State, encode_frame,
};
use support::ONE_AT_A_TIME;
use support::operations::{FAULTY, Images, Inner, REQUESTS, Step, VICTIM, number, script, upload};
use wasm_supervisor::arena::{self, ArenaId, Usage};
use wasm_supervisor::buses::Bus;
use wasm_supervisor::container::CONTAINERS_MAX;
use wasm_supervisor::fake::Fake;
use wasm_supervisor::supervisor::Supervisor;

/// Does what takes memory: messages, saved state, a named value, log, growth, a table, claims; and in its
/// interrupt handler again, deeper than main.
const VICTIM_TEXT: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "irq:timer0" "register" (func $register (param i32 i32 i32 i32) (result i32)))
  (import "mmio" "write32" (func $write (param i32 i32 i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "yield" (func $yield))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
  (import "berth" "send" (func $send (param i32 i32 i32 i32) (result i32)))
  (import "berth" "config_get" (func $config (param i32 i32 i32 i32) (result i32)))
  (import "berth" "value_set" (func $value (param i32 i32 i32 i32) (result i32)))
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
      (drop (call $config (i32.const 0) (i32.const 7) (i32.const 480) (i32.const 8)))
      (drop (call $value (i32.const 0) (i32.const 7) (i32.const 0) (i32.const 64)))
      (drop (memory.grow (i32.const 64)))
      (call $yield)
      (call $sleep (i64.const 1000))
      (br $again))))"#;

/// Runs beside it and gets its messages.
const WITNESS: &str = r#"(module
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (loop $again (call $sleep (i64.const 1000)) (br $again))))"#;

/// Faults when it has slept a little.
const FAULTY_TEXT: &str = r#"(module
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (call $sleep (i64.const 2000)) unreachable))"#;

const STRANGER: &str = r#"(module (import "mmio:nowhere" "claim" (func (result i32)))
  (func (export "_start")))"#;

/// Allocations of the supervisor that come before all others when it begins: itself. Nothing else is in memory then, and
/// a board with too little for it is told so before (`board::take_memory`).
const ITSELF: u64 = 2;

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
    /// `None` while it begins anew.
    supervisor: Option<Supervisor<Fake>>,
    id: u32,
    /// The last request that was refused.
    refused: u32,
    /// An allocation has failed while it began, or none has.
    failed: Option<bool>,
}

impl Bench {
    /// With so many pages of flash for the store; 0: none.
    fn new(pages: usize) -> Self {
        arena::set_installed();
        let fake = arena::of_the_test(|| {
            let fake = Fake::default();
            if pages > 0 {
                fake.0.flash.replace(Some(Simulated::new(pages)));
            }
            fake
        });
        Self {
            supervisor: Some(Supervisor::new(fake.clone())),
            fake,
            id: 0,
            refused: 0,
            failed: None,
        }
    }

    fn poll(&mut self) {
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.poll();
        }
    }

    /// Carry out one step. Returns what it answered.
    fn step(&mut self, step: &Step<'_>) -> Answer {
        match step {
            Step::Ask(Op::Detail { index, .. }) => {
                let of = self.refused;
                self.ask(Op::Detail { of, index: *index })
            }
            Step::Ask(op) => self.ask(*op),
            Step::Refused(op, word) => {
                let answer = self.ask(*op);
                self.refused = self.id;
                match answer {
                    Answer::Refused(other) if other == *word => Answer::Good,
                    Answer::Good => Answer::Refused("not refused"),
                    other => other,
                }
            }
            Step::Inner(inner) => {
                if *inner == Inner::Boot {
                    // Gives the flash back first.
                    self.supervisor = None;
                    self.supervisor = Some(Supervisor::new(self.fake.clone()));
                    self.failed = Some(arena::has_failed());
                }
                self.work(inner.takes_ms());
                Answer::Good
            }
        }
    }

    /// Whatever a boot found no memory for is there after the next one, and runs if it is to run.
    fn boots_again(&mut self) {
        let boot = Step::Inner(Inner::Boot);
        assert_eq!(self.step(&boot), Answer::Good);
        // Which is refused of one that does not run.
        assert_eq!(self.ask(Op::Pause { name: VICTIM }), Answer::Good);
        assert_eq!(self.ask(Op::Inspect { name: "witness" }), Answer::Good);
    }

    /// Nothing is left of what the script made.
    fn clean(&mut self) {
        let upload = support::operations::UPLOAD;
        self.ask(Op::UploadAbort { upload });
        for name in [VICTIM, FAULTY, berth_calls::NAME] {
            self.ask(Op::Kill { name });
            self.ask(Op::Remove { name });
        }
        // Another upload takes the place of an image that was refused, which is kept for a while.
        self.ask(support::operations::begin(
            "other",
            b"nothing",
            Parameters::default(),
        ));
        self.ask(Op::UploadAbort { upload });
        // And another draft that of one that was not used.
        self.ask(Op::Draft {
            draft: 0,
            offset: 0,
            bytes: &[],
        });
        self.work(3);
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

    /// Returns how the container called `name` has failed, and in which entry, if it is there and has failed.
    fn fault(&mut self, name: &str) -> Option<(Fault, Entry)> {
        self.look(Op::Inspect { name }, |result| match result {
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
            self.poll();
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

    /// Let so many milliseconds pass.
    fn work(&mut self, ms: u64) {
        let step_us = if ms > 100 { 20_000 } else { 500 };
        for _ in 0..ms * 1000 / step_us {
            arena::of_the_test(|| {
                self.fake.raise(TIMER, 0);
                for bus in Bus::ALL {
                    self.fake.complete(bus);
                }
            });
            self.poll();
            self.fake.0.now_us.set(self.fake.0.now_us.get() + step_us);
        }
        arena::of_the_test(|| {
            self.fake.0.writes.borrow_mut().clear();
            self.fake.0.output.borrow_mut().clear();
        });
    }

    /// The one container beside the script's runs.
    fn witness(&mut self, image: &[u8]) {
        let steps = upload("witness", image, Parameters::default());
        for step in &steps {
            assert_eq!(self.step(step), Answer::Good);
        }
        arena::of_the_test(|| drop(steps));
        assert_eq!(self.ask(Op::Start { name: "witness" }), Answer::Good);
        self.work(6);
    }
}

/// The arenas of containers that hold something.
fn held() -> Vec<ArenaId> {
    arena::of_the_test(|| {
        (0..=CONTAINERS_MAX)
            .filter_map(ArenaId::of_container)
            .filter(|id| arena::usage(*id) != Usage::default())
            .collect()
    })
}

#[derive(Debug, Default)]
struct Counts {
    cases: u32,
    refused: u32,
    in_handlers: u32,
    updates: u32,
}

#[test]
fn whichever_allocation_fails_only_its_operation_does() {
    every_allocation_of_every_operation(0);
}

#[test]
fn and_so_it_is_with_a_store() {
    every_allocation_of_every_operation(24);
}

fn every_allocation_of_every_operation(pages: usize) {
    let _guard = ONE_AT_A_TIME.lock();
    let assemble = |text: &str| wat::parse_str(text).unwrap();
    let images = Images {
        victim: assemble(VICTIM_TEXT),
        second: assemble(&VICTIM_TEXT.replace("\"witness\"", "\"Witness\"")),
        faulty: assemble(FAULTY_TEXT),
        stranger: assemble(STRANGER),
    };
    let witness = assemble(WITNESS);
    let mut bench = Bench::new(pages);
    bench.witness(&witness);
    let mut steps = script(&images);
    arena::of_the_test(|| everything_is_in(&steps));
    if pages == 0 {
        // Nothing is there after a reset.
        let last = steps.iter().position(ends_all).unwrap();
        steps.truncate(last);
    }
    // Once without a failure: afterwards the witness has a mailbox for as long as it runs.
    for step in &steps {
        assert_eq!(bench.step(step), Answer::Good, "{step:?}");
    }
    bench.clean();
    restart_witness(&mut bench);
    let mut counts = Counts::default();
    let mut baseline = None;
    for step in 0..steps.len() {
        for k in 0.. {
            // Everything before it goes well.
            for step in &steps[..step] {
                assert_eq!(bench.step(step), Answer::Good, "{step:?}");
            }
            let spared = held();
            let witness = spared.first().copied().unwrap_or(ArenaId::SUPERVISOR);
            arena::of_the_test(|| drop(spared));
            let boots = matches!(steps[step], Step::Inner(Inner::Boot));
            arena::fail_after(if boots { k + ITSELF } else { k }, witness);
            let answer = bench.step(&steps[step]);
            bench.work(6);
            let failed = bench.failed.take().unwrap_or_else(arena::has_failed);
            let context = arena::of_the_test(|| format!("{:?}, allocation {k}", steps[step]));
            match answer {
                Answer::Good => {}
                Answer::Memory if failed => counts.refused += 1,
                other => panic!("{context}: {other:?}"),
            }
            counts.cases += u32::from(failed);
            let is_update = steps[..step]
                .iter()
                .any(|step| matches!(step, Step::Ask(Op::UpdateBegin { .. })));
            counts.updates += u32::from(failed && is_update);
            match bench.fault(VICTIM) {
                None => {}
                Some((Fault::OutOfMemory, Entry::Handler { .. })) => counts.in_handlers += 1,
                // What the faulty image does anyway.
                Some((Fault::OutOfMemory | Fault::Unreachable, _)) => {}
                Some(other) => panic!("{context}: {other:?}"),
            }
            if boots {
                bench.boots_again();
                bench.failed = None;
                if k == 0 {
                    // What runs of the first supervisor lost when they were out of memory is lost with them.
                    baseline = None;
                }
            }
            // The other container has not noticed, and nothing is left of the victim.
            bench.clean();
            if steps[..=step].iter().any(ends_all) {
                restart_witness(&mut bench);
            }
            let witness_runs = bench.ask(Op::Pause { name: "witness" });
            assert_eq!(witness_runs, Answer::Good, "{context}");
            assert_eq!(bench.ask(Op::Resume { name: "witness" }), Answer::Good);
            // Without the messages that it got or did not get.
            let name = "witness";
            assert_eq!(bench.ask(Op::Kill { name }), Answer::Good, "{context}");
            restart_witness(&mut bench);
            let still_held = held();
            assert_eq!(still_held.len(), 1, "{context}: {still_held:?}");
            arena::trim(ArenaId::SUPERVISOR);
            let used = arena::usage(ArenaId::SUPERVISOR).used_bytes;
            let first = *baseline.get_or_insert(used);
            assert_eq!(used, first, "{context}: bytes of the supervisor");
            arena::of_the_test(|| drop((context, still_held)));
            if !failed {
                break;
            }
        }
    }
    println!(
        "{counts:?} with {pages} pages of store, in {} steps",
        steps.len()
    );
    assert!(counts.cases > 600 && counts.refused > 100, "{counts:?}");
    assert!(
        counts.in_handlers > 10 && counts.updates > 100,
        "{counts:?}"
    );
    arena::of_the_test(|| drop(steps));
}

/// Before it calls anything, a container sleeps for so long, so that its first call comes when it is waited for.
const ASLEEP_US: u64 = 1_000;

#[test]
fn a_function_that_finds_no_memory_is_its_callers_matter() {
    let _guard = ONE_AT_A_TIME.lock();
    let calls: Vec<(String, Vec<u8>)> = berth_calls::own()
        .chain(berth_calls::foreign())
        .map(|call| (call.title(), call.without_end(ASLEEP_US)))
        .map(|(title, text)| (title, wat::parse_str(text).unwrap()))
        .collect();
    let witness = wat::parse_str(WITNESS).unwrap();
    let mut bench = Bench::new(0);
    bench.witness(&witness);
    let mut cases = 0;
    for (title, image) in &calls {
        cases += without_memory(&mut bench, title, image);
    }
    println!("{cases} allocations failed in {} functions", calls.len());
    assert!(cases > 20, "{cases}");
    arena::of_the_test(|| drop((calls, witness)));
}

/// Lets each allocation fail in turn that is made while a container calls a function. Returns how many there are.
fn without_memory(bench: &mut Bench, title: &str, image: &[u8]) -> u32 {
    let steps = upload(berth_calls::NAME, image, Parameters::default());
    // What it comes to if it has what it asks for.
    let mut usual = None;
    let mut baseline = None;
    let mut cases = 0;
    // The first time all of it is there.
    for k in [u64::MAX].into_iter().chain(0..) {
        for step in &steps {
            assert_eq!(bench.step(step), Answer::Good, "{title}: {step:?}");
        }
        let name = berth_calls::NAME;
        assert_eq!(bench.ask(Op::Start { name }), Answer::Good, "{title}");
        let spared = held();
        let witness = spared.first().copied().unwrap_or(ArenaId::SUPERVISOR);
        arena::of_the_test(|| drop(spared));
        arena::fail_after(k, witness);
        bench.work(4);
        let failed = arena::has_failed();
        let fault = bench.fault(name).map(|(fault, _)| fault);
        if k == u64::MAX {
            usual = fault;
        } else if fault != usual {
            let missing = Some(Fault::OutOfMemory);
            assert_eq!((fault, failed), (missing, true), "{title}, allocation {k}");
        }
        cases += u32::from(failed);
        bench.clean();
        let name = "witness";
        let runs = bench.ask(Op::Pause { name });
        assert_eq!(runs, Answer::Good, "{title}, allocation {k}");
        assert_eq!(bench.ask(Op::Resume { name }), Answer::Good);
        let still_held = held();
        assert_eq!(still_held.len(), 1, "{title}, allocation {k}");
        arena::of_the_test(|| drop(still_held));
        arena::trim(ArenaId::SUPERVISOR);
        let used = arena::usage(ArenaId::SUPERVISOR).used_bytes;
        if k != u64::MAX {
            let first = *baseline.get_or_insert(used);
            assert_eq!(used, first, "{title}, allocation {k}");
            if !failed {
                break;
            }
        }
    }
    arena::of_the_test(|| drop(steps));
    cases
}

/// Does the step end all containers?
fn ends_all(step: &Step<'_>) -> bool {
    matches!(
        step,
        Step::Ask(Op::Reset { uptime_us: 0 }) | Step::Inner(Inner::Boot)
    )
}

/// After a reset it has to be started, if it is not running.
fn restart_witness(bench: &mut Bench) {
    bench.ask(Op::Start { name: "witness" });
    bench.work(6);
}

/// Every kind of request, and of what happens without one, is in the script.
fn everything_is_in(steps: &[Step<'_>]) {
    let asked: BTreeSet<usize> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Ask(op) | Step::Refused(op, _) => Some(number(op)),
            Step::Inner(_) => None,
        })
        .collect();
    let missing: Vec<usize> = (0..REQUESTS).filter(|n| !asked.contains(n)).collect();
    assert_eq!(missing, [], "kinds of requests that the script has not");
    for inner in Inner::ALL {
        let is_in = steps
            .iter()
            .any(|step| matches!(step, Step::Inner(i) if *i == inner));
        assert!(is_in, "{inner:?}");
    }
}
