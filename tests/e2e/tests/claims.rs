//! Claims and registers on the board: what containers get, what they do not, and what is
//! left behind, seen from outside.

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash};
use serde_json::Value;
use std::ops::Range;
use tempfile::TempDir;

const UART1_CTRL: u32 = 0x4000_5008;
const LEDS: u32 = 0x4002_8000;
/// The firmware's LED, which containers may have through the kernel's driver.
const LED0: u32 = 0x1;
/// The LED that containers may have.
const LED1: u32 = 0x2;
/// Where the supervisor's stack is, and its length in bytes. All of it is spoiled to kill it, and nothing behind it: with a
/// spoiled account of fuel a container would compute for ever.
const SUPERVISOR_RAM: u32 = 0x2004_0000;
const STACK: usize = 26 * 1024;
/// Its code. Spoiled while the processor is there, the stack holds no frame that the kernel has looked at and uses.
const SUPERVISOR_CODE: Range<u32> = 0x4_0000..0x10_0000;

/// A device and a folder for modules.
struct Scene {
    device: Device,
    folder: TempDir,
    /// The LEDs that its containers light.
    lit: u32,
}

impl Scene {
    fn new() -> Result<Self> {
        Self::with(&Flash::new()?)
    }

    fn with(flash: &Flash) -> Result<Self> {
        Ok(Self {
            device: Device::boot_with(flash)?,
            folder: TempDir::new()?,
            lit: LED1,
        })
    }

    /// Upload a container that imports these labels (`$c0`, `$c1`, … claim them) and does `body`.
    fn upload(&self, name: &str, labels: &[&str], body: &str) -> Result<()> {
        let claims: String = labels
            .iter()
            .enumerate()
            .map(|(index, label)| {
                format!(r#"(import "mmio:{label}" "claim" (func $c{index} (result i32)))"#)
            })
            .collect();
        let text = format!(
            r#"(module {claims}
              (import "mmio" "read8" (func $read8 (param i32 i32) (result i32)))
              (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
              (import "mmio" "write16" (func $write16 (param i32 i32 i32)))
              (import "mmio" "write32" (func $write (param i32 i32 i32)))
              (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
              (import "berth" "log" (func $log (param i32 i32 i32)))
              (import "berth" "sleep_us" (func $sleep (param i64)))
              (import "tock:led" "on" (func $light (param i32) (result i32)))
              (memory (export "memory") 1)
              (func (export "_start") {body}))"#
        );
        let file = self.folder.path().join(format!("{name}.wasm"));
        std::fs::write(&file, wat::parse_str(&text)?)?;
        self.device.upload_file(&file)?.ok().map(drop)
    }

    fn start(&self, name: &str) -> Result<()> {
        self.device.berth(&["start", name])?.ok().map(drop)
    }

    /// Access class and holder of a label, as `berth exposures` has it.
    fn exposure(&self, label: &str) -> Result<(String, Value)> {
        let list = self.device.json(&["exposures"])?;
        let item = list["exposures"]
            .as_array()
            .context("a list")?
            .iter()
            .find(|item| item["label"] == label)
            .with_context(|| format!("{label} is exposed"))?;
        let access = item["access"].as_str().unwrap_or_default();
        Ok((access.to_owned(), item["holder"].clone()))
    }

    /// Whether a container is at work on UART 1 and the LED.
    fn at_work(&mut self) -> Result<()> {
        let lit = self.lit;
        self.device.wait_until("the container's work", |device| {
            let bus = &mut device.board.bus;
            Ok(bus.read32(UART1_CTRL)? == 3 && bus.read32(LEDS)? & lit == lit)
        })
    }

    /// Both are at rest, and free.
    fn at_rest(&mut self, after: &str) -> Result<()> {
        let lit = self.lit;
        self.device.wait_until(after, |device| {
            let bus = &mut device.board.bus;
            Ok(bus.read32(UART1_CTRL)? == 0 && bus.read32(LEDS)? & lit == 0)
        })?;
        for label in ["uart1", "fpgaio"] {
            let (_, holder) = self.exposure(label)?;
            ensure!(holder == "free", "{label} after {after}: {holder}");
        }
        Ok(())
    }
}

/// Switch UART 1 and the LED on.
const WORK: &str = "(call $write (call $c0) (i32.const 8) (i32.const 3))
    (call $modify (call $c1) (i32.const 0) (i32.const 2) (i32.const 2))";
/// Light LED 0 as well, through the kernel's driver.
const LIGHT: &str = "(drop (call $light (i32.const 0)))";
/// And go on using UART 1, without ever sleeping.
const USE: &str = "(loop $again
    (call $write (call $c0) (i32.const 8) (i32.const 3))
    (br $again))";

#[test]
fn neighbours_of_a_mapped_block_fault_and_every_end_closes_it() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("mapped")?;
    let device = Device::power_on(&flash)?;
    for (run, fault) in [
        (1, "MMFAR 0x40004ffc"),
        (2, "MMFAR 0x40006000"),
        (3, "MMFAR 0x40005010"),
    ] {
        let value = 16 + run;
        device.console(&format!(
            "mapped: run {run} wrote and read {value} and {value}"
        ))?;
        device.console(fault)?;
    }
    device.console("mapped: run 4 reads the block of the run before, 0x40005010")?;
    // It faulted for that, too: only a further run gets this far.
    device.console("mapped: run 5 wrote and read 21 and 21")?;
    let text = device.board.console.text();
    let inside = text.matches("MMFAR 0x40005010").count();
    ensure!(inside == 2, "{inside} faults inside the block: {text}");
    ensure!(!text.contains("NOT STOPPED"), "{text}");
    ensure!(!text.contains("mapped: failed"), "{text}");
    Ok(())
}

