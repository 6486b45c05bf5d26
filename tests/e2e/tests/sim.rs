//! The SDK's examples, and the published drivers, say the same in the simulator (`berth sim`) as on the board.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, Run, Simulated, guest, root, target};

/// The chips that the board has.
const CHIPS: [&str; 4] = ["tmp105", "at24c", "ds1338", "max7310"];

/// The same in the simulator.
const MODEL: &str = r#"
[[block]]
label = "i2c_shield1"
device = "sbcon"
chips = [
    { chip = "tmp105", address = 0x48 },
    { chip = "bytes", address = 0x50, size = 32768, pointer = 2 },
    { chip = "ds1307" },
    { chip = "pca9538" },
]
"#;

/// What they say does not depend on how fast the board is: so many lines are compared.
const SAME: [(&str, usize); 20] = [
    ("hello", 1),
    ("blink", 6),
    ("blink_mapped", 6),
    ("light", 6),
    ("fib", 1),
    ("words", 4),
    ("counter", 5),
    ("starts", 2),
    ("spin", 1),
    ("minimal", 0),
    ("pace_os", 6),
    ("loopback_calls", 1),
    ("loopback_mapped", 1),
    ("loopback_program", 1),
    ("loopback_conveyor", 1),
    ("loopback", 1),
    ("thermometer", 1),
    ("thermometer_2", 1),
    ("notebook", 1),
    ("expander", 8),
];

/// What they say is measured: digits may differ.
const MEASURED: [(&str, usize); 3] = [("ticks", 1), ("report", 1), ("clock", 3)];

/// They end before they have begun, or by a fault.
const ENDED: [&str; 2] = ["greedy", "trap"];

/// They answer what is typed on their line.
const TYPED: [(&str, u8); 5] = [
    ("echo", 1),
    ("echo_calls", 1),
    ("echo_mapped", 1),
    ("echo_conveyor", 1),
    ("shout", 2),
];

/// They are for each other.
const TOGETHER: [&str; 2] = ["leds", "lamp"];

/// They want another board: `a_bus_of_the_kernels_is_simulated`, and beside the board itself in `os_api.rs` and `published.rs`;
/// or are packed by their authors first: `mapped.rs`.
const ELSEWHERE: [&str; 7] = [
    "loopback_os",
    "thermometer_os",
    "serial_os",
    "pins_os",
    "rooms",
    "sign",
    "loopback_pac",
];

/// Where examples are.
const FOLDERS: [&str; 3] = [
    "guest-sdk/examples",
    "guest-sdk/published/examples",
    "guest-sdk/pac/examples",
];

#[test]
fn every_example_is_compared() -> Result<()> {
    let mut there = Vec::new();
    for folder in FOLDERS {
        for file in std::fs::read_dir(root().join(folder))? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.file_stem().context("a file has a name")?;
                there.push(name.to_string_lossy().into_owned());
            }
        }
    }
    let compared = { SAME.iter().chain(&MEASURED) }.map(|(name, _)| *name);
    let compared = compared.chain(TYPED.iter().map(|(name, _)| *name));
    let compared: Vec<&str> = compared
        .chain(ENDED)
        .chain(TOGETHER)
        .chain(ELSEWHERE)
        .collect();
    there.retain(|name| !compared.contains(&name.as_str()));
    ensure!(there.is_empty(), "{there:?}");
    Ok(())
}

fn boot() -> Result<Device> {
    Device::with_chips(&Flash::new()?, &CHIPS)
}

/// What it says there, at least so many lines.
fn on_board(device: &mut Device, name: &str, lines: usize) -> Result<Vec<String>> {
    device.run_example(name)?;
    device.wait_until(&format!("{name} says {lines} lines"), |device| {
        Ok(device.said(name)?.len() >= lines)
    })?;
    let all = device.said(name)?;
    device.berth(&["rm", "-f", name])?.ok()?;
    Ok(all)
}

/// A line whose digits may be others, and more or fewer.
fn shape(line: &str) -> String {
    let mut shape = String::new();
    for character in line.chars() {
        let is_digit = character.is_ascii_digit();
        if !(is_digit && shape.ends_with('0')) {
            shape.push(if is_digit { '0' } else { character });
        }
    }
    shape
}

