//! What the manufacturer's configuration does on the board.

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, target};
use serde_json::Value;

/// The commands that `filtered` tries.
const TRIED: u64 = u32::MAX as u64;

#[test]
fn what_stands_in_the_supervisors_place_can_call_what_is_listed_for_it() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("filtered")?;
    let device = Device::power_on(&flash)?;
    device.console("filtered: done")?;
    let text = device.board.console.text();

    let json = std::fs::read_to_string(target().join("image/exposures.json"))
        .context("no exposures.json; run `make build`")?;
    let json: Value = serde_json::from_str(&json)?;
    let drivers = json["processes"][0]["drivers"]
        .as_array()
        .context("the configuration lists no process")?;
    let mut compared = 0;
    for line in text.lines() {
        let Some((driver, answers)) = line
            .trim()
            .strip_prefix("filtered: driver 0x")
            .and_then(|rest| rest.split_once(" answers 0x"))
        else {
            continue;
        };
        let driver = u64::from_str_radix(driver, 16)?;
        let answers = u64::from_str_radix(answers, 16)?;
        let listed = drivers.iter().find(|rule| rule["driver"] == driver);
        let commands = listed.map_or(Some(0), |rule| rule["commands"].as_u64());
        let commands = commands.context("no commands")?;
        ensure!(
            answers == commands & TRIED,
            "driver {driver:#x} answers {answers:#x}, listed is {commands:#x}"
        );
        compared += 1;
    }
    ensure!(compared == 17, "only {compared} drivers in: {text}");
    // The device at index 1 is not exposed; only the count is told.
    ensure!(text.contains("filtered: led-1 0x2 answers 0x1"), "{text}");
    Ok(())
}
