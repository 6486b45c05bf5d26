//! Every table, every JSON document, every help and every error, as people and scripts see them.
//!
//! The pictures are in `snapshots/`. After a change on purpose: `INSTA_UPDATE=always cargo test -p
//! berth --test looks`, and read the difference.

mod support;

use support::{
    Faults,
    refusals::REFUSALS,
    run::{Bench, berth, page},
};

/// Compare with the picture of the test's (or the given) name.
macro_rules! assert_look {
    ($($arguments:expr),+ $(,)?) => {
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!($($arguments),+)
        })
    };
}

/// A device with a container in each of some states.
fn inhabited(faults: Faults) -> Bench {
    let bench = Bench::with(faults);
    for (name, image) in [
        ("blink", &b"good"[..]),
        ("paused", b"good"),
        ("done", b"EXITS"),
        ("dead", b"good"),
        ("stored", b"good"),
    ] {
        let file = bench.file(&format!("{name}.wasm"), image);
        bench.ok(&["upload", &file]);
    }
    bench.ok(&[
        "edit",
        "blink",
        "--stack",
        "4K",
        "--memory",
        "8K",
        "--limit",
        "32K",
        "--share",
        "5",
        "--restart",
        "on-failure:3",
        "--backoff",
        "250",
        "--boot",
        "--log-level",
        "warn",
        "--service",
        "10:5000",
    ]);
    bench.ok(&["start", "blink", "paused", "done", "dead"]);
    bench.ok(&["pause", "paused"]);
    bench.ok(&["kill", "dead"]);
    bench
}

/// Pages of several calls.
fn pages(bench: &Bench, calls: &[&[&str]]) -> String {
    let pages: Vec<_> = calls.iter().map(|words| bench.page(words)).collect();
    pages.join("\n")
}

#[test]
fn tables() {
    let bench = inhabited(Faults::default());
    assert_look!(pages(
        &bench,
        &[
            &["ps"],
            &["images"],
            &["heap"],
            &["stats"],
            &["exposures"],
            &["info"],
            &["logs", "blink"],
            &["logs", "blink", "--tail", "1"],
            &["events"],
        ]
    ));
}

/// What a manufacturer's build writes, for the blocks of the device.
const LIST: &str = r#"{ "exposures": [
    { "label": "fpgaio", "length": 80, "access": "mediated",
      "registers": [
        { "name": "LED0", "offset": 0, "size": 32, "read": 2, "write": 2, "zero_rest": false },
        { "name": "MISC", "offset": 76, "size": 32, "read": 4294967295, "write": 0, "zero_rest": false }
      ],
      "map": [], "safe_state": [], "interrupts": [] },
    { "label": "uart1", "length": 4096, "access": "mapped", "registers": null,
      "map": [{ "name": "DATA", "offset": 0, "size": 32 }, { "name": "CTRL", "offset": 8, "size": 32 }],
      "safe_state": [], "interrupts": [{ "name": "rx", "line": 2 }, { "name": "tx", "line": 3 }] },
    { "label": "i2c_shield1", "length": 4096, "access": "mediated", "registers": null }
], "devices": [] }"#;

