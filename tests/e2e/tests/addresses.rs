//! The board, by every kind of address that `--device` takes, and by names.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, SerialPort, gateway, guest, program};
use serde_json::Value;

/// An operator with a list of devices of his own.
struct Operator<'a> {
    home: &'a Path,
}

impl Operator<'_> {
    /// What a call prints; with `device` in its environment.
    fn berth(&self, device: Option<&str>, words: &[&str]) -> Result<String> {
        let mut command = Command::new(program("berth"));
        command
            .args(words)
            .env("XDG_CONFIG_HOME", self.home)
            .env_remove("BERTH_DEVICE");
        if let Some(device) = device {
            command.env("BERTH_DEVICE", device);
        }
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{words:?}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(said)
    }
}

#[test]
fn the_board_is_reached_by_every_kind_of_address() -> Result<()> {
    let device = Device::boot()?;
    let unix = device.board.address();
    let socket = unix.strip_prefix("unix:").context("a socket")?.to_owned();
    let port = SerialPort::connect(UnixStream::connect(&socket)?)?;
    let port = port.path.to_string_lossy().into_owned();
    let tcp = gateway(move || Ok(UnixStream::connect(&socket)?))?.to_string();
    let home = tempfile::tempdir()?;
    let operator = Operator { home: home.path() };
    let blink = guest("blink");
    let blink = blink.to_string_lossy();
    for (name, address) in [("board", &unix), ("cable", &port), ("gateway", &tcp)] {
        // By its address: a container from upload to rm.
        for words in [
            &["upload", &*blink][..],
            &["start", "blink"],
            &["pause", "blink"],
            &["resume", "blink"],
            &["logs", "blink"],
            &["rm", "-f", "blink"],
        ] {
            operator.berth(None, &[words, &["--device", address]].concat())?;
        }
        let report = operator.berth(Some(address), &["--json", "doctor"])?;
        let report: Value = serde_json::from_str(&report)?;
        ensure!(report["status_code"] == 0, "{report}");
        // By its name, said and chosen.
        operator.berth(None, &["config", name, address])?;
        operator.berth(None, &["info", "-d", name])?;
        operator.berth(Some(name), &["info"])?;
        operator.berth(None, &["select", name])?;
        operator.berth(None, &["info"])?;
    }
    let found = operator.berth(None, &["--json", "scan"])?;
    let found: Value = serde_json::from_str(&found)?;
    for name in ["board", "cable", "gateway"] {
        let place = found["found"]
            .as_array()
            .and_then(|places| places.iter().find(|place| place["name"] == name))
            .with_context(|| format!("no {name} in {found}"))?;
        ensure!(place["device"]["board"] == "mps2-an386", "{place}");
    }
    Ok(())
}