#[test]
fn every_example_says_the_same_in_the_simulator_and_on_the_board() -> Result<()> {
    let mut device = boot()?;
    let measured = MEASURED.iter().map(|example| (example, true));
    let all = SAME.iter().map(|example| (example, false)).chain(measured);
    for ((name, lines), is_measured) in all {
        // Time that is computed through is dear here; where it is slept through it costs nothing.
        let time = if *name == "spin" { "100ms" } else { "3s" };
        let simulated = Simulated::run(&[name], MODEL, &["--for", time])?.said;
        let real = on_board(&mut device, name, *lines)?;
        let compared = |all: &[String]| -> Option<Vec<String>> {
            let lines = all.get(..*lines)?.iter();
            Some(if is_measured {
                lines.map(|line| shape(line)).collect()
            } else {
                lines.cloned().collect()
            })
        };
        let (ours, theirs) = (compared(&simulated), compared(&real));
        ensure!(
            ours.is_some() && ours == theirs,
            "{name}: {simulated:?}, on the board {real:?}"
        );
    }
    for (name, line) in TYPED {
        device.run_example(name)?;
        if name.starts_with("echo") {
            device.wait_until("it listens", |device| Ok(!device.said(name)?.is_empty()))?;
        }
        let mut typed = device.board.uart(line.into())?;
        typed.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut back = Vec::new();
        for byte in b"a line" {
            typed.write_all(&[*byte])?;
            let mut came = [0];
            typed.read_exact(&mut came)?;
            back.extend(came);
        }
        let label = format!("uart{line}");
        let model = format!(
            "[[block]]\nlabel = \"{label}\"\ndevice = \"cmsdk-uart\"\ninput = [{{ at = \"1s\", text = \"a line\" }}]\n"
        );
        let simulated = Simulated::run(&[name], &model, &["--for", "2s"])?;
        let ours = simulated.sent(&label);
        ensure!(ours == back, "{name}: {ours:?}, on the board {back:?}");
        device.berth(&["rm", "-f", name])?.ok()?;
    }
    for name in ENDED {
        let simulated = Simulated::run(&[name], "", &[])?;
        let file = guest(name).to_string_lossy().into_owned();
        let real = device.berth(&["--json", "run", "-f", &file, "--name", name])?;
        let (ours, theirs) = (last_line(&simulated.stderr), last_line(&real.stderr));
        ensure!(
            simulated.code == real.code && ours == theirs,
            "{name}: {} {ours}, on the board {} {theirs}",
            simulated.code,
            real.code
        );
    }
    let [owner, asks] = TOGETHER;
    device.run_example(owner)?;
    let real = on_board(&mut device, asks, 5)?;
    let simulated = Simulated::run(&TOGETHER, "", &["--for", "1s"])?.said;
    let (ours, theirs) = (simulated.get(..5), real.get(..5));
    ensure!(
        ours.is_some() && ours == theirs,
        "{simulated:?}, on the board {real:?}"
    );
    Ok(())
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

/// A hundred times a second, and nothing is lost: on the board it is as fast as the emulator is, so only here.
#[test]
fn interrupts_come_at_their_times() -> Result<()> {
    let said = Simulated::run(&["ticks"], "", &["--for", "3500ms"])?.said;
    for (second, line) in said.iter().enumerate() {
        let ticks: u32 = line
            .strip_prefix("ticks ")
            .context("a line says how many")?
            .parse()?;
        let due = 100 * (second as u32 + 1);
        ensure!(ticks.abs_diff(due) <= 1, "{line}, {due} are due");
    }
    ensure!(said.len() == 3, "{said:?}");
    Ok(())
}

/// What `os_api.rs` sees of them on the board that exposes the kernel's buses.
#[test]
fn a_bus_of_the_kernels_is_simulated() -> Result<()> {
    let board = target().join("image/exposures-buses.json");
    let board = board.to_string_lossy();
    let loopback = Simulated::run(&["loopback_os"], "", &["--board", &board])?;
    ensure!(
        loopback.said == ["1024 bytes came back, wrong words: 0"],
        "{:?}",
        loopback.said
    );
    // It exits with the microseconds that it took.
    ensure!(loopback.code != 0, "{}", loopback.stderr);
    let sensor = Simulated::run(&["thermometer_os"], "", &["--board", &board])?;
    ensure!(sensor.said == ["it answers"], "{:?}", sensor.said);
    ensure!(sensor.code == 0, "{}", sensor.stderr);
    ensure!(
        sensor.on_bus
            == [
                "i2c write 0x48 01 60",
                "i2c write 0x48 00",
                "i2c read 0x48 00 00"
            ],
        "{:?}",
        sensor.on_bus
    );
    let none = Simulated::run(
        &["thermometer_os"],
        "[[bus]]\nclass = \"i2c\"",
        &["--board", &board],
    )?;
    ensure!(none.said == ["no sensor answers"], "{:?}", none.said);
    Ok(())
}

/// What `os_api.rs` sees of them there.
#[test]
fn uart_and_pins_of_the_kernels_are_simulated() -> Result<()> {
    let board = target().join("image/exposures-buses.json");
    let board = board.to_string_lossy();
    let model = "[[bus]]\nclass = \"uart\"\nanswers = [98, 101, 114, 116, 104]";
    let line = Simulated::run(&["serial_os"], model, &["--board", &board])?;
    ensure!(
        line.said == ["it asks", "it has answered"],
        "{:?}",
        line.said
    );
    ensure!(
        line.sent("uart") == b"four, please\nBERT",
        "{:?}",
        line.on_bus
    );
    // Nobody is at its other end: it waits, and nothing else will ever happen.
    let waits = Simulated::run(&["serial_os"], "", &["--board", &board, "--for", "1s"])?;
    ensure!(waits.said == ["it asks"], "{:?}", waits.said);
    let pins = Simulated::run(&["pins_os"], "", &["--board", &board])?;
    let (high, low) = ("select high, button low", "select low, button low");
    ensure!(
        pins.said == [high, low, high, low, "pin 3 is not exposed"],
        "{:?}",
        pins.said
    );
    Ok(())
}

/// Off the desk it is refused as on a board without.
#[test]
fn a_board_without_a_bus_refuses_who_needs_one() -> Result<()> {
    for (name, import) in [
        ("loopback_os", "tock:spi"),
        ("thermometer_os", "tock:i2c"),
        ("serial_os", "tock:uart"),
        ("pins_os", "tock:gpio"),
    ] {
        let module = guest(name).to_string_lossy().into_owned();
        let refused = Run::of(&["sim", &module], &[])?.refused()?;
        ensure!(refused.contains(import), "{refused}");
    }
    Ok(())
}
