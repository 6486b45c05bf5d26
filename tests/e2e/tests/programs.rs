//! Register programs and conveyors on the board, and one driver in every way to a register that there is.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest, program, target};
use berth_emulator::Access;

/// The SPI controller of shield 0.
const SPI: std::ops::Range<u32> = 0x4002_6000..0x4002_7000;
/// Its data register.
const DATA: u32 = 0x4002_6008;

/// The ways in which a kilobyte goes through the controller.
const WAYS: [&str; 4] = [
    "loopback_calls",
    "loopback_mapped",
    "loopback_program",
    "loopback_conveyor",
];

/// Runs an example to its end. Returns what it did to the controller.
fn traffic(device: &Device, name: &str) -> Result<Vec<Access>> {
    let before = device.board.accesses()?.len();
    let module = guest(name).to_string_lossy().into_owned();
    device.berth(&["run", &module])?.ok()?;
    if let Err(error) = device.wait_state(name, "exited") {
        let told = device.berth(&["inspect", name])?.ok()?;
        return Err(error.context(told));
    }
    device.console(&format!("[{name}] 1024 bytes came back, wrong words: 0"))?;
    let all = device.board.accesses()?;
    let mine = all.get(before..).context("accesses went away")?;
    let mine = mine.iter().filter(|access| SPI.contains(&access.address));
    Ok(mine.copied().collect())
}

#[test]
fn one_driver_in_every_way_moves_the_same_words() -> Result<()> {
    let flash = Flash::new()?;
    let device = Device::power_on_board(&flash, |board| board.trace_accesses())?;
    device.console("type help")?;
    let mut first: Option<Vec<Access>> = None;
    for name in WAYS {
        let all = traffic(&device, name)?;
        // What is read of the status is a matter of when; what goes through the data register is not.
        let data = all.iter().filter(|access| access.address == DATA);
        let data: Vec<Access> = data.copied().collect();
        ensure!(data.len() == 2 * 512, "{name}: {} accesses", data.len());
        match &first {
            None => first = Some(data),
            // Each word written, and each read, in the same order.
            Some(first) => {
                for writes in [true, false] {
                    let of = |list: &[Access]| -> Vec<Access> {
                        let some = list.iter().filter(|access| access.write == writes);
                        some.copied().collect()
                    };
                    ensure!(of(&data) == of(first), "{name}: other words");
                }
            }
        }
    }
    Ok(())
}

