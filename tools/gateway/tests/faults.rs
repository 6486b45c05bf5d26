//! What goes wrong around the gateway: no room on its disk, a clock that is set, two who want the same. A device that is unplugged is in
//! `lines.rs`, a gateway that is killed in `kills.rs` and `fleet.rs`.

mod support;

use serde_json::json;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
};
use support::{Board, ENDLESS, Gateway, done, faketime, module, wait_until};

/// The program with no room for files of more than so many times 512 bytes.
fn with_room(state: &std::path::Path, blocks: u64) -> Command {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"",
            "sh",
            &blocks.to_string(),
        ])
        .arg(env!("CARGO_BIN_EXE_berth-serve"))
        .arg("--state")
        .arg(state)
        .env("XDG_RUNTIME_DIR", state)
        .stdin(Stdio::null());
    command
}

#[test]
fn without_room_on_its_disk_nothing_is_done_and_nothing_that_was_is_lost() {
    let board = Board::new();
    let state = tempfile::tempdir().unwrap();
    done(state.path(), &["device", "add", "roof", &board.address()]);
    let key = done(state.path(), &["key", "add", "ci", "--role", "admin"]);
    // A writer that is beside it keeps what both write in one file, which has no room at some time.
    let largest = fs::read_dir(state.path()).unwrap();
    let largest = largest
        .map(|file| file.unwrap().metadata().unwrap().size())
        .max()
        .unwrap();
    let command = with_room(state.path(), largest / 512 + 200);
    let gateway = Gateway::run(state, command, &["--rate", "100000"]);
    let http = support::Client::new(&gateway.address, Some(&key));
    wait_until("it is there", || http.get("/heap").status == 200);
    let path = "/v1/devices/roof/containers/app";
    let stored = http.send("PUT", path, "application/wasm", &module(ENDLESS));
    assert_eq!(stored.status, 200, "{stored:?}");
    let mut done_before = 0;
    let refused = loop {
        let verb = if done_before % 2 == 0 {
            "start"
        } else {
            "stop"
        };
        let answer = http.send(
            "POST",
            &format!("/v1/devices/roof/containers/app/{verb}"),
            "",
            b"",
        );
        if answer.status != 204 {
            break answer;
        }
        done_before += 1;
        assert!(done_before < 10_000, "there is room for ever");
    };
    assert_eq!(
        (refused.status, &*refused.code()),
        (503, "state-failed"),
        "{refused:?}"
    );
    // What is refused is not done: the device has heard as many as were answered.
    let heard = board.heard("Start") + board.heard("Stop");
    assert_eq!(heard, done_before);
    for (method, path, body) in [
        ("POST", "/v1/keys", &br#"{"name":"more","role":"view"}"#[..]),
        (
            "POST",
            "/v1/devices",
            br#"{"name":"attic","address":"unix:/nowhere"}"#,
        ),
        ("DELETE", "/v1/devices/roof/containers/app?force=true", b""),
    ] {
        let answer = http.send(method, path, "application/json", body);
        assert_eq!(
            (answer.status, &*answer.code()),
            (503, "state-failed"),
            "{path}: {answer:?}"
        );
    }
    // Looking needs no room.
    assert_eq!(http.get("/heap").status, 200);
    assert_eq!(http.get("/v1/devices/roof/containers").status, 200);
    assert_eq!(http.get("/v1/keys").status, 200);

    // With room again it goes on, and all that was answered stands in the log.
    let state = gateway.kill();
    let gateway = Gateway::start(state, &[]);
    let http = support::Client::new(&gateway.address, Some(&key));
    wait_until("it is there", || http.get("/heap").status == 200);
    let ends = gateway
        .audit()
        .into_iter()
        .filter(|(action, subject, outcome)| {
            (action == "start" || action == "stop") && subject == "app" && outcome == "done"
        });
    assert_eq!(ends.count(), done_before);
    done(gateway.state.path(), &["audit", "--verify"]);
    assert_eq!(http.get("/v1/devices").json().as_array().unwrap().len(), 1);
    assert_eq!(
        http.send(
            "POST",
            "/v1/keys",
            "application/json",
            br#"{"name":"more","role":"view"}"#
        )
        .status,
        201
    );
}

#[test]
fn a_clock_that_is_set_stops_nothing_and_loses_nothing() {
    let board = Board::new();
    let state = tempfile::tempdir().unwrap();
    done(state.path(), &["device", "add", "roof", &board.address()]);
    let clock = state.path().join("clock");
    let set = |by: &str| fs::write(&clock, by).unwrap();
    set("+0d");
    let mut command = support::program(state.path());
    command
        .env("LD_PRELOAD", faketime())
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1")
        // What only goes forward is not set, as on every system.
        .env("DONT_FAKE_MONOTONIC", "1");
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::run(state, command, &["--check-every", "1"]);
    let http = gateway.client();
    wait_until("it is there", || http.get("/heap").status == 200);
    let login = support::Client::new(&gateway.address, None).post(
        "/-/login",
        &[("key", gateway.first_key.as_deref().unwrap())],
    );
    let cookie = login
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let browser = support::Client::new(&gateway.address, None).with("Cookie", &cookie);

    fs::write(folder.path().join("lamp.wasm"), module(ENDLESS)).unwrap();
    let text = "[set.lamps]\ndevices = [\"roof\"]\n[set.lamps.containers.lamp]\nimage = \"lamp.wasm\"\n\
                [set.lamps.rollout]\nstages = []\nwatch_s = 5\n";
    let file = folder.path().join("fleet.toml");
    fs::write(&file, text).unwrap();
    done(
        gateway.state.path(),
        &["fleet", "apply", &file.to_string_lossy()],
    );
    let rollout = || http.get("/v1/fleet/rollouts/1").json();
    wait_until("the device has it", || {
        rollout()["devices"][0]["state"] == "updated"
    });
    // A day back in the middle of it, then ten years on, and back again.
    for by in ["-1d", "+3650d", "-30d"] {
        set(by);
        let stop = http.send("POST", "/v1/devices/roof/containers/lamp/restart", "", b"");
        assert!(matches!(stop.status, 204 | 409), "{stop:?}");
        assert_eq!(
            browser.get("/").status,
            200,
            "{by}: a session lasts as long as it was told"
        );
        assert_eq!(browser.get("/-/rollouts/1").status, 200);
        assert_eq!(http.get("/metrics").status, 200);
    }
    wait_until("it ends, watched as long as it says", || {
        let state = rollout()["state"].clone();
        state == "done" || state == "stopped"
    });
    let log = done(gateway.state.path(), &["audit", "--last", "1000", "--json"]);
    let log: serde_json::Value = serde_json::from_str(&log).unwrap();
    let times: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["time_ms"].as_i64().unwrap())
        .collect();
    // The clock was set indeed: entries stand in the order in which they came, whatever it said.
    assert!(
        times.windows(2).any(|pair| pair[1] < pair[0] - 86_000_000),
        "{times:?}"
    );
    assert!(
        times
            .windows(2)
            .any(|pair| pair[1] > pair[0] + 300_000_000_000),
        "{times:?}"
    );
    done(gateway.state.path(), &["audit", "--verify"]);
}

