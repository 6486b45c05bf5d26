//! The program as its user sees it: words, tables, JSON, exit codes.

mod support;

use std::process::{Command, Output};
use support::{FakeDevice, Faults};

/// Runs `berth` with these words; gives exit code, standard output and standard error.
fn berth(device: Option<&str>, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.args(words).env_remove("BERTH_DEVICE");
    if let Some(device) = device {
        command.env("BERTH_DEVICE", device);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code().unwrap(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

struct Bench {
    device: FakeDevice,
}

impl Bench {
    fn new() -> Self {
        Self {
            device: FakeDevice::new(Faults::default()),
        }
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.device.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn run(&self, words: &[&str]) -> (i32, String, String) {
        berth(Some(&self.device.address()), words)
    }

    /// It must succeed and say nothing on standard error.
    fn ok(&self, words: &[&str]) -> String {
        let (code, out, err) = self.run(words);
        assert_eq!((code, err.as_str()), (0, ""), "{words:?}: {out}");
        out
    }
}

#[test]
fn a_container_from_upload_to_rm() {
    let bench = Bench::new();
    let file = bench.file("blink.wasm", &[7; 1000]);
    assert_eq!(
        bench.ok(&["upload", &file]),
        "blink uploaded (1000 bytes)\n"
    );
    assert_eq!(
        bench.ok(&["upload", &file]),
        "blink unchanged (1000 bytes)\n"
    );
    assert_eq!(
        bench.ok(&[
            "upload", &file, "--name", "b2", "--limit", "4096", "--share", "5"
        ]),
        "b2 uploaded (1000 bytes)\n"
    );
    assert_eq!(bench.ok(&["start", "blink"]), "blink started\n");
    assert_eq!(
        bench.ok(&["ps"]),
        "NAME   STATE    UPTIME  FUEL  MEMORY  LIMIT  SHARE  IMAGE  BLOCKS\n\
         blink  running   1m01s  1234    9876  16384      1   1000  fpgaio\n\
         b2     stored        -  1234    9876   4096      5   1000  -\n"
    );
    assert_eq!(bench.ok(&["stop", "blink"]), "blink stopped\n");
    assert_eq!(
        bench.ok(&["start", "blink", "b2"]),
        "blink started\nb2 started\n"
    );
    assert_eq!(bench.ok(&["kill", "b2"]), "b2 killed\n");
    assert!(bench.ok(&["showactive"]).contains("faulted(unreachable)"));
    assert_eq!(
        bench.ok(&["rm", "-f", "blink", "b2"]),
        "blink deleted\nb2 deleted\n"
    );
    assert_eq!(
        bench.ok(&["ps"]),
        "NAME  STATE  UPTIME  FUEL  MEMORY  LIMIT  SHARE  IMAGE  BLOCKS\n"
    );
}

#[test]
fn tables_of_the_device() {
    let bench = Bench::new();
    assert_eq!(
        bench.ok(&["exposures"]),
        "LABEL        ACCESS    BYTES  REGISTERS  HELD BY\n\
         fpgaio       mediated     80          1  blink\n\
         uart1        mapped       80          1  (firmware)\n\
         i2c_shield1  mediated     80          1  -\n"
    );
    assert_eq!(
        bench.ok(&["heap"]),
        " TOTAL    FREE  LARGEST FREE  CONTAINERS\n\
         200000  150000        100000         0/8\n"
    );
    assert_eq!(
        bench.ok(&["info"]),
        "board       fake\n\
         kernel      0.1.0\n\
         supervisor  0.1.0\n\
         protocol    2\n\
         up for      1.5s\n\
         memory      150000 of 200000 bytes free, 100000 in one piece\n\
         containers  0 of 8\n"
    );
}

#[test]
fn json_has_stable_keys() {
    let bench = Bench::new();
    let file = bench.file("blink.wasm", &[7; 1000]);
    assert_eq!(
        bench.ok(&["--json", "upload", &file]),
        "{\"bytes\":1000,\"name\":\"blink\",\"result\":\"uploaded\"}\n"
    );
    assert_eq!(
        bench.ok(&["start", "blink", "--json"]),
        "{\"name\":\"blink\",\"result\":\"started\"}\n"
    );
    assert_eq!(
        bench.ok(&["ps", "--json"]),
        "{\"containers\":[{\"blocks\":[{\"access\":\"mediated\",\"label\":\"fpgaio\"}],\
         \"cpu_permille\":250,\"fuel_used\":1234,\"image_bytes\":1000,\"interrupts\":7,\
         \"interrupts_dropped\":1,\"memory_high\":9999,\"memory_limit\":16384,\
         \"memory_used\":9876,\"name\":\"blink\",\"restarts\":2,\"share\":1,\
         \"stack_high\":512,\"state\":\"running\",\
         \"uptime_us\":61000000}]}\n"
    );
    let exposures: serde_json::Value =
        serde_json::from_str(&bench.ok(&["exposures", "--json"])).unwrap();
    assert_eq!(exposures["exposures"][0]["holder"]["container"], "blink");
    assert_eq!(exposures["exposures"][2]["holder"], "free");
    let heap: serde_json::Value = serde_json::from_str(&bench.ok(&["heap", "--json"])).unwrap();
    assert_eq!(heap["heap"]["largest_free"], 100_000);
    let info: serde_json::Value = serde_json::from_str(&bench.ok(&["info", "--json"])).unwrap();
    assert_eq!(info["device"]["board"], "fake");
    let logs = bench.ok(&["logs", "blink", "--json"]);
    let line: serde_json::Value = serde_json::from_str(logs.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["sequence"], &line["text"]),
        (&2.into(), &"two".into())
    );
}

#[test]
fn logs_cannot_control_the_terminal_and_tell_what_is_gone() {
    let bench = Bench::new();
    bench.ok(&["upload", &bench.file("blink.wasm", b"x")]);
    assert_eq!(
        bench.ok(&["logs", "blink"]),
        "(2 older lines were dropped)\n\
         \x20    2.000 info  two\n\
         \x20    3.000 info  three \\u{1b}[2J\n\
         \x20    4.001 info  four\n"
    );
}

#[test]
fn a_refusal_is_exit_1_and_names_everything_missing() {
    let bench = Bench::new();
    bench.ok(&["upload", &bench.file("bad.wasm", b"MISSING")]);
    let (code, out, err) = bench.run(&["start", "bad"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        err,
        "error: bad: 3 imports are not available on this device\n\
         \x20 mmio:flash claim: not exposed by this board\n\
         \x20 env malloc: no such module\n\
         \x20 berth fly: no such function in this module\n\
         hint: `berth exposures` lists what this device offers\n"
    );
    let (code, _, err) = bench.run(&["start", "bad", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!(
        (code, &error["error"]["code"]),
        (1, &"missing-imports".into())
    );
    assert_eq!(error["error"]["missing"][2]["name"], "fly");
}

#[test]
fn each_bad_input_has_its_own_error() {
    let bench = Bench::new();
    let refused = |words: &[&str]| {
        let words = [words, &["--json"]].concat();
        let (code, _, err) = bench.run(&words);
        let error: serde_json::Value = serde_json::from_str(&err).unwrap();
        assert_eq!(code, 1, "{err}");
        error["error"]["code"].as_str().unwrap().to_owned()
    };
    let good = bench.file("good.wasm", b"good");
    bench.ok(&["upload", &good]);
    assert_eq!(
        refused(&["upload", &bench.file("other.wasm", b"?"), "--name", "good"]),
        "name-taken"
    );
    assert_eq!(
        refused(&["upload", &bench.file("i.wasm", b"INVALID")]),
        "invalid-module"
    );
    assert_eq!(
        refused(&["upload", &bench.file("large.wasm", &vec![1; 100_001])]),
        "too-large"
    );
    assert_eq!(refused(&["start", "nobody"]), "unknown-name");
    assert_eq!(refused(&["stop", "good"]), "wrong-state");
    // The good one is as it was, and is started although another name is wrong.
    let (code, out, err) = bench.run(&["start", "nobody", "good"]);
    assert_eq!((code, out.as_str()), (1, "good started\n"));
    assert!(err.contains("nobody"), "{err}");
}

#[test]
fn usage_errors_are_exit_2() {
    let bench = Bench::new();
    for words in [
        &["fly"][..],
        &["start"],
        &["upload"],
        &["upload", "/no/such/file.wasm"],
        &["upload", &bench.file("-x.wasm", b"")],
        &["upload", &bench.file("ok.wasm", b""), "--share", "0"],
        &["ps", "-d", "nonsense"],
        &[],
    ] {
        let (code, out, err) = bench.run(words);
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}");
        assert!(!err.is_empty());
    }
}

#[test]
fn no_device_is_exit_3_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = format!("unix:{}", folder.path().join("nobody").display());
    for device in [
        None,
        Some(""),
        Some(&nobody[..]),
        Some("tcp:127.0.0.1:1"),
        Some("/dev/no-such-tty"),
    ] {
        let (code, out, err) = berth(device, &["ps"]);
        assert_eq!((code, out.as_str()), (3, ""), "{device:?}: {err}");
        assert!(err.contains("hint: "), "{device:?}: {err}");
    }
}

#[test]
fn a_second_program_on_the_line_is_told_by_whom_it_is_used() {
    let bench = Bench::new();
    let address = bench.device.address().parse().unwrap();
    let _lock = berth::LineLock::take(&address).unwrap();
    let (code, _, err) = bench.run(&["ps"]);
    assert_eq!(code, 3);
    assert!(
        err.contains("in use by") && err.contains(&std::process::id().to_string()),
        "{err}"
    );
}

#[test]
fn serial_ports_and_tcp_work_like_sockets() {
    let (port, _open) = support::serial_device(Faults::default());
    let folder = tempfile::tempdir().unwrap();
    // Every byte value, so that a port that translates any is found out.
    let image: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let file = folder.path().join("all.wasm");
    std::fs::write(&file, &image).unwrap();
    for device in [
        port.to_string_lossy().into_owned(),
        support::tcp_device(Faults::default()),
    ] {
        let (code, out, err) = berth(Some(&device), &["upload", &file.to_string_lossy()]);
        assert_eq!(
            (code, out.as_str()),
            (0, "all uploaded (5000 bytes)\n"),
            "{err}"
        );
        let (code, out, err) = berth(Some(&device), &["ps", "--json"]);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("\"image_bytes\":5000"), "{out}");
    }
}

#[test]
fn a_silent_device_is_exit_4() {
    let device = FakeDevice::new(Faults {
        silent: true,
        ..Faults::default()
    });
    let (code, _, err) = berth(Some(&device.address()), &["ps", "--timeout", "1"]);
    assert_eq!(code, 4, "{err}");
}

#[test]
fn a_damaged_upload_is_exit_5() {
    let device = FakeDevice::new(Faults {
        bad_hash: true,
        ..Faults::default()
    });
    let file = device.folder.path().join("x.wasm");
    std::fs::write(&file, b"x").unwrap();
    let (code, _, err) = berth(
        Some(&device.address()),
        &["upload", &file.to_string_lossy()],
    );
    assert_eq!(code, 5, "{err}");
}

#[test]
fn help_names_every_verb() {
    let (code, out, _) = berth(None, &["--help"]);
    assert_eq!(code, 0);
    for verb in [
        "upload",
        "start",
        "stop",
        "kill",
        "rm",
        "ps",
        "logs",
        "exposures",
        "info",
        "heap",
        "console",
    ] {
        assert!(out.contains(&format!("\n  {verb} ")), "{verb}: {out}");
    }
}