#[test]
fn every_end_of_a_container_leaves_its_hardware_safe() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.lit = LED0 | LED1;
    let labels = ["uart1", "fpgaio"];
    scene.upload("hold", &labels, &format!("{LIGHT} {WORK} {USE}"))?;
    let pause = "(call $sleep (i64.const 300000))";
    scene.upload(
        "fails",
        &labels,
        &format!("{LIGHT} {WORK} {pause} unreachable"),
    )?;
    scene.upload("ends", &labels, &format!("{LIGHT} {WORK} {pause}"))?;
    for words in [["stop", "hold"], ["kill", "hold"]] {
        scene.start("hold")?;
        scene.at_work()?;
        let (access, holder) = scene.exposure("uart1")?;
        ensure!(access == "mapped" && holder["container"] == "hold");
        scene.device.berth(&words)?.ok()?;
        scene.at_rest(words[0])?;
    }
    for (name, state) in [("fails", "faulted"), ("ends", "exited")] {
        scene.start(name)?;
        scene.at_work()?;
        scene.device.wait_state(name, state)?;
        scene.at_rest(state)?;
    }
    scene.start("hold")?;
    scene.at_work()?;
    scene.device.berth(&["rm", "-f", "hold"])?.ok()?;
    scene.at_rest("rm -f")
}

/// The supervisor itself dies with a container at work: its stack is overwritten, so it faults or
/// panics, whichever comes first. (How a fault ends claims is tested with `mapped` above.)
#[test]
fn the_end_of_the_supervisor_leaves_the_hardware_safe() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.lit = LED0 | LED1;
    scene.upload(
        "hold",
        &["uart1", "fpgaio"],
        &format!("{LIGHT} {WORK} {USE}"),
    )?;
    scene.start("hold")?;
    scene.at_work()?;
    let at = scene.device.board.console.position();
    let board = &mut scene.device.board;
    let patience = std::time::Duration::from_secs(30);
    board.pause_in(&SUPERVISOR_CODE, patience)?;
    board.bus.write(SUPERVISOR_RAM, &vec![0xff; STACK])?;
    board.resume()?;
    board.console.wait_after(at, "type help", patience)?;
    scene.at_rest("the supervisor's restart")?;
    // And both can be had again. Where the container was being executed when the supervisor failed, it is quarantined:
    // that depends on the moment, so it is started in the way that serves both. (safe_mode.rs tests the quarantine.)
    scene.device.berth(&["start", "hold", "--lift"])?.ok()?;
    scene.at_work()
}

