//! The program as its user sees it: words, tables, JSON, exit codes.

mod support;

use berth_protocol::{Level, Parameters, Restart, Service};
use rustix::termios::ControlModes;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
    time::Duration,
};
use support::{
    Faults,
    run::{Bench, berth, command, read_until, terminal},
    serial_device,
};

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
    assert_eq!(bench.ok(&["ps"]).lines().count(), 1);
}

#[test]
fn every_parameter_reaches_the_device() {
    let bench = Bench::new();
    let file = bench.file("a.wasm", b"a");
    let words = [
        "upload",
        &file,
        "--stack",
        "4K",
        "--memory",
        "8192",
        "--limit",
        "1M",
        "--share",
        "5",
        "--restart",
        "always",
        "--backoff",
        "250",
        "--boot",
        "false",
        "--log-level",
        "debug",
        "--service",
        "10:5000",
        "--writes",
        "30",
    ];
    bench.ok(&words);
    let parameters = |name| bench.device.memory.lock().unwrap().parameters(name);
    let expected = Parameters {
        writes: Some(30),
        stack: Some(4096),
        memory: Some(8192),
        limit: Some(1 << 20),
        share: Some(5),
        restart: Some(Restart::Always { backoff_ms: 250 }),
        boot: Some(false),
        log_level: Some(Level::Debug),
        service: Some(Service {
            period_ms: 10,
            budget: 5000,
        }),
    };
    assert_eq!(parameters("a"), Some(expected));
    // What is not named stays.
    bench.ok(&["edit", "a", "--share", "6", "--boot", "--restart", "no"]);
    let expected = Parameters {
        share: Some(6),
        boot: Some(true),
        restart: Some(Restart::No),
        ..expected
    };
    assert_eq!(parameters("a"), Some(expected));
}

/// A configuration is longer than a request, and travels with what needs it.
#[test]
fn a_configuration_is_set_changed_and_shown() {
    let bench = Bench::new();
    let file = bench.file("app.wasm", &[7; 100]);
    let long = format!("long={}", "x".repeat(400));
    let set = ["--set", "period_ms=500", "--set", &long, "--values", "8K"];
    bench.ok(&[&["upload", &file][..], &set].concat());
    let shown = |word: &str| {
        let text = bench.ok(&["inspect", "app"]);
        text.lines().any(|line| line.trim_end().ends_with(word))
    };
    assert!(shown("period_ms=500") && shown(&long));
    assert!(shown("3 named values, 120 of 8192 bytes"));
    // The same is not sent again; another is another container's.
    assert!(
        bench
            .ok(&[&["upload", &file][..], &set].concat())
            .contains("unchanged")
    );
    let other = bench.run(&["upload", &file, "--set", "period_ms=501"]);
    assert_eq!(other.0, 1, "{other:?}");
    bench.ok(&["edit", "app", "--set", "period_ms=20", "--unset", "long"]);
    assert!(shown("period_ms=20") && !shown(&long));
    let json: serde_json::Value =
        serde_json::from_str(&bench.ok(&["--json", "inspect", "app"])).unwrap();
    let container = &json["container"];
    assert_eq!(
        container["configuration"],
        serde_json::json!({ "period_ms": "20" })
    );
    let values = serde_json::json!({ "count": 3, "bytes": 120, "limit": 8192, "chosen": 8192 });
    assert_eq!(container["values"], values);
    // A running one, and by `run`.
    bench.ok(&["run", &file, "--set", "period_ms=7"]);
    bench.ok(&["run", &bench.file("app.wasm", &[8; 100]), "--set", "a=1"]);
    assert!(shown("period_ms=7") && shown("a=1"));
    // What cannot be is told before the device is asked.
    let executed = || bench.device.memory.lock().unwrap().executed.len();
    let before = executed();
    for words in [
        &["--set", "period"][..],
        &["--set", "a b=1"],
        &["--set", "=1"],
        &["--set", "a=1", "--set", "a=2"],
        &["--set", "a=1", "--unset", "a"],
        &["--set", &format!("a={}", "x".repeat(510))],
        &["--set", &long, "--set", &long.replace("long", "more")],
        &["--values", "17K"],
    ] {
        let (code, _, said) = bench.run(&[&["edit", "app"], words].concat());
        assert_eq!(code, 2, "{words:?}: {said}");
    }
    assert_eq!(executed(), before);
}