#[test]
fn exposures_with_the_manufacturers_list() {
    let bench = inhabited(Faults::default());
    let list = bench.file("exposures.json", LIST.as_bytes());
    // Of other firmware: it knows no block of this device.
    let other = bench.file("older.json", br#"{ "exposures": [] }"#);
    let none = bench.file("other.json", b"{}");
    let odd = bench.file("odd.json", br#"{ "exposures": [{ "label": 5 }] }"#);
    assert_look!(pages(
        &bench,
        &[
            &["exposures", "--list", &list],
            &["--json", "exposures", "--list", &list],
            &["exposures", "--list", &other],
            &["exposures", "--list", &none],
            &["exposures", "--list", &odd],
            &["exposures", "--list", "/no/such/list"],
        ]
    ));
}

#[test]
fn tables_of_an_empty_device() {
    let bench = Bench::new();
    assert_look!(pages(
        &bench,
        &[&["ps"], &["images"], &["heap"], &["stats"]]
    ));
}

#[test]
fn json() {
    let bench = inhabited(Faults::default());
    let new = bench.file("new.wasm", b"new");
    bench.ok(&["upload", &bench.file("bad.wasm", b"MISSING")]);
    assert_look!(pages(
        &bench,
        &[
            &["--json", "ps"],
            &["--json", "images"],
            &["--json", "heap"],
            &["--json", "stats", "--no-stream"],
            &["--json", "exposures"],
            &["--json", "info"],
            &["--json", "inspect", "blink"],
            &["--json", "inspect", "dead"],
            &["--json", "logs", "blink"],
            &["--json", "events"],
            &["--json", "upload", &new],
            &["--json", "upload", &new],
            &["--json", "edit", "new", "--share", "2"],
            &["--json", "start", "new"],
            &["--json", "pause", "new"],
            &["--json", "resume", "new"],
            &["--json", "stop", "new"],
            &["--json", "rm", "new"],
            &["--json", "run", &new],
            &["--json", "kill", "new"],
            &["--json", "start", "bad"],
        ]
    ));
}

#[test]
fn inspections() {
    let bench = inhabited(Faults::default());
    assert_look!(pages(
        &bench,
        &[
            &["inspect", "blink"],
            &["inspect", "dead"],
            &["inspect", "stored"]
        ]
    ));
}

#[test]
fn inspection_on_firmware_without_interrupts() {
    let bench = inhabited(Faults {
        old: true,
        ..Faults::default()
    });
    assert_look!(bench.page(&["inspect", "stored"]));
}

#[test]
fn actions() {
    let bench = Bench::new();
    let blink = bench.file("blink.wasm", b"good");
    let other = bench.file("other.wasm", b"other");
    assert_look!(pages(
        &bench,
        &[
            &["upload", &blink],
            &["upload", &blink],
            &["upload", &other, "--name", "blink"],
            &["edit", "blink", "10000", "65536", "40960"],
            &["images"],
            &["start", "blink"],
            &["pause", "blink"],
            &["unpause", "blink"],
            &["stop", "blink"],
            &["run", &other],
            &["kill", "other"],
            &["delete", "other", "blink"],
            &["ps"],
        ]
    ));
}

#[test]
fn live_updates() {
    let bench = Bench::new();
    let file = |name: &str, image: &[u8]| bench.file(name, image);
    let (first, second) = (file("blink.wasm", b"1"), file("2.wasm", b"second"));
    let (broken, missing) = (file("3.wasm", b"BROKEN"), file("4.wasm", b"MISSING"));
    let huge = file("5.wasm", b"HUGE");
    let update = |file| ["upload", file, "--name", "blink", "--live-update"];
    assert_look!(pages(
        &bench,
        &[
            &update(&first),
            &update(&first),
            &update(&second),
            &update(&missing),
            &update(&broken),
            &["inspect", "blink"],
            &[&update(&huge)[..], &["--no-wait"]].concat(),
            &[&update(&second)[..], &["--json"]].concat(),
            &[&update(&broken)[..], &["--json"]].concat(),
        ]
    ));
}

#[test]
fn registry_of_devices() {
    let bench = Bench::new();
    let address = bench.device.address();
    let home = bench.home();
    let call = |words: &[&str]| page(home, words, &berth(home, None, words));
    let story = [
        call(&["devices"]),
        call(&["ps"]),
        call(&["config", "bench", &address]),
        call(&["ps"]),
        call(&["config", "roof", "gateway.example:4000"]),
        call(&["config", "bad/name", "gateway.example:4000"]),
        call(&["config", "bad", "nonsense"]),
        call(&["ps"]),
        call(&["ps", "--json"]),
        call(&["select", "attic"]),
        call(&["select", "bench"]),
        call(&["devices"]),
        call(&["devices", "--json"]),
        call(&["--json", "config", "roof", "gateway.example:4001"]),
        call(&["--json", "select", "roof"]),
        call(&["--json", "config", "roof", "--remove"]),
        call(&["ps"]),
        call(&["ps", "--device", "attic"]),
        call(&["config", "bench", "--remove"]),
        call(&["config", "bench", "--remove"]),
        call(&["devices"]),
    ];
    assert_look!(story.join("\n"));
    std::fs::write(home.join("config/berth/devices.toml"), "selected = 5\n").unwrap();
    assert_look!("registry_that_is_broken", call(&["devices"]));
}

/// Ports of this computer are left out, and the blanks that they cause.
#[test]
fn scan() {
    let bench = Bench::new();
    let gone = format!("unix:{}", bench.home().join("gone").display());
    bench.ok(&["config", "bench", &bench.device.address()]);
    bench.ok(&["config", "gone", &gone]);
    let mut story = String::new();
    for words in [&["scan"][..], &["scan", "--list"]] {
        let table = bench.page(words);
        let lines = table
            .lines()
            .filter(|line| !line.starts_with("/dev/") && !line.starts_with("unix:/"))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n");
        story.extend(lines);
        let json = bench.ok(&[words, &["--json"]].concat());
        let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
        if let Some(found) = json["found"].as_array_mut() {
            found.retain(|place| place["name"].is_string());
        }
        story.push_str(
            &json
                .to_string()
                .replace(&*bench.home().to_string_lossy(), "FOLDER"),
        );
        story.push_str("\n\n");
    }
    assert_look!(story);
}

#[test]
fn doctor() {
    let healthy = Bench::new();
    let mut story = vec![healthy.page(&["doctor"])];
    let old = Bench::with(Faults {
        old: true,
        ..Faults::default()
    });
    story.push(old.page(&["doctor"]));
    let ill = Bench::with(Faults {
        safe_mode: true,
        ..Faults::default()
    });
    story.push(ill.page(&["doctor"]));
    let other = Bench::with(Faults {
        protocol: Some(99),
        ..Faults::default()
    });
    story.push(other.page(&["doctor"]));
    let words = ["doctor"];
    let home = healthy.home();
    story.push(page(home, &words, &berth(home, None, &words)));
    let words = ["doctor", "-d", "/dev/no-such-tty"];
    story.push(page(home, &words, &berth(home, None, &words)));
    let words = ["doctor", "--json", "-d", "/dev/no-such-tty"];
    story.push(page(home, &words, &berth(home, None, &words)));
    assert_look!(story.join("\n"));
    // Its times differ from run to run.
    let mut json: serde_json::Value =
        serde_json::from_str(&healthy.ok(&["doctor", "--json"])).unwrap();
    assert!(json["round_trip_us"].take().is_u64());
    let text = json.to_string().replace(&*home.to_string_lossy(), "FOLDER");
    assert_look!("doctor_json", text);
}

#[test]
fn every_refusal() {
    assert_eq!(support::refusals::forgotten(), [0; 0]);
    let mut story = Vec::new();
    for error in REFUSALS {
        let bench = Bench::with(Faults {
            refuse: Some(error),
            ..Faults::default()
        });
        for words in [&["start", "blink"][..], &["start", "blink", "--json"]] {
            let (code, out, err) = bench.run(words);
            assert_eq!((code, &*out), (1, ""), "{error:?}");
            story.push(err);
        }
    }
    assert_look!(story.join("\n"));
}

#[test]
fn every_other_error() {
    let bench = Bench::new();
    let home = bench.home();
    let call =
        |device: Option<&str>, words: &[&str]| page(home, words, &berth(home, device, words));
    let socket = format!("unix:{}", home.join("nobody").display());
    let good = bench.device.address();
    let file = bench.file("x.wasm", b"x");
    let odd = bench.file("odd name.wasm", b"x");
    let damaged = Bench::with(Faults {
        bad_hash: true,
        ..Faults::default()
    });
    let lock = berth::LineLock::take(&good.parse().unwrap()).unwrap();
    let busy = call(Some(&good), &["ps"]);
    drop(lock);
    let silent = Bench::with(Faults {
        silent: true,
        ..Faults::default()
    });
    let closing = Bench::with(Faults {
        close_after: Some(1),
        ..Faults::default()
    });
    let story = [
        call(None, &["ps"]),
        call(Some(""), &["ps"]),
        call(Some("attic"), &["ps"]),
        call(Some("unix:"), &["ps"]),
        call(Some(&socket), &["ps"]),
        call(Some("tcp:127.0.0.1:1"), &["ps"]),
        call(Some("/dev/no-such-tty"), &["ps"]),
        busy.lines()
            .map(|line| match line.split_once(" is in use by ") {
                Some((place, _)) => format!("{place} is in use by SOMEBODY\n"),
                None => format!("{line}\n"),
            })
            .collect(),
        silent.page(&["ps", "--timeout", "1"]),
        closing.page(&["ps"]),
        call(Some(&good), &["upload", "/no/such/file.wasm"]),
        call(Some(&good), &["upload", &odd]),
        call(Some(&good), &["edit", "x"]),
        damaged
            .page(&["upload", &file])
            .replace(&*home.to_string_lossy(), "FOLDER"),
        call(Some(&good), &["fly"]),
        call(Some(&good), &["start"]),
        call(Some(&good), &["upload", &file, "--share", "0"]),
        call(Some(&good), &["upload", &file, "--stack", "many"]),
        call(
            Some(&good),
            &["upload", &file, "1", "2", "3", "--stack", "3"],
        ),
        call(Some(&good), &["upload", &file, "--restart", "never"]),
        call(Some(&good), &["upload", &file, "--service", "0:1"]),
        call(Some(&good), &["upload", &file, "--trial", "3"]),
        call(Some(&good), &["completions", "tcsh"]),
        // For scripts: each exit code, each a document.
        call(None, &["--json", "ps"]),
        call(Some("attic"), &["ps", "--json"]),
        call(Some(&socket), &["ps", "--json"]),
        silent.page(&["ps", "--timeout", "1", "--json"]),
        closing.page(&["ps", "--json"]),
        damaged
            .page(&["upload", &file, "--json"])
            .replace(&*home.to_string_lossy(), "FOLDER"),
        call(Some(&good), &["upload", "/no/such/file.wasm", "--json"]),
        call(Some(&good), &["fly", "--json"]),
        call(Some(&good), &["start", "--json"]),
        call(Some(&good), &["upload", &file, "--share", "0", "--json"]),
    ];
    assert_look!(story.join("\n"));
}

#[test]
fn every_help() {
    let bench = Bench::new();
    let mut words: Vec<String> = vec!["--help".into()];
    let (_, out, _) = bench.run(&["--help"]);
    let verbs: Vec<String> = out
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        // The gateway is another program, with a help of its own.
        .filter(|verb| !matches!(*verb, "help" | "serve"))
        .map(Into::into)
        .collect();
    assert!(verbs.len() >= 25, "{verbs:?}");
    words.extend(verbs);
    let pages: Vec<_> = words
        .iter()
        .map(|verb| match verb.as_str() {
            "--help" => bench.page(&["--help"]),
            verb => bench.page(&[verb, "--help"]),
        })
        .collect();
    assert_look!(pages.join("\n"));
}
