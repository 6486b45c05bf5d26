//! A board whose manufacturer has named an operator (`exposure-operators.dts`), and somebody on its line who hears and changes everything.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, Run};
use berth_pack::keys::Secret;
use berth_protocol::{
    Event, FRAME_MAX, FrameDecoder, Reply, Request, Response, encode_frame, frame_message,
};
use tempfile::TempDir;

/// The secret key of the configuration is this number 32 times.
const CHIEF: u8 = 4;

/// What needs nothing of the board.
const SLEEPER: &str = r#"(module (import "berth" "sleep_us" (func $sleep (param i64)))
  (func (export "_start") (loop $again (call $sleep (i64.const 1000000)) (br $again))))"#;

/// What becomes of a message of the operator's on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Foe {
    /// It passes.
    Hears,
    /// Those in a session are kept back, and answered with `Done`.
    Answers,
    /// The seals of answers are taken off.
    TakesSealsOff,
    /// A bit of each in a session is another.
    ChangesABit,
}

/// Somebody on the line.
struct Tap {
    folder: TempDir,
    /// The operator's messages that were in a session.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut buffer = [0; FRAME_MAX];
    frame_message(message, &mut buffer).map_or_else(|_| Vec::new(), <[u8]>::to_vec)
}

/// Says each message in these bytes to `each`.
fn messages(decoder: &mut FrameDecoder, bytes: &[u8], mut each: impl FnMut(&[u8])) {
    for byte in bytes {
        if let Event::Message(message) = decoder.push(*byte) {
            each(message);
        }
    }
}

impl Tap {
    fn on(device: &Device, foe: Foe) -> Result<Self> {
        let address = device.board.address();
        let path = address
            .strip_prefix("unix:")
            .context("a socket")?
            .to_owned();
        let folder = TempDir::with_prefix("berth-tap-")?;
        let listener = UnixListener::bind(folder.path().join("line"))?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heard);
        thread::spawn(move || -> std::io::Result<()> {
            for client in listener.incoming() {
                let client = client?;
                let line = UnixStream::connect(&path)?;
                let (from, to) = (line.try_clone()?, client.try_clone()?);
                thread::spawn(move || answers(from, to, foe));
                let _ = requests(client, line, foe, &shared);
            }
            Ok(())
        });
        Ok(Self { folder, heard })
    }

    fn address(&self) -> String {
        format!("unix:{}", self.folder.path().join("line").display())
    }

    fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().map(|all| all.clone()).unwrap_or_default()
    }
}

/// From the operator to the device.
fn requests(
    mut client: UnixStream,
    mut line: UnixStream,
    foe: Foe,
    heard: &Mutex<Vec<Vec<u8>>>,
) -> std::io::Result<()> {
    let mut decoder = FrameDecoder::new();
    let mut buffer = [0; 256];
    loop {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            return line.shutdown(std::net::Shutdown::Both);
        }
        let mut all = Vec::new();
        messages(&mut decoder, &buffer[..count], |message| {
            all.push(message.to_vec());
        });
        for mut message in all {
            let request = Request::decode_sealed(&message)
                .map(|(request, behind)| (request.id, !behind.is_empty()));
            if let Ok((id, true)) = request {
                if let Ok(mut heard) = heard.lock() {
                    heard.push(message.clone());
                }
                if foe == Foe::Answers {
                    let mut buffer = [0; FRAME_MAX];
                    let done = Response {
                        id,
                        result: Ok(Reply::Done),
                    };
                    if let Ok(frame) = encode_frame(&done, &mut buffer) {
                        client.write_all(frame)?;
                    }
                    continue;
                }
                if foe == Foe::ChangesABit {
                    let middle = message.len() / 2;
                    message[middle] ^= 1;
                }
            }
            line.write_all(&framed(&message))?;
        }
    }
}

/// From the device to the operator.
fn answers(mut line: UnixStream, mut client: UnixStream, foe: Foe) -> std::io::Result<()> {
    let mut decoder = FrameDecoder::new();
    let mut buffer = [0; 256];
    loop {
        let count = line.read(&mut buffer)?;
        if count == 0 {
            return client.shutdown(std::net::Shutdown::Both);
        }
        let mut all = Vec::new();
        messages(&mut decoder, &buffer[..count], |message| {
            let is_sealed = Response::decode(message).is_err() && message.len() > 16;
            let end = match foe {
                Foe::TakesSealsOff if is_sealed => message.len() - 16,
                _ => message.len(),
            };
            all.extend(framed(&message[..end]));
        });
        client.write_all(&all)?;
    }
}

/// The operator's computer.
struct Desk(TempDir);

