//! Drivers that others have published, unmodified, in containers, at the emulator's models of their chips.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, Run, Simulated, guest, program, root};

/// A board with a chip of each kind beside it.
fn boot(flash: &Flash) -> Result<Device> {
    Device::with_chips(flash, &["tmp105", "at24c", "ds1338", "max7310"])
}

/// Wait until it says `line`.
fn says(device: &mut Device, name: &str, line: &str) -> Result<()> {
    let what = format!("{name} says {line:?}");
    device.wait_until(&what, |device| {
        Ok(device.said(name)?.last().is_some_and(|last| last == line))
    })
}

/// As its user would: with the emulator's own command.
fn set(flash: &Flash, chip: &str, setting: &str) -> Result<std::process::Output> {
    emulator(flash, &["set", chip, setting])
}

/// A command of the emulator's to the board of this flash.
fn emulator(flash: &Flash, words: &[&str]) -> Result<std::process::Output> {
    let output = std::process::Command::new(program("berth-emulator"))
        .args(words)
        .arg("--flash")
        .arg(flash.path())
        .output()?;
    Ok(output)
}

#[test]
fn a_thermometer_follows_the_temperature_and_is_updated_live() -> Result<()> {
    let flash = Flash::new()?;
    let mut device = boot(&flash)?;
    device.run_example("thermometer")?;
    says(&mut device, "thermometer", "0.0 degrees")?;
    for (thousandths, line) in [
        ("25500", "25.5 degrees"),
        ("-10500", "-10.5 degrees"),
        ("-500", "-0.5 degrees"),
        ("125000", "125.0 degrees"),
    ] {
        let output = set(&flash, "tmp105", &format!("temperature={thousandths}"))?;
        ensure!(output.status.success(), "{output:?}");
        says(&mut device, "thermometer", line)?;
    }
    // Another version takes over the bus while it runs.
    let file = guest("thermometer_2").to_string_lossy().into_owned();
    let words = ["upload", &file, "--name", "thermometer", "--live-update"];
    device.berth(&words)?.ok()?;
    says(
        &mut device,
        "thermometer",
        "125.0 degrees, 257.0 Fahrenheit",
    )?;
    set(&flash, "tmp105", "temperature=-40000")?;
    says(
        &mut device,
        "thermometer",
        "-40.0 degrees, -40.0 Fahrenheit",
    )
}