/// What an author wishes is said, and granted within the operator's bounds.
#[test]
fn an_authors_wishes_are_said_and_bounded() {
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x04\x01\x02\0\x0b";
    let options = berth_pack::Options {
        name: "greedy".to_owned(),
        share: Some(100),
        restart: Some(Restart::Always { backoff_ms: 0 }),
        ..berth_pack::Options::default()
    };
    let package = berth_pack::pack(MODULE, &options).unwrap().image;
    let bench = Bench::new();
    let file = bench.file("greedy.berth", &package);
    let parameters = |name: &str| {
        let memory = bench.device.memory.lock().unwrap();
        let found = memory.parameters(name).unwrap();
        (found.share, found.restart)
    };
    let limited = Some(Restart::OnFailure {
        limit: 5,
        backoff_ms: 500,
    });
    let always = Some(Restart::Always { backoff_ms: 0 });
    for (name, words, expected, said) in [
        (
            "bounded",
            &[][..],
            (Some(50), limited),
            "share 100 (gets 50)",
        ),
        (
            "all",
            &["--wishes", "all"],
            (Some(100), always),
            "share 100, restart always",
        ),
        (
            "none",
            &["--wishes", "none"],
            (None, None),
            "share 100 (not granted)",
        ),
        (
            "chosen",
            &["--share", "70", "--restart", "no"],
            (Some(70), Some(Restart::No)),
            "",
        ),
    ] {
        let words = [&["upload", &file, "--name", name], words].concat();
        let (code, _, err) = bench.run(&words);
        assert_eq!(code, 0, "{err}");
        assert!(err.contains(said), "{name}: {err}");
        assert_eq!(err.contains("wishes"), !said.is_empty(), "{name}: {err}");
        assert_eq!(parameters(name), expected, "{name}");
    }
}

