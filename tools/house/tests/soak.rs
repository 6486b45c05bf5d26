//! `tools/soak/soak.sh`: parts that ended well are not run again, and the report tells of all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A campaign of its own: each part writes a line into a file when it runs.
struct Campaign(tempfile::TempDir);

impl Campaign {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ran = folder.path().join("ran");
        let broken = folder.path().join("broken");
        let parts = format!(
            "# Parts.\ngood | 1    | ten things of a kind | echo good >> {ran}; echo 10 things | cat\n\
             bad  | 2, 3 | what fails once | echo bad >> {ran}; test ! -e {broken}\n",
            ran = ran.display(),
            broken = broken.display()
        );
        fs::write(folder.path().join("parts.txt"), parts).unwrap();
        fs::write(&broken, "").unwrap();
        Self(folder)
    }

    fn call(&self, words: &[&str]) -> Output {
        Command::new(root().join("tools/soak/soak.sh"))
            .args(words)
            .env("SOAK_COMMIT", "0123456789ab")
            .env("SOAK_PARTS", self.0.path().join("parts.txt"))
            .env("SOAK_KEPT", self.0.path().join("kept"))
            .output()
            .unwrap()
    }

    fn ran(&self) -> String {
        fs::read_to_string(self.0.path().join("ran")).unwrap_or_default()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_part_that_ended_well_is_not_run_again() {
    let campaign = Campaign::new();
    let report = text(&campaign.call(&["report"]));
    assert!(
        report.contains("Of 2 parts 0 ended well, 0 failed, 2 were not run."),
        "{report}"
    );
    assert_eq!(campaign.call(&["run", "none"]).status.code(), Some(2));
    assert_eq!(campaign.ran(), "");
    assert_eq!(campaign.call(&["run", "good"]).status.code(), Some(0));
    assert_eq!(campaign.call(&["run"]).status.code(), Some(1));
    assert_eq!(campaign.ran(), "good\nbad\n");
    let report = text(&campaign.call(&["report"]));
    assert!(
        report.contains("Of 2 parts 1 ended well, 1 failed, 0 were not run."),
        "{report}"
    );
    assert!(
        report.contains("| bad | 2, 3 | what fails once | failed |"),
        "{report}"
    );
    assert!(report.contains("10 things |"), "{report}");
    fs::remove_file(campaign.0.path().join("broken")).unwrap();
    assert_eq!(campaign.call(&["run"]).status.code(), Some(0));
    assert_eq!(campaign.ran(), "good\nbad\nbad\n");
    assert!(text(&campaign.call(&["list"])).contains("bad          ok"));
}

/// The parts themselves: each has four fields and a name of its own, and what it runs is there.
#[test]
fn each_part_names_what_there_is() {
    let parts = fs::read_to_string(root().join("tools/soak/parts.txt")).unwrap();
    let mut names = Vec::new();
    for line in parts.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
        let [name, _, _, command] = fields[..] else {
            panic!("{line}");
        };
        assert!(!names.contains(&name), "{name} is there twice");
        names.push(name);
        let words: Vec<&str> = command.split_whitespace().collect();
        for pair in words.windows(2) {
            if pair[0] == "--test" {
                let there = ["tests/e2e", "apps/wasm_supervisor"].iter().any(|folder| {
                    root()
                        .join(folder)
                        .join(format!("tests/{}.rs", pair[1].trim_end_matches(';')))
                        .exists()
                });
                assert!(there, "{name}: there is no {}", pair[1]);
            }
        }
        if let Some(target) = words.iter().find_map(|word| word.strip_prefix("TARGET=")) {
            let file = format!("fuzz/libfuzzer/targets/{target}.rs");
            assert!(root().join(&file).exists(), "{name}: there is no {file}");
        }
    }
    assert!(names.len() > 20);
}
