//! The tab key in a real shell: verbs, devices, and the containers of the device.

use anyhow::Result;
use berth_e2e::{Device, Terminal, target};

const SIZE: (u16, u16) = (100, 30);

/// The rest of a line and the enter key. Returns the next prompt.
fn enter(shell: &mut Terminal, rest: &str) -> Result<()> {
    shell.press(rest)?;
    let lines = shell.text().lines().count();
    shell.press("\r")?;
    shell.wait("the next prompt", |text| {
        text.lines().count() > lines && text.ends_with("\n$")
    })
}

#[test]
fn bash_completes_verbs_and_the_names_of_containers() -> Result<()> {
    let device = Device::boot()?;
    device.upload("blink")?;
    device.upload("counter")?;
    let address = device.board.address();
    let home = tempfile::tempdir()?;
    let home = home.path().to_string_lossy();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", target().join("debug").display());
    let variables = [
        ("PATH", &*path),
        ("BERTH_DEVICE", &address),
        ("XDG_CONFIG_HOME", &home),
        ("PS1", "$ "),
        // No bell, and the list at once.
        ("INPUTRC", "/dev/null"),
    ];
    let words = ["--norc", "--noprofile", "-i"];
    let mut shell = Terminal::start_with("bash".as_ref(), &words, SIZE, &variables)?;
    shell.wait_last("$")?;
    // As the manual says.
    enter(&mut shell, "source <(berth completions bash)")?;
    shell.press("berth show\t")?;
    shell.wait_last("$ berth showactive")?;
    shell.press("\x15berth start bl\t")?;
    shell.wait_last("$ berth start blink")?;
    enter(&mut shell, "")?;
    shell.wait_for("blink started")?;
    shell.press("berth logs cou\t")?;
    shell.wait_last("$ berth logs counter")?;
    shell.press("\x15")?;
    enter(&mut shell, "berth config bench gateway.example:4000")?;
    shell.wait_for("bench configured")?;
    shell.press("berth --device be\t")?;
    shell.wait_last("$ berth --device bench")?;
    Ok(())
}
