//! Memory of containers on the board: what runs out ends one container with a
//! clear error, what is stopped gives everything back.

mod line;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use berth_e2e::Device;
use berth_protocol::Op;
use line::Line;
use serde_json::Value;
use tempfile::TempDir;

/// A device with `blink` at work, and modules of one's own.
struct Scene {
    device: Device,
    folder: TempDir,
}

impl Scene {
    fn new() -> Result<Self> {
        Ok(Self {
            device: Device::boot_with_blink()?,
            folder: TempDir::new()?,
        })
    }

    /// Upload a module given as text, with a limit of its memory.
    fn upload(&self, name: &str, text: &str, limit: &str, more: &[&str]) -> Result<()> {
        let path: PathBuf = self.folder.path().join(format!("{name}.wasm"));
        std::fs::write(&path, wat::parse_str(text)?)?;
        let path = path.to_string_lossy();
        let mut words = vec!["upload", &*path, "--limit", limit];
        words.extend(more);
        self.device.berth(&words)?.ok().map(drop)
    }

    /// All memory is free that was free `before`. `blink` holds a little more or
    /// less from moment to moment, so it may take a few looks.
    fn nothing_lost(&self, before: u64) -> Result<()> {
        let mut free = 0;
        for _ in 0..200 {
            free = self.device.free_memory()?;
            if free >= before {
                return Ok(());
            }
        }
        anyhow::bail!("{free} bytes free, {before} before")
    }
}

/// 900 functions in 4 KB: compiling them takes far more than 24 KiB.
fn hungry() -> String {
    format!(
        r#"(module (func (export "_start")) {})"#,
        "(func)".repeat(900)
    )
}

/// Calls itself with many locals until its value stack does not fit.
fn deep() -> String {
    let locals = "(local i64)".repeat(200);
    let set: String = (0..200)
        .map(|n| format!("(local.set {n} (i64.extend_i32_u (call $one)))"))
        .collect();
    let sum: String = (0..200)
        .map(|n| format!("(local.get {n}) (i64.add)"))
        .collect();
    format!(
        r#"(module
          (global $one (mut i32) (i32.const 1))
          (func $one (result i32) (global.get $one))
          (func $deep (result i64) {locals} {set} (call $deep) {sum})
          (func (export "_start") (drop (call $deep))))"#
    )
}

#[test]
fn a_load_that_exhausts_its_arena_is_refused_and_costs_nothing() -> Result<()> {
    let scene = Scene::new()?;
    scene.upload("hungry", &hungry(), "24576", &[])?;
    scene.device.blink_goes_on()?;
    let before = scene.device.free_memory()?;
    for _ in 0..5 {
        let run = scene.device.berth(&["--json", "start", "hungry"])?;
        let text = run.refused()?;
        let error: Value = serde_json::from_str(&text)?;
        ensure!(error["error"]["code"] == "out-of-memory", "{error}");
        ensure!(scene.device.state("hungry")? == "stored");
        scene.nothing_lost(before)?;
    }
    scene.device.blink_goes_on()
}

#[test]
fn a_main_that_exhausts_its_arena_is_faulted_and_costs_nothing() -> Result<()> {
    let scene = Scene::new()?;
    scene.upload("deep", &deep(), "49152", &["--stack", "65536"])?;
    scene.device.blink_goes_on()?;
    let before = scene.device.free_memory()?;
    for _ in 0..5 {
        scene.device.berth(&["start", "deep"])?.ok()?;
        scene.device.wait_state("deep", "faulted")?;
        let container = scene.device.container("deep")?.context("it is listed")?;
        ensure!(container["fault"] == "out-of-memory", "{container}");
        scene.nothing_lost(before)?;
    }
    scene.device.blink_goes_on()
}

#[test]
fn two_hundred_starts_and_stops_give_every_byte_back() -> Result<()> {
    let scene = Scene::new()?;
    scene.device.upload("minimal")?;
    scene.device.blink_goes_on()?;
    let before = scene.device.free_memory()?;
    let mut line = Line::open(&scene.device)?;
    for _ in 0..200 {
        line.done(Op::Start { name: "minimal" })?;
        line.done(Op::Stop { name: "minimal" })?;
    }
    drop(line);
    scene.nothing_lost(before)?;
    ensure!(scene.device.state("minimal")? == "stopped");
    scene.device.blink_goes_on()
}