impl Desk {
    fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("berth-desk-")?;
        Secret::from_bytes(&[CHIEF; 32]).write_new(&folder.path().join("chief.pem"), None)?;
        Secret::from_bytes(&[9; 32]).write_new(&folder.path().join("thief.pem"), None)?;
        Ok(Self(folder))
    }

    fn key(&self, name: &str) -> String {
        let path = self.0.path().join(name).with_extension("pem");
        path.to_string_lossy().into_owned()
    }

    /// Run `berth` on the line at `address`.
    fn berth(&self, address: &str, words: &[&str]) -> Result<Run> {
        let home = self.0.path().to_string_lossy();
        let front = ["--device", address, "--timeout", "60"];
        Run::of(&[&front[..], words].concat(), &[("XDG_CONFIG_HOME", &home)])
    }

    fn as_chief(&self, address: &str, words: &[&str]) -> Result<Run> {
        let key = self.key("chief");
        self.berth(address, &[&["--operator", &key], words].concat())
    }
}

/// Plays messages to the device.
fn play(device: &Device, messages: &[Vec<u8>]) -> Result<()> {
    let address = device.board.address();
    let path = address.strip_prefix("unix:").context("a socket")?;
    let mut line = UnixStream::connect(path)?;
    line.set_read_timeout(Some(Duration::from_millis(300)))?;
    for message in messages {
        line.write_all(&framed(message))?;
        // What it answers is of no matter; it is read, so that the line does not fill.
        let _ = line.read(&mut [0; 512]);
    }
    Ok(())
}

#[test]
fn who_has_the_line_and_no_key_changes_nothing() -> Result<()> {
    let flash = Flash::with_kernel("operators-kernel.bin")?;
    flash.install("wasm_supervisor")?;
    let device = Device::power_on(&flash)?;
    let (desk, address) = (Desk::new()?, device.board.address());
    let image = desk.0.path().join("it.wasm");
    std::fs::write(&image, wat::parse_str(SLEEPER)?)?;
    let image = image.to_string_lossy();
    let upload = ["upload", &image, "--name", "it"];

    // Before it has its secret nobody changes anything.
    let doctor = desk.berth(&address, &["doctor"])?.stdout;
    ensure!(doctor.contains("no secret yet"), "{doctor}");
    let refused = desk.as_chief(&address, &upload)?.refused()?;
    ensure!(refused.contains("no secret for sessions"), "{refused}");
    let thief = desk.key("thief");
    let refused = desk
        .berth(&address, &["--operator", &thief, "keys", "provision"])?
        .refused()?;
    ensure!(refused.contains("not an operator"), "{refused}");
    desk.as_chief(&address, &["keys", "provision"])?.ok()?;
    let again = desk.as_chief(&address, &["keys", "provision"])?.refused()?;
    ensure!(again.contains("its secret already"), "{again}");

    // Without the key, with a wrong one, at the shell.
    let refused = desk.berth(&address, &upload)?.refused()?;
    ensure!(refused.contains("for operators"), "{refused}");
    let with_thief = [&["--operator", &thief], &upload[..]].concat();
    let refused = desk.berth(&address, &with_thief)?.refused()?;
    ensure!(refused.contains("not an operator"), "{refused}");
    device.board.type_text("reset\r")?;
    device.console("for operators: log in")?;
    desk.berth(&address, &["ps"])?.ok()?;

    // With it; somebody hears all of it.
    let tap = Tap::on(&device, Foe::Hears)?;
    desk.as_chief(&tap.address(), &upload)?.ok()?;
    desk.as_chief(&tap.address(), &["start", "it"])?.ok()?;
    ensure!(device.state("it")? == "running");
    desk.as_chief(&tap.address(), &["stop", "it"])?.ok()?;
    let heard = tap.heard();
    ensure!(heard.len() >= 5, "{} messages in sessions", heard.len());
    play(&device, &heard)?;
    ensure!(device.state("it")? != "running", "started by a replay");

    // Answers in the device's place, and answers without their seal.
    for foe in [Foe::Answers, Foe::TakesSealsOff] {
        let tap = Tap::on(&device, foe)?;
        let run = desk.as_chief(&tap.address(), &["start", "it"])?;
        ensure!(run.code == 5, "{} instead of 5: {}", run.code, run.stderr);
        let _ = desk.as_chief(&address, &["stop", "it"])?;
    }
    let tap = Tap::on(&device, Foe::ChangesABit)?;
    let run = desk.as_chief(&tap.address(), &["start", "it"])?;
    ensure!(run.code != 0, "{}", run.stdout);
    ensure!(device.state("it")? != "running");

    // A session for what follows.
    desk.as_chief(&address, &["login"])?.ok()?;
    desk.berth(&address, &["start", "it"])?.ok()?;
    ensure!(device.state("it")? == "running");
    desk.berth(&address, &["stop", "it"])?.ok()?;
    desk.berth(&address, &["logout"])?.ok()?;
    desk.berth(&address, &["start", "it"])?.refused()?;

    // After a reset nothing of before counts, and the key does.
    desk.as_chief(&address, &["login"])?.ok()?;
    desk.berth(&address, &["reset"])?.ok()?;
    play(&device, &heard)?;
    ensure!(
        device.state("it")? != "running",
        "started by a replay after a reset"
    );
    let over = desk.berth(&address, &["start", "it"])?.refused()?;
    ensure!(over.contains("session is over"), "{over}");
    desk.as_chief(&address, &["start", "it"])?.ok()?;
    ensure!(device.state("it")? == "running");
    Ok(())
}
