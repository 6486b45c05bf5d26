//! Bad input from the operator's side: each its own error, and nothing else disturbed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Run, guest};
use serde_json::Value;
use tempfile::TempDir;

/// A device with a container at work, and a folder for files to upload.
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

    fn file(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    }

    /// Upload a file as it is and, if that was accepted, start it: whichever refuses.
    fn refusal(&self, file: &Path) -> Result<Value> {
        let name = file.file_stem().context("a name")?.to_string_lossy();
        let upload =
            self.device
                .berth(&["--json", "upload", "--no-pack", &file.to_string_lossy()])?;
        let run = if upload.code == 0 {
            self.device.berth(&["--json", "start", &name])?
        } else {
            upload
        };
        error(run)
    }
}

/// The error object of a refused command.
fn error(run: Run) -> Result<Value> {
    let words = run.words.clone();
    let text = run.refused()?;
    let value: Value =
        serde_json::from_str(&text).with_context(|| format!("berth {words}: not JSON: {text}"))?;
    Ok(value["error"].clone())
}

#[test]
fn a_truncated_module_is_refused() -> Result<()> {
    let scene = Scene::new()?;
    let bytes = std::fs::read(guest("hello"))?;
    for (number, length) in [0, 3, 8, 20, bytes.len() / 2, bytes.len() - 1]
        .into_iter()
        .enumerate()
    {
        let file = scene.file(&format!("short{number}.wasm"), &bytes[..length])?;
        let error = scene.refusal(&file)?;
        ensure!(error["code"] == "invalid-module", "{length} bytes: {error}");
    }
    scene.device.blink_goes_on()
}

#[test]
fn a_corrupted_module_is_refused() -> Result<()> {
    let scene = Scene::new()?;
    let bytes = std::fs::read(guest("hello"))?;
    for (number, at) in [0, 5, 8, 9].into_iter().enumerate() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 0x55;
        let file = scene.file(&format!("wrong{number}.wasm"), &wrong)?;
        let error = scene.refusal(&file)?;
        ensure!(error["code"] == "invalid-module", "byte {at}: {error}");
    }
    let text = scene.file("text.wasm", b"this is not WebAssembly at all")?;
    ensure!(scene.refusal(&text)?["code"] == "invalid-module");
    scene.device.blink_goes_on()
}

#[test]
fn an_oversized_module_is_refused() -> Result<()> {
    let scene = Scene::new()?;
    let huge = scene.file("huge.wasm", &vec![0; 2 << 20])?;
    let error = scene.refusal(&huge)?;
    ensure!(error["code"] == "too-large", "{error}");
    scene.device.blink_goes_on()
}

#[test]
fn everything_missing_is_named_at_once() -> Result<()> {
    let scene = Scene::new()?;
    let error = scene.refusal(&guest("greedy"))?;
    ensure!(error["code"] == "missing-imports", "{error}");
    let mut missing: Vec<_> = error["missing"]
        .as_array()
        .context("a list")?
        .iter()
        .map(|item| (item["module"].as_str(), item["why"].as_str()))
        .collect();
    missing.sort_unstable();
    ensure!(
        missing
            == [
                (Some("mmio:uart0"), Some("not-exposed")),
                (Some("mmio:watchdog"), Some("not-exposed")),
            ],
        "{error}"
    );
    scene.device.blink_goes_on()
}

#[test]
fn a_block_that_is_taken_is_refused_with_its_holder() -> Result<()> {
    let scene = Scene::new()?;
    let second = scene.file("second.wasm", &std::fs::read(guest("blink"))?)?;
    let error = scene.refusal(&second)?;
    ensure!(error["code"] == "label-busy", "{error}");
    let message = error["message"].as_str().unwrap_or_default();
    ensure!(
        message.contains("fpgaio") && message.contains("blink"),
        "{error}"
    );
    scene.device.blink_goes_on()?;
    // Once it is free, the second one gets it.
    scene.device.berth(&["stop", "blink"])?.ok()?;
    scene.device.berth(&["start", "second"])?.ok()?;
    Ok(())
}

#[test]
fn a_name_that_is_taken_is_refused() -> Result<()> {
    let scene = Scene::new()?;
    let other = scene.file("blink.wasm", &std::fs::read(guest("hello"))?)?;
    let error = scene.refusal(&other)?;
    ensure!(error["code"] == "name-taken", "{error}");
    scene.device.blink_goes_on()
}

#[test]
fn a_full_device_says_so_and_goes_on() -> Result<()> {
    let scene = Scene::new()?;
    // As large as they may be, until the device has enough of them. A custom
    // section makes a module as large as one likes.
    let mut module = std::fs::read(guest("hello"))?;
    let padding = 20_000_u32;
    module.push(0);
    let content = padding + 2;
    module.extend([
        (content & 0x7f) as u8 | 0x80,
        (content >> 7 & 0x7f) as u8 | 0x80,
        (content >> 14) as u8,
        1,
        b'x',
    ]);
    module.extend(std::iter::repeat_n(0, padding as usize));
    let mut stored = Vec::new();
    let error = loop {
        let name = format!("big{}", stored.len());
        let file = scene.file(&format!("{name}.wasm"), &module)?;
        let run =
            scene
                .device
                .berth(&["--json", "upload", "--no-pack", &file.to_string_lossy()])?;
        if run.code != 0 {
            break error(run)?;
        }
        stored.push(name);
        ensure!(stored.len() < 100, "the device is never full");
    };
    ensure!(
        error["code"] == "device-full" || error["code"] == "too-many-containers",
        "{error}"
    );
    ensure!(!stored.is_empty(), "nothing fits: {error}");
    scene.device.blink_goes_on()?;
    for name in &stored {
        scene.device.berth(&["rm", name])?.ok()?;
    }
    // There is room again.
    scene.device.upload("hello")?;
    scene.device.blink_goes_on()
}

#[test]
fn wrong_words_and_wrong_states_have_their_own_exit_codes() -> Result<()> {
    let scene = Scene::new()?;
    let device = &scene.device;
    let unknown = error(device.berth(&["--json", "start", "nobody"])?)?;
    ensure!(unknown["code"] == "unknown-name", "{unknown}");
    let active = error(device.berth(&["--json", "rm", "blink"])?)?;
    ensure!(active["code"] == "wrong-state", "{active}");
    let running = error(device.berth(&["--json", "start", "blink"])?)?;
    ensure!(running["code"] == "wrong-state", "{running}");
    ensure!(device.berth(&["frobnicate"])?.code == 2);
    ensure!(device.berth(&["upload", "/no/such/file.wasm"])?.code == 2);
    ensure!(
        device
            .berth(&["--device", "unix:/no/such/socket", "ps"])?
            .code
            != 0
    );
    scene.device.blink_goes_on()
}
