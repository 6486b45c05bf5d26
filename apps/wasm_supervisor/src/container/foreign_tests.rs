//! Programs of other systems, from import to log, on the engine and a pretended board.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use berth_protocol::{Fault, ImageHash, MissingWhy, Parameters, State};

use crate::admission::{Module, imports};
use crate::container::{Containers, Name, Refused, Shared};
use crate::fake::Fake;

struct Bench {
    fake: Fake,
    containers: Containers<Fake>,
    shared: std::rc::Rc<Shared<Fake>>,
    slot: usize,
}

/// All functions of the three modules; memory of one page, `data` at 0.
fn program(data: &str, body: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module
          (import "arduino" "millis" (func $millis (result i32)))
          (import "arduino" "micros" (func $micros (result i32)))
          (import "arduino" "delay" (func $delay (param i32)))
          (import "arduino" "pinMode" (func $pinMode (param i32 i32)))
          (import "arduino" "digitalWrite" (func $digitalWrite (param i32 i32)))
          (import "arduino" "getPinLED" (func $getPinLED (result i32)))
          (import "arduino" "print" (func $print (param i32 i32)))
          (import "arduino" "printInt" (func $printInt (param i32)))
          (import "arduino" "printDouble" (func $printDouble (param f64)))
          (import "arduino" "pauseTask" (func $pauseTask (param i32 i32 i32)))
          (import "arduino" "resumeTask" (func $resumeTask (param i32 i32 i32) (result i32)))
          (import "arduino" "getFreeHeapSize" (func $free (result i32)))
          (import "arduino" "getInitialFreeHeapSize" (func $initial (result i32)))
          (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
          (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fdstat (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
          (import "tock:led" "count" (func $led_count (result i32)))
          (import "tock:led" "on" (func $led_on (param i32) (result i32)))
          (import "tock:led" "off" (func $led_off (param i32) (result i32)))
          (import "tock:led" "toggle" (func $led_toggle (param i32) (result i32)))
          (import "tock:led" "is_on" (func $led_is_on (param i32) (result i32)))
          (import "tock:gpio" "count" (func $pin_count (result i32)))
          (import "tock:gpio" "make_output" (func $pin_output (param i32) (result i32)))
          (import "tock:gpio" "make_input" (func $pin_input (param i32 i32) (result i32)))
          (import "tock:gpio" "set_active" (func $pin_set (param i32) (result i32)))
          (import "tock:gpio" "set_inactive" (func $pin_clear (param i32) (result i32)))
          (import "tock:gpio" "toggle" (func $pin_toggle (param i32) (result i32)))
          (import "tock:gpio" "is_active" (func $pin_is_high (param i32) (result i32)))
          (import "tock:alarm" "now" (func $alarm_now (param i32) (result i32)))
          (import "tock:alarm" "resolution" (func $alarm_resolution (result i32)))
          (import "tock:alarm" "wait_for" (func $alarm_wait_for (param i64)))
          (import "tock:alarm" "wait_until" (func $alarm_wait_until (param i64)))
          (memory (export "memory") 1)
          (data (i32.const 0) "{data}")
          (func (export "_start") {body}))"#
    ))
    .unwrap()
}

impl Bench {
    fn new(data: &str, body: &str) -> Self {
        let fake = Fake::default();
        let shared = std::rc::Rc::new(Shared::new(fake.clone()));
        let mut containers = Containers::new(shared.clone());
        let (hash, parameters) = (ImageHash([0; 32]), Parameters::default());
        containers
            .store(
                Name::new("x").unwrap(),
                program(data, body),
                hash,
                parameters,
            )
            .unwrap();
        let slot = containers.find("x").unwrap();
        containers.start(slot).unwrap();
        let mut bench = Self {
            fake,
            containers,
            shared,
            slot,
        };
        bench.run();
        bench
    }

    /// Until it ends or sleeps longer than a hundred milliseconds.
    fn run(&mut self) {
        for _ in 0..200 {
            if !self.containers.run_one() {
                let now = self.fake.0.now_us.get();
                self.fake.0.now_us.set(now + 500);
            }
        }
    }

    fn state(&self) -> State {
        self.containers.get(self.slot).unwrap().state()
    }

    fn log(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut from = 0;
        while let Some((next, text)) = self
            .shared
            .with_log(self.slot, |log| {
                log.line(from)
                    .map(|line| (line.sequence + 1, line.text.to_string()))
            })
            .flatten()
        {
            lines.push(text);
            from = next;
        }
        lines
    }
}

