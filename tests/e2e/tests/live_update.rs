//! Live updates as an operator does them: `berth upload --live-update`, seen by what `berth` says,
//! by what containers log, and by an LED that a claim keeps on.

#[path = "line/guests.rs"]
mod guests;
mod line;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, Run};
use guests::Guest;
use line::Line;
use serde_json::Value;
use tempfile::TempDir;

/// The LED that containers may have, as the trace names it.
const LED: &str = "USERLED1";
/// Switches it on.
const LIGHT: &str = "(call $modify (call $claim0) (i32.const 0) (i32.const 2) (i32.const 2))";

/// A device, its flash, and a folder for modules.
struct Scene {
    flash: Flash,
    device: Device,
    folder: TempDir,
}

impl Scene {
    fn new() -> Result<Self> {
        let flash = Flash::new()?;
        Ok(Self {
            device: Device::boot_with(&flash)?,
            flash,
            folder: TempDir::new()?,
        })
    }

    /// With this container as `it`, running and having said so.
    fn running(guest: &Guest<'_>) -> Result<Self> {
        let scene = Self::new()?;
        scene.upload(guest, &["--boot"])?.ok()?;
        scene.device.berth(&["start", "it"])?.ok()?;
        scene.says(guest.version, None)?;
        Ok(scene)
    }

    fn upload(&self, guest: &Guest<'_>, more: &[&str]) -> Result<Run> {
        let file = self.folder.path().join("it.wasm");
        std::fs::write(&file, guest.image()?)?;
        let file = file.to_string_lossy();
        self.device.berth(&[&["upload", &*file], more].concat())
    }

    fn update(&self, guest: &Guest<'_>, more: &[&str]) -> Result<Run> {
        self.upload(guest, &[&["--live-update"], more].concat())
    }

    /// Wait until the last that it logged is this.
    fn says(&self, version: u32, saved: Option<u32>) -> Result<()> {
        let text = Guest::says(version, saved);
        let mut logs = String::new();
        for _ in 0..200 {
            logs = self.device.berth(&["logs", "it"])?.ok()?;
            if logs
                .lines()
                .last()
                .is_some_and(|line| line.ends_with(&text))
            {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        anyhow::bail!("{logs}: not {text}")
    }

    fn inspect(&self) -> Result<Value> {
        Ok(self.device.json(&["inspect", "it"])?["container"].take())
    }

    /// Returns how often the LED was switched off.
    fn dark(&self) -> Result<usize> {
        let leds = self.device.board.leds()?;
        Ok(leds
            .iter()
            .filter(|change| change.led == LED && !change.on)
            .count())
    }

    fn holder(&self, label: &str) -> Result<Value> {
        let list = self.device.json(&["exposures"])?;
        let mut all = list["exposures"].as_array().context("a list")?.iter();
        let item = all.find(|item| item["label"] == label);
        Ok(item.with_context(|| format!("{label} is exposed"))?["holder"].clone())
    }

    /// Kill the emulator, and start it on the same flash.
    fn power_cycle(self) -> Result<Self> {
        let Self {
            flash,
            device,
            folder,
        } = self;
        drop(device);
        Ok(Self {
            device: Device::boot_with(&flash)?,
            flash,
            folder,
        })
    }
}

const fn lights(version: u32, labels: &'static [&'static str]) -> Guest<'static> {
    Guest {
        labels,
        then: LIGHT,
        ..Guest::version(version)
    }
}

#[test]
fn claims_and_saved_state_pass_over_and_the_new_image_stays() -> Result<()> {
    let scene = Scene::running(&lights(1, &["fpgaio", "timer0"]))?;
    scene
        .device
        .board
        .wait_for_led(LED, true, std::time::Duration::from_secs(20))?;
    let dark = scene.dark()?;
    let new = lights(2, &["i2c_shield1", "fpgaio"]);
    let new = Guest {
        then: &LIGHT.replace("$claim0", "$claim1"),
        ..new
    };
    let said = scene.update(&new, &["--trial", "1"])?.ok()?;
    ensure!(said.starts_with("it updated ("), "{said}");
    ensure!(!said.contains("stopped first"), "{said}");
    scene.says(2, Some(1))?;
    // A claim that ends switches the LED off: this one never did.
    ensure!(scene.dark()? == dark, "the claim was given back in between");
    let held = |label| Ok::<_, anyhow::Error>(scene.holder(label)?.to_string().contains("it"));
    ensure!(
        held("fpgaio")? && held("i2c_shield1")?,
        "what the new one claims"
    );
    ensure!(!held("timer0")?, "what only the old one had claimed");
    let inspected = scene.inspect()?;
    ensure!(inspected["update"]["update"] == "kept", "{inspected}");
    // Once more: the same is nothing to do.
    let said = scene.update(&new, &[])?.ok()?;
    ensure!(said.starts_with("it unchanged ("), "{said}");
    // It is what a reset brings back, with the state that the old one left it.
    let scene = scene.power_cycle()?;
    scene.says(2, Some(1))?;
    Ok(())
}

