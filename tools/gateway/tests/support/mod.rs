//! Devices without a board, the gateway as its operator starts it, and a client that says exactly what it is told.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a module of several test programs, each using another part"
)]

pub mod board;
pub mod client;
pub mod postgres;

pub use board::Board;
pub use client::{Answer, Client};

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};
use tempfile::TempDir;

/// Longest wait for something that comes; who waits so long waits for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// Prints its one line for ever, so that whoever looks finds it running.
pub const ENDLESS: &str = r#"(module
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (loop $a (call $sleep (i64.const 1000)) (br $a))))"#;

pub fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// The program `berth-serve` with a state of its own.
pub fn program(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth-serve"));
    command
        .arg("--state")
        .arg(state)
        // Where locks of lines are.
        .env("XDG_RUNTIME_DIR", state)
        .stdin(Stdio::null());
    command
}

/// Runs a command of the operator's.
pub fn command(state: &Path, words: &[&str]) -> Output {
    program(state).args(words).output().unwrap()
}

/// The same, which must do what it is told. Returns what it prints.
pub fn done(state: &Path, words: &[&str]) -> String {
    let output = command(state, words);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A gateway that runs.
pub struct Gateway {
    pub state: TempDir,
    /// Where it listens.
    pub address: String,
    /// The key that it made at its first start.
    pub first_key: Option<String>,
    pub said: Vec<String>,
    child: Child,
}

impl Gateway {
    /// A gateway for these boards, by name; the first is the default.
    pub fn with(boards: &[(&str, &Board)], words: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        for (name, board) in boards {
            done(state.path(), &["device", "add", name, &board.address()]);
        }
        Self::start(state, words)
    }

    pub fn start(state: TempDir, words: &[&str]) -> Self {
        let command = program(state.path());
        Self::run(state, command, words)
    }

    /// The same in surroundings of its own.
    pub fn run(state: TempDir, mut command: Command, words: &[&str]) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0"])
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let mut said = Vec::new();
        let mut address = None;
        // Its last line says where it listens.
        while address.is_none() {
            let line = lines.recv_timeout(PATIENCE).expect("the gateway starts");
            if let Some((_, place)) = line.split_once("listening at ") {
                address = place.split_once("://").map(|(_, place)| place.to_owned());
            }
            said.push(line);
        }
        let first_key = said
            .iter()
            .find_map(|line| line.strip_prefix("first key (admin, shown once) "))
            .map(str::to_owned);
        Self {
            state,
            address: address.expect("the gateway listens"),
            first_key,
            said,
            child,
        }
    }

    /// Has it stand still, or go on.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let told = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(told.unwrap().success());
    }

    /// With its first key.
    pub fn client(&self) -> Client {
        Client::new(&self.address, self.first_key.as_deref())
    }

    /// With a new key.
    pub fn client_of(&self, name: &str, words: &[&str]) -> Client {
        let words = [&["key", "add", name], words].concat();
        Client::new(&self.address, Some(&done(self.state.path(), &words)))
    }

    /// Kills it as the system does that has no memory, and gives its state back.
    pub fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let nothing = tempfile::tempdir().unwrap();
        std::mem::replace(&mut self.state, nothing)
    }

    /// Ends it as its operator does.
    pub fn end(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }

    /// What the audit log says, as rows of action, subject and outcome.
    pub fn audit(&self) -> Vec<(String, String, String)> {
        let text = done(self.state.path(), &["audit", "--last", "1000", "--json"]);
        let entries: serde_json::Value = serde_json::from_str(&text).unwrap();
        let word = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap().to_owned();
        let entries = entries.as_array().unwrap().iter();
        entries
            .map(|e| (word(e, "action"), word(e, "subject"), word(e, "outcome")))
            .collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Tries until it is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Debian's library that tells a program another time; `tools/setup/setup.sh tests` installs it.
pub fn faketime() -> &'static str {
    let libraries = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ];
    let mut found = libraries
        .into_iter()
        .filter(|path| Path::new(path).exists());
    found
        .next()
        .expect("libfaketime sets the clock: run tools/setup/setup.sh tests")
}
