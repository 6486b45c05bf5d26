//! However long something takes for its fuel, a turn ends, and the shell answers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use berth_e2e::expensive::{self, Expensive};
use berth_e2e::{Device, shares};

/// Longest time in microseconds for which the device may not be able to answer (docs/containers.md).
const STALL_MAX: u64 = 200_000;

/// What a container was seen to do.
struct Seen {
    /// Longest time without an answer, in microseconds.
    stall_us: u64,
    /// Nanoseconds for each fuel that it used.
    ns_per_fuel: f64,
}

/// Lets something expensive run, alone, with the largest share: the longest slices there are.
fn watch(device: &Device, folder: &std::path::Path, what: &Expensive) -> Result<Seen> {
    let file = folder.join("hog.wasm");
    std::fs::write(&file, wat::parse_str(&what.text)?)?;
    let file = file.to_string_lossy().into_owned();
    device
        .berth(&["upload", &file, "--share", "100", "--stack", what.stack])?
        .ok()?;
    // From here on stalls are its own; and the loading of it, which takes some milliseconds.
    device.berth(&["reset"])?.ok()?;
    device.berth(&["start", "hog"])?.ok()?;
    let until = Instant::now() + Duration::from_secs(60);
    let seen = loop {
        let told = device.container("hog")?.context("it is listed")?;
        ensure!(told["state"] == "running", "{}: {told}", what.name);
        let us = told["uptime_us"].as_f64().context("its age")?;
        let fuel = told["fuel_used"].as_f64().context("its fuel")?;
        if us > 500_000.0 && fuel > 0.0 {
            break us * 1_000.0 / fuel;
        }
        ensure!(
            Instant::now() < until,
            "{}: the board's time stands still",
            what.name
        );
    };
    let doctor = device.json(&["doctor"])?;
    let stall_us = doctor["longest_stall_us"].as_u64();
    device.berth(&["rm", "-f", "hog"])?.ok()?;
    Ok(Seen {
        stall_us: stall_us.with_context(|| format!("no longest_stall_us in {doctor}"))?,
        ns_per_fuel: seen,
    })
}

#[test]
fn everything_expensive_keeps_its_slice() -> Result<()> {
    let device = shares::counted()?;
    let folder = tempfile::tempdir()?;
    let mut wrong = Vec::new();
    for what in expensive::all() {
        match watch(&device, folder.path(), &what) {
            Ok(seen) => {
                let Seen {
                    stall_us,
                    ns_per_fuel,
                } = seen;
                println!(
                    "| {} | {} | {ns_per_fuel:.0} | {:.1} |",
                    what.name,
                    what.stack,
                    stall_us as f64 / 1e3
                );
                if stall_us > STALL_MAX {
                    wrong.push(format!("{}: {stall_us} us", what.name));
                }
            }
            Err(error) => {
                println!("{}: {error:#}", what.name);
                // The next one has its name.
                device.berth(&["rm", "-f", "hog"])?;
                wrong.push(format!("{}: {error:#}", what.name));
            }
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
