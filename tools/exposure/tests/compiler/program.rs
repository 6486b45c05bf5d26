//! The command `exposure`, and the board this repository has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap().to_owned()
}

fn exposure(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exposure"))
        .current_dir(root())
        .args(arguments)
        .output()
        .unwrap()
}

const BOARD: &str = "kernel-board/mps2-an386/exposure.dts";

#[test]
fn the_board_of_this_repository_is_sound_and_all_outputs_are_written() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join("new").join(name).display().to_string();
    let (json, labels, table) = (path("e.json"), path("labels.rs"), path("table.rs"));
    let output = exposure(&[
        BOARD, "--json", &json, "--labels", &labels, "--table", &table,
    ]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(json["exposures"][0]["label"], "fpgaio");
    assert_eq!(json["exposures"][0]["registers"][0]["write"], 2);
    assert_eq!(json["exposures"][2]["interrupts"][0]["clear"]["value"], 2);
    assert_eq!(json["processes"][0]["region"], "SUPERVISOR_FLASH");
    // Where a block lies is not a container's business.
    assert!(json["exposures"][0].get("base").is_none());
    let labels = fs::read_to_string(labels).unwrap();
    assert!(labels.contains("pub mod i2c_shield1 {"), "{labels}");
    // Numbers of interrupts, by name.
    assert!(
        labels.contains("pub const RX: u8 = 0;") && labels.contains("pub const TX: u8 = 1;"),
        "{labels}"
    );
    assert!(
        labels.contains("pub const CONTROLC: u32 = 0x4;"),
        "{labels}"
    );
    // That they compile: the SDK holds them (`desk.rs`), and is compiled with them.
    // A block that is exposed whole has all its registers.
    assert!(
        labels.contains("pub const BAUDDIV: u32 = 0x10;"),
        "{labels}"
    );
    let table = fs::read_to_string(table).unwrap();
    assert!(!table.contains("unsafe"), "{table}");
    assert!(table.contains("block(0x4002a000, 0x1000)"), "{table}");
}

