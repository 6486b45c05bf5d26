//! Containers on the kernel's devices: `tock:spi` and `tock:i2c` (the SPI controller of the analogue inputs with its loopback closed, and
//! a sensor on the I2C bus of shield 1), `tock:uart` (UART 4) and `tock:gpio` (chip selects of the shields, a button).

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest, program, target};
use berth_emulator::{Icount, Sleep};

/// The register with the chip selects, and that of shield 0.
const CHIP_SELECTS: u32 = 0x4002_804c;
const SHIELD0: u32 = 1 << 8;

/// Who needs which of them.
const NEEDS: [(&str, &str); 4] = [
    ("loopback_os", "tock:spi"),
    ("thermometer_os", "tock:i2c"),
    ("serial_os", "tock:uart"),
    ("pins_os", "tock:gpio"),
];

/// Boots the kernel that has the buses, with the supervisor and a sensor of 21 degrees.
fn board() -> Result<Device> {
    let flash = Flash::with_kernel("buses-kernel.bin")?;
    flash.install("wasm_supervisor")?;
    let device = Device::power_on_board(&flash, |board| {
        board
            .argument("-device")
            .argument("tmp105,address=0x48")
            .limit(Duration::from_secs(240))
            // So that a slice has as many instructions on a busy host as on another.
            .icount(Icount {
                shift: 5,
                // The operator's line needs time that does not jump.
                sleep: Sleep::RealTime,
            })
    })?;
    device.console("type help")?;
    Ok(device)
}

fn run(device: &Device, name: &str) -> Result<()> {
    let module = guest(name).to_string_lossy().into_owned();
    device.berth(&["run", &module])?.ok()?;
    Ok(())
}

#[test]
fn containers_use_the_kernels_devices_and_others_run_meanwhile() -> Result<()> {
    let mut device = board()?;
    run(&device, "spin")?;
    pins(&mut device)?;
    serial(&mut device)?;
    run(&device, "loopback_os")?;
    run(&device, "thermometer_os")?;
    device.console("[loopback_os] 1024 bytes came back, wrong words: 0")?;
    device.console("[thermometer_os] it answers")?;
    device.wait_state("loopback_os", "exited")?;
    device.wait_state("thermometer_os", "exited")?;
    let told = device
        .container("thermometer_os")?
        .context("it is listed")?;
    // The emulated sensor begins at no degrees.
    ensure!(told["exit_code"] == 0, "{told}");
    let spin = device.container("spin")?.context("it is listed")?;
    ensure!(spin["state"] == "running", "{spin}");
    // Again and again: nothing is left under way.
    for _ in 0..5 {
        device.berth(&["start", "loopback_os"])?.ok()?;
        // It may have ended by itself.
        device.berth(&["kill", "loopback_os"])?;
    }
    device.berth(&["start", "loopback_os"])?.ok()?;
    device.wait_state("loopback_os", "exited")?;
    let told = device.container("loopback_os")?.context("it is listed")?;
    ensure!(told["exit_code"].as_i64() > Some(0), "{told}");
    Ok(())
}

/// Who waits for what nobody sends keeps neither the line from others nor others from running; and it goes on when that comes.
fn serial(device: &mut Device) -> Result<()> {
    let mut line = device.board.uart(4)?;
    line.set_read_timeout(Some(Duration::from_secs(30)))?;
    let asked = |line: &mut std::os::unix::net::UnixStream| -> Result<()> {
        let mut text = [0; 13];
        line.read_exact(&mut text)?;
        ensure!(&text == b"four, please\n", "{text:?}");
        Ok(())
    };
    run(device, "serial_os")?;
    asked(&mut line)?;
    device.console("[serial_os] it asks")?;
    // Killed while it waits: the next one has the line.
    device.berth(&["kill", "serial_os"])?.ok()?;
    device.berth(&["start", "serial_os"])?.ok()?;
    asked(&mut line)?;
    for byte in b"berth" {
        line.write_all(&[*byte])?;
    }
    let mut answer = [0; 4];
    line.read_exact(&mut answer)?;
    ensure!(&answer == b"BERT", "{answer:?}");
    device.console("[serial_os] it has answered")?;
    device.wait_state("serial_os", "exited")
}

fn pins(device: &mut Device) -> Result<()> {
    run(device, "pins_os")?;
    device.wait_state("pins_os", "exited")?;
    let logs = device.berth(&["logs", "pins_os"])?.ok()?;
    for line in [
        "select high, button low",
        "select low, button low",
        "pin 3 is not exposed",
    ] {
        ensure!(logs.contains(line), "{logs}");
    }
    // It has left it low; while nobody uses it, nothing is selected.
    let lines = device.board.bus.read32(CHIP_SELECTS)?;
    ensure!(lines & SHIELD0 != 0, "{lines:#x}");
    Ok(())
}

#[test]
fn a_board_without_buses_refuses_who_needs_one() -> Result<()> {
    let device = Device::boot()?;
    for (name, import) in NEEDS {
        let module = guest(name).to_string_lossy().into_owned();
        let refused = device.berth(&["run", &module])?.refused()?;
        ensure!(refused.contains(import), "{refused}");
    }
    Ok(())
}

#[test]
fn pack_says_whether_a_board_has_the_bus() -> Result<()> {
    for (board, takes) in [("exposures-buses.json", true), ("exposures.json", false)] {
        let exposures = target().join("image").join(board);
        for (name, _) in NEEDS {
            let check = Command::new(program("pack"))
                .arg("--check")
                .args([exposures.as_path(), guest(name).as_path()])
                .output()?;
            let said = String::from_utf8_lossy(&check.stderr).into_owned()
                + &String::from_utf8_lossy(&check.stdout);
            ensure!(check.status.success() == takes, "{name}, {board}: {said}");
        }
    }
    Ok(())
}
