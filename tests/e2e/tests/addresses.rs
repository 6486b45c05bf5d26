//! The board, by every kind of address that `--device` takes, and by names.

use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Run, SerialPort, gateway, guest};
use serde_json::Value;

#[test]
fn the_board_is_reached_by_every_kind_of_address() -> Result<()> {
    let device = Device::boot()?;
    let unix = device.board.address();
    let socket = unix.strip_prefix("unix:").context("a socket")?.to_owned();
    let port = SerialPort::connect(UnixStream::connect(&socket)?)?;
    let port = port.path.to_string_lossy().into_owned();
    let tcp = gateway(move || Ok(UnixStream::connect(&socket)?))?.to_string();
    let home = tempfile::tempdir()?;
    let home = home.path().to_string_lossy();
    // An operator with a list of devices of his own, and perhaps one in his environment.
    let berth = |device: Option<&str>, words: &[&str]| -> Result<String> {
        let mut variables = vec![("XDG_CONFIG_HOME", &*home)];
        variables.extend(device.map(|device| ("BERTH_DEVICE", device)));
        Run::of(words, &variables)?.ok()
    };
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
            berth(None, &[words, &["--device", address]].concat())?;
        }
        let report = berth(Some(address), &["--json", "doctor"])?;
        let report: Value = serde_json::from_str(&report)?;
        ensure!(report["status_code"] == 0, "{report}");
        // By its name, said and chosen.
        berth(None, &["config", name, address])?;
        berth(None, &["info", "-d", name])?;
        berth(Some(name), &["info"])?;
        berth(None, &["select", name])?;
        berth(None, &["info"])?;
    }
    let found = berth(None, &["--json", "scan"])?;
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