/// Runs `body`, which leaves a number, and gives that number.
fn number(data: &str, body: &str) -> i32 {
    let bench = Bench::new(data, &format!("(call $exit {body})"));
    match bench.state() {
        State::Exited { code } => code,
        other => panic!("{other:?}, {:?}", bench.log()),
    }
}

#[test]
fn pieces_of_print_become_lines() {
    let bench = Bench::new(
        "Counter: \\ntask",
        r"(call $print (i32.const 0) (i32.const 9)) (call $printInt (i32.const -7))
          (call $print (i32.const 9) (i32.const 3))",
    );
    // What was not ended when the container ended is there, too.
    assert_eq!(bench.log(), ["Counter: -7", "ta"]);
    assert_eq!(bench.state(), State::Exited { code: 0 });
}

/// The end of a slice comes in the middle of such calls, and what they return, or do not, is handed in when it goes on.
#[test]
fn slices_end_in_calls_of_every_kind() {
    for call in [
        "(call $printInt (i32.const 1))",
        "(call $print (i32.const 0) (i32.const 8))",
        "(call $printDouble (f64.const 0.5))",
        "(drop (call $led_toggle (i32.const 0)))",
        "(drop (call $millis))",
    ] {
        let body = format!("{} (call $exit (i32.const 7))", call.repeat(600));
        let state = Bench::new("a piece ", &body).state();
        assert_eq!(state, State::Exited { code: 7 }, "{call}");
    }
}