#[test]
fn a_fault_in_the_trial_brings_the_old_one_back_with_its_state() -> Result<()> {
    let scene = Scene::running(&lights(1, &["fpgaio"]))?;
    let saves_and_faults = Guest {
        then: "(drop (call $save (i32.const 8) (i32.const 8))) (call $sleep (i64.const 200000)) unreachable",
        ..lights(2, &["fpgaio"])
    };
    let refused = scene
        .update(&saves_and_faults, &["--trial", "30"])?
        .refused()?;
    let expected = "error: it: the new image faulted (unreachable); the old one runs again\n\
                    hint: `berth inspect` and `berth logs` show what the new one did\n";
    ensure!(refused.ends_with(expected), "{refused}");
    let logs = scene.device.berth(&["logs", "it"])?.ok()?;
    ensure!(logs.contains(&Guest::says(2, Some(1))), "{logs}");
    scene.says(1, Some(1))?;
    ensure!(scene.device.state("it")? == "running");
    ensure!(scene.holder("fpgaio")?.to_string().contains("it"));
    let inspected = scene.inspect()?;
    ensure!(
        inspected["update"]["update"] == "rolled-back",
        "{inspected}"
    );
    ensure!(inspected["update"]["fault"] == "unreachable", "{inspected}");
    // One that cannot even be linked never takes its place.
    let missing = lights(3, &["fpgaio", "nothing"]);
    let free = Line::open(&scene.device)?.store()?.free;
    let refused = scene.update(&missing, &[])?.refused()?;
    ensure!(refused.contains("mmio:nothing"), "{refused}");
    ensure!(scene.device.state("it")? == "running");
    let after = Line::open(&scene.device)?.store()?.free;
    ensure!(after == free, "{free} bytes free, then {after}");
    let scene = scene.power_cycle()?;
    scene.says(1, Some(1))
}

#[test]
fn two_that_do_not_fit_in_memory_at_once_take_turns() -> Result<()> {
    let scene = Scene::new()?;
    let free = scene.device.json(&["heap"])?["heap"]["largest_free"].as_u64();
    let memory = free.context("heap tells the largest piece")? as u32 * 3 / 5;
    let large = |version| Guest {
        memory,
        ..lights(version, &["fpgaio"])
    };
    scene.upload(&large(1), &[])?.ok()?;
    scene.device.berth(&["start", "it"])?.ok()?;
    scene.says(1, None)?;
    scene
        .device
        .board
        .wait_for_led(LED, true, std::time::Duration::from_secs(20))?;
    let dark = scene.dark()?;
    let said = scene.update(&large(2), &["--trial", "1"])?.ok()?;
    let expected = ", the old one was stopped first because both did not fit into memory\n";
    ensure!(said.ends_with(expected), "{said}");
    scene.says(2, Some(1))?;
    ensure!(scene.dark()? == dark, "the claim was given back in between");
    // A fault of the new one brings the old one back all the same.
    let faults = Guest {
        then: "unreachable",
        ..large(3)
    };
    let refused = scene.update(&faults, &["--trial", "30"])?.refused()?;
    ensure!(refused.contains("the old one runs again"), "{refused}");
    scene.says(2, Some(2))
}

#[test]
fn power_that_goes_in_the_trial_brings_the_old_one_back() -> Result<()> {
    let scene = Scene::running(&lights(1, &["fpgaio"]))?;
    let before = scene.inspect()?["sha256"].clone();
    let said = scene
        .update(&lights(2, &["fpgaio"]), &["--trial", "600", "--no-wait"])?
        .ok()?;
    ensure!(said.contains("on trial for"), "{said}");
    scene.says(2, Some(1))?;
    ensure!(scene.inspect()?["sha256"] != before);
    let scene = scene.power_cycle()?;
    scene.says(1, Some(1))?;
    let inspected = scene.inspect()?;
    ensure!(inspected["sha256"] == before, "{inspected}");
    ensure!(
        inspected["update"]["update"] == "rolled-back",
        "{inspected}"
    );
    // The same update again is no matter.
    let said = scene
        .update(&lights(2, &["fpgaio"]), &["--trial", "1"])?
        .ok()?;
    ensure!(said.starts_with("it updated ("), "{said}");
    let scene = scene.power_cycle()?;
    scene.says(2, Some(1))
}
