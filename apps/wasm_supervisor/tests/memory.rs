//! Memory of containers with the real allocator.
//!
//! The only test program whose global allocator is the arenas, so what is
//! counted here is what containers hold. Numbers are those of the host, whose
//! pointers are twice as long as the board's; the board's are measured there.

mod support;

use berth_protocol::{ImageHash, Parameters, State};
use support::hostile::hostile;
use support::{Bench, DRIVER, ENDLESS, GROWER, ONE_AT_A_TIME, usage};
use wasm_supervisor::arena::{self, ArenaId, Usage};
use wasm_supervisor::container::belongings::Change;
use wasm_supervisor::container::{Name, Refused};

/// A module whose compilation needs far more memory than its size suggests.
fn hungry() -> String {
    let functions = "(func)".repeat(900);
    format!(r#"(module (func (export "_start")) {functions})"#)
}

#[test]
fn a_thousand_starts_and_stops_leave_nothing() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let driver = bench.store("driver", DRIVER, None);
    let grower = bench.store("grower", GROWER, Some(64 * 1024));
    let supervisor = || {
        arena::trim(ArenaId::SUPERVISOR);
        arena::usage(ArenaId::SUPERVISOR)
    };
    let mut warm = 0;
    for round in 0..1000 {
        bench.containers.start(driver).unwrap();
        bench.containers.start(grower).unwrap();
        bench.run(1 + round % 5);
        for slot in [driver, grower] {
            let _ = bench.containers.stop(slot);
            assert_eq!(usage(slot), Usage::default());
        }
        bench.fake.0.writes.borrow_mut().clear();
        let held = supervisor().held_bytes;
        let space = arena::space();
        assert_eq!(space.free_bytes + held, space.total_bytes, "round {round}");
        if round == 20 {
            warm = supervisor().used_bytes;
        }
    }
    assert_eq!(supervisor().used_bytes, warm);
}

#[test]
fn a_load_that_does_not_fit_is_refused_and_others_go_on() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let driver = bench.store("driver", DRIVER, None);
    let hungry = bench.store("hungry", &hungry(), Some(24 * 1024));
    bench.containers.start(driver).unwrap();
    bench.run(3);
    let held = usage(driver);
    for _ in 0..50 {
        let refused = bench.containers.start(hungry).unwrap_err();
        assert!(matches!(refused, Refused::Memory { .. }), "{refused:?}");
        assert_eq!(bench.state(hungry), State::Stored);
        assert_eq!(usage(hungry), Usage::default());
    }
    assert_eq!(usage(driver), held);
    bench.run(3);
    assert_eq!(bench.state(driver), State::Running);
}

#[test]
fn every_limit_gives_a_running_container_or_a_clear_refusal() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let mut refused = 0;
    let mut ran = 0;
    for kib in 8..48 {
        let slot = bench.store("driver", DRIVER, Some(kib * 1024));
        match bench.containers.start(slot) {
            Ok(()) => {
                bench.run(4);
                assert_eq!(bench.state(slot), State::Running);
                assert!(usage(slot).peak_bytes <= kib * 1024);
                bench.containers.stop(slot).unwrap();
                ran += 1;
            }
            Err(Refused::Memory { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(usage(slot), Usage::default());
        bench.containers.remove(slot).unwrap();
    }
    assert!(refused > 0 && ran > 0, "{refused} refused, {ran} ran");
}

#[test]
fn an_edit_below_what_loading_takes_leaves_the_run_as_it_is() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let slot = bench.store("driver", DRIVER, Some(48 * 1024));
    bench.containers.start(slot).unwrap();
    bench.run(4);
    let started = |bench: &Bench| bench.containers.get(slot).unwrap().started_us();
    let (began, before) = (
        started(&bench),
        bench.containers.get(slot).unwrap().parameters(),
    );
    let limit = |kib: u32| Parameters {
        limit: Some(kib * 1024),
        ..Parameters::default()
    };
    let mut refused = 0;
    for kib in 1..48 {
        let held = usage(slot);
        match bench
            .containers
            .edit(slot, limit(kib), Change::default(), true)
        {
            Err(Refused::Memory { .. }) => {
                refused += 1;
                assert_eq!(started(&bench), began, "{kib} KiB");
                assert_eq!(bench.containers.get(slot).unwrap().parameters(), before);
                assert_eq!(usage(slot), held, "{kib} KiB");
                bench.run(2);
            }
            Ok(()) => break,
            Err(other) => panic!("{kib} KiB: {other:?}"),
        }
        assert_eq!(bench.state(slot), State::Running);
    }
    // Its linear memory alone would fit into most of these.
    assert!(refused > 8, "{refused}");
    assert_eq!(bench.state(slot), State::Running);
    assert!(started(&bench) > began);
}

#[test]
fn growing_stops_at_the_limit_without_ending_the_container() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let slot = bench.store("grower", GROWER, Some(96 * 1024));
    let endless = bench.store("endless", ENDLESS, None);
    bench.containers.start(endless).unwrap();
    bench.containers.start(slot).unwrap();
    bench.run(400);
    match bench.state(slot) {
        State::Exited { code } => assert!((8..96).contains(&code), "{code} times"),
        other => panic!("{other}"),
    }
    assert_eq!(bench.state(endless), State::Running);
}