/// Where the room ends in the middle of a file, what was there is still there, and nothing where there was nothing.
#[test]
fn what_does_not_fit_leaves_no_half_of_a_file() {
    let folder = TempDir::new().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    fs::write(&old, "old").unwrap();
    for (option, path) in [("--json", &old), ("--table", &old), ("--labels", &new)] {
        // No file of more than 512 bytes, which is told as it is for a disk that is full.
        let output = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_exposure"))
            .args([BOARD, option])
            .arg(path)
            .current_dir(root())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{option}");
    }
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// The example of a board of upstream's holds its table as a file, which it is compiled with: the same as is written now.
#[test]
fn the_table_of_the_example_beside_upstream_is_what_is_written() {
    let folder = TempDir::new().unwrap();
    let table = folder.path().join("table.rs");
    let example = "kernel-board/upstream-nrf52840dk";
    let output = exposure(&[
        &format!("{example}/exposure.dts"),
        "--layout",
        &format!("{example}/supervisor.ld"),
        "--table",
        &table.display().to_string(),
    ]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let held = fs::read_to_string(root().join(example).join("src/table.rs")).unwrap();
    assert_eq!(fs::read_to_string(table).unwrap(), held);
}

/// What stands in a file, and what it is called, comes from somebody else.
#[test]
fn what_a_file_contains_or_is_called_controls_no_terminal() {
    let folder = TempDir::new().unwrap();
    let name = "a\u{1b}[31m,\u{202e}b.dts";
    let source = folder.path().join(name);
    for text in ["/dts-v1/;\n/ { bad", "/dts-v1/;\n/ { x = \"\u{1b}[2J"] {
        fs::write(&source, text).unwrap();
        let output = exposure(&[&source.display().to_string()]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
        assert!(said.contains("a\\u{1b}[31m,\\u{202e}b.dts"), "{said}");
    }
}

/// Every configuration in this repository is sound, and a table that is kept beside one is its own.
#[test]
fn the_other_boards_are_sound() {
    let boards = fs::read_dir(root().join("kernel-board")).unwrap().flatten();
    let mut sources: Vec<_> = boards
        .flat_map(|board| fs::read_dir(board.path()).unwrap().flatten())
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "dts"))
        .collect();
    sources.push(root().join("docs/oem-board/exposure.dts"));
    assert!(sources.len() >= 4, "{sources:?}");
    let folder = TempDir::new().unwrap();
    let table = folder.path().join("table.rs");
    for source in sources {
        let board = source.parent().unwrap();
        // The supervisor's part of a board of upstream's stands in a file of its own.
        let own = ["supervisor.ld", "layout.ld"].map(|name| board.join(name));
        let layout = own.into_iter().find(|own| own.exists());
        let layout = layout.unwrap_or_else(|| root().join("layout.ld"));
        let paths = [&source, &layout, &table].map(|path| path.display().to_string());
        let [source, layout, out] = &paths;
        let output = exposure(&[source, "--layout", layout, "--table", out]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{source}");
        if let Ok(kept) = fs::read_to_string(board.join("src/table.rs")) {
            assert_eq!(kept, fs::read_to_string(&table).unwrap(), "{source}");
        }
    }
}

#[test]
fn problems_go_to_standard_error_with_exit_code_1() {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("wrong.dts");
    fs::write(
        &source,
        "/dts-v1/;\n/ { filter { compatible = \"berth,syscall-filter\"; }; };\n",
    )
    .unwrap();
    let source = source.display().to_string();
    let output = exposure(&[&source]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "{source}:2: no node is compatible = \"berth,exposure\"; remedy: add the node that lists what is exposed\n"
        )
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn without_a_memory_map_nothing_is_compiled() {
    let output = exposure(&[BOARD, "--layout", "no-such.ld"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "no-such.ld:1: cannot read the memory map: No such file or directory (os error 2); remedy: name the workspace's layout.ld";
    assert!(said.lines().any(|line| line == expected), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

/// What the compiler says about the board, and nothing else, when its programs come from `path`.
fn says_with_programs_of(path: &Path, expected: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_exposure"))
        .current_dir(root())
        .env("PATH", path)
        .arg(BOARD)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("{BOARD}:1: {expected}\n")
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn without_dtc_the_remedy_is_its_package() {
    let empty = TempDir::new().unwrap();
    says_with_programs_of(
        empty.path(),
        "cannot run the devicetree compiler dtc: No such file or directory (os error 2); remedy: install the package device-tree-compiler",
    );
}

#[test]
fn what_another_dtc_prints_is_not_guessed_at() {
    let folder = TempDir::new().unwrap();
    let dtc = folder.path().join("dtc");
    fs::write(&dtc, "#!/bin/sh\necho '/dts-v1/;'\necho '/ {'\n").unwrap();
    fs::set_permissions(&dtc, fs::Permissions::from_mode(0o755)).unwrap();
    says_with_programs_of(
        folder.path(),
        "cannot read dtc's output \"the tree does not end\"; remedy: write this in plain properties and nodes",
    );
}

#[test]
fn the_board_exposes_nothing_of_the_firmware() {
    for label in [
        "uart0",
        "timer1",
        "counter",
        "systick",
        "nvic",
        "scc",
        "watchdog0",
    ] {
        let folder = TempDir::new().unwrap();
        let board = root().join("kernel-board/mps2-an386");
        for file in ["mps2-an386.dtsi", "mps2-an386.svd"] {
            fs::copy(board.join(file), folder.path().join(file)).unwrap();
        }
        let source = fs::read_to_string(board.join("exposure.dts")).unwrap();
        let source = source.replace("<&fpgaio>", &format!("<&{label}>"));
        let path = folder.path().join("exposure.dts");
        fs::write(&path, source).unwrap();
        let output = exposure(&[&path.display().to_string()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("who has it can break the firmware"), "{said}");
    }
}
