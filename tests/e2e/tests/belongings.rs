//! A container's configuration and its named values, as their operator sees them: changed while it runs, over its ends, an
//! update, a reset and the end of the power, and gone with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest};
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// Says its environment, a variable a line, and exits with how many there are. The texts lie behind each other from 64 on.
const ENVIRONMENT: &str = r#"(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32)
    (if (call $sizes (i32.const 0) (i32.const 4)) (then unreachable))
    (if (call $get (i32.const 16) (i32.const 64)) (then unreachable))
    ;; Each NUL becomes the end of a line.
    (local.set $at (i32.add (i32.const 64) (i32.load (i32.const 4))))
    (loop $again
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (if (i32.eqz (i32.load8_u (local.get $at))) (then (i32.store8 (local.get $at) (i32.const 10))))
      (br_if $again (i32.gt_u (local.get $at) (i32.const 64))))
    (i32.store (i32.const 8) (i32.const 64))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (if (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 2048)) (then unreachable))
    (call $exit (i32.load (i32.const 0)))))"#;

/// The device, and the container that this is about.
struct Bench {
    device: Device,
    files: TempDir,
}

impl Bench {
    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.files.path().join(name);
        std::fs::write(&path, wat::parse_str(text)?)?;
        Ok(path)
    }

    /// `starts` has said this, as the last or before something that it says of the same.
    fn says(&mut self, line: &str) -> Result<()> {
        let what = format!("starts says {line:?}");
        self.device.wait_until(&what, |device| {
            Ok(device.said("starts")?.iter().any(|said| said == line))
        })
    }

    /// It says this when it is started, perhaps again: of the writes of a day there is none for a moment after a reset.
    fn says_when_started(&mut self, line: &str) -> Result<()> {
        let what = format!("starts says {line:?}");
        self.device.wait_until(&what, |device| {
            device.berth(&["restart", "starts"])?.ok()?;
            device.wait_until("it says its period", |device| {
                let said = device.said("starts")?;
                Ok(said.last().is_some_and(|last| last.starts_with("a period")))
            })?;
            Ok(device.said("starts")?.iter().any(|said| said == line))
        })
    }

    fn berth(&self, words: &[&str]) -> Result<String> {
        self.device.berth(words)?.ok()
    }

    /// What `inspect` tells of one of these.
    fn inspect(&self, what: &str) -> Result<Value> {
        let mut inspected = self.device.json(&["inspect", "starts"])?;
        Ok(inspected["container"][what].take())
    }

    fn has(&self, configuration: Value, values: u32) -> Result<()> {
        let found = self.inspect("configuration")?;
        ensure!(found == configuration, "{found}, not {configuration}");
        let found = self.inspect("values")?;
        ensure!(found["count"] == values, "{found}, not {values}");
        Ok(())
    }

    /// A change that is refused, by `berth` (2) or by the device (1), in these words, and changes nothing.
    fn refuses(&self, code: i32, words: &[&str], why: &[&str]) -> Result<()> {
        let before = self.inspect("configuration")?;
        let run = self.device.berth(&[&["edit", "starts"], words].concat())?;
        ensure!(run.code == code, "{words:?}: {run:?}");
        for why in why {
            ensure!(run.stderr.contains(why), "{words:?}: {}", run.stderr);
        }
        ensure!(self.inspect("configuration")? == before, "{words:?}");
        Ok(())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

#[test]
fn what_an_operator_sets_and_what_a_container_keeps_outlive_all_but_its_deletion() -> Result<()> {
    let flash = Flash::new()?;
    let mut bench = Bench {
        device: Device::boot_with(&flash)?,
        files: tempfile::tempdir()?,
    };
    let starts = guest("starts");
    let long = format!("note={}", "x".repeat(400));
    let set = [
        "--set",
        "period_ms=70",
        "--set",
        &long,
        "--writes",
        "65535",
        "--boot",
    ];
    bench.berth(&[&["upload", text(&starts)][..], &set].concat())?;
    bench.berth(&["start", "starts"])?;
    bench.says("start 1")?;
    bench.says("a period of 70 ms")?;

    // Live: it was not started again.
    bench.berth(&["edit", "starts", "--set", "period_ms=60", "--unset", "note"])?;
    bench.says("a period of 60 ms")?;
    bench.has(json!({ "period_ms": "60" }), 1)?;
    let said = bench.device.said("starts")?;
    ensure!(
        said == ["start 1", "a period of 70 ms", "a period of 60 ms"],
        "{said:?}"
    );

    // What cannot be is refused with what to do, and changes nothing.
    let plain = "only characters that can be shown";
    let most = format!("a={}", "x".repeat(509));
    let more = format!("a={}", "x".repeat(510));
    let beside = format!("b={}", "x".repeat(500));
    for (code, words, why) in [
        (
            2,
            &["--set", "period_ms"][..],
            &["NAME=VALUE", "--unset"][..],
        ),
        (
            2,
            &["--set", "=60"],
            &["no name of a setting", "1 to 32 of"],
        ),
        (2, &["--set", "period ms=60"], &["no name of a setting"]),
        (2, &["--set", "grün=1"], &["no name of a setting"]),
        (2, &["--set", "a=line\nline"], &[plain]),
        (2, &["--set", "a=\u{1b}[2J"], &[plain]),
        (
            2,
            &["--set", more.as_str()],
            &["has 513 bytes", "may have 512"],
        ),
        (
            2,
            &["--set", "a=1", "--set", "a=2"],
            &["a is changed twice"],
        ),
        (
            2,
            &["--set", "a=1", "--unset", "a"],
            &["a is changed twice"],
        ),
        (2, &["--values", "17K"], &["at most 16384 bytes"]),
        // Only the device knows what there is already.
        (
            1,
            &["--set", beside.as_str()],
            &["at most 512 bytes", "--unset"],
        ),
    ] {
        bench.refuses(code, words, why)?;
    }
    // To the byte, and values that only look odd.
    bench.berth(&["edit", "starts", "--unset", "period_ms", "--set", &most])?;
    bench.says("a period of 500 ms")?;
    let odd = ["--set", "a= =grün=\"%s\"", "--set", "period_ms=0x32"];
    bench.berth(&[&["edit", "starts"][..], &odd].concat())?;
    bench.says("a period of 50 ms")?;
    let odd = json!({ "a": " =grün=\"%s\"", "period_ms": "0x32" });
    bench.has(odd.clone(), 1)?;

    // Ended and started, reset, and switched off.
    bench.berth(&["restart", "starts"])?;
    bench.says("start 2")?;
    let at = bench.device.board.console.position();
    bench.device.board.reset()?;
    let console = &bench.device.board.console;
    console.wait_after(at, "[starts] start 3", PATIENCE)?;
    console.wait_after(at, "[starts] a period of 50 ms", PATIENCE)?;
    bench.has(odd.clone(), 1)?;
    drop(bench.device);
    bench.device = Device::boot_with(&flash)?;
    bench.device.console("[starts] start 4")?;
    bench.device.console("[starts] a period of 50 ms")?;
    bench.has(odd, 1)?;

    // Another image in its place: while that is on trial nothing is written, and then its setting and the old value are there.
    let other = bench.file(
        "other.wasm",
        r#"(module (import "berth" "sleep_us" (func $sleep (param i64)))
             (memory (export "memory") 16 (pagesize 1))
             (func (export "_start") (loop $l (call $sleep (i64.const 1000000)) (br $l))))"#,
    )?;
    let update = ["--name", "starts", "--live-update", "--set", "a=other"];
    bench.berth(&[&["upload", text(&other)][..], &update, &["--trial", "1"]].concat())?;
    bench.has(json!({ "a": "other", "period_ms": "0x32" }), 1)?;
    // Of one that faults nothing stays, its setting included.
    let faulty = bench.file(
        "faulty.wasm",
        r#"(module (func (export "_start") unreachable))"#,
    )?;
    let update = ["--name", "starts", "--live-update", "--set", "a=faulty"];
    let refused = bench
        .device
        .berth(&[&["upload", text(&faulty)][..], &update, &["--trial", "1"]].concat())?
        .refused()?;
    ensure!(refused.contains("faulted"), "{refused}");
    bench.has(json!({ "a": "other", "period_ms": "0x32" }), 1)?;

    // Back, with less than its value needs when that is a new one: it says so, and has none.
    bench.berth(&["edit", "starts", "--values", "10", "--set", "forget=yes"])?;
    let update = [
        "--name",
        "starts",
        "--live-update",
        "--trial",
        "0",
        "--unset",
        "a",
    ];
    bench.berth(&[&["upload", text(&starts)][..], &update].concat())?;
    bench.says_when_started("not counted: more than it may keep (--values)")?;
    bench.says("start 1")?;
    let values = bench.inspect("values")?;
    ensure!(values["limit"] == 10 && values["count"] == 0, "{values}");
    // With enough it has one, which is not written as long as no write is left.
    bench.berth(&["edit", "starts", "--values", "17", "--unset", "forget"])?;
    bench.says_when_started("start 2")?;
    bench.berth(&["edit", "starts", "--writes", "0"])?;
    bench.says_when_started("not counted: not before 2147483647 ms (--writes)")?;
    bench.has(json!({ "period_ms": "0x32" }), 1)?;

    // With the container all of it is gone.
    bench.berth(&["rm", "-f", "starts"])?;
    bench.berth(&["run", text(&starts)])?;
    bench.says("start 1")?;
    bench.says("a period of 500 ms")?;
    bench.has(json!({}), 1)?;

    // A program of WASI has it as its environment.
    let program = bench.file("environment.wasm", ENVIRONMENT)?;
    let set = ["--set", "PERIOD_MS=500", "--set", "ADDRESS=0x48"];
    bench.berth(&[&["run", text(&program)][..], &set].concat())?;
    bench.device.wait_state("environment", "exited")?;
    let said = bench.device.said("environment")?;
    ensure!(said == ["ADDRESS=0x48", "PERIOD_MS=500"], "{said:?}");
    let ended = bench
        .device
        .container("environment")?
        .context("it is there")?;
    ensure!(ended["exit_code"] == 2, "{ended}");
    Ok(())
}
