//! Interrupts from the hardware to handlers, and what they must not disturb.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::{Device, Flash};
use berth_emulator::{Board, Icount, Sleep};
use serde_json::Value;

/// What every module here imports; `label` is its block, and its handler is function 1.
fn module(label: &str, main: &str, handler: &str) -> Result<Vec<u8>> {
    Ok(wat::parse_str(format!(
        r#"(module
          (import "mmio:{label}" "claim" (func $claim (result i32)))
          (import "irq:{label}" "register"
            (func $register (param i32 i32 i32 i32) (result i32)))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 64 (pagesize 1))
          (data (i32.const 0) "handledwaits!")
          (global $left (mut i32) (i32.const 0))
          (table (export "__indirect_function_table") 2 funcref)
          (elem (i32.const 1) $handler)
          (func $set (param $offset i32) (param $value i32)
            (call $write (call $claim) (local.get $offset) (local.get $value)))
          (func $handled (call $log (i32.const 2) (i32.const 0) (i32.const 7)))
          (func $waits (call $log (i32.const 2) (i32.const 7) (i32.const 6)))
          (func $handle_with_priority (param $priority i32)
            (if (call $register (local.get $priority) (i32.const 1) (i32.const 0) (i32.const 0))
              (then unreachable)))
          (func $handler (param i32 i32) {handler})
          (func (export "_start") {main}
            (call $waits)
            (loop $l (call $sleep (i64.const 1000000)) (br $l))))"#
    ))?)
}

/// A board whose time is the number of instructions, and passes while it is idle.
fn counted(flash: &Flash) -> Result<Device> {
    let board = Board::new(flash.path())
        .limit(Duration::from_secs(300))
        .icount(Icount {
            shift: 5,
            sleep: Sleep::RealTime,
        })
        .start()?;
    let device = Device { board };
    device.console("type help")?;
    Ok(device)
}

/// Upload a module and start it; it has registered when this returns.
fn start(device: &Device, name: &str, module: &[u8]) -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join(format!("{name}.wasm"));
    std::fs::write(&file, module)?;
    device.upload_file(&file)?.ok()?;
    device.berth(&["start", name])?.ok()?;
    wait_for_line(device, name, "waits!").map(drop)
}

/// The times of all lines of a container's log with this text.
fn times(device: &Device, name: &str, text: &str) -> Result<Vec<u64>> {
    let log = device.berth(&["--json", "logs", name])?.ok()?;
    let mut times = Vec::new();
    for line in serde_json::Deserializer::from_str(&log).into_iter::<Value>() {
        let line = line?;
        if line["text"] == text {
            times.push(line["time_us"].as_u64().context("a time")?);
        }
    }
    Ok(times)
}