/// Another process ends the supervisor and goes on computing: no other process runs again, and the kernel does nothing but
/// return to that one. The claims have ended all the same.
#[test]
fn claims_end_at_once_though_whoever_ends_them_goes_on_computing() -> Result<()> {
    let flash = Flash::new()?;
    flash.install("warden")?;
    flash.set("warden", b"computes")?;
    let mut scene = Scene::with(&flash)?;
    scene.device.console("warden: on duty")?;
    scene.upload("hold", &["uart1", "fpgaio"], &format!("{WORK} {USE}"))?;
    scene.start("hold")?;
    scene.at_work()?;
    let bus = &mut scene.device.board.bus;
    let leds = bus.read32(LEDS)?;
    bus.write(LEDS, &(leds | LED0).to_le_bytes())?;
    scene
        .device
        .wait_until("the container's devices to rest", |device| {
            let bus = &mut device.board.bus;
            Ok(bus.read32(UART1_CTRL)? == 0 && bus.read32(LEDS)? & LED1 == 0)
        })?;
    // It would put the light out when it is done.
    let leds = scene.device.board.bus.read32(LEDS)?;
    ensure!(leds & LED0 != 0, "the warden does not compute, LEDs {leds}");
    Ok(())
}

/// Another process ends the supervisor: no fault, no hook, no call of its own. Its claims end before
/// anything else runs, and a supervisor that is started afresh finds everything free.
#[test]
fn a_supervisor_that_another_process_ends_leaves_the_hardware_safe() -> Result<()> {
    let flash = Flash::new()?;
    flash.install("warden")?;
    let mut scene = Scene::with(&flash)?;
    scene.device.console("warden: on duty")?;
    scene.upload("hold", &["uart1", "fpgaio"], &format!("{WORK} {USE}"))?;
    scene.start("hold")?;
    scene.at_work()?;
    let patience = std::time::Duration::from_secs(30);
    let at = scene.device.board.console.position();
    let light_led0 = |scene: &mut Scene| -> Result<()> {
        let bus = &mut scene.device.board.bus;
        let leds = bus.read32(LEDS)?;
        Ok(bus.write(LEDS, &(leds | LED0).to_le_bytes())?)
    };
    light_led0(&mut scene)?;
    let console = &scene.device.board.console;
    console.wait_after(at, "warden: ward ended", patience)?;
    let at = console.position();
    // It had to yield until its line was written: nothing else has happened since.
    scene.device.wait_until("the light to go out", |device| {
        Ok(device.board.bus.read32(LEDS)? & LED0 == 0)
    })?;
    let bus = &mut scene.device.board.bus;
    let (uart, leds) = (bus.read32(UART1_CTRL)?, bus.read32(LEDS)?);
    ensure!(uart == 0 && leds & LED1 == 0, "UART {uart}, LEDs {leds}");
    light_led0(&mut scene)?;
    let console = &scene.device.board.console;
    console.wait_after(at, "type help", patience)?;
    scene.at_rest("the supervisor's end")
}

#[test]
fn what_a_container_may_not_do_is_told_with_what_it_did() -> Result<()> {
    let scene = Scene::new()?;
    let claim = "(drop (call $c0)) ";
    for (name, label, body, fault, last_call) in [
        (
            "handle",
            "uart1",
            "(drop (call $read (i32.const 1) (i32.const 0)))",
            "bad-handle",
            "mmio.read32(1, 0x0)",
        ),
        (
            "offset",
            "uart1",
            "(call $write (i32.const 0) (i32.const 4096) (i32.const 1))",
            "bad-register",
            "mmio.write32(0, 0x1000)",
        ),
        (
            "width",
            "uart1",
            "(drop (call $read8 (i32.const 0) (i32.const 0)))",
            "bad-register",
            "mmio.read8(0, 0x0)",
        ),
        (
            "masked",
            "fpgaio",
            "(drop (call $read (i32.const 0) (i32.const 4)))",
            "bad-register",
            "mmio.read32(0, 0x4)",
        ),
        (
            "half",
            "fpgaio",
            "(call $write16 (i32.const 0) (i32.const 0) (i32.const 2))",
            "bad-register",
            "mmio.write16(0, 0x0)",
        ),
        (
            "pointer",
            "fpgaio",
            "(call $log (i32.const 2) (i32.const 65530) (i32.const 7))",
            "bad-pointer",
            "berth.log(2, 0x0)",
        ),
    ] {
        scene.upload(name, &[label], &format!("{claim}{body}"))?;
        scene.start(name)?;
        scene.device.wait_state(name, "faulted")?;
        let container = scene.device.container(name)?.context("it is listed")?;
        ensure!(container["fault"] == fault, "{name}: {container}");
        let log = scene.device.berth(&["logs", name])?.ok()?;
        let told = format!("faulted: {fault} in main");
        ensure!(log.contains(&told) && log.contains(last_call), "{log}");
        scene.device.berth(&["rm", name])?.ok()?;
    }
    Ok(())
}

