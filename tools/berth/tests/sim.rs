//! `berth sim`: a container on this computer, as its author sees it.

mod support;

use std::path::Path;
use support::run::berth;

/// A folder with a module in it.
struct Author(tempfile::TempDir);

impl Author {
    fn new(module: &str) -> Self {
        let author = Self(tempfile::tempdir().unwrap());
        author.file("probe.wasm", &wat::parse_str(module).unwrap());
        author
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.home().join(name), bytes).unwrap();
    }

    fn home(&self) -> &Path {
        self.0.path()
    }

    /// Exit code, standard output without times, standard error.
    fn sim(&self, words: &[&str]) -> (i32, Vec<String>, String) {
        let words = [&["sim", "probe.wasm"], words].concat();
        let (code, out, err) = berth(self.home(), None, &words);
        let lines = out.lines().map(|line| {
            let line = line.trim_start();
            let (_, rest) = line.split_once(' ').unwrap_or(("", line));
            rest.trim_start().to_owned()
        });
        (code, lines.collect(), err)
    }
}

/// Turns the light on and off, each for a second, and says so.
const BLINKER: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "onoff")
  (func (export "_start")
    (loop $again
      (call $modify (call $claim) (i32.const 0) (i32.const 2) (i32.const 2))
      (call $log (i32.const 2) (i32.const 0) (i32.const 2))
      (call $sleep (i64.const 1000000))
      (call $modify (call $claim) (i32.const 0) (i32.const 2) (i32.const 0))
      (call $log (i32.const 2) (i32.const 2) (i32.const 3))
      (call $sleep (i64.const 1000000))
      (br $again))))"#;

#[test]
fn time_is_the_boards_own_and_ends_where_it_was_told_to() {
    let author = Author::new(BLINKER);
    let (code, out, err) = author.sim(&["--for", "1h", "--log-level", "error"]);
    assert_eq!((code, out.as_slice()), (0, &[][..]), "{err}");
    let (code, out, err) = author.sim(&["--for", "3500ms"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, ["info  on", "info  off", "info  on", "info  off"]);
    assert!(err.contains("note: probe running"), "{err}");
}

/// What one blink is. A register that is shared is read, and its other bits written back.
const BLINK: [&str; 6] = [
    "fpgaio read32 LED0 0x0",
    "fpgaio write32 LED0 0x2",
    "info  on",
    "fpgaio read32 LED0 0x2",
    "fpgaio write32 LED0 0x0",
    "info  off",
];

#[test]
fn every_access_is_shown_with_the_registers_name() {
    let author = Author::new(BLINKER);
    let (_, out, err) = author.sim(&["--for", "1500ms", "--trace"]);
    assert_eq!(out, BLINK, "{err}");
}

/// A container that does not wait between what it does has done it all when it is looked at.
#[test]
fn what_is_said_stands_between_what_was_accessed() {
    let once = BLINKER.replace("(call $sleep (i64.const 1000000))", "");
    let once = once.replace("(br $again)", "");
    let (_, out, err) = Author::new(&once).sim(&["--trace"]);
    // Behind it the safe state is written.
    assert_eq!(
        out.get(..BLINK.len()),
        Some(&BLINK.map(String::from)[..]),
        "{out:#?}{err}"
    );
}

#[test]
fn who_runs_out_of_stack_is_told_of_it() {
    let below = r#"(module (memory 1) (func (export "_start")
        (i32.store (i32.const -16) (i32.const 1))))"#;
    let (code, out, _) = Author::new(below).sim(&[]);
    let out = out.join("\n");
    assert!(
        code == 1 && out.contains("its stack is too small") && out.contains("-zstack-size"),
        "{out}"
    );
    let deep = r#"(module (memory 1) (func $deep (export "_start") (call $deep)))"#;
    let (code, out, _) = Author::new(deep).sim(&[]);
    let out = out.join("\n");
    assert!(code == 1 && out.contains("--stack"), "{out}");
}