fn wait_for_line(device: &Device, name: &str, text: &str) -> Result<u64> {
    for _ in 0..600 {
        if let Some(time) = times(device, name, text)?.last() {
            return Ok(*time);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("{name} does not say {text}")
}

/// A number that `ps` tells of a container.
fn number(device: &Device, name: &str, key: &str) -> Result<u64> {
    let found = device.container(name)?.context("no such container")?;
    found[key]
        .as_u64()
        .with_context(|| format!("{key}: {found}"))
}

fn fault(device: &Device, name: &str) -> Result<Value> {
    device.wait_state(name, "faulted")?;
    device.container(name)?.context("no such container")
}

#[test]
fn a_uart_driver_with_interrupts_sends_back_what_it_receives() -> Result<()> {
    let mut device = Device::boot()?;
    device.upload("echo")?;
    device.berth(&["start", "echo"])?.ok()?;
    wait_for_line(&device, "echo", "listening")?;
    let mut line = device.board.uart(1)?;
    line.set_read_timeout(Some(Duration::from_secs(30)))?;
    for round in 0..40_u8 {
        let byte = [round.wrapping_mul(37)];
        line.write_all(&byte)?;
        let mut back = [0];
        line.read_exact(&mut back)?;
        ensure!(back == byte, "{byte:?} came back as {back:?}");
    }
    // Which of two directions raised the interrupt: only receiving was registered.
    ensure!(number(&device, "echo", "interrupts")? == 40);
    ensure!(number(&device, "echo", "interrupts_dropped")? == 0);
    Ok(())
}

/// The two SPI controllers share a line. Their transmit interrupt is a level: it stays
/// until the handler masks it in the controller.
#[test]
fn a_shared_level_line_serves_both_by_priority() -> Result<()> {
    const SSPCR1: u32 = 0x04;
    const SSPIMSC: u32 = 0x14;
    let spi = |label: &str, priority: u32, on: bool| {
        let raise = if on {
            format!(
                "(call $set (i32.const {SSPCR1}) (i32.const 2))
                (call $set (i32.const {SSPIMSC}) (i32.const 8))"
            )
        } else {
            String::new()
        };
        let main = format!("(call $handle_with_priority (i32.const {priority})) {raise}");
        let handler = format!("(call $set (i32.const {SSPIMSC}) (i32.const 0)) (call $handled)");
        module(label, &main, &handler)
    };
    let device = counted(&Flash::new()?)?;
    // The patient one is on the line, too, and more urgent.
    start(&device, "patient", &spi("spi_shield1", 3, false)?)?;
    start(&device, "raises", &spi("spi_shield0", 9, true)?)?;
    let raises = wait_for_line(&device, "raises", "handled")?;
    let patient = wait_for_line(&device, "patient", "handled")?;
    ensure!(patient < raises, "the more urgent one came second");
    // Silenced once, it is silent.
    for name in ["raises", "patient"] {
        ensure!(times(&device, name, "handled")?.len() == 1);
        ensure!(number(&device, name, "interrupts")? == 1);
        ensure!(number(&device, name, "interrupts_dropped")? == 0);
    }
    Ok(())
}

/// A line driven from outside reaches the container that claimed its block, and nobody
/// else; pausing puts its handler off.
#[test]
fn claim_and_pause_decide_what_an_interrupt_reaches() -> Result<()> {
    const TIMER1: u8 = 9;
    let listens = module(
        "timer1",
        "(call $handle_with_priority (i32.const 5))",
        "(call $handled)",
    )?;
    let other = module(
        "timer0",
        "(call $handle_with_priority (i32.const 1))",
        "(call $handled)",
    )?;
    let mut device = Device::boot()?;
    let pulse = |device: &mut Device| -> Result<()> {
        device.board.bus.set_interrupt(TIMER1, true)?;
        device.board.bus.set_interrupt(TIMER1, false)?;
        Ok(())
    };
    // Nobody has claimed it.
    pulse(&mut device)?;
    start(&device, "other", &other)?;
    start(&device, "listens", &listens)?;
    ensure!(
        number(&device, "listens", "interrupts")? == 0,
        "from before"
    );
    pulse(&mut device)?;
    wait_for_line(&device, "listens", "handled")?;
    device.berth(&["pause", "listens"])?.ok()?;
    pulse(&mut device)?;
    device.wait_until("the interrupt", |device| {
        Ok(number(device, "listens", "interrupts")? == 2)
    })?;
    ensure!(
        times(&device, "listens", "handled")?.len() == 1,
        "it is paused"
    );
    device.berth(&["resume", "listens"])?.ok()?;
    device.wait_until("its handler", |device| {
        Ok(times(device, "listens", "handled")?.len() == 2)
    })?;
    // Stopped with an interrupt waiting, it comes back without it.
    device.berth(&["pause", "listens"])?.ok()?;
    pulse(&mut device)?;
    device.wait_until("the interrupt", |device| {
        Ok(number(device, "listens", "interrupts")? == 3)
    })?;
    device.berth(&["stop", "listens"])?.ok()?;
    ensure!(number(&device, "listens", "interrupts_dropped")? == 1);
    pulse(&mut device)?;
    device.berth(&["start", "listens"])?.ok()?;
    device.wait_state("listens", "running")?;
    ensure!(number(&device, "listens", "interrupts")? == 0);
    device.berth(&["stop", "listens"])?.ok()?;
    device.berth(&["rm", "listens"])?.ok()?;
    ensure!(times(&device, "other", "handled")?.is_empty());
    Ok(())
}

#[test]
fn a_runaway_handler_ends_its_container_only() -> Result<()> {
    const TIMER0: u8 = 8;
    let device = &mut Device::boot_with_blink()?;
    let runs_away = module(
        "timer0",
        "(call $handle_with_priority (i32.const 0))",
        "(loop $l (br $l))",
    )?;
    start(device, "bad", &runs_away)?;
    device.board.bus.set_interrupt(TIMER0, true)?;
    device.board.bus.set_interrupt(TIMER0, false)?;
    let bad = fault(device, "bad")?;
    ensure!(bad.to_string().contains("handler-too-long"), "{bad}");
    ensure!(device.state("blink")? == "running");
    Ok(())
}

/// The module of a container that takes a timer's interrupts as fast as they come: 100,000 a
/// second. After `count` handlers it switches the timer off and says so.
fn storming(count: u32) -> Result<Vec<u8>> {
    const CTRL: u32 = 0x0;
    const RELOAD: u32 = 0x8;
    module(
        "timer0",
        &format!(
            "(global.set $left (i32.const {count}))
             (call $handle_with_priority (i32.const 5))
             (call $set (i32.const {RELOAD}) (i32.const 249))
             (call $set (i32.const {CTRL}) (i32.const 9))"
        ),
        &format!(
            "(global.set $left (i32.sub (global.get $left) (i32.const 1)))
             (if (i32.eqz (global.get $left)) (then
               (call $set (i32.const {CTRL}) (i32.const 0))
               (call $handled)))"
        ),
    )
}

/// Deadlines that the firmware's task has missed, by its lines on the console.
fn missed(console: &str, task: &str) -> Result<(u32, u32)> {
    let (mut rounds, mut missed) = (0, 0);
    for line in console.lines().filter(|line| line.starts_with(task)) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(at) = words.iter().position(|word| word.starts_with("missed")) {
            missed += words[at - 1].parse::<u32>()?;
            rounds += 1;
        }
    }
    Ok((rounds, missed))
}

/// A container in a storm of interrupts.
#[test]
fn a_storm_over_a_container_is_counted_exactly() -> Result<()> {
    const HANDLERS: u32 = 3_000;
    let device = counted(&Flash::new()?)?;
    start(&device, "storm", &storming(HANDLERS)?)?;
    wait_for_line(&device, "storm", "handled")?;
    // The timer was switched off in the last handler: one more may have been raised before.
    let taken = number(&device, "storm", "interrupts")?;
    let handled = u64::from(HANDLERS);
    ensure!((handled..=handled + 1).contains(&taken), "{taken}");
    ensure!(number(&device, "storm", "interrupts_dropped")? == 0);
    Ok(())
}

/// What the process `storm`, in the supervisor's place, tells of its interrupts, on a board
/// whose time is instructions and needs no host; the firmware's `task` misses no deadline.
fn storm_beside(flash: &Flash, task: &str) -> Result<Vec<String>> {
    flash.install("storm")?;
    let device = Device::power_on_counted(flash)?;
    device.console("storm: merged")?;
    let position = device.board.console.position();
    let patience = Duration::from_secs(60);
    // The round in which it ended, whole.
    device
        .board
        .console
        .wait_after(position, "missed, worst", patience)?;
    let text = device.board.console.text();
    let (rounds, missed) = missed(&text, task)?;
    ensure!(rounds > 0 && missed == 0, "{text}");
    let storm: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("storm:"))
        .map(str::to_owned)
        .collect();
    let numbers: Vec<u32> = storm[0]
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    let [handled, taken, dropped] = numbers[..] else {
        bail!("{storm:?}");
    };
    ensure!(handled >= 600 && taken == handled + dropped, "{storm:?}");
    Ok(storm)
}

/// To the instruction: the hash of when each interrupt was handled is the same.
#[test]
fn a_storm_makes_no_process_of_the_firmware_late_and_is_the_same_twice() -> Result<()> {
    let run = || {
        let flash = Flash::without_supervisor()?;
        flash.install("deadline")?;
        storm_beside(&flash, "deadline:")
    };
    let (first, second) = (run()?, run()?);
    ensure!(first == second, "{first:?} {second:?}");
    Ok(())
}

#[test]
fn a_storm_makes_no_driver_of_the_firmware_late() -> Result<()> {
    storm_beside(&Flash::with_kernel("deadline-kernel.bin")?, "driver:").map(drop)
}

/// A process that ends with an interrupt unhandled leaves a timer that stands still and a
/// quiet line to the next.
#[test]
fn lines_come_back_clean_from_a_process_that_ended() -> Result<()> {
    for deed in ["fault", "exit"] {
        let flash = Flash::without_supervisor()?;
        flash.install("storm")?;
        flash.install("heir")?;
        flash.set("storm", deed.as_bytes())?;
        let device = Device::power_on_counted(&flash)?;
        device.console("storm: ends with one unhandled")?;
        device.console("heir: clean, ten handled")?;
    }
    Ok(())
}
