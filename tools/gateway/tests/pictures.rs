//! Takes the pictures of docs/gateway.md anew: `make pictures`. The gateway has the emulated board, and a street of simulated ones.

#[path = "support/browser.rs"]
mod browser;
mod support;

use browser::Browser;
use std::{fs, path::Path, thread::sleep, time::Duration};
use support::{Board, ENDLESS, Gateway, done, module, wait_until};

/// Ends with a fault at once.
const FAULTS: &str = r#"(module (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (unreachable)))"#;

/// Until curves have something to show.
const CURVES: Duration = Duration::from_secs(60);

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pictures = root.join("docs/gateway");
    fs::create_dir_all(&pictures).unwrap();
    let board = berth_emulator::Board::new(root.join("target/image/flash.bin"))
        .limit(Duration::from_secs(1200))
        .start();
    let board = board.expect("the board (make build)");
    let street: Vec<_> = ["gate-1", "gate-2", "gate-3", "gate-4", "gate-5"]
        .map(|name| (name, Board::new()))
        .into();
    let state = tempfile::tempdir().unwrap();
    let add = |name: &str, address: &str, group: &str| {
        done(
            state.path(),
            &["device", "add", name, address, "--group", group],
        );
    };
    add("roof", &board.address(), "house");
    for (name, board) in &street {
        add(name, &board.address(), "street");
    }
    let gateway = Gateway::start(state, &["--check-every", "1", "--rate", "1000"]);
    let http = gateway.client();
    wait_until("the board is there", || {
        http.get("/v1/devices/roof/heap").status == 200
    });
    let guests = root.join("target/wasm32-unknown-unknown/guest/examples");
    for name in ["blink", "clock", "ticks", "fib", "trap"] {
        let file =
            fs::read(guests.join(name).with_extension("wasm")).expect("a container (make build)");
        let path = format!("/v1/devices/roof/containers/{name}?start=true");
        let stored = http.send("PUT", &path, "application/wasm", &file);
        assert!(matches!(stored.status, 200 | 409), "{stored:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let apply = |image: &str| {
        fs::write(folder.path().join("lamp.wasm"), module(image)).unwrap();
        let file = folder.path().join("fleet.toml");
        let text = "[set.lamps]\ngroups = [\"street\"]\n[set.lamps.containers.lamp]\nimage = \"lamp.wasm\"\n\
                    [set.lamps.rollout]\nstages = [\"1\", \"50%\"]\nwatch_s = 1\n";
        fs::write(&file, text).unwrap();
        done(
            gateway.state.path(),
            &["fleet", "apply", &file.to_string_lossy()],
        );
    };
    let ends = |id: &str, state: &str| {
        wait_until("the roll-out ends", || {
            http.get(&format!("/v1/fleet/rollouts/{id}")).json()["state"] == state
        });
    };
    apply(ENDLESS);
    ends("1", "done");
    apply(FAULTS);
    ends("2", "stopped");

    let browser = Browser::open(&gateway.address);
    let keep = |name: &str| {
        let file = pictures.join(name).with_extension("png");
        fs::write(&file, browser.picture()).unwrap();
        println!("{}", file.display());
    };
    browser.log_in(gateway.first_key.as_deref().unwrap());
    browser.go("/-/devices/roof");
    browser.size(1100, 1150);
    browser.shows("#exposures", "blink");
    sleep(CURVES);
    keep("device");
    browser.size(1100, 800);
    browser.go("/-/devices/roof/containers/blink");
    browser.shows("#log", "on");
    browser.shows("#known", "SHA-256");
    sleep(Duration::from_secs(5));
    keep("container");
    browser.size(1100, 520);
    browser.go("/-/rollouts/2");
    browser.shows(".stage.bad", "back");
    keep("roll-out");
    browser.go("/");
    browser.shows("#devices", "6 devices");
    keep("devices");
    browser.size(390, 844);
    browser.dark(true);
    browser.go("/-/devices/roof");
    browser.shows("#exposures", "blink");
    keep("phone");
}