/// A module with a program of these bytes for the LEDs, which it begins again as long as a poll has no answer.
fn module(device: &Device, folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> Result<()> {
    let code: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!(
        r#"(module
          (import "mmio:fpgaio" "claim" (func $claim (result i32)))
          (import "program" "run" (func $run (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 1024 (pagesize 1))
          (data (i32.const 64) "{code}")
          (func (export "_start") (local $answer i32) (local $block i32)
            (local.set $block (call $claim))
            (loop $again
              (local.set $answer (call $run (local.get $block) (i32.const 64) (i32.const {})
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16)))
              (br_if $again (i32.lt_s (local.get $answer) (i32.const 0))))
            (call $exit (local.get $answer))))"#,
        bytes.len()
    );
    let file = folder.path().join(format!("{name}.wasm"));
    std::fs::write(&file, wat::parse_str(text)?)?;
    device.berth(&["run", &file.to_string_lossy()])?.ok()?;
    Ok(())
}

/// One instruction: operation, width, offset, and three numbers.
fn instruction(operation: u8, width: u8, offset: u16, numbers: [u32; 3]) -> Vec<u8> {
    let mut bytes = vec![operation, width];
    bytes.extend(offset.to_le_bytes());
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

#[test]
fn what_a_program_may_not_is_told_with_the_register() -> Result<()> {
    let device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    // On, off; then a register that is not exposed, or none.
    let on = instruction(3, 4, 0, [2, 2, 0]);
    for (bad, fault, place) in [
        (instruction(2, 4, 0x1c, [1, 0, 0]), "bad-register", "0x1c"),
        (instruction(1, 2, 0, [0; 3]), "bad-register", "0x0"),
        (vec![0; 16], "bad-program", "0x1"),
    ] {
        module(&device, &folder, "faulty", &[on.clone(), bad].concat())?;
        device.wait_state("faulty", "faulted")?;
        let told = device.berth(&["inspect", "faulty"])?.ok()?;
        for word in [fault, "program.run", &format!("{place}) of fpgaio")] {
            ensure!(told.contains(word), "{word} is not in {told}");
        }
        device.berth(&["rm", "-f", "faulty"])?.ok()?;
    }
    Ok(())
}

/// A module with a conveyor of this list for a block, with memory at 512.
fn conveyor(label: &str, list: &[[u8; 8]], when: u32, main: &str) -> Result<Vec<u8>> {
    let bytes = list.iter().flatten();
    let bytes: String = bytes.map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!(
        r#"(module
          (import "conveyor:{label}" "attach" (func $attach (param i32 i32 i32 i32) (result i32)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 1024 65536 (pagesize 1))
          (data (i32.const 64) "{bytes}")
          (func (export "_start") (local $seen i32) (local $changes i32)
            (if (call $attach (i32.const 64) (i32.const {}) (i32.const 512) (i32.const {when}))
              (then unreachable))
            {main}))"#,
        list.len()
    );
    Ok(wat::parse_str(text)?)
}

#[test]
fn a_conveyor_mirrors_what_it_may_and_says_what_it_may_not() -> Result<()> {
    let device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    let start = |name: &str, module: Vec<u8>| -> Result<()> {
        let file = folder.path().join(format!("{name}.wasm"));
        std::fs::write(&file, module)?;
        device.berth(&["run", &file.to_string_lossy()])?.ok()?;
        Ok(())
    };
    // Offset, width, direction, place, count.
    let one = |offset: u16, width: u8, out: u8, place: u8, count: u8| {
        let [low, high] = offset.to_le_bytes();
        [low, high, width, out, place, 0, count, 0]
    };
    let good = one(0, 4, 1, 0, 1);
    for (bad, fault, place) in [
        (one(0x1c, 4, 1, 0, 1), "bad-register", "0x1c"),
        (one(0, 2, 0, 0, 1), "bad-register", "0x0"),
        (one(2, 4, 0, 0, 1), "bad-register", "0x2"),
        (one(0x1000, 4, 0, 0, 1), "bad-register", "0x1000"),
        (one(0, 4, 0, 0, 61), "bad-conveyor", "0x1"),
    ] {
        start("faulty", conveyor("fpgaio", &[good, bad], 0, "")?)?;
        device.wait_state("faulty", "faulted")?;
        let told = device.berth(&["inspect", "faulty"])?.ok()?;
        for word in [fault, "conveyor.attach", &format!("{place}) of fpgaio")] {
            ensure!(told.contains(word), "{word} is not in {told}");
        }
        device.berth(&["rm", "-f", "faulty"])?.ok()?;
    }
    // Every two milliseconds, without a call: its memory grows meanwhile, and the timer counts: from its reload value down, enabled.
    let timer = [one(8, 4, 1, 0, 1), one(0, 4, 1, 4, 1), one(4, 4, 0, 8, 1)];
    let main = "(i32.store (i32.const 512) (i32.const 0x7fffffff))
        (i32.store (i32.const 516) (i32.const 1))
        (loop $l
          (if (i32.ne (local.get $seen) (i32.load (i32.const 520))) (then
            (local.set $seen (i32.load (i32.const 520)))
            (drop (memory.grow (i32.const 3000)))
            (local.set $changes (i32.add (local.get $changes) (i32.const 1)))))
          (br_if $l (i32.lt_u (local.get $changes) (i32.const 5))))
        (call $exit (local.get $changes))";
    start("counts", conveyor("timer0", &timer, 2_000 << 2 | 1, main)?)?;
    device.wait_state("counts", "exited")?;
    let counts = device.container("counts")?.context("it is listed")?;
    ensure!(counts["exit_code"] == 5, "{counts}");
    Ok(())
}

#[test]
fn a_long_program_lets_others_run_and_ends_with_its_container() -> Result<()> {
    let device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    // LED 1 on; then wait for it to be off, for a million reads.
    let program = [
        instruction(3, 4, 0, [2, 2, 0]),
        instruction(4, 4, 0, [2, 0, 1_000_000]),
    ];
    module(&device, &folder, "waits", &program.concat())?;
    device.wait_state("waits", "running")?;
    let fib = guest("fib").to_string_lossy().into_owned();
    device.berth(&["run", &fib])?.ok()?;
    device.wait_state("fib", "exited")?;
    let waits = device.container("waits")?.context("it is listed")?;
    ensure!(waits["state"] == "running", "{waits}");
    // Its block gets its safe state, and is free for the next one.
    device.berth(&["kill", "waits"])?.ok()?;
    let read = [instruction(4, 4, 0, [2, 0, 1])];
    module(&device, &folder, "next", &read.concat())?;
    device.wait_state("next", "exited")?;
    let next = device.container("next")?.context("it is listed")?;
    ensure!(
        next["exit_code"] == 0 || next.to_string().contains("exited"),
        "{next}"
    );
    Ok(())
}

#[test]
fn pack_says_whether_a_board_carries_them_out() -> Result<()> {
    let exposures = target().join("image/exposures.json");
    let text = std::fs::read_to_string(&exposures).context("run `make build`")?;
    let folder = tempfile::tempdir()?;
    let without = folder.path().join("without.json");
    let (with, none) = (
        ["\"programs\": 2", "\"conveyors\": 4"],
        ["\"programs\": 0", "\"conveyors\": 0"],
    );
    ensure!(with.iter().all(|limit| text.contains(limit)), "{text}");
    let fewer = text.replace(with[0], none[0]).replace(with[1], none[1]);
    std::fs::write(&without, fewer)?;
    for (example, line) in [
        (
            "loopback_program",
            "program run: this board carries out no register programs",
        ),
        (
            "loopback_conveyor",
            "conveyor:spi_shield0 attach: this board attaches no conveyors",
        ),
    ] {
        for (board, takes) in [(&exposures, true), (&without, false)] {
            let check = Command::new(program("pack"))
                .arg("--check")
                .args([board.as_path(), guest(example).as_path()])
                .output()?;
            let said = String::from_utf8_lossy(&check.stderr).into_owned()
                + &String::from_utf8_lossy(&check.stdout);
            ensure!(check.status.success() == takes, "{said}");
            ensure!(takes || said.contains(line), "{said}");
        }
    }
    Ok(())
}
