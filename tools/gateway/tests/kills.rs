//! The gateway is killed at any instant, and so is a command beside it. What was acknowledged is there; the rest is whole
//! or not at all.

mod support;

use berth_gateway::{By, Role, Scope, State};
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};
use support::{Board, ENDLESS, Gateway, module, program};

/// Instants that differ from run to run of the loop, and are the same in each run of the test.
fn instants() -> impl Iterator<Item = Duration> {
    let mut seed = 7_u32;
    std::iter::repeat_with(move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Duration::from_micros(u64::from(seed >> 16))
    })
}

#[test]
fn a_first_start_that_is_killed_leaves_a_state_that_opens() {
    for instant in instants().take(30) {
        let folder = tempfile::tempdir().unwrap();
        let mut child = program(folder.path())
            .args(["--listen", "127.0.0.1:0", "--tls"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(instant);
        child.kill().unwrap();
        child.wait().unwrap();
        let first = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                line.strip_prefix("first key (admin, shown once) ")
                    .map(str::to_owned)
            });
        let state = State::open(folder.path()).unwrap();
        assert!(state.is_whole().unwrap());
        if let Some(key) = first {
            assert_eq!(state.key(&key).unwrap().unwrap().role, Role::Admin);
        }
        // A second start is as a first one, whatever is there.
        drop(Gateway::start(folder, &["--tls"]));
    }
}

#[test]
fn keys_that_were_shown_work_however_the_program_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Vec::new();
    for (number, instant) in instants().take(60).enumerate() {
        let mut child = program(folder.path())
            .args(["key", "add", &format!("key{number}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(instant / 4);
        // It may have ended already.
        let _ = child.kill();
        child.wait().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        shown.extend(lines.map_while(Result::ok).map(|key| (number, key)));
        let state = State::open(folder.path()).unwrap();
        assert!(state.is_whole().unwrap());
        // Each key has its entry: both were written, or neither.
        let keys = state.keys().unwrap();
        assert_eq!(state.audit_verify().unwrap(), keys.len() as i64);
        for (number, key) in &shown {
            let found = state.key(key).unwrap().map(|row| row.name);
            assert_eq!(found, Some(format!("key{number}")));
        }
    }
}

#[test]
fn changes_that_were_answered_stand_in_the_log_however_the_gateway_ended() {
    let board = Board::new();
    let folder = tempfile::tempdir().unwrap();
    support::done(folder.path(), &["device", "add", "roof", &board.address()]);
    let state = State::open(folder.path()).unwrap();
    let key = state
        .add_key("ci", Role::Operate, &Scope::default(), By::COMMAND)
        .unwrap();
    drop(state);
    let mut folder = Some(folder);
    let mut answered = 0;
    for instant in instants().take(12) {
        let gateway = Gateway::start(folder.take().unwrap(), &["--rate", "10000"]);
        let address = gateway.address.clone();
        let worker = std::thread::spawn({
            let key = key.clone();
            move || {
                let mut done = 0;
                loop {
                    for path in ["start", "stop"] {
                        let Some(answer) = post(&address, &key, path) else {
                            return done;
                        };
                        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
                        done += 1;
                    }
                }
            }
        });
        std::thread::sleep(instant * 8);
        folder = Some(gateway.kill());
        answered += worker.join().unwrap();
        let state = State::open(folder.as_ref().unwrap().path()).unwrap();
        assert!(state.is_whole().unwrap());
        state.audit_verify().unwrap();
        let log = state.audit_entries(100_000).unwrap();
        // Whatever was answered has both entries; what was cut off has one.
        let ends = log.iter().filter(|entry| entry.ends.is_some()).count();
        assert!(ends >= answered, "{ends} of {answered}");
        let begun = log.iter().filter(|entry| entry.outcome == "asked").count();
        assert!(begun >= ends);
    }
    // The device is none the worse.
    let gateway = Gateway::start(folder.take().unwrap(), &[]);
    let http = support::Client::new(&gateway.address, Some(&key));
    support::wait_until("it is there", || http.get("/heap").status == 200);
    assert_eq!(http.upload("app.wasm", &module(ENDLESS), &[]).status, 200);
}

/// `None`: the gateway is no more.
fn post(address: &str, key: &str, verb: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    let request = format!(
        "POST /task/{verb}?filename=app.wasm HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer).filter(|answer| !answer.is_empty())
}
