//! The emulated board behind a gateway.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Run, guest, program};
use serde_json::Value;
use tempfile::TempDir;

struct Gateway {
    child: Child,
    address: String,
    key: String,
    state: TempDir,
}

impl Gateway {
    /// In front of a device, as `make gateway` does it.
    fn before(device: &Device, words: &[&str]) -> Result<Self> {
        let state = tempfile::tempdir()?;
        let serve = || {
            let mut command = Command::new(program("berth-serve"));
            command.arg("--state").arg(state.path());
            command
        };
        let address = device.board.address();
        let added = serve()
            .args(["device", "add", "board", &address])
            .status()?;
        ensure!(added.success(), "the device cannot be added");
        let mut child = serve()
            .args(["--listen", "127.0.0.1:0"])
            .args(words)
            .stdout(Stdio::piped())
            .spawn()?;
        let said = child.stdout.take().context("no output")?;
        let (mut key, mut address) = (None, None);
        for line in BufReader::new(said).lines() {
            let line = line?;
            if let Some(found) = line.strip_prefix("first key (admin, shown once) ") {
                key = Some(found.to_owned());
            }
            if let Some(found) = line.strip_prefix("listening at ") {
                address = found.split_once("://").map(|(_, place)| place.to_owned());
                break;
            }
        }
        Ok(Self {
            child,
            address: address.context("no address")?,
            key: key.context("no key")?,
            state,
        })
    }

    /// Runs `berth` for the board behind it, which has made its certificate itself.
    fn berth(&self, words: &[&str]) -> Result<Run> {
        let device = format!("https://{}/board", self.address);
        let certificate = self.state.path().join("certificate.pem");
        let variables = [
            ("BERTH_KEY", self.key.as_str()),
            ("BERTH_CERTIFICATE", &certificate.to_string_lossy()),
        ];
        let run = Run::of(&[&["--device", &device], words].concat(), &variables)?;
        let words = words.join(" ");
        Ok(Run { words, ..run })
    }

    fn send(&self, head: &str, kind: &str, body: &[u8]) -> Result<Value> {
        let mut stream = TcpStream::connect(&self.address)?;
        let (address, key, length) = (&self.address, &self.key, body.len());
        let head = format!(
            "{head} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("no answer")?;
        serde_json::from_str(body).with_context(|| answer.clone())
    }

    fn get(&self, path: &str) -> Result<Value> {
        self.send(&format!("GET {path}"), "", b"")
    }

    /// What WASMICO's command line does with a task.
    fn task(&self, verb: &str) -> Result<()> {
        let kind = "application/x-www-form-urlencoded";
        let said = self.send(&format!("POST /task/{verb}"), kind, b"filename=blink.wasm")?;
        ensure!(said["status_code"] == 0, "{verb}: {said}");
        Ok(())
    }

    fn upload(&self) -> Result<()> {
        let mut body = b"--border\r\nContent-Disposition: form-data; name=\"reservedStackSize\"\r\n\r\n10000\r\n\
            --border\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blink.wasm\"\r\n\r\n"
            .to_vec();
        body.extend(std::fs::read(guest("blink"))?);
        body.extend(b"\r\n--border--\r\n");
        let said = self.send(
            "POST /task/upload",
            "multipart/form-data; boundary=border",
            &body,
        )?;
        ensure!(said["status_code"] == 0, "upload: {said}");
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn wasmicos_commands_drive_the_board_through_the_gateway() -> Result<()> {
    let device = Device::boot()?;
    let gateway = Gateway::before(&device, &[])?;
    gateway.upload()?;
    let details = gateway.get("/board/task/details")?;
    ensure!(
        details["files"][0]["filename"] == "/tasks/blink.wasm",
        "{details}"
    );
    ensure!(
        details["files"][0]["reserved_stack_size"] == 10000,
        "{details}"
    );
    gateway.task("start")?;
    let active = gateway.get("/task/active")?;
    ensure!(active["tasks"][0]["paused"] == false, "{active}");
    gateway.task("pause")?;
    // Whoever has the line otherwise sees the same.
    ensure!(device.state("blink.wasm")? == "paused");
    gateway.task("unpause")?;
    gateway.task("stop")?;
    gateway.task("delete")?;
    let heap = gateway.get("/heap")?;
    ensure!(heap["free_heap_size"].as_u64() > Some(100_000), "{heap}");
    ensure!(device.container("blink.wasm")?.is_none());
    Ok(())
}

#[test]
fn berth_says_through_a_gateway_what_it_says_over_the_line() -> Result<()> {
    let device = Device::boot()?;
    let gateway = Gateway::before(&device, &["--tls"])?;
    let blink = guest("blink");
    let blink = blink.to_string_lossy();
    gateway.berth(&["upload", &blink])?.ok()?;
    // What stays the same from one question to the next.
    for words in [
        &["--json", "ps"][..],
        &["--json", "images"],
        &["--json", "exposures"],
        &["images"],
        &["exposures"],
        &["start", "nothing"],
        &["--json", "start", "nothing"],
        &["resume", "blink"],
        &["logs", "blink"],
        &["upload", &blink],
    ] {
        let (through, over) = (gateway.berth(words)?, device.berth(words)?);
        ensure!(through.code == over.code, "{words:?}: {through:?} {over:?}");
        ensure!(
            through.stdout == over.stdout,
            "{words:?}: {through:?} {over:?}"
        );
        ensure!(
            through.stderr == over.stderr,
            "{words:?}: {through:?} {over:?}"
        );
    }
    gateway.berth(&["start", "blink"])?.ok()?;
    ensure!(device.state("blink")? == "running");
    gateway.berth(&["stop", "blink"])?.ok()?;
    gateway.berth(&["rm", "blink"])?.ok()?;
    ensure!(device.container("blink")?.is_none());

    // A certificate that nobody vouches for is none.
    let place = format!("https://{}/board", gateway.address);
    let unknown = Run::of(&["--device", &place, "ps"], &[("BERTH_KEY", &gateway.key)])?;
    ensure!(unknown.code == 3, "{unknown:?}");
    ensure!(unknown.stderr.contains("BERTH_CERTIFICATE"), "{unknown:?}");
    Ok(())
}
