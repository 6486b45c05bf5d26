//! What stands on a screen while things happen on the board: `stats`, `logs -f`, `events -f`, `run -f`.

use anyhow::{Result, ensure};
use berth_e2e::{Device, Terminal, guest, program};

const SIZE: (u16, u16) = (100, 30);

/// Ctrl-C.
const INTERRUPT: &str = "\x03";

fn follow(device: &Device, words: &[&str]) -> Result<Terminal> {
    let address = device.board.address();
    let all = [&["--device", &*address][..], words].concat();
    Terminal::start(&program("berth"), &all, SIZE)
}

#[test]
fn figures_and_lines_appear_as_they_come() -> Result<()> {
    let device = Device::boot_with_blink()?;
    let mut stats = follow(&device, &["stats"])?;
    let mut log = follow(&device, &["logs", "-f", "blink"])?;
    let mut events = follow(&device, &["events", "-f"])?;
    let is = |state: &'static str| {
        move |text: &str| {
            text.lines()
                .any(|line| line.starts_with("blink ") && line.contains(state))
        }
    };
    stats.wait("blink at work", is("running"))?;
    // Lines that are not there yet.
    let seen = log.text().lines().count();
    log.wait("more lines", |text| text.lines().count() > seen + 2)?;
    device.berth(&["pause", "blink"])?.ok()?;
    stats.wait("blink paused", is("paused"))?;
    events.wait_for("paused")?;
    // One picture, drawn over the last: one head, one line a container.
    let picture = stats.text();
    ensure!(
        picture.lines().filter(|l| l.starts_with("NAME ")).count() == 1,
        "{picture}"
    );
    device.berth(&["resume", "blink"])?.ok()?;
    events.wait_for("resumed")?;
    stats.wait("blink at work again", is("running"))?;
    let mut hello = follow(&device, &["run", "-f", &guest("hello").to_string_lossy()])?;
    hello.wait_for("hello from a container")?;
    stats.wait("the new one", |text| {
        text.lines().any(|line| line.starts_with("hello "))
    })?;
    // What follows a container to its end ends with it, and has its exit code.
    ensure!(hello.ended()? == 0);
    let mut counter = follow(&device, &["run", "-f", &guest("counter").to_string_lossy()])?;
    counter.wait_for("count 2")?;
    // Ctrl-C ends what goes on, and the containers go on.
    for terminal in [&mut stats, &mut log, &mut events, &mut counter] {
        terminal.press(INTERRUPT)?;
        ensure!(terminal.ended_by_interrupt()?);
    }
    device.blink_goes_on()
}