/// A container that begins with a memory of `bytes` and grows it in steps of `step` until it is told no; it exits with
/// the number of KiB if all it wrote is there, otherwise traps.
fn filler(bytes: u32, step: u32) -> String {
    format!(
        r#"(module
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") {bytes} (pagesize 1))
          (func (export "_start") (local $at i32)
            (loop $again
              ;; A word at the end of what there is, which has to begin as zero.
              (local.set $at (i32.sub (memory.size) (i32.const 4)))
              (if (i32.load (local.get $at)) (then unreachable))
              (i32.store (local.get $at) (local.get $at))
              (br_if $again (i32.ne (memory.grow (i32.const {step})) (i32.const -1))))
            (local.set $at (i32.const {bytes}))
            (loop $look
              (if (i32.ne (i32.load (i32.sub (local.get $at) (i32.const 4)))
                          (i32.sub (local.get $at) (i32.const 4)))
                (then unreachable))
              (local.set $at (i32.add (local.get $at) (i32.const {step})))
              (br_if $look (i32.le_u (local.get $at) (memory.size))))
            (call $exit (i32.shr_u (memory.size) (i32.const 10)))))"#
    )
}

#[test]
fn a_memory_grows_into_all_that_is_free() {
    let _guard = ONE_AT_A_TIME.lock();
    for with_neighbour in [false, true] {
        for start in [1024, 100 * 1024, 300 * 1024] {
            let mut bench = Bench::new();
            let slot = bench.store("filler", &filler(start, 1024), None);
            let driver = bench.store("driver", DRIVER, None);
            if with_neighbour {
                bench.containers.start(driver).unwrap();
                bench.run(3);
            }
            bench.containers.start(slot).unwrap();
            let before = arena::space().free_bytes;
            let memory = bench.containers.get(slot).unwrap().memory_high();
            bench.run(3_000);
            let State::Exited { code } = bench.state(slot) else {
                panic!("{}", bench.state(slot));
            };
            // What is free goes to the memory, up to what lies around it and the reserve; where it
            // had to move away from something, what it left is free and too short.
            let most = (before + start) / 1024;
            let least = if start < 200 * 1024 {
                most / 2
            } else {
                most - 24
            };
            assert!(
                code as u32 >= least && code as u32 <= most,
                "from {start}: {code} KiB of {most}, {memory} held before"
            );
            assert_eq!(usage(slot), Usage::default());
        }
    }
}

/// Asks for more memory without a host call between, each time with what `next` makes of the bytes it was refused.
fn insistent(next: &str) -> String {
    let all = arena::total();
    format!(
        r#"(module
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 64 (pagesize 1))
          (func (export "_start") (local $bytes i32)
            (local.set $bytes (i32.const {all}))
            (loop $again
              (if (i32.eq (memory.grow (local.get $bytes)) (i32.const -1))
                (then
                  (local.set $bytes ({next} (local.get $bytes) (i32.const 1)))
                  (br $again))))
            (call $exit (i32.shr_u (memory.size) (i32.const 10)))))"#
    )
}

