//! A serial line that changes bits, and one that does not wait.
//!
//! `make soak` (`BERTH_SOAK`) sends ten times as many commands.

#[path = "line/noisy.rs"]
mod noisy;

use anyhow::{Result, ensure};
use berth::Client;
use berth_e2e::{Device, Flash, guest};
use berth_protocol::{Op, Parameters, Reply};
use noisy::Noisy;

/// What must be answered [`Reply::Done`], in turn. Each is refused if the device does
/// it a second time, so an answer that was lost and not remembered is noticed.
const COMMANDS: [Op<'_>; 2] = [Op::Start { name: "spin" }, Op::Stop { name: "spin" }];

fn commands() -> usize {
    if std::env::var_os("BERTH_SOAK").is_some() {
        10_000
    } else {
        1_000
    }
}

/// Every command is done, exactly once, with one bit in `one_in` changed.
fn all_succeed(one_in: u32) -> Result<()> {
    let flash = Flash::new()?;
    let mut device = Device::power_on_board(&flash, |board| {
        board
            .raw_console()
            .limit(std::time::Duration::from_secs(3500))
    })?;
    let line = device.board.uart(0)?;
    let (noisy, line) = Noisy::over(line, one_in, 0x5eed_0bad_cafe_0001)?;
    let mut client = Client::new(Box::new(line))?;
    let image = std::fs::read(guest("spin"))?;
    berth::upload(&mut client, "spin", &image, Parameters::default(), |_| {})?;
    for number in 0..commands() {
        let op = COMMANDS[number % COMMANDS.len()];
        let (_, done) = client.request("test", op, |result| match result {
            Ok(Reply::Done) => Ok(()),
            other => Err(format!("{other:?}")),
        })?;
        ensure!(done.is_ok(), "command {number}: {done:?}");
    }
    // Of any thousand commands some were hit.
    let flipped = noisy.flipped();
    ensure!(flipped > 10, "only {flipped} bits were changed");
    println!(
        "{} commands with one bit in {one_in} changed: {flipped} bits",
        commands()
    );
    Ok(())
}

#[test]
fn one_bit_in_ten_thousand_changed_costs_no_command() -> Result<()> {
    all_succeed(10_000)
}

#[test]
fn one_bit_in_a_thousand_changed_costs_no_command() -> Result<()> {
    all_succeed(1_000)
}