#[test]
fn a_refused_access_is_told_with_its_cause() {
    let access = |call: &str| {
        let module = format!(
            r#"(module (import "mmio:fpgaio" "claim" (func $claim (result i32)))
            (import "mmio:i2c_shield1" "claim" (func $bus (result i32)))
            (import "mmio" "read8" (func $read8 (param i32 i32) (result i32)))
            (import "mmio" "read32" (func $read32 (param i32 i32) (result i32)))
            (memory 1) (func (export "_start") {call}))"#
        );
        let (_, out, err) = Author::new(&module).sim(&[]);
        format!("{out:?}{err}")
    };
    for (call, why) in [
        (
            "(drop (call $read8 (call $claim) (i32.const 0)))",
            "LED0 is 32 bits wide",
        ),
        (
            "(drop (call $read32 (call $claim) (i32.const 8)))",
            "BUTTON is not exposed",
        ),
        (
            "(drop (call $read32 (call $bus) (i32.const 4)))",
            "CONTROLC is write-only",
        ),
        (
            "(drop (call $read32 (call $claim) (i32.const 2)))",
            "misaligned: 32 bits at offset 0x2",
        ),
    ] {
        let said = access(call);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn every_container_has_a_name_of_its_own() {
    let author = Author::new(BLINKER);
    author.file(
        "no name.wasm",
        &wat::parse_str("(module (func (export \"_start\")))").unwrap(),
    );
    let sim = |words: &[&str]| {
        berth(
            author.home(),
            None,
            &[&["sim", "--for", "1ms"], words].concat(),
        )
    };
    let (code, _, err) = sim(&["no name.wasm"]);
    assert!(code == 2 && err.contains("--name"), "{err}");
    let (code, _, err) = sim(&["no name.wasm", "--name", "quiet"]);
    assert!(code == 0 && err.contains("quiet exited(0)"), "{err}");
    let (code, _, err) = sim(&["probe.wasm", "probe.wasm"]);
    assert!(
        code == 2
            && err.contains("both named \"probe\"")
            && err.contains("--name first --name second"),
        "{err}"
    );
    let (code, out, err) = sim(&[
        "no name.wasm",
        "probe.wasm",
        "--name",
        "quiet",
        "--name",
        "loud",
    ]);
    assert!(
        code == 0 && out.contains("loud: ") && err.contains("quiet exited(0)"),
        "{out}{err}"
    );
    let (code, _, err) = sim(&["probe.wasm", "--name", "a", "--name", "b"]);
    assert!(code == 2 && err.contains("more names than files"), "{err}");
}

#[test]
fn a_board_that_a_device_has_listed_is_taken_or_it_is_said_what_is_missing() {
    let author = Author::new(BLINKER);
    let listed = |registers: &str| {
        format!(
            r#"{{"exposures": [{{"label": "fpgaio", "access": "mediated", "length": 24, "mapped": false,
            "held_by": "nobody", "registers": {registers}}}], "status_code": 0}}"#
        )
    };
    author.file("board.json", listed("0").as_bytes());
    let (code, out, err) = author.sim(&["--board", "board.json", "--for", "1ms"]);
    assert!(
        code == 0 && out.contains(&"info  on".to_owned()),
        "{out:?}{err}"
    );
    author.file("board.json", listed("1").as_bytes());
    let (code, _, err) = author.sim(&["--board", "board.json"]);
    assert!(
        code == 2
            && err.contains("board.json")
            && err.contains("exposures --list exposures.json --json"),
        "{err}"
    );
}

#[test]
fn what_a_device_refuses_is_refused_in_its_words() {
    let module = r#"(module (import "mmio:watchdog" "claim" (func $claim (result i32)))
        (memory 1) (func (export "_start") (drop (call $claim))))"#;
    let (code, out, err) = Author::new(module).sim(&[]);
    assert_eq!((code, out.len()), (1, 0), "{err}");
    assert!(
        err.contains("mmio:watchdog claim: not exposed by this board"),
        "{err}"
    );
    assert!(err.contains("hint: `berth exposures` lists"), "{err}");
}

#[test]
fn a_fault_and_an_exit_code_end_it_as_on_a_device() {
    let beyond = r#"(module (import "mmio:fpgaio" "claim" (func $claim (result i32)))
        (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
        (memory 1) (func (export "_start") (drop (call $read (call $claim) (i32.const 8)))))"#;
    let (code, _, err) = Author::new(beyond).sim(&[]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("probe faulted(bad-register)"), "{err}");
    let exit = r#"(module (import "berth" "exit" (func $exit (param i32)))
        (memory 1) (func (export "_start") (call $exit (i32.const 7))))"#;
    let (code, _, err) = Author::new(exit).sim(&[]);
    assert_eq!(code, 7, "{err}");
    assert!(err.contains("probe exited(7)"), "{err}");
}

