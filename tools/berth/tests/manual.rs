//! The operator's manual: every error that `berth` can print has an entry there, and what is
//! promised of words and keys holds.

mod support;

use berth::{Changes, Error, Refusal};
use berth_pack::keys::KeyError;
use berth_protocol::{Fault, MissingWhy};
use serde::de::DeserializeOwned;
use std::{io, time::Duration};
use support::refusals::REFUSALS;

const MANUAL: &str = include_str!("../../../docs/operator.md");

/// Errors of the command line as they were seen (`looks.rs`).
const SEEN: [&str; 5] = [
    include_str!("snapshots/looks__exposures_with_the_manufacturers_list.snap"),
    include_str!("snapshots/looks__every_other_error.snap"),
    include_str!("snapshots/looks__registry_of_devices.snap"),
    include_str!("snapshots/looks__registry_that_is_broken.snap"),
    include_str!("snapshots/looks__live_updates.snap"),
];

/// The part of the manual below a heading.
fn section(heading: &str) -> &'static str {
    let (_, rest) = MANUAL.split_once(heading).unwrap();
    rest.split_once("\n## ")
        .map_or(rest, |(section, _)| section)
}

/// What stands in backticks in the first column of the first table of a section.
fn entries(section: &'static str) -> Vec<&'static str> {
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    let table = lines.take_while(|line| line.starts_with('|'));
    let rows = table.filter_map(|line| line.strip_prefix("| `"));
    rows.flat_map(|row| {
        let (cell, _) = row.split_once("` |").unwrap_or((row, ""));
        cell.split("`, `")
    })
    .collect()
}

/// Is `message` what an entry says, with anything for each `…`?
fn fits(entry: &str, message: &str) -> bool {
    let mut parts = entry.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = message.strip_prefix(first) else {
        return false;
    };
    for part in parts {
        match rest.find(part) {
            // The last part ends the message.
            Some(_) if part.is_empty() => return true,
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

/// Every kind of error that is not a device's. A new one is missing here, and does not compile.
fn others() -> Vec<Error> {
    let address = || "/dev/ttyACM0".parse().unwrap();
    let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
    let all = vec![
        Error::File {
            path: "x".into(),
            source: broken(),
        },
        Error::Written {
            path: "x".into(),
            source: broken(),
        },
        Error::Save {
            path: "x".into(),
            source: broken(),
        },
        Error::Output(broken()),
        Error::NotInstalled {
            program: "berth-serve",
        },
        Error::NotMade {
            path: "pump/src/lib.rs".into(),
            source: broken(),
        },
        Error::Project {
            path: "pump/berth.toml".into(),
            why: "build is empty".into(),
        },
        Error::Build {
            what: "cargo build".into(),
            why: "exit status: 101".into(),
        },
        Error::NotPacked {
            path: "blink.wasm".into(),
            why: "exports no function _start without parameters and results: that is where a container begins".into(),
        },
        Error::NoModule {
            path: "src/lib.rs".into(),
            what: "text",
            code: "invalid-module",
        },
        Error::Config {
            path: "/home/me/.config/berth/devices.toml".into(),
            why: "invalid type".into(),
        },
        Error::NoDevice,
        Error::WhichDevice {
            names: vec!["a".into(), "b".into()],
        },
        Error::UnknownDevice { name: "x".into() },
        Error::Open {
            address: address(),
            source: io::Error::other("No such file or directory"),
        },
        Error::Open {
            address: address(),
            source: io::Error::other("Permission denied"),
        },
        Error::Open {
            address: address(),
            source: io::Error::other("Connection refused"),
        },
        Error::Busy {
            address: address(),
            by: "berth (process 5)".into(),
            socket: None,
        },
        Error::Line(broken()),
        Error::Denied("this key is not known".into()),
        Error::Gateway {
            place: "https://gateway/roof".into(),
            why: "there is no device \"roof\"".into(),
        },
        Error::Version { device: 9 },
        Error::Unexpected { to: "ps" },
        Error::TimedOut {
            to: "ps",
            after: Duration::from_secs(10),
        },
        Error::Verification("x".into()),
        Error::Unsigned("x.berth: not signed".into()),
        Error::Key(KeyError::NoKey("x.pem".into())),
        Error::Key(KeyError::Passphrase("x.pem".into())),
        Error::Key(KeyError::Unasked("x.pem".into())),
        Error::Key(KeyError::Read {
            path: "x.pem".into(),
            source: io::ErrorKind::NotFound.into(),
        }),
    ];
    for error in &all {
        match error {
            // Looked at as they were seen, and one by one.
            Error::Usage(_) | Error::Refused(_) => unreachable!(),
            Error::File { .. }
            | Error::Written { .. }
            | Error::Save { .. }
            | Error::Output(_)
            | Error::NotInstalled { .. }
            | Error::NotMade { .. }
            | Error::Project { .. }
            | Error::Build { .. }
            | Error::Config { .. }
            | Error::NoDevice
            | Error::WhichDevice { .. }
            | Error::UnknownDevice { .. }
            | Error::Open { .. }
            | Error::Busy { .. }
            | Error::Line(_)
            | Error::Denied(_)
            | Error::Gateway { .. }
            | Error::Version { .. }
            | Error::Unexpected { .. }
            | Error::TimedOut { .. }
            | Error::NotYet { .. }
            | Error::NotPacked { .. }
            | Error::NoModule { .. }
            | Error::Verification(_)
            | Error::Unsigned(_)
            | Error::Key(_) => {}
        }
    }
    all
}

/// Every value of an enum of the protocol without fields: they are numbered by position.
fn every<T: DeserializeOwned>() -> Vec<T> {
    let values = (0..).map_while(|number| postcard::from_bytes(&[number]).ok());
    values.collect()
}

/// All messages, without the name of a container in front.
fn messages() -> Vec<String> {
    let refusals = REFUSALS.iter().map(ToString::to_string);
    let seen = SEEN
        .iter()
        .flat_map(|page| page.lines())
        .filter_map(|line| line.strip_prefix("error: "))
        .map(|text| {
            let text = text.strip_prefix("blink: ").unwrap_or(text);
            text.strip_prefix("x: ").unwrap_or(text).to_owned()
        });
    let others = others().into_iter().map(|error| error.to_string());
    refusals
        .chain(seen)
        .chain(others)
        .chain(settings())
        .collect()
}

/// What is said of settings before a device is asked.
fn settings() -> Vec<String> {
    let long = "x".repeat(512);
    [
        &[(".a", Some("x"))][..],
        &[("a", Some("two\nlines"))],
        &[("a", Some("x")), ("a", None)],
        &[("a", Some(&long))],
    ]
    .map(|wanted| {
        let mut changes = Changes::default();
        let added = wanted.iter().map(|(name, value)| changes.add(name, *value));
        added.filter_map(Result::err).collect::<Vec<_>>()
    })
    .concat()
}

#[test]
fn every_error_has_an_entry_and_every_entry_an_error() {
    let entries = entries(section("## Troubleshooting by error message"));
    assert!(entries.len() > 20);
    let messages = messages();
    let missing: Vec<_> = messages
        .iter()
        .filter(|message| !entries.iter().any(|entry| fits(entry, message)))
        .collect();
    assert!(missing.is_empty(), "no entry for {missing:#?}");
    let idle: Vec<_> = entries
        .iter()
        .filter(|entry| !messages.iter().any(|message| fits(entry, message)))
        .collect();
    assert!(idle.is_empty(), "no error is told as {idle:#?}");
}

#[test]
fn every_error_names_the_next_step() {
    for error in others() {
        assert!(error.hint().is_some(), "{error}");
    }
    for error in &REFUSALS {
        let refusal = Refusal {
            code: error.word(),
            name: None,
            message: error.to_string().as_str().into(),
            to: "ps",
            missing: Vec::new(),
        };
        let error = Error::Refused(refusal);
        assert!(error.hint().is_some(), "{error}");
    }
}

#[test]
fn the_keys_that_scripts_may_rely_on_are_there() {
    let documents = [
        include_str!("snapshots/looks__json.snap"),
        include_str!("snapshots/looks__scan.snap"),
        include_str!("snapshots/looks__doctor_json.snap"),
        include_str!("snapshots/looks__live_updates.snap"),
        include_str!("snapshots/looks__registry_of_devices.snap"),
        include_str!("snapshots/looks__exposures_with_the_manufacturers_list.snap"),
        include_str!("snapshots/looks__every_refusal.snap"),
    ];
    let mut rows = 0;
    let (_, table) = section("## Scripts")
        .split_once("| command | keys")
        .unwrap();
    for row in table.lines().skip(2).take_while(|row| row.starts_with('|')) {
        // Commands, then the keys of their documents.
        let (_, keys) = row.trim_start_matches("| ").split_once(" | ").unwrap();
        // Between backticks is every second piece.
        for key in keys.split('`').skip(1).step_by(2) {
            let wanted = format!("\"{key}\":");
            assert!(
                key.starts_with('-') || documents.iter().any(|d| d.contains(&wanted)),
                "{key} of: {row}"
            );
            rows += 1;
        }
    }
    assert!(rows > 40, "{rows} keys");
}

#[test]
fn every_fault_and_every_reason_for_a_missing_import_is_explained() {
    let explained = section("## When a container fails");
    for fault in every::<Fault>() {
        assert!(
            explained.contains(&format!("`{}`", fault.word())),
            "{fault:?}"
        );
    }
    let explained = section("## Troubleshooting by error message");
    for why in every::<MissingWhy>() {
        assert!(explained.contains(&format!("`{why}")), "{why}");
    }
}