#[test]
fn settings_that_mean_nothing_are_refused() -> Result<()> {
    let flash = Flash::new()?;
    let refused = |chip: &str, setting: &str| -> Result<String> {
        let output = set(&flash, chip, setting)?;
        ensure!(!output.status.success(), "{chip} {setting}");
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let error = refused("tmp105", "temperature=1")?;
    ensure!(error.contains("no board runs"), "{error}");
    let _device = boot(&flash)?;
    let error = refused("tmp105", "temperature=hot")?;
    ensure!(
        error.contains("expected: integer") && error.contains("temperature=25500"),
        "{error}"
    );
    let error = refused("tmp105@0x49", "temperature=1")?;
    ensure!(error.contains("the board has no tmp105@0x49"), "{error}");
    let error = refused("thermometer", "temperature=1")?;
    ensure!(error.contains("tmp105"), "{error}");
    Ok(())
}

/// The memory keeps what it was told beyond the container, and beyond the board.
#[test]
fn a_memory_chip_counts_starts() -> Result<()> {
    let flash = Flash::new()?;
    let mut device = boot(&flash)?;
    device.run_example("notebook")?;
    says(&mut device, "notebook", "start number 1")?;
    device.wait_state("notebook", "exited")?;
    device.berth(&["start", "notebook"])?.ok()?;
    says(&mut device, "notebook", "start number 2")?;
    drop(device);
    let mut device = boot(&flash)?;
    device.berth(&["start", "notebook"])?.ok()?;
    says(&mut device, "notebook", "start number 3")
}

#[test]
fn a_clock_goes_on_from_what_it_was_set_to() -> Result<()> {
    let flash = Flash::new()?;
    let device = boot(&flash)?;
    device.run_example("clock")?;
    device.wait_state("clock", "exited")?;
    let said = device.said("clock")?;
    ensure!(said.len() == 3, "{said:?}");
    ensure!(said.is_sorted(), "{said:?}");
    // Set two seconds before a leap day, read for two seconds.
    ensure!(said[0].starts_with("2028-02-28 23:59:5"), "{said:?}");
    ensure!(said[2].starts_with("2028-02-29 00:00:0"), "{said:?}");
    Ok(())
}

#[test]
fn a_light_runs_along_the_pins_of_an_expander() -> Result<()> {
    let flash = Flash::new()?;
    let device = boot(&flash)?;
    device.run_example("expander")?;
    device.wait_state("expander", "exited")?;
    let round = ["*...", ".*..", "..*.", "...*"].map(|lights| format!("{lights}, reads low high"));
    let said = device.said("expander")?;
    ensure!(said == [round.clone(), round].concat(), "{said:?}");
    Ok(())
}

/// Two sensors with one address on two buses behind a switch; a driver of one crate goes through that of another.
#[test]
fn two_sensors_with_one_address_are_behind_a_switch() -> Result<()> {
    let flash = Flash::new()?;
    let mut device = Device::with_chips(&flash, &["pca9548", "tmp105.2", "tmp105.5"])?;
    device.run_example("rooms")?;
    for (bus, thousandths) in [("2", "21500"), ("5", "-4000")] {
        let chip = format!("tmp105.{bus}");
        let output = set(&flash, &chip, &format!("temperature={thousandths}"))?;
        ensure!(output.status.success(), "{output:?}");
    }
    says(&mut device, "rooms", "inside 21.5, outside -4.0 degrees")?;
    // As at the desk.
    let model = r#"
        [[block]]
        label = "i2c_shield1"
        device = "sbcon"
        [[block.chips]]
        chip = "pca9548"
        buses = [
            { bus = 2, chips = [{ chip = "tmp105", address = 0x48, celsius = 21.5 }] },
            { bus = 5, chips = [{ chip = "tmp105", address = 0x48, celsius = -4.0 }] },
        ]
    "#;
    let simulated = Simulated::run(&["rooms"], model, &["--for", "1s"])?.said;
    ensure!(
        simulated == ["inside 21.5, outside -4.0 degrees"],
        "{simulated:?}"
    );
    Ok(())
}

/// What a display of 96 by 16 points shows, of a picture four times as large: a line of text for each of its lines.
fn points(picture: &[u8]) -> Result<String> {
    let head = b"P6\n384 64\n255\n";
    let colours = picture.strip_prefix(head).context("another picture")?;
    let is_lit = |x: usize, y: usize| colours.get((y * 4 * 384 + x * 4) * 3) > Some(&0);
    let line = |y| (0..96).map(move |x| if is_lit(x, y) { '#' } else { '.' });
    Ok((0..16).flat_map(|y| line(y).chain(['\n'])).collect())
}

#[test]
fn a_display_shows_what_is_drawn() -> Result<()> {
    let flash = Flash::new()?;
    let mut device = Device::with_chips(&flash, &["ssd0303", "tmp105"])?;
    let folder = tempfile::tempdir()?;
    let picture = |chip: &str| -> Result<String> {
        let file = folder.path().join("seen.ppm");
        let output = emulator(&flash, &["picture", chip, file.to_str().context("a path")?])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        points(&std::fs::read(file)?)
    };
    device.run_example("sign")?;
    says(&mut device, "sign", "shown: Hello, Berth")?;
    let seen = picture("ssd0303")?;
    ensure!(seen == include_str!("sign.txt"), "{seen}");
    let words = ["edit", "sign", "--set", "text=Closed"];
    device.berth(&words)?.ok()?;
    device.berth(&["start", "sign"])?.ok()?;
    says(&mut device, "sign", "shown: Closed")?;
    let other = picture("ssd0303")?;
    ensure!(other != seen, "{other}");
    // The same on the desk.
    let model = std::fs::read_to_string(root().join("guest-sdk/desk/sign.toml"))?;
    let simulated = Simulated::run(&["sign"], &model, &["--for", "1s"])?.said;
    ensure!(simulated == ["shown: Hello, Berth"], "{simulated:?}");
    // What shows nothing, and what is not there, is told.
    for (chip, words) in [
        ("tmp105", "tmp105 shows nothing: a display is ssd0303"),
        ("ssd0303@0x3d", "the board has no ssd0303@0x3d"),
    ] {
        let refused = picture(chip).err().context("no picture")?;
        ensure!(refused.to_string().contains(words), "{refused}");
    }
    Ok(())
}

/// Without the chip each says so, and the bus stays free for others.
#[test]
fn a_chip_that_is_not_there_is_told() -> Result<()> {
    let device = Device::boot()?;
    for (name, line) in [
        ("notebook", "the chip does not answer"),
        ("clock", "the clock does not answer"),
        ("expander", "the expander does not answer"),
    ] {
        let file = guest(name).to_string_lossy().into_owned();
        let run: Run = device.berth(&["run", "-f", "--rm", &file, "--name", name])?;
        ensure!(run.code == 1, "{}{}", run.stdout, run.stderr);
        ensure!(run.stdout.contains(line), "{}{}", run.stdout, run.stderr);
    }
    Ok(())
}

#[test]
fn a_bus_that_ends_in_itself_gives_back_what_it_gets() -> Result<()> {
    let device = Device::boot()?;
    device.run_example("loopback")?;
    device.wait_state("loopback", "exited")?;
    let said = device.said("loopback")?;
    ensure!(said == ["everything came back"], "{said:?}");
    Ok(())
}

/// As an author does, with the board running in another terminal.
#[test]
fn what_is_typed_reaches_a_serial_line_of_the_board() -> Result<()> {
    let flash = Flash::new()?;
    let device = boot(&flash)?;
    device.run_example("shout")?;
    let command = format!(
        "printf hello | {} uart --flash {} 2",
        program("berth-emulator").display(),
        flash.path().display()
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &command])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success() && said.contains("HELLO"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn a_serial_line_is_read_and_written_through_the_traits() -> Result<()> {
    let mut device = Device::boot()?;
    device.run_example("shout")?;
    let mut line = device.board.uart(2)?;
    line.set_read_timeout(Some(Duration::from_secs(20)))?;
    for text in ["a", "line of bytes, one after the other"] {
        line.write_all(text.as_bytes())?;
        let mut back = vec![0; text.len()];
        line.read_exact(&mut back)?;
        ensure!(back == text.to_ascii_uppercase().as_bytes(), "{back:?}");
    }
    Ok(())
}