#[test]
fn two_who_change_the_same_container_have_one_of_their_wills_whole() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &["--rate", "100000"]);
    let keys = ["ann", "bob"].map(|name| gateway.client_of(name, &["--role", "operate"]));
    wait_until("it is there", || keys[0].get("/heap").status == 200);
    let images = ["1000", "7000"].map(|sleep| module(&ENDLESS.replace("1000", sleep)));
    let path = "/v1/devices/roof/containers/app";
    for round in 0..6 {
        std::thread::scope(|scope| {
            for (http, image) in keys.iter().zip(&images) {
                scope.spawn(move || {
                    let stored = http.send(
                        "PUT",
                        &format!("{path}?start=true&trial_ms=50"),
                        "application/wasm",
                        image,
                    );
                    assert_eq!(stored.status, 200, "{stored:?}");
                    // While the other one does his: done, or refused with the device's reason.
                    for (method, what, body) in [
                        ("POST", "/pause", &b""[..]),
                        ("POST", "/resume", b""),
                        ("PATCH", "", br#"{"parameters":{"share":9}}"#),
                        ("POST", "/restart", b""),
                        ("DELETE", "", b""),
                    ] {
                        let answer =
                            http.send(method, &format!("{path}{what}"), "application/json", body);
                        assert!(matches!(answer.status, 204 | 404 | 409), "{answer:?}");
                        if answer.status != 204 {
                            let code = answer.code();
                            assert!(
                                ["wrong-state", "unknown-name", "busy"].contains(&&*code),
                                "{code}: {answer:?}"
                            );
                        }
                    }
                });
            }
        });
        let found = keys[0].get("/v1/devices/roof/images").json();
        let whole: BTreeSet<_> = images
            .iter()
            .map(|image| {
                let packed = berth::prepare(image.clone(), "app").unwrap().bytes;
                json!(berth::hexadecimal(
                    &berth_protocol::ImageHash::of(&packed).0
                ))
            })
            .map(|sha| sha.to_string())
            .collect();
        for image in found.as_array().unwrap() {
            assert!(
                whole.contains(&image["sha256"].to_string()),
                "round {round}: {found}"
            );
        }
    }
    // Each has both entries for each of his.
    let log = gateway.audit();
    let asked = log.iter().filter(|entry| entry.2 == "asked").count();
    let ended = log.iter().filter(|(action, _, outcome)| {
        outcome != "asked" && !["key add", "device add"].contains(&&**action)
    });
    assert_eq!((asked, ended.count()), (72, 72), "{log:?}");
}
