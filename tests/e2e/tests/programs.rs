//! Register programs on the board, and one driver in every way to a register that there is.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest, program, target};
use berth_emulator::Access;

/// The SPI controller of shield 0.
const SPI: std::ops::Range<u32> = 0x4002_6000..0x4002_7000;
/// Its data register.
const DATA: u32 = 0x4002_6008;

/// The ways in which a kilobyte goes through the controller.
const WAYS: [&str; 3] = ["loopback_calls", "loopback_mapped", "loopback_program"];

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
    ensure!(text.contains("\"programs\": 2"), "{text}");
    std::fs::write(&without, text.replace("\"programs\": 2", "\"programs\": 0"))?;
    for (board, takes) in [(&exposures, true), (&without, false)] {
        let check = Command::new(program("pack"))
            .arg("--check")
            .args([board.as_path(), guest("loopback_program").as_path()])
            .output()?;
        let said = String::from_utf8_lossy(&check.stderr).into_owned()
            + &String::from_utf8_lossy(&check.stdout);
        ensure!(check.status.success() == takes, "{said}");
        if !takes {
            let line = "program run: this board carries out no register programs";
            ensure!(said.contains(line), "{said}");
        }
    }
    Ok(())
}