/// Eight blocks that may be mapped are more than a process has protection regions for.
#[test]
fn more_mapped_blocks_than_regions_all_work() -> Result<()> {
    const BLOCKS: [(&str, u32, u32); 8] = [
        ("uart1", 0x4000_5010, 17),
        ("uart2", 0x4000_6010, 18),
        ("uart3", 0x4000_7010, 19),
        ("uart4", 0x4000_9010, 20),
        ("spi_shield0", 0x4002_6010, 22),
        ("spi_shield1", 0x4002_7010, 24),
        ("timer0", 0x4000_0008, 1000),
        ("dual_timer0", 0x4000_2000, 1001),
    ];
    let mut scene = Scene::new()?;
    let labels = BLOCKS.map(|(label, ..)| label);
    let writes: String = BLOCKS
        .iter()
        .enumerate()
        .map(|(index, (_, address, value))| {
            let offset = address & 0xfff;
            format!("(call $write (call $c{index}) (i32.const {offset}) (i32.const {value}))")
        })
        .collect();
    let rest = "(loop $again (call $sleep (i64.const 1000000)) (br $again))";
    scene.upload("all", &labels, &format!("{writes} {rest}"))?;
    scene.start("all")?;
    for (label, address, value) in BLOCKS {
        scene.device.wait_until(label, |device| {
            Ok(device.board.bus.read32(address)? == value)
        })?;
    }
    let container = scene.device.container("all")?.context("it is listed")?;
    let blocks = container["blocks"].as_array().context("its blocks")?;
    let count = |access: &str| blocks.iter().filter(|b| b["access"] == access).count();
    let (mapped, fallback) = (count("mapped"), count("mediated-fallback"));
    ensure!(mapped + fallback == BLOCKS.len(), "{container}");
    ensure!(mapped > 0 && fallback >= 3, "{container}");
    let text = scene.device.berth(&["ps"])?.ok()?;
    ensure!(text.contains("(mediated-fallback)"), "{text}");
    // Regions come back with the claims.
    scene.device.berth(&["stop", "all"])?.ok()?;
    scene.start("all")?;
    let again = scene.device.container("all")?.context("it is listed")?;
    ensure!(again["blocks"] == container["blocks"], "{again}");
    Ok(())
}

#[test]
fn missing_and_held_labels_are_refused_together() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.upload("hold", &["uart1", "fpgaio"], &format!("{WORK} {USE}"))?;
    scene.start("hold")?;
    scene.at_work()?;
    scene.upload("greedy", &["fpgaio", "flash", "uart2", "uart1"], "")?;
    let refused = scene.device.berth(&["--json", "start", "greedy"])?;
    let error: Value = serde_json::from_str(&refused.refused()?)?;
    let reasons: Vec<_> = error["error"]["missing"]
        .as_array()
        .context("a list")?
        .iter()
        .map(|item| (item["module"].clone(), item["message"].clone()))
        .collect();
    ensure!(
        reasons
            == [
                ("mmio:fpgaio".into(), "in use by container hold".into()),
                ("mmio:flash".into(), "not exposed by this board".into()),
                ("mmio:uart1".into(), "in use by container hold".into()),
            ],
        "{error}"
    );
    let (_, holder) = scene.exposure("uart2")?;
    ensure!(holder == "free", "what was free was taken: {holder}");
    scene.at_work()
}
