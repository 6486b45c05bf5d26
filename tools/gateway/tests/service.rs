//! The program as other programs see it: the service file, as systemd reads it, and who reads what it prints.

use std::{fs, path::Path, process::Command};

/// Most of what may be exposed of the computer, in hundredths of systemd's ten: what is below 2 it calls OK.
const EXPOSURE_MAX: u32 = 20;

fn systemd_analyze(words: &[&str]) -> String {
    let output = Command::new("systemd-analyze")
        .args(words)
        .output()
        .expect("systemd-analyze reads the service file: run tools/setup/setup.sh tests (systemd)");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn systemd_takes_the_service_file_and_finds_little_exposed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("berth-serve.service");
    let text = fs::read_to_string(file).unwrap();
    // It looks for the program that is started.
    let installed = "ExecStart=/usr/local/bin/berth-serve";
    assert_eq!(text.matches(installed).count(), 1);
    let built = format!("ExecStart={}", env!("CARGO_BIN_EXE_berth-serve"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("berth-serve.service");
    fs::write(&file, text.replace(installed, &built)).unwrap();
    let file = file.to_str().unwrap();
    // A word that it does not know it only tells of.
    assert_eq!(systemd_analyze(&["verify", file]), "");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    systemd_analyze(&["security", "--offline=true", &threshold, file]);
}

#[test]
fn who_has_read_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    for words in [["key", "list"], ["fleet", "rollouts"], ["device", "list"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_berth-serve"))
            .args(["--json", "--state"])
            .arg(folder.path())
            .args(words)
            .stdout(writer)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{words:?}");
    }
}
