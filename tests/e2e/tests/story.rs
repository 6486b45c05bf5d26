//! The demo, as the README's reader runs it.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::program;

#[test]
fn the_demo_tells_its_story_to_the_end() -> Result<()> {
    let output = Command::new(program("berth-demo"))
        .output()
        .context("cannot run the demo; run `make build`")?;
    let story = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{story}");
    // In this order: what the README promises.
    let mut rest = &*story;
    for milestone in [
        "$ tockloader install wasm_supervisor.tab",
        "Berth kernel",
        "$ berth exposures",
        "fpgaio",
        "$ berth upload blink.wasm",
        "blink started",
        "USERLED1: ",
        "LED on, change 1",
        "mmio:watchdog",
        "not exposed",
        "$ berth ps",
        "running",
        "blink stopped",
        "USERLED1: off",
        "blink deleted",
        "$ berth run thermometer.wasm",
        "21.5 degrees",
        "-3.0 degrees",
        "thermometer updated",
        "40.0 degrees, 104.0 Fahrenheit",
        "Done in",
    ] {
        let (_, after) = rest
            .split_once(milestone)
            .with_context(|| format!("no \"{milestone}\" in:\n{rest}"))?;
        rest = after;
    }
    Ok(())
}