/// Counts the bytes that a line brings, in its interrupt's handler, and sends each back.
const ECHO: &str = r#"(module
  (import "mmio:uart1" "claim" (func $claim (result i32)))
  (import "mmio" "write32" (func $write (param i32 i32 i32)))
  (import "irq:uart1" "register" (func $register (param i32 i32 i32 i32) (result i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (import "berth" "exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (table (export "__indirect_function_table") 2 funcref)
  (elem (i32.const 1) $came)
  (global $count (mut i32) (i32.const 0))
  ;; The data register, a word, to address 16.
  (data (i32.const 0) "\00\00\04\00\10\00\00\00")
  (func $came (param i32 i32)
    (global.set $count (i32.add (global.get $count) (local.get 1)))
    (call $write (call $claim) (i32.const 0) (i32.load (i32.const 16))))
  (func (export "_start")
    (drop (call $register (i32.const 10) (i32.const 1) (i32.const 0) (i32.const 1)))
    (call $write (call $claim) (i32.const 16) (i32.const 16))
    (call $write (call $claim) (i32.const 8) (i32.const 11))
    (call $sleep (i64.const 5000000))
    (call $exit (global.get $count))))"#;

#[test]
fn a_model_says_what_comes_when() {
    let author = Author::new(ECHO);
    author.file(
        "model.toml",
        br#"[[block]]
            label = "uart1"
            device = "cmsdk-uart"
            input = [{ at = "2s", text = "hi" }, { at = "1s", bytes = [0x2a] }]"#,
    );
    let (code, out, err) = author.sim(&["--model", "model.toml", "--trace"]);
    assert_eq!(code, 3, "{out:#?}{err}");
    let traffic: Vec<_> = out
        .iter()
        .filter(|line| line.starts_with("uart1 sent"))
        .collect();
    assert_eq!(
        traffic,
        ["uart1 sent 0x2a", "uart1 sent 0x68", "uart1 sent 0x69"]
    );
    assert!(
        out.iter()
            .any(|l| l == "uart1 read32 DATA 0x2a (interrupt)"),
        "{out:?}"
    );
}

#[test]
fn what_is_wrong_with_a_model_is_said() {
    let author = Author::new(BLINKER);
    for (model, why) in [
        (
            "[[block]]\nlabel = \"nowhere\"",
            "block \"nowhere\": the board exposes none of this label",
        ),
        (
            "[[block]]\nlabel = \"uart1\"\n[[block.register]]\nname = \"NONE\"",
            "block \"uart1\" has no register \"NONE\"",
        ),
        (
            "[[block]]\nlabel = \"uart1\"\nchips = [{ chip = \"bytes\", address = 1 }]",
            "its device has no \"chips\"",
        ),
        ("[[block]]\nlabel = 5", "invalid type"),
    ] {
        author.file("model.toml", model.as_bytes());
        let (code, _, err) = author.sim(&["--model", "model.toml"]);
        assert_eq!(code, 2, "{err}");
        assert!(
            err.contains("error: model.toml: ") && err.contains(why),
            "{err}"
        );
    }
}

/// It asks for more memory until it is told no, and says how many kibibytes it has got.
const GROWER: &str = r#"(module
  (import "berth" "exit" (func $exit (param i32)))
  (memory (export "memory") 1024 (pagesize 1))
  (func (export "_start")
    (loop $again
      (br_if $again (i32.ne (memory.grow (i32.const 1024)) (i32.const -1))))
    (call $exit (i32.div_u (memory.size) (i32.const 1024)))))"#;

#[test]
fn it_has_the_memory_of_a_device_and_no_more() {
    let author = Author::new(GROWER);
    let (code, _, err) = author.sim(&["--memory", "8K", "--wishes", "all"]);
    assert_eq!(code, 8, "{err}");
    // What a device has in all is some 200 KiB, and twice that here.
    let (code, _, err) = author.sim(&["--for", "10m"]);
    assert!(err.contains("exited("), "{code} {err}");
}