#[test]
fn numbers_are_printed_as_arduino_prints_them() {
    for (value, text) in [
        ("0", "0.00"),
        ("3.14159", "3.14"),
        ("-2.5", "-2.50"),
        ("1.005", "1.00"), // The nearest double is below.
        ("1.006", "1.01"),
        ("0.999", "1.00"),
        ("-0.01", "-0.01"),
        ("1e-9", "0.00"),
        ("4294967040", "4294967040.00"),
        ("4294967041", "ovf"),
        ("-1e300", "ovf"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("123456.789", "123456.79"),
    ] {
        let bench = Bench::new("", &format!("(call $printDouble (f64.const {value}))"));
        assert_eq!(bench.log(), [text], "{value}");
    }
    for value in [0, 9, 10, -1, i32::MAX, i32::MIN] {
        let bench = Bench::new("", &format!("(call $printInt (i32.const {value}))"));
        assert_eq!(bench.log(), [value.to_string()]);
    }
}

#[test]
fn time_passes_while_a_program_delays() {
    let body = r"(local $t i32) (local.set $t (call $millis)) (call $delay (i32.const 20))
        (call $exit (i32.sub (call $millis) (local.get $t)))";
    let bench = Bench::new("", body);
    assert_eq!(bench.state(), State::Exited { code: 20 });
    // On a clock of its own, which starts with the board.
    assert_eq!(number("", "(call $micros)"), 0);
}

#[test]
fn pins_are_the_exposed_leds_and_others_do_nothing() {
    let bench = Bench::new(
        "",
        r"(call $pinMode (call $getPinLED) (i32.const 1)) (call $pinMode (i32.const 2) (i32.const 1))
          (call $digitalWrite (i32.const 1) (i32.const 1)) (call $digitalWrite (i32.const 2) (i32.const 1))
          (call $digitalWrite (i32.const 99) (i32.const 1)) (call $digitalWrite (i32.const -1) (i32.const 1))",
    );
    // The third light is there, but not exposed.
    assert_eq!(*bench.fake.0.leds.borrow(), [false, true, false]);
    assert_eq!(bench.state(), State::Exited { code: 0 });
}

#[test]
fn what_a_container_drove_last_is_let_go_when_it_ends() {
    let body = r"(drop (call $led_toggle (i32.const 1))) (drop (call $led_on (i32.const 2)))
        (drop (call $led_is_on (i32.const 0))) (drop (call $pin_set (i32.const 1)))
        (drop (call $pin_set (i32.const 9))) (call $delay (i32.const 1000))";
    let mut bench = Bench::new("", body);
    assert_eq!(bench.state(), State::Running);
    assert_eq!(bench.fake.0.let_go.get(), [0, 0]);
    // Another one takes the pin over, and keeps it.
    let (hash, parameters) = (ImageHash([1; 32]), Parameters::default());
    let taken = r"(drop (call $pin_clear (i32.const 1))) (call $delay (i32.const 10000))";
    let containers = &mut bench.containers;
    let name = Name::new("y").unwrap();
    let image = program("", taken);
    containers.store(name, image, hash, parameters).unwrap();
    let slot = containers.find("y").unwrap();
    containers.start(slot).unwrap();
    for _ in 0..30 {
        bench.run();
    }
    assert_eq!(bench.state(), State::Exited { code: 0 });
    // The first light was only looked at, the third and the tenth pin are not there for it.
    assert_eq!(bench.fake.0.let_go.get(), [1 << 1, 0]);
    bench.containers.kill(slot).unwrap();
    assert_eq!(bench.fake.0.let_go.get(), [1 << 1, 1 << 1]);
}

#[test]
fn the_kernels_lights_answer_with_errors() {
    assert_eq!(number("", "(call $led_count)"), 3);
    let no_device = 11;
    for call in ["on", "off", "toggle"] {
        assert_eq!(number("", &format!("(call $led_{call} (i32.const 1))")), 0);
        assert_eq!(
            number("", &format!("(call $led_{call} (i32.const 2))")),
            no_device
        );
    }
    assert_eq!(number("", "(call $led_is_on (i32.const 2))"), -1);
    let toggled = r"(i32.add (call $led_toggle (i32.const 0)) (call $led_is_on (i32.const 0)))";
    assert_eq!(number("", toggled), 1);
}

#[test]
fn the_kernels_pins_answer_with_errors() {
    assert_eq!(number("", "(call $pin_count)"), 2);
    let invalid = 6;
    for call in ["output", "set", "clear", "toggle"] {
        for (pin, code) in [(1, 0), (2, invalid), (-1, invalid)] {
            let called = format!("(call $pin_{call} (i32.const {pin}))");
            assert_eq!(number("", &called), code, "{called}");
        }
    }
    assert_eq!(number("", "(call $pin_is_high (i32.const 2))"), -1);
    for (pull, expected) in [(0, 0), (1, 1), (2, 0), (3, invalid), (-1, invalid)] {
        let body = format!(
            "(i32.or (call $pin_input (i32.const 0) (i32.const {pull})) (call $pin_is_high (i32.const 0)))"
        );
        assert_eq!(number("", &body), expected, "{pull}");
    }
    let levels = r"(i32.or (call $pin_set (i32.const 0)) (call $pin_is_high (i32.const 0)))";
    assert_eq!(number("", levels), 1);
    let levels = format!("(i32.add {levels} (call $pin_toggle (i32.const 0)))");
    let levels = format!("(i32.add {levels} (call $pin_is_high (i32.const 0)))");
    assert_eq!(number("", &levels), 1);
}

#[test]
fn time_by_wasis_names_is_that_of_the_device() {
    assert_eq!(number("", "(call $alarm_resolution)"), 1_000);
    // Nanoseconds since the start, and how many microseconds a wait has taken.
    let waits = |wait: &str| {
        let body = format!(
            "(drop (call $alarm_now (i32.const 8))) {wait} (drop (call $alarm_now (i32.const 16)))
             (call $exit (i32.wrap_i64 (i64.div_u (i64.sub (i64.load (i32.const 16)) (i64.load (i32.const 8))) (i64.const 1000))))"
        );
        match Bench::new("", &body).state() {
            State::Exited { code } => code,
            other => panic!("{other:?}"),
        }
    };
    let some = 5_000;
    for (wait, least) in [
        (
            "(call $alarm_wait_for (i64.const 5000000))".to_owned(),
            some,
        ),
        // Never for less.
        (
            "(call $alarm_wait_for (i64.const 4999001))".to_owned(),
            some,
        ),
        (
            "(call $alarm_wait_until (i64.add (i64.load (i32.const 8)) (i64.const 5000000)))"
                .to_owned(),
            some,
        ),
        ("(call $alarm_wait_until (i64.const 0))".to_owned(), 0),
    ] {
        let took = waits(&wait);
        assert!((least..least + 1_000).contains(&took), "{wait}: {took}");
    }
    // Until the end of all time.
    let bench = Bench::new("", "(call $alarm_wait_for (i64.const -1))");
    assert_eq!(bench.state(), State::Running);
    let outside = Bench::new("", "(drop (call $alarm_now (i32.const -4)))");
    assert!(matches!(outside.state(), State::Faulted { .. }));
}

#[test]
fn state_is_kept_for_the_next_start_and_given_once() {
    let body = r"(local $had i32)
        (local.set $had (call $resumeTask (i32.const 8) (i32.const 4) (i32.const 0)))
        (call $pauseTask (i32.const 0) (i32.const 4) (i32.const 0))
        (call $exit (i32.add (local.get $had) (i32.load (i32.const 8))))";
    let mut bench = Bench::new("\\07\\00\\00\\00", body);
    assert_eq!(bench.state(), State::Exited { code: 0 });
    bench.containers.start(bench.slot).unwrap();
    bench.run();
    assert_eq!(bench.state(), State::Exited { code: 8 });
    let twice = r"(call $pauseTask (i32.const 0) (i32.const 4) (i32.const 0))
        (drop (call $resumeTask (i32.const 8) (i32.const 4) (i32.const 0)))
        (call $exit (call $resumeTask (i32.const 8) (i32.const 4) (i32.const 0)))";
    assert_eq!(Bench::new("x", twice).state(), State::Exited { code: 0 });
}

#[test]
fn a_command_prints_through_its_descriptors() {
    // Two buffers: 5 bytes at 0, 7 at 5; their list at 16.
    let data = "hello, world\\n\\00\\00\\00\\00\\00\\00\\00\\05\\00\\00\\00\\05\\00\\00\\00\\08\\00\\00\\00";
    let write = |fd: i32| {
        format!("(call $write (i32.const {fd}) (i32.const 16) (i32.const 2) (i32.const 64))")
    };
    let bench = Bench::new(
        data,
        &format!("(drop {}) (call $exit (i32.load (i32.const 64)))", write(1)),
    );
    assert_eq!(bench.log(), ["hello, world"]);
    assert_eq!(bench.state(), State::Exited { code: 13 });
    assert_eq!(number(data, &write(2)), 0);
    for fd in [0, 3, -1] {
        assert_eq!(number(data, &write(fd)), 8, "{fd}");
    }
    let read = r"(call $read (i32.const 0) (i32.const 16) (i32.const 2) (i32.const 64))";
    assert_eq!(number(data, read), 0);
    // A long text is taken in parts, as libraries expect.
    let long = r"(i32.store (i32.const 20) (i32.const 2000)) (i32.store (i32.const 24) (i32.const 0))
        (drop (call $write (i32.const 1) (i32.const 16) (i32.const 2) (i32.const 64)))
        (call $exit (i32.load (i32.const 64)))";
    assert_eq!(Bench::new(data, long).state(), State::Exited { code: 512 });
}

#[test]
fn descriptors_say_what_they_are() {
    let stat = |fd: i32| {
        number(
            "",
            &format!(
                "(i32.or (i32.shl (call $fdstat (i32.const {fd}) (i32.const 0)) (i32.const 8)) (i32.load8_u (i32.const 0)))"
            ),
        )
    };
    assert_eq!((stat(0), stat(1), stat(3)), (2, 2, 8 << 8));
    assert_eq!(
        number(
            "",
            "(call $seek (i32.const 1) (i64.const 0) (i32.const 1) (i32.const 0))"
        ),
        70
    );
    assert_eq!(number("", "(call $close (i32.const 1))"), 0);
    assert_eq!(number("", "(call $close (i32.const 9))"), 8);
    let sizes = "(i32.add (call $args_sizes (i32.const 0) (i32.const 4)) (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 4))))";
    assert_eq!(number("", sizes), 0);
    assert_eq!(number("", "(call $args (i32.const 0) (i32.const 4))"), 0);
}

#[test]
fn clocks_are_the_time_since_the_start() {
    let bench = Bench::new(
        "",
        r"(call $delay (i32.const 30))
          (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 0)))
          (call $exit (i32.wrap_i64 (i64.div_u (i64.load (i32.const 0)) (i64.const 1000000))))",
    );
    let State::Exited { code } = bench.state() else {
        panic!("{:?}", bench.state());
    };
    assert!((30..40).contains(&code), "{code} ms");
    assert_eq!(
        number(
            "",
            "(call $clock (i32.const 2) (i64.const 1) (i32.const 0))"
        ),
        28
    );
    assert_eq!(
        number(
            "",
            "(call $clock (i32.const 7) (i64.const 1) (i32.const 0))"
        ),
        28
    );
    let resolution =
        "(i32.add (call $resolution (i32.const 0) (i32.const 0)) (i32.load (i32.const 0)))";
    assert_eq!(number("", resolution), 1000);
}

