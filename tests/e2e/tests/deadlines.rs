//! Firmware with deadlines of a millisecond, a process and a driver, beside processes that do their worst
//! in the supervisor's place.

use anyhow::Result;
use berth_e2e::{Device, Flash};

/// The firmware beside `program`, which says `begins`, for `rounds` of half a second.
fn beside(program: &str, begins: &str, rounds: u32) -> Result<()> {
    let flash = Flash::with_deadlines()?;
    flash.install(program)?;
    let device = Device::power_on_counted(&flash)?;
    device.console(begins)?;
    let kept = device.keeps_deadlines(rounds)?;
    println!("{program}: {kept}");
    Ok(())
}

#[test]
fn a_storm_of_interrupts_makes_nobody_late() -> Result<()> {
    beside("storm", "Berth kernel", 2)
}

/// The driver's period and the process's are not the same, so the interrupts of one come at every instant
/// of the way from the other's back into the process that computes.
#[test]
fn a_process_without_system_calls_makes_nobody_late() -> Result<()> {
    beside("occupy", "occupy: begins", 20)
}