#[test]
fn wasmicos_scripts_find_their_keys() {
    let bench = Bench::new();
    let file = bench.file("task.wasm", b"task");
    let json = |words: &[&str]| -> serde_json::Value {
        serde_json::from_str(&bench.ok(&[words, &["--json"]].concat())).unwrap()
    };
    // The command line of its paper, and its names of tasks.
    let (code, answer, note) = bench.run(&["upload", &file, "10000", "65536", "4096", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((code, &answer["status_code"]), (0, &0.into()));
    assert!(note.starts_with("note: task.wasm: MEMORY_LIMIT "), "{note}");
    json(&["start", "task.wasm"]);
    json(&["pause", "task.wasm"]);
    let active = json(&["showactive"]);
    assert_eq!(active["tasks"][0]["filename"], "task.wasm");
    assert_eq!(active["tasks"][0]["paused"], true);
    let details = json(&["details"]);
    let file = &details["files"][0];
    assert_eq!(file["filename"], "task.wasm");
    assert_eq!(file["reserved_stack_size"], 10_000);
    assert_eq!(file["reserved_initial_memory"], 65_536);
    assert!(file["memory_limit"].is_null());
    json(&["edit", "task.wasm", "--limit", "40K"]);
    assert_eq!(json(&["details"])["files"][0]["memory_limit"], 40_960);
    let (code, _, note) = bench.run(&["edit", "task.wasm", "10000", "65536", "4096"]);
    assert!(code == 0 && note.contains("MEMORY_LIMIT"), "{note}");
    let heap = json(&["heap"]);
    assert_eq!(heap["free_heap_size"], 150_000);
    assert_eq!(heap["largest_free_block_size"], 100_000);
    let (code, _, err) = bench.run(&["start", "nobody", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!((code, &error["status_code"]), (1, &1.into()));
    assert!(error["message"].is_string());
}

#[test]
fn logs_cannot_control_the_terminal_and_tell_what_is_gone() {
    let bench = Bench::new();
    bench.ok(&["upload", &bench.file("blink.wasm", b"x")]);
    assert_eq!(
        bench.ok(&["logs", "blink"]),
        "(2 older lines were dropped: the device keeps the newest 768 bytes of a log, and takes 50 lines a second)\n\
         \x20    2.000 info  two\n\
         \x20    3.000 info  three \\u{1b}[2J\n\
         \x20    4.001 info  four\n"
    );
}

/// One line more for each that is read; what there was when it was asked are six.
#[test]
fn logs_of_a_container_that_never_stops_talking_end() {
    let bench = Bench::new();
    bench.ok(&["upload", &bench.file("chatty.wasm", b"x")]);
    assert_eq!(bench.ok(&["logs", "chatty"]).lines().count(), 6);
    assert_eq!(
        bench.ok(&["logs", "chatty", "--tail", "2"]).lines().count(),
        2
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
    // A file of another kind is called by what it is.
    let (code, _, err) = bench.run(&["upload", &bench.file("lib.rs", b"INVALID")]);
    assert_eq!(code, 1);
    assert!(
        err.contains("lib.rs is text, and no WebAssembly module"),
        "{err}"
    );
    let (code, _, err) = bench.run(&["upload", "/"]);
    assert_eq!(code, 2);
    assert!(err.contains("in the folder of a project"), "{err}");
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
        &["ps", "-d", "host:http"],
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
        let (code, out, err) = berth(folder.path(), device, &["ps"]);
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
        let upload = ["upload", &*file.to_string_lossy()];
        let (code, out, err) = berth(folder.path(), Some(&device), &upload);
        assert_eq!(
            (code, out.as_str()),
            (0, "all uploaded (5000 bytes)\n"),
            "{err}"
        );
        let (code, out, err) = berth(folder.path(), Some(&device), &["ps", "--json"]);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("\"image_bytes\":5000"), "{out}");
    }
}

#[test]
fn a_silent_device_is_exit_4() {
    let bench = Bench::with(Faults {
        silent: true,
        ..Faults::default()
    });
    let (code, _, err) = bench.run(&["ps", "--timeout", "1"]);
    assert_eq!(code, 4, "{err}");
}

#[test]
fn an_image_comes_back_and_replaces_no_file_that_nobody_named() {
    let bench = Bench::new();
    let image: Vec<u8> = (0..1000_u32).map(|n| n as u8).collect();
    bench.ok(&["upload", &bench.file("blink.wasm", &image)]);
    assert_eq!(
        bench.ok(&["images", "--save", "blink"]),
        "blink saved as blink.berth (1000 bytes)\n"
    );
    let home = bench.home();
    assert_eq!(fs::read(home.join("blink.berth")).unwrap(), image);
    let (code, _, err) = bench.run(&["images", "--save", "blink"]);
    assert!(
        code == 2 && err.contains("cannot save blink.berth"),
        "{err}"
    );
    fs::write(home.join("named"), "old").unwrap();
    bench.ok(&["images", "--save", "blink", "-o", "named"]);
    assert_eq!(fs::read(home.join("named")).unwrap(), image);
    // To standard output goes the image and nothing else.
    let output = command(home)
        .env("BERTH_DEVICE", bench.device.address())
        .args(["images", "--save", "blink", "-o", "-"])
        .output()
        .unwrap();
    assert_eq!((output.stdout, output.stderr), (image.clone(), vec![]));
    assert!(output.status.success() && !home.join("-").exists());
    let (code, _, err) = bench.run(&["--json", "images", "--save", "blink", "-o", "-"]);
    assert!(code == 2 && err.contains("no JSON beside it"), "{err}");
    // Names are exact here, too.
    let (code, _, err) = bench.run(&["images", "--save", "blink.wasm"]);
    assert!(
        code == 1 && err.contains("no container of this name"),
        "{err}"
    );
}

/// Where the room ends in the middle of a file, what was there is still there, and nothing where there was nothing.
#[test]
fn an_image_that_does_not_fit_where_it_is_saved_leaves_no_half_of_it() {
    let bench = Bench::new();
    bench.ok(&["upload", &bench.file("blink.wasm", &[7; 100_000])]);
    let home = bench.home();
    fs::write(home.join("named"), "old").unwrap();
    let before = fs::read_dir(home).unwrap().count();
    for words in [
        &["images", "--save", "blink"][..],
        &["images", "--save", "blink", "-o", "named"],
    ] {
        // No file of more than 16 KiB, which is told as it is for a disk that is full.
        let output = std::process::Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_berth"))
            .args(words)
            .envs([
                ("BERTH_DEVICE", bench.device.address().as_str()),
                ("BERTH_SEARCH", "no"),
            ])
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_RUNTIME_DIR", home)
            .current_dir(home)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("cannot save"), "{error}");
    }
    assert!(!home.join("blink.berth").exists());
    assert_eq!(fs::read_to_string(home.join("named")).unwrap(), "old");
    assert_eq!(fs::read_dir(home).unwrap().count(), before);
}

#[test]
fn a_number_that_is_none_is_told_what_one_is() {
    let bench = Bench::new();
    for (words, told) in [
        (
            &["edit", "x", "--share", "1O1"][..],
            "'--share <N>': not a whole number from 1 to 100",
        ),
        (
            &["edit", "x", "--writes", "-5"],
            "'--writes <N>': not a whole number from 0 to 65535",
        ),
        (
            &["edit", "x", "--stack", "-5"],
            "'--stack <BYTES>': not a whole number; bytes are",
        ),
        (
            &["logs", "x", "-n", "ten"],
            "'--tail <LINES>': not a whole number from 0 to 4294967295",
        ),
        (
            &["logs", "x", "--since", "yesterday"],
            "'--since <TIME>': not a length of time, such as 30s, 5m or 2h",
        ),
        (
            &["logs", "x", "--since", "-5m"],
            "'--since <TIME>': not a length of time",
        ),
        (
            &["ps", "--timeout", "0"],
            "'--timeout <SECONDS>': not a whole number from 1 to 65535",
        ),
    ] {
        let (code, _, err) = bench.run(words);
        assert!(code == 2 && err.contains(told), "{err}");
    }
}

#[test]
fn an_image_that_arrives_changed_is_exit_5_and_no_file() {
    let bench = Bench::new();
    bench.ok(&["upload", &bench.file("blink.wasm", b"image")]);
    let memory = std::mem::take(&mut *bench.device.memory.lock().unwrap());
    let bench = Bench::with(Faults {
        bad_hash: true,
        ..Faults::default()
    });
    *bench.device.memory.lock().unwrap() = memory;
    let (code, _, err) = bench.run(&["images", "--save", "blink"]);
    assert_eq!(code, 5, "{err}");
    assert!(!bench.home().join("blink.berth").exists());
}

#[test]
fn a_reset_is_done_once_however_often_it_is_asked_for() {
    let bench = Bench::with(Faults {
        lose_answer: Some(2),
        ..Faults::default()
    });
    assert_eq!(bench.ok(&["reset"]), "fake reset\n");
    let executed = bench.device.memory.lock().unwrap().executed.clone();
    assert_eq!(executed, ["Hello", "Reset", "Hello"]);
}

#[test]
fn a_damaged_upload_is_exit_5() {
    let bench = Bench::with(Faults {
        bad_hash: true,
        ..Faults::default()
    });
    let (code, _, err) = bench.run(&["upload", &bench.file("x.wasm", b"x")]);
    assert_eq!(code, 5, "{err}");
}

#[test]
fn while_one_follows_the_log_others_are_served() {
    let bench = Bench::new();
    bench.ok(&["upload", &bench.file("blink.wasm", b"x")]);
    let mut follower = command(bench.home())
        .args(["logs", "-f", "blink", "--device", &bench.device.address()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    std::io::Read::read_exact(follower.stdout.as_mut().unwrap(), &mut first).unwrap();
    bench.ok(&["start", "blink"]);
    assert!(bench.ok(&["ps"]).contains("running"));
    follower.kill().unwrap();
    follower.wait().unwrap();
    // What it left behind disturbs nobody.
    assert!(bench.ok(&["ps"]).contains("running"));
    assert!(bench.ok(&["logs", "blink"]).contains("four"));
}

#[test]
fn who_follows_a_log_goes_on_when_the_container_is_replaced_by_its_next() {
    let bench = Bench::new();
    let file = bench.file("app.wasm", &[7; 100]);
    bench.ok(&["run", &file]);
    let address = bench.device.address();
    let mut follower = command(bench.home());
    let mut follower = follower
        .args(["logs", "-f", "app"])
        .env("BERTH_DEVICE", &address)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut said = BufReader::new(follower.stderr.take().unwrap()).lines();
    let mut until_four = || shown.find(|line| line.as_ref().unwrap().ends_with("four"));
    assert!(until_four().is_some());
    assert_eq!(bench.run(&["rm", "-f", "app"]).0, 0);
    let gone = said.next().unwrap().unwrap();
    assert!(gone.contains("the container is gone"), "{gone}");
    assert_eq!(bench.run(&["run", &file]).0, 0);
    assert!(until_four().is_some());
    follower.kill().unwrap();
    follower.wait().unwrap();
    // Whom it never found is an error.
    assert_eq!(bench.run(&["logs", "-f", "nobody"]).0, 1);
}

#[test]
fn scan_finds_a_configured_device_and_a_shared_line() {
    let bench = Bench::new();
    let silent = Bench::with(Faults {
        silent: true,
        ..Faults::default()
    });
    bench.ok(&["config", "mine", &bench.device.address()]);
    bench.ok(&["config", "mute", &silent.device.address()]);
    let found = |words: &[&str]| -> Vec<serde_json::Value> {
        let value: serde_json::Value = serde_json::from_str(&bench.ok(words)).unwrap();
        let places = value["found"].as_array().unwrap();
        let known = |place: &&serde_json::Value| place["name"].is_string();
        places.iter().filter(known).cloned().collect()
    };
    let places = found(&["scan", "--json"]);
    assert_eq!(places[0]["name"], "mine");
    assert_eq!(places[0]["device"]["board"], "fake");
    assert_eq!(places[1]["name"], "mute");
    assert_eq!(places[1]["error"]["code"], "timed-out");
    let places = found(&["scan", "--list", "--json"]);
    assert_eq!(places.len(), 2);
    assert!(places[0]["device"].is_null() && places[0]["error"].is_null());
    let table = bench.ok(&["scan"]);
    assert!(table.contains("mine") && table.contains("ok"), "{table}");
    // However it is written it is the same line.
    let otherwise = bench.device.address().replacen("unix:", "unix:/tmp/..", 1);
    let places = found(&["scan", "--json", &otherwise]);
    assert_eq!(places.len(), 2, "{places:?}");
    assert_eq!(places[0]["address"], *otherwise);
    assert_eq!(places[0]["name"], "mine");
}

#[test]
fn an_upload_that_is_interrupted_harms_nothing_and_goes_on() {
    let bench = Bench::with(Faults {
        delay: Duration::from_millis(5),
        ..Faults::default()
    });
    bench.ok(&["upload", &bench.file("old.wasm", b"old")]);
    let image: Vec<u8> = (0..=255).cycle().take(30_000).collect();
    let file = bench.file("big.wasm", &image);
    let upload = || {
        command(bench.home())
            .args(["upload", &file, "--device", &bench.device.address()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let parts = || {
        let memory = bench.device.memory.lock().unwrap();
        memory
            .executed
            .iter()
            .filter(|op| *op == "UploadChunk")
            .count()
    };
    let mut first = upload();
    while parts() < 20 {
        std::thread::sleep(Duration::from_millis(1));
    }
    // As Ctrl-C does.
    let id = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert!(!first.wait().unwrap().success());
    let sent = parts();
    // The device is as it was, and another program has the line at once.
    let list = bench.ok(&["ps", "--json"]);
    assert!(list.contains("old") && !list.contains("big"), "{list}");
    assert!(upload().wait().unwrap().success());
    assert_eq!(
        bench.device.memory.lock().unwrap().image("big").unwrap(),
        image
    );
    // Only the rest was sent: of 134 parts at most one twice.
    assert!(parts() <= 135 && sent >= 20, "{sent} of {}", parts());
}

#[test]
fn completions_offer_containers_and_devices() {
    let bench = Bench::new();
    bench.ok(&["upload", &bench.file("blink.wasm", b"x")]);
    bench.ok(&["config", "roof", "gateway.example:4000"]);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = bench.ok(&["completions", shell]);
        assert!(script.contains("COMPLETE"), "{shell}: {script}");
        // As a file of its functions zsh reads it at the first tab, which is to be answered as the second one.
        let answers = "_clap_dynamic_completer_berth \"$@\"";
        let defines = "function _clap_dynamic_completer_berth()";
        let is_whole = script.contains(defines) && script.contains(answers);
        assert_eq!(shell == "zsh", is_whole, "{shell}: {script}");
    }
    let offered = |words: &[&str]| {
        let output = command(bench.home())
            .env("BERTH_DEVICE", bench.device.address())
            .env("COMPLETE", "fish")
            .arg("--")
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let verbs = offered(&["berth", "show"]);
    assert!(verbs.contains("showactive"), "{verbs}");
    let containers = offered(&["berth", "start", ""]);
    assert!(containers.contains("blink"), "{containers}");
    let devices = offered(&["berth", "select", ""]);
    assert!(devices.contains("roof"), "{devices}");
    let devices = offered(&["berth", "--device", "r"]);
    assert!(devices.contains("roof"), "{devices}");
}

#[test]
fn an_upload_shows_its_progress_only_on_a_terminal() {
    let bench = Bench::with(Faults {
        delay: Duration::from_millis(5),
        ..Faults::default()
    });
    let file = bench.file("big.wasm", &vec![7; 30_000]);
    let (mut person, end) = terminal();
    let mut upload = command(bench.home())
        .args(["upload", &file, "--device", &bench.device.address()])
        .stdout(Stdio::null())
        .stderr(end)
        .spawn()
        .unwrap();
    let shown = read_until(&mut person, "/29.30 KiB");
    assert!(
        shown.contains("big [") && shown.contains("/29.30 KiB"),
        "{shown}"
    );
    assert!(upload.wait().unwrap().success());
    // `ok` wants an empty standard error.
    bench.ok(&["upload", &file]);
}

#[test]
fn the_end_of_a_pseudo_terminal_is_an_end_for_the_test_and_for_berth() {
    let (mut person, mut end) = terminal();
    end.write_all(b"last words").unwrap();
    drop(end);
    assert_eq!(read_until(&mut person, "never said"), "last words");

    let faults = Faults {
        close_after: Some(1),
        ..Faults::default()
    };
    let bench = Bench::new();
    let (port, keep_open) = serial_device(faults);
    let port = port.to_string_lossy();
    let (code, _, said) = berth(bench.home(), Some(&port), &["ps"]);
    drop(keep_open);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("closed by the other side"), "{said}");
}

/// DTR is wired to reset on many boards, and the system takes it down at the last closing unless told not to.
#[test]
fn no_command_makes_the_system_reset_a_board_when_the_port_is_closed() {
    let bench = Bench::new();
    let (port, keep_open) = serial_device(Faults::default());
    let settings = || {
        let port = std::fs::File::open(&port).unwrap();
        rustix::termios::tcgetattr(&port).unwrap()
    };
    let mut usual = settings();
    usual.control_modes |= ControlModes::HUPCL;
    let now = rustix::termios::OptionalActions::Now;
    rustix::termios::tcsetattr(std::fs::File::open(&port).unwrap(), now, &usual).unwrap();
    assert!(settings().control_modes.contains(ControlModes::HUPCL));
    let device = port.to_string_lossy().into_owned();
    for words in [
        &["ps"][..],
        &["scan", &device],
        &["logs", "nobody"],
        &["info"],
    ] {
        berth(bench.home(), Some(&device), words);
        assert!(
            !settings().control_modes.contains(ControlModes::HUPCL),
            "{words:?}"
        );
    }
    drop(keep_open);
}

#[test]
fn a_port_that_another_program_has_is_refused_with_its_name() {
    let bench = Bench::new();
    let (port, keep_open) = serial_device(Faults::default());
    let device = port.to_string_lossy().into_owned();
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .stdin(std::fs::File::open(&port).unwrap())
        .spawn()
        .unwrap();
    let (code, _, said) = berth(bench.home(), Some(&device), &["ps"]);
    assert_eq!(code, 3, "{said}");
    let expected = format!("{device} is in use by sleep (process {})", other.id());
    assert!(said.contains(&expected), "{said}");
    other.kill().unwrap();
    other.wait().unwrap();
    let (code, _, said) = berth(bench.home(), Some(&device), &["ps"]);
    assert_eq!(code, 0, "{said}");
    drop(keep_open);
}

#[test]
fn the_only_device_that_answers_is_taken_and_several_never() {
    let bench = Bench::new();
    let others = [Bench::new(), Bench::new()];
    others[0].ok(&["upload", &others[0].file("blink.wasm", b"x")]);
    // No list of devices, and nothing that shares a line: nobody is there.
    let command_alone = || {
        let mut command = command(bench.home());
        command
            .env("BERTH_SEARCH", "lines")
            .env("TMPDIR", bench.home());
        command
    };
    let alone = |words: &[&str]| {
        let output = command_alone().args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), said)
    };
    let offers = || {
        let mut command = command_alone();
        command.env("COMPLETE", "fish").arg("--");
        let output = command.args(["berth", "start", ""]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains("blink")
    };
    assert_eq!(alone(&["ps"]).0, 3);
    assert!(!offers());
    // A console shares the line of one, then of another.
    let mut consoles = Vec::new();
    for (count, other) in others.iter().enumerate() {
        let (mut person, end) = terminal();
        let console = command(bench.home())
            .env("TMPDIR", bench.home())
            .args(["console", "--device", &other.device.address()])
            .stdin(end.try_clone().unwrap())
            .stdout(Stdio::null())
            .stderr(end.try_clone().unwrap())
            .spawn()
            .unwrap();
        let shown = read_until(&mut person, "Other terminals");
        assert!(shown.contains("Other terminals"), "{shown}");
        consoles.push((console, person, end));
        let (code, said) = alone(&["ps"]);
        if count == 0 {
            assert_eq!((code, said.as_str()), (0, ""));
            // Who asks what is wrong is told of the same device.
            assert_eq!(alone(&["doctor"]), (0, String::new()));
            // A shell offers the names of its containers.
            assert!(offers());
        } else {
            assert!(!offers());
            assert_eq!(code, 3);
            assert!(said.contains("which device?"), "{said}");
        }
    }
    for (mut console, ..) in consoles {
        console.kill().unwrap();
        console.wait().unwrap();
    }
}

#[test]
fn nothing_is_guessed_where_something_is_deleted_or_stopped() {
    let bench = Bench::new();
    let file = bench.file("prog.wasm", &[7; 100]);
    bench.ok(&["upload", &file]);
    bench.ok(&["start", "prog.wasm"]);
    for words in [
        &["stop", "prog.wasm"][..],
        &["kill", "prog.wasm"],
        &["pause", "prog.wasm"],
        &["restart", "prog.wasm"],
        &["edit", "prog.wasm", "--share", "3"],
        &["rm", "-f", "prog.wasm"],
        &["delete", "prog.berth"],
    ] {
        let (code, _, said) = bench.run(words);
        assert_eq!(code, 1, "{words:?}");
        assert!(said.contains("no container of this name"), "{said}");
        assert!(said.contains("names are exact"), "{said}");
    }
    assert!(bench.ok(&["ps"]).contains("running"));
    // One of exactly this name is meant, also where the other would do.
    bench.ok(&["upload", &file, "10000", "65536"]);
    bench.ok(&["stop", "prog"]);
    assert_eq!(bench.ok(&["start", "prog.wasm"]), "prog.wasm started\n");
    assert_eq!(bench.ok(&["rm", "-f", "prog.wasm"]), "prog.wasm deleted\n");
    let left = bench.ok(&["ps"]);
    assert!(
        left.contains("prog ") && !left.contains("prog.wasm"),
        "{left}"
    );
}

#[test]
fn run_replaces_what_is_there_and_leaves_nothing_that_was_refused() {
    let bench = Bench::new();
    let file = bench.file("app.wasm", &[7; 100]);
    assert_eq!(bench.ok(&["run", &file]), "app started (100 bytes)\n");
    assert_eq!(bench.ok(&["run", &file]), "app runs already (100 bytes)\n");
    bench.ok(&["stop", "app"]);
    assert_eq!(bench.ok(&["run", &file]), "app started again (100 bytes)\n");
    bench.file("app.wasm", &[8; 120]);
    assert_eq!(bench.ok(&["run", &file]), "app replaced (120 bytes)\n");
    bench.ok(&["stop", "app"]);
    bench.file("app.wasm", &[9; 130]);
    assert_eq!(
        bench.ok(&["run", &file]),
        "app replaced and started (130 bytes)\n"
    );
    let bad = bench.file("bad.wasm", b"MISSING");
    let (code, _, said) = bench.run(&["run", &bad]);
    assert_eq!(code, 1, "{said}");
    assert!(!bench.ok(&["ps"]).contains("bad"));

    // To its end, and with its exit code; deleted then if that was asked for.
    let ends = bench.file("ends.wasm", b"EXITS");
    let (code, out, note) = bench.run(&["run", "-f", &ends]);
    assert_eq!(code, 7, "{out}{note}");
    assert!(note.contains("ends exited(7)"), "{note}");
    let (code, out, _) = bench.run(&["wait", "ends"]);
    assert_eq!((code, out.as_str()), (7, "ends exited(7)\n"));
    assert_eq!(bench.run(&["run", "--rm", &ends]).0, 7);
    assert!(!bench.ok(&["ps"]).contains("ends"));
    // Once more: what the last run wrote is not of this one.
    assert_eq!(bench.run(&["run", &ends]).0, 0);
    let (code, out, note) = bench.run(&["run", "-f", &ends]);
    assert_eq!(
        (code, out.as_str()),
        (7, "ends started again (5 bytes)\n"),
        "{note}"
    );
    let (code, _, said) = bench.run(&["wait", "--at-most", "1", "app"]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("app has not ended (running)"), "{said}");
    assert!(
        said.contains("berth stop") && !said.contains("doctor"),
        "{said}"
    );
}

#[test]
fn run_keeps_where_a_paused_one_stands_and_says_what_to_do() {
    let bench = Bench::new();
    let file = bench.file("app.wasm", &[7; 100]);
    let other = bench.file("other.wasm", &[8; 100]);
    bench.ok(&["run", &file]);
    bench.ok(&["pause", "app"]);
    for words in [&["run", &file][..], &["run", &other, "--name", "app"]] {
        let (code, _, said) = bench.run(words);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("the container is paused"), "{said}");
        assert!(
            said.contains("berth resume") && !said.contains("--if-needed"),
            "{said}"
        );
        assert!(bench.ok(&["ps"]).contains("paused"));
    }
    bench.ok(&["resume", "app"]);
    assert_eq!(bench.ok(&["run", &file]), "app runs already (100 bytes)\n");
}

#[test]
fn who_runs_the_same_a_moment_later_has_it_run() {
    let bench = Bench::with(Faults {
        outrun: true,
        ..Faults::default()
    });
    let file = bench.file("app.wasm", &[7; 100]);
    assert_eq!(bench.ok(&["run", &file]), "app started (100 bytes)\n");
}

#[test]
fn what_could_not_start_again_is_not_stopped() {
    let bench = Bench::new();
    let file = bench.file("app.wasm", &[7; 100]);
    bench.ok(&["run", &file]);
    let executed = |what: &str| {
        let memory = bench.device.memory.lock().unwrap();
        memory.executed.iter().filter(|op| *op == what).count()
    };
    let (code, _, said) = bench.run(&["edit", "app", "--limit", "8K"]);
    assert_eq!((code, executed("Edit")), (1, 0), "{said}");
    assert!(
        said.contains("9876 bytes, more than a limit of 8192"),
        "{said}"
    );
    for option in ["--limit", "--memory", "--now"] {
        assert!(said.contains(option), "{said}");
    }
    bench.ok(&["edit", "app", "--limit", "10K"]);
    // One that another way gave such a limit.
    bench.ok(&["run", &file, "--name", "small", "--limit", "9K"]);
    assert_eq!(executed("Edit"), 1);
    let (code, _, said) = bench.run(&["restart", "small"]);
    assert_eq!((code, executed("Edit")), (1, 1), "{said}");
    assert!(bench.ok(&["ps"]).contains("running"));
    // What does not run has nothing to lose.
    bench.ok(&["stop", "small"]);
    bench.ok(&["edit", "small", "--limit", "8K"]);
}

#[test]
fn a_back_off_and_its_policy_are_changed_one_at_a_time() {
    let bench = Bench::new();
    let file = bench.file("app.wasm", &[7; 100]);
    assert_eq!(bench.run(&["upload", &file, "--backoff", "9"]).0, 2);
    bench.ok(&["upload", &file, "--restart", "on-failure:3"]);
    let policy = || {
        let memory = bench.device.memory.lock().unwrap();
        memory.parameters("app").unwrap().restart
    };
    bench.ok(&["edit", "app", "--backoff", "100"]);
    let (limit, backoff_ms) = (3, 100);
    assert_eq!(policy(), Some(Restart::OnFailure { limit, backoff_ms }));
    bench.ok(&["edit", "app", "--restart", "always"]);
    assert_eq!(policy(), Some(Restart::Always { backoff_ms }));
    bench.ok(&["edit", "app", "--restart", "no"]);
    assert_eq!(policy(), Some(Restart::No));
    assert_eq!(bench.run(&["edit", "app", "--backoff", "7"]).0, 2);
}

#[test]
fn names_of_files_control_no_terminal() {
    let bench = Bench::new();
    let name = "a\u{1b}[31m\n\u{202e}b";
    let file = bench.file(&format!("{name}.wasm"), &[7; 100]);
    let nowhere = format!("unix:{name}");
    for words in [
        &["run", &file][..],
        &["run", name],
        &["rm", name],
        &["logs", name],
        &["start", "x", name],
        &["run", "--share", name, &file],
        &["exposures", name],
        &["--device", name, "ps"],
        &["--device", &nowhere, "ps"],
        &[name],
    ] {
        for json in [false, true] {
            let mut words = words.to_vec();
            words.extend(json.then_some("--json"));
            let (code, out, said) = bench.run(&words);
            assert_ne!(code, 0, "{words:?}");
            for text in [out, said] {
                let is_raw = text.contains(['\u{1b}', '\u{202e}']) || text.contains("31m\n");
                assert!(!is_raw, "{words:?}: {text:?}");
            }
        }
    }
    // A wrong command line is told of its own command.
    let (_, _, said) = bench.run(&["run", &file]);
    assert!(said.contains("`berth run --help`"), "{said}");
}

#[test]
fn start_and_stop_can_be_repeated_and_prune_asks_first() {
    let bench = Bench::new();
    let file = bench.file("app.wasm", &[7; 100]);
    bench.ok(&["run", &file]);
    assert_eq!(bench.run(&["start", "app"]).0, 1);
    let again = bench.ok(&["start", "--if-needed", "app"]);
    assert_eq!(again, "app runs already\n");
    assert_eq!(bench.ok(&["stop", "--if-needed", "app"]), "app stopped\n");
    let again = bench.ok(&["stop", "--if-needed", "app"]);
    assert_eq!(again, "app has ended already\n");
    assert_eq!(bench.run(&["stop", "app"]).0, 1);
    // Nobody there is an error all the same.
    assert_eq!(bench.run(&["stop", "--if-needed", "nobody"]).0, 1);
    let (code, out, note) = bench.run(&["prune"]);
    assert_eq!(
        (code, out.as_str()),
        (0, "app would be deleted, stopped (100 bytes)\n")
    );
    assert!(note.contains("prune -f"), "{note}");
    assert_eq!(bench.ok(&["prune", "-f"]), "app deleted\n");
    assert_eq!(bench.ok(&["prune", "-f"]), "");
}

#[test]
fn tables_fit_eighty_columns_unless_all_is_wanted() {
    let bench = Bench::new();
    let file = bench.file("app.wasm", &[7; 100]);
    bench.ok(&[
        "upload",
        &file,
        "--name",
        "a-name-of-thirty-two-characters.",
        "--restart",
        "on-failure:3",
        "--service",
        "10:5000",
        "--boot",
    ]);
    for verb in ["ps", "images"] {
        let narrow = bench.ok(&[verb]);
        assert!(
            narrow.lines().all(|line| line.chars().count() <= 80),
            "{narrow}"
        );
        for (said, columns) in [("60", 60), ("0", 80), ("wide", 80), ("", 80)] {
            let output = command(bench.home())
                .env("COLUMNS", said)
                .env("BERTH_DEVICE", bench.device.address())
                .arg(verb)
                .output()
                .unwrap();
            let table = String::from_utf8(output.stdout).unwrap();
            let longest = table.lines().map(|line| line.chars().count()).max();
            assert!(
                longest.is_some_and(|longest| longest <= columns),
                "{said}: {table}"
            );
            assert_eq!(longest > Some(60), columns > 60, "{said}: {table}");
        }
        let wide = bench.ok(&[verb, "--wide"]);
        assert!(wide.lines().any(|line| line.chars().count() > 80), "{wide}");
    }
}

#[test]
fn numbers_are_told_what_is_wrong_with_them() {
    let bench = Bench::new();
    for (number, expected) in [
        ("5000000K", "more than the 4294967295 bytes"),
        ("1G", "there is no unit G"),
        ("-1", "not a whole number"),
        ("1.5K", "not a whole number"),
        ("x", "there is no unit x"),
    ] {
        let limit = format!("--limit={number}");
        let (code, _, said) = bench.run(&["edit", "app", &limit]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_relative_address_is_stored_absolute() {
    let bench = Bench::new();
    let output = command(bench.home())
        .current_dir(bench.home())
        .args(["config", "bench", "unix:run/berth.sock"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let stored = bench.ok(&["devices"]);
    let home = bench.home().canonicalize().unwrap();
    let expected = format!("unix:{}/run/berth.sock", home.display());
    assert!(stored.contains(&expected), "{stored}");
}

#[test]
fn stats_redraw_on_a_terminal_and_come_once_elsewhere() {
    let bench = Bench::new();
    let (mut person, end) = terminal();
    let mut stats = command(bench.home())
        .args(["stats", "--device", &bench.device.address()])
        .stdout(end)
        .spawn()
        .unwrap();
    let redraw = "\x1b[H\x1b[J";
    for _ in 0..2 {
        let shown = read_until(&mut person, redraw);
        assert!(shown.contains(redraw), "{shown}");
    }
    stats.kill().unwrap();
    stats.wait().unwrap();
    let once = bench.ok(&["stats"]);
    assert!(!once.contains('\x1b'), "{once}");
    let twice = bench.ok(&["stats", "--count", "2"]);
    assert_eq!(twice, once.repeat(2));
}

#[test]
fn serve_becomes_the_program_beside_it_or_says_that_there_is_none() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    // Where no gateway is.
    let program = home.path().join("berth");
    std::fs::copy(env!("CARGO_BIN_EXE_berth"), &program).unwrap();
    let serve = |words: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command.args(words).env("PATH", home.path());
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, _, error) = serve(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("the program berth-serve is not installed"));
    assert!(error.contains("make install"), "{error}");
    let (code, _, error) = serve(&["--json", "serve"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("\"not-installed\""), "{error}");

    // It has its own words and its own end.
    let gateway = home.path().join("berth-serve");
    std::fs::write(&gateway, "#!/bin/sh\necho \"$@\"\nexit 7\n").unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&gateway, executable).unwrap();
    for words in [
        &["key", "add", "ci", "--role", "view", "--json"][..],
        &["--help"],
        &["--state", "x", "device", "list"],
        &["--json"],
        &[],
    ] {
        let (code, said, error) = serve(&[&["serve"], words].concat());
        assert_eq!(
            (code, said.trim_end()),
            (Some(7), &*words.join(" ")),
            "{error}"
        );
    }
}