#[test]
fn code_that_asks_for_ever_less_memory_keeps_nobody_waiting() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let slot = bench.store("insistent", &insistent("i32.sub"), None);
    bench.containers.start(slot).unwrap();
    bench.run(1);
    assert_eq!(bench.state(slot), State::Running);
    let fuel = bench.containers.get(slot).unwrap().fuel_used();
    // A piece, and the searches that there may be in it.
    assert!(fuel < 100_000, "{fuel} fuel in a turn");
}

#[test]
fn code_that_asks_for_half_as_much_each_time_gets_what_there_is() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let slot = bench.store("insistent", &insistent("i32.shr_u"), None);
    bench.containers.start(slot).unwrap();
    let free = arena::space().largest_bytes / 1024;
    bench.run(20);
    let State::Exited { code } = bench.state(slot) else {
        panic!("{}", bench.state(slot));
    };
    assert!(code as u32 >= free / 3, "{code} KiB of {free}");
}

#[test]
fn a_device_full_of_containers_refuses_the_next_and_keeps_the_others() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let slots: Vec<_> = (0..16)
        .map(|n| bench.store(&format!("c{n}"), GROWER, None))
        .collect();
    let endless = {
        bench.containers.remove(slots[15]).unwrap();
        bench.store("endless", ENDLESS, None)
    };
    bench.containers.start(endless).unwrap();
    // The first one takes all it can get.
    bench.containers.start(slots[0]).unwrap();
    let mut outcomes = [0, 0];
    for slot in &slots[1..15] {
        bench.run(3);
        match bench.containers.start(*slot) {
            Ok(()) => outcomes[0] += 1,
            Err(Refused::Memory { .. }) => outcomes[1] += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    bench.run(600);
    assert_eq!(bench.state(endless), State::Running);
    bench.containers.stop(endless).unwrap();
    for slot in &slots[..15] {
        assert!(!bench.state(*slot).is_active());
        assert_eq!(usage(*slot), Usage::default());
    }
}

#[test]
fn no_hostile_module_disturbs_the_others() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let driver = bench.store("driver", DRIVER, None);
    bench.containers.start(driver).unwrap();
    bench.run(3);
    for (name, wat, by_the_scan) in hostile() {
        let image = wat::parse_str(&wat).unwrap();
        let scanned = wasm_supervisor::admission::Module::scan(&image);
        assert_eq!(scanned.is_err(), by_the_scan, "{name}: {scanned:?}");
        let parameters = Parameters {
            limit: Some(24 * 1024),
            ..Parameters::default()
        };
        let hash = ImageHash::of(&image);
        let stored = bench
            .containers
            .store(Name::new(name).unwrap(), image, hash, parameters);
        if by_the_scan {
            assert!(matches!(stored, Err(Refused::Invalid(_))), "{name}");
        }
        if let Some(slot) = bench.containers.find(name) {
            let _ = bench.containers.start(slot);
            bench.run(8);
            assert!(usage(slot).peak_bytes <= 24 * 1024, "{name}");
            let _ = bench.containers.stop(slot);
            assert_eq!(usage(slot), Usage::default(), "{name}");
            bench.containers.remove(slot).unwrap();
        }
        let before = bench.containers.get(driver).unwrap().fuel_used();
        bench.run(3);
        assert_eq!(bench.state(driver), State::Running, "{name}");
        let after = bench.containers.get(driver).unwrap().fuel_used();
        assert!(after > before, "{name}: the driver stands still");
    }
}

#[test]
fn a_fault_in_the_start_function_tells_what_was_held() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new();
    let start = r#"(module (memory 2048 (pagesize 1)) (func $s unreachable) (start $s)
        (func (export "_start")))"#;
    let slot = bench.store("start", start, None);
    assert!(matches!(
        bench.containers.start(slot),
        Err(Refused::State(State::Faulted { .. }))
    ));
    let record = bench.containers.get(slot).unwrap().fault().unwrap();
    assert!(record.memory_used > 2048, "{record:?}");
    assert_eq!(usage(slot), Usage::default());
}
