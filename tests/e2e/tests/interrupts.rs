//! Interrupts from the hardware to handlers.

mod guests;

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::{Device, Flash};
use berth_emulator::{Board, Icount, Sleep};
use guests::module;
use serde_json::Value;

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
    start_with(device, name, module, &[])
}

/// The same, with these words more for `berth upload`.
fn start_with(device: &Device, name: &str, module: &[u8], words: &[&str]) -> Result<()> {
    guests::upload(device, name, module, words)?;
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
fn a_uart_driver_finds_what_was_captured_in_every_model() -> Result<()> {
    let mut device = Device::boot()?;
    let mut line = device.board.uart(1)?;
    line.set_read_timeout(Some(Duration::from_secs(30)))?;
    // In memory; by calls, by loads of a struct of registers, and in a conveyor: those look first whether the state, which the kernel read
    // before the data, says that there is a byte. The device itself does not say so any more.
    for name in ["echo", "echo_calls", "echo_mapped", "echo_conveyor"] {
        device.upload(name)?;
        device.berth(&["start", name])?.ok()?;
        wait_for_line(&device, name, "listening")?;
        for round in 0..20_u8 {
            let byte = [round.wrapping_mul(37)];
            line.write_all(&byte)?;
            let mut back = [0];
            line.read_exact(&mut back)
                .with_context(|| format!("{name} sends nothing back"))?;
            ensure!(back == byte, "{name}: {byte:?} came back as {back:?}");
        }
        // Which of two directions raised the interrupt: only receiving was registered.
        ensure!(number(&device, name, "interrupts")? == 20);
        ensure!(number(&device, name, "interrupts_dropped")? == 0);
        device.berth(&["stop", name])?.ok()?;
    }
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

/// The halves of the dual timer share a line, too, and each tells whether it has raised it: only that one's handler runs, and what was captured
/// says so, too: the register is read before the kernel clears the source.
#[test]
fn the_halves_of_the_dual_timer_share_a_line() -> Result<()> {
    const LOAD: u32 = 0x0;
    const CONTROL: u32 = 0x8;
    const MIS: u64 = 0x14;
    /// Once, 32 bits, with interrupt.
    const ON: u32 = 0xe3;
    const TARGET: u64 = 28;
    let half = |label: &str, priority: u32, on: bool| {
        let raise = if on {
            format!(
                "(call $set (i32.const {LOAD}) (i32.const 25000))
                 (call $set (i32.const {CONTROL}) (i32.const {ON}))"
            )
        } else {
            String::new()
        };
        let main = format!(
            "(i64.store (i32.const 16) (i64.const {capture}))
             (if (call $register (i32.const {priority}) (i32.const 1) (i32.const 16) (i32.const 1))
               (then unreachable))
             (i32.store (i32.const {TARGET}) (i32.const 7))
             {raise}",
            capture = TARGET << 32 | 4 << 16 | MIS,
        );
        let handler = format!("(call $say_handled (i32.load (i32.const {TARGET})))");
        module(label, &main, &handler)
    };
    let device = counted(&Flash::new()?)?;
    start(&device, "patient", &half("dual_timer1", 3, false)?)?;
    start(&device, "raises", &half("dual_timer0", 9, true)?)?;
    wait_for_line(&device, "raises", "handled 1")?;
    for (name, count) in [("raises", 1), ("patient", 0)] {
        for (text, count) in [("handled 1", count), ("handled 0", 0)] {
            ensure!(times(&device, name, text)?.len() == count, "{name}, {text}");
        }
        ensure!(number(&device, name, "interrupts")? == count as u64);
        ensure!(number(&device, name, "interrupts_dropped")? == 0);
    }
    Ok(())
}

/// Receiver and transmitter of each serial line that is exposed; the handler is told which it was.
#[test]
fn all_serial_lines_deliver_both_their_interrupts() -> Result<()> {
    const DATA: u32 = 0x0;
    const CTRL: u32 = 0x8;
    const BAUDDIV: u32 = 0x10;
    let mut device = Device::boot()?;
    for line in 1..=4_usize {
        let main = format!(
            "(call $handle_with_priority (i32.const 5))
             (call $handle_with_priority (i32.const 0x106))
             (call $set (i32.const {BAUDDIV}) (i32.const 217))
             (call $set (i32.const {CTRL}) (i32.const 0xf))
             (call $set (i32.const {DATA}) (i32.const 33))"
        );
        let handler = "(call $say_handled (i32.and (local.get 0) (i32.const 0xff)))";
        let name = format!("serial{line}");
        let mut listener = device.board.uart(line)?;
        listener.set_read_timeout(Some(Duration::from_secs(30)))?;
        start(
            &device,
            &name,
            &module(&format!("uart{line}"), &main, handler)?,
        )?;
        let mut sent = [0];
        listener.read_exact(&mut sent)?;
        ensure!(sent == *b"!");
        wait_for_line(&device, &name, "handled 1")?;
        listener.write_all(b"?")?;
        wait_for_line(&device, &name, "handled 0")?;
        ensure!(number(&device, &name, "interrupts")? == 2);
    }
    Ok(())
}

/// A line driven from outside reaches the container that claimed its block, and nobody
/// else; pausing puts its handler off.
#[test]
fn claim_and_pause_decide_what_an_interrupt_reaches() -> Result<()> {
    const TIMER0: u8 = 8;
    let listens = module(
        "timer0",
        "(call $handle_with_priority (i32.const 5))",
        "(call $handled)",
    )?;
    let other = module(
        "uart1",
        "(call $handle_with_priority (i32.const 1))",
        "(call $handled)",
    )?;
    let mut device = Device::boot()?;
    let pulse = |device: &mut Device| -> Result<()> {
        device.board.bus.set_interrupt(TIMER0, true)?;
        device.board.bus.set_interrupt(TIMER0, false)?;
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

/// The operator's choice: handlers run at a fixed period, so many as the budget allows.
#[test]
fn in_periodic_service_handlers_are_drained_at_the_period() -> Result<()> {
    const CTRL: u32 = 0x0;
    const RELOAD: u32 = 0x8;
    const PERIOD_US: u64 = 200_000;
    // Its timer interrupts every 1.25 ms, somewhat more than a handler takes. When its handler has run, and the line opens, there
    // is mostly another that waits.
    let ticking = module(
        "timer0",
        &format!(
            "(call $handle_with_priority (i32.const 5))
             (call $set (i32.const {RELOAD}) (i32.const 31249))
             (call $set (i32.const {CTRL}) (i32.const 9))"
        ),
        "(call $handled)",
    )?;
    let device = &mut counted(&Flash::new()?)?;
    let mut serve = |service: &str, name: &str, count: usize| -> Result<Vec<u64>> {
        start_with(device, name, &ticking, &["--service", service])?;
        device.wait_until("its handlers", |device| {
            Ok(times(device, name, "handled")?.len() > count)
        })?;
        let inspected = device.json(&["inspect", name])?;
        let told = &inspected["container"]["parameters"]["service"];
        let told = format!("{}:{}", told["period_ms"], told["budget"]);
        ensure!(told == service, "{inspected}");
        device.berth(&["stop", name])?.ok()?;
        let handled = times(device, name, "handled")?;
        Ok(handled
            .windows(2)
            .take(count)
            .map(|two| two[1] - two[0])
            .collect())
    };
    // One fuel is one handler a period: late at times, never early.
    let between = serve("200:1", "one", 5)?;
    ensure!(between.iter().sum::<u64>() >= 4 * PERIOD_US, "{between:?}");
    // With fuel for more, what waits is handled in the same.
    let between = serve("200:100000", "both", 12)?;
    let (long, short): (Vec<u64>, Vec<u64>) = between.iter().partition(|us| **us > PERIOD_US / 2);
    ensure!(!long.is_empty() && short.len() >= 2, "{between:?}");
    Ok(())
}