/// One subscription at 0: user data 5, a clock, `timeout` nanoseconds, flags at 40.
fn poll(clock: i32, timeout: u64, absolute: i32, count: i32) -> String {
    format!(
        r"(i64.store (i32.const 0) (i64.const 5)) (i32.store (i32.const 16) (i32.const {clock}))
          (i64.store (i32.const 24) (i64.const {timeout})) (i32.store16 (i32.const 40) (i32.const {absolute}))
          (local.set $error (call $poll (i32.const 0) (i32.const 256) (i32.const {count}) (i32.const 512)))"
    )
}

#[test]
fn a_poll_sleeps_until_its_clock_and_tells_which() {
    let run = |poll: String, result: &str| {
        let body = format!("(local $error i32) {poll} (call $exit {result})");
        let bench = Bench::new("", &body);
        (bench.state(), bench.fake.0.now_us.get())
    };
    let code = |code| State::Exited { code };
    // Error 0, one event with the user data, after the time.
    let all = r"(i32.add (local.get $error) (i32.add (i32.load (i32.const 256)) (i32.load (i32.const 512))))";
    let (state, now) = run(poll(1, 20_000_000, 0, 1), all);
    assert_eq!(state, code(6));
    assert!(now >= 20_000, "{now}");
    assert_eq!(run(poll(0, 1, 0, 1), all).0, code(6));
    // A clock that is not there, an absolute time, none, several: not supported.
    for poll in [
        poll(9, 1, 0, 1),
        poll(1, 1, 1, 1),
        poll(1, 1, 0, 0),
        poll(1, 1, 0, 2),
    ] {
        assert_eq!(run(poll, "(local.get $error)").0, code(58));
    }
    assert_eq!(number("", "(call $yield)"), 0);
}

#[test]
fn a_pointer_outside_ends_the_container() {
    // The last byte of memory is 0xffff; each reaches one byte too far, or wraps.
    for call in [
        "(call $print (i32.const 65000) (i32.const 537))",
        "(call $print (i32.const -1) (i32.const 2))",
        "(call $pauseTask (i32.const 65536) (i32.const 1) (i32.const 0))",
        "(drop (call $resumeTask (i32.const 65530) (i32.const 7) (i32.const 0)))",
        "(drop (call $args_sizes (i32.const 65533) (i32.const 0)))",
        "(drop (call $args_sizes (i32.const 0) (i32.const 65533)))",
        "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 65529)))",
        "(drop (call $resolution (i32.const 0) (i32.const -4)))",
        "(drop (call $fdstat (i32.const 1) (i32.const 65513)))",
        "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 65533)))",
        "(drop (call $write (i32.const 1) (i32.const 65529) (i32.const 1) (i32.const 0)))",
        "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 65533)))",
        "(i32.store (i32.const 0) (i32.const 65535)) (i32.store (i32.const 4) (i32.const 2)) (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))",
        "(drop (call $poll (i32.const 65489) (i32.const 0) (i32.const 1) (i32.const 64)))",
        "(drop (call $poll (i32.const 0) (i32.const 65505) (i32.const 1) (i32.const 64)))",
        "(drop (call $poll (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 65533)))",
    ] {
        let fault = Fault::BadPointer;
        assert_eq!(
            Bench::new("", call).state(),
            State::Faulted { fault },
            "{call}"
        );
    }
    // And what ends exactly there does not.
    for call in [
        "(call $print (i32.const 65000) (i32.const 536))",
        "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 65528)))",
        "(drop (call $poll (i32.const 65488) (i32.const 65504) (i32.const 1) (i32.const 65500)))",
    ] {
        assert_eq!(
            Bench::new("", call).state(),
            State::Exited { code: 0 },
            "{call}"
        );
    }
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let image = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
             (import "arduino" "millis" (func (result i64))) (import "env" "puts" (func))
             (func (export "_start")))"#,
    )
    .unwrap();
    let module = Module::scan(&image).unwrap();
    let whys: Vec<_> = imports::missing(&module, &Fake::default())
        .map(|(import, why)| (import.name, why))
        .collect();
    let expected = [
        ("random_get", MissingWhy::UnknownFunction),
        ("millis", MissingWhy::Signature),
        ("puts", MissingWhy::UnknownModule),
    ];
    assert_eq!(whys, expected);
    let mut containers = Containers::new(Shared::new(Fake::default()).into());
    let (hash, parameters) = (ImageHash([0; 32]), Parameters::default());
    containers
        .store(Name::new("x").unwrap(), image, hash, parameters)
        .unwrap();
    assert_eq!(containers.start(0), Err(Refused::Missing(3)));
}
