//! An author's project, from `berth new` to a container that runs and is replaced on each save.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, Terminal, program, root};
use tempfile::TempDir;

/// An author without a checkout: an empty folder, and `berth`.
struct Author {
    home: TempDir,
}

impl Author {
    fn new() -> Result<Self> {
        Ok(Self {
            home: tempfile::tempdir()?,
        })
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Run a command in a folder of the author's.
    fn run(&self, folder: &str, command: &str) -> Result<Output> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.folder(folder));
        for (key, value) in environment()? {
            shell.env(key, value);
        }
        Ok(shell.env_remove("CARGO_TARGET_DIR").output()?)
    }

    /// Run one that has to succeed. Returns what it said.
    fn ok(&self, folder: &str, command: &str) -> Result<String> {
        let output = self.run(folder, command)?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "{command}: {said}");
        Ok(said)
    }
}

/// `berth` in the PATH; what crates need is on this computer already.
fn environment() -> Result<[(&'static str, String); 2]> {
    let berth = program("berth");
    let bin = berth.parent().context("the folder of the programs")?;
    let path = std::env::var("PATH").unwrap_or_default();
    Ok([
        ("PATH", format!("{}:{path}", bin.display())),
        ("CARGO_NET_OFFLINE", "true".to_owned()),
    ])
}

/// In a file of the project, put one text in the place of another.
fn change(file: &Path, from: &str, to: &str) -> Result<()> {
    let text = fs::read_to_string(file)?;
    ensure!(text.contains(from), "{} has no {from}", file.display());
    Ok(fs::write(file, text.replace(from, to))?)
}

#[test]
fn a_new_project_builds_tests_and_runs_at_once() -> Result<()> {
    let author = Author::new()?;
    author.ok(".", "berth new pump")?;
    let tested = author.ok("pump", "cargo test")?;
    ensure!(tested.contains("2 passed"), "{tested}");
    // Built by cargo alone and packed on the way, or by berth: the same image.
    author.ok(
        "pump",
        "cargo build --release --target wasm32-unknown-unknown",
    )?;
    author.ok(
        "pump",
        &format!(
            "{} target/wasm32-unknown-unknown/release/pump.wasm -o plain.berth",
            program("pack").display()
        ),
    )?;
    let built = author.ok("pump/src", "berth build")?;
    ensure!(built.contains("pump.berth built"), "{built}");
    let folder = author.folder("pump");
    let package = fs::read(folder.join("pump.berth"))?;
    ensure!(package == fs::read(folder.join("plain.berth"))?);
    ensure!(package.len() <= 450, "{} bytes", package.len());

    let device = Device::boot()?;
    let run = format!("berth --timeout 60 --device {} run", device.board.address());
    let said = author.ok("pump", &run)?;
    ensure!(said.contains("pump started"), "{said}");
    device.console("[pump] on")?;
    device.console("[pump] off")?;
    Ok(())
}

#[test]
fn a_project_in_c_builds_tests_and_runs_at_once() -> Result<()> {
    let author = Author::new()?;
    author.ok(".", "berth new valve --lang c")?;
    author.ok("valve", "make test")?;
    let built = author.ok("valve", "berth build")?;
    ensure!(built.contains("valve.berth built"), "{built}");
    let package = fs::metadata(author.folder("valve/valve.berth"))?.len();
    ensure!(package <= 450, "{package} bytes");
    let device = Device::boot()?;
    let run = format!("berth --timeout 60 --device {} run", device.board.address());
    author.ok("valve", &run)?;
    device.console("[valve] on")?;
    Ok(())
}

/// What a new project's own README has it try, without a device.
#[test]
fn a_new_project_is_tried_as_its_readme_says() -> Result<()> {
    let author = Author::new()?;
    for language in ["rust", "c"] {
        let made = author.ok(".", &format!("berth new {language}y --lang {language}"))?;
        let folder = format!("{language}y");
        let readme = fs::read_to_string(author.folder(&folder).join("README.md"))?;
        let commands = readme.lines().filter_map(|line| line.strip_prefix("    "));
        let commands = commands.filter(|command| !command.contains("--watch"));
        let mut said = made;
        for command in commands {
            said += &author.ok(&folder, command)?;
        }
        for word in [
            "passed",
            "fpgaio write32 LED0 0x2",
            "info  off",
            "y.berth built",
        ] {
            ensure!(
                said.contains(word) || (language, word) == ("c", "passed"),
                "{word}: {said}"
            );
        }
        ensure!(!said.contains("Doc-tests"), "{said}");
    }
    Ok(())
}

/// What docs/published.md begins with, word for word, by somebody who has `berth` and nothing of this repository.
#[test]
fn a_published_driver_runs_in_a_new_project() -> Result<()> {
    let author = Author::new()?;
    author.ok(".", "berth new room")?;
    let page = fs::read_to_string(root().join("docs/published.md"))?;
    let block = |language: &str| {
        let (_, behind) = page.split_once(&format!("```{language}\n"))?;
        behind.split_once("```").map(|(block, _)| block)
    };
    for command in block("sh").context("commands")?.lines() {
        author.ok("room", command)?;
    }
    let manifest = fs::read_to_string(author.folder("room/Cargo.toml"))?;
    ensure!(manifest.contains("lm75 = \"=1.0.0\""), "{manifest}");
    fs::write(
        author.folder("room/src/lib.rs"),
        block("rust").context("a program")?,
    )?;
    let said = author.ok("room", "berth sim --for 1s")?;
    ensure!(said.contains("0.0 degrees"), "{said}");
    Ok(())
}

/// An SDK somewhere else, as in a checkout.
#[test]
fn a_project_uses_the_sdk_that_it_is_told() -> Result<()> {
    let author = Author::new()?;
    author.ok(".", "berth new first")?;
    author.ok(".", "berth new second --sdk first/sdk")?;
    ensure!(!author.folder("second/sdk").exists());
    author.ok("second", "berth build")?;
    Ok(())
}

#[test]
fn each_save_replaces_the_container_that_runs() -> Result<()> {
    let author = Author::new()?;
    author.ok(".", "berth new pump")?;
    let device = Device::boot()?;
    let folder = author.folder("pump");
    let code = folder.join("src/lib.rs");
    let command = format!(
        "cd {} && unset CARGO_TARGET_DIR && exec berth --timeout 60 --device {} run --watch",
        folder.display(),
        device.board.address()
    );
    let environment = environment()?;
    let environment: Vec<_> = environment
        .iter()
        .map(|(key, value)| (*key, &**value))
        .collect();
    let screen =
        Terminal::start_with(Path::new("sh"), &["-c", &command], (120, 200), &environment)?;
    screen.wait_for("pump started")?;
    screen.wait_for("info  on")?;
    change(&code, "info!(\"on\")", "info!(\"lit {}\", lights)")?;
    screen.wait_for("pump replaced")?;
    screen.wait_for("note: took ")?;
    screen.wait_for("info  lit 2")?;
    // What does not compile is said, and the container runs on.
    change(&code, "lit {}", "lit {} {}")?;
    screen.wait_for("there are more places than values")?;
    screen.wait_for("waits for the next save")?;
    ensure!(device.state("pump")? != "faulted");
    // One that fails when it has just begun gives way to the one before.
    change(
        &code,
        "\"lit {} {}\", lights",
        "\"{}\", [lights][lights as usize]",
    )?;
    screen.wait_for("the new image faulted")?;
    change(&code, "\"{}\", [lights][lights as usize]", "\"bright\"")?;
    screen.wait_for("info  bright")?;
    Ok(())
}

/// The guide's program for interrupts, linked as a new project is: nobody said `--export-table`.
#[test]
fn a_driver_of_interrupts_needs_no_flag_of_the_linker() -> Result<()> {
    let guide = fs::read_to_string(root().join("guest-sdk/README.md"))?;
    let mut blocks = guide
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let code = blocks
        .find(|block| block.contains("Interrupts::register"))
        .context("a program with interrupts")?;
    let author = Author::new()?;
    author.ok(".", "berth new serial")?;
    fs::write(author.folder("serial/src/lib.rs"), code)?;
    let mut device = Device::boot()?;
    let run = format!("berth --timeout 60 --device {} run", device.board.address());
    author.ok("serial", &run)?;
    device.console("[serial] 0 bytes")?;
    device.board.uart(1)?.write_all(b"a")?;
    device.console("[serial] 1 bytes, the last 0x61")?;
    Ok(())
}

/// What comes out without the linker's flags cannot be loaded; why is said.
#[test]
fn a_stack_that_nobody_has_chosen_is_told_with_the_flag() -> Result<()> {
    let author = Author::new()?;
    author.ok(".", "berth new pump")?;
    fs::write(author.folder("pump/build.rs"), "fn main() {}")?;
    let device = Device::boot()?;
    let output = author.run(
        "pump",
        &format!("berth --timeout 60 --device {} run", device.board.address()),
    )?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{said}");
    ensure!(
        said.contains("1048576 of its 1048") && said.contains("-zstack-size=1024"),
        "{said}"
    );
    ensure!(said.contains("out of memory"), "{said}");
    Ok(())
}

/// A driver that fails at its fourth look, and one that panics.
const FAILS: &str = r#"#![no_std]
#![forbid(unsafe_code)]

use berth_guest::mps2_an386::fpgaio;
use berth_guest::{Block, block, info};

berth_guest::main!(main);
block!(fn board = "mmio:fpgaio");

/// No register of these may be read but the first.
fn peek(block: Block, offset: u32) -> u32 {
    block.read32(offset)
}

#[inline(never)]
fn look(count: u32) -> u32 {
    peek(board(), if count == 3 { 8 } else { fpgaio::LED0 })
}

fn main() {
    for count in 0.. {
        info!("saw {}", look(count));
    }
}
"#;

/// The same words from the simulator and from the device: function, line, register, and a panic's place.
#[test]
fn a_fault_names_function_line_and_register() -> Result<()> {
    let author = Author::new()?;
    author.ok(".", "berth new pump")?;
    let code = author.folder("pump/src/lib.rs");
    fs::write(&code, FAILS)?;
    let device = Device::boot()?;
    let on_device = |words: &str| {
        format!(
            "berth --timeout 60 --device {} {words}",
            device.board.address()
        )
    };
    let place =
        "in pump::peek (src/lib.rs:12), in pump::look (src/lib.rs:17); register fpgaio.BUTTON";
    // Exit code 1: it has failed, as it was to.
    for command in [
        "berth sim".to_owned(),
        on_device("run -f"),
        on_device("logs pump"),
    ] {
        let output = author.run("pump", &command)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            said.contains("faulted: bad-register in main, at place"),
            "{said}"
        );
        ensure!(said.contains(place), "{command}: {said}");
    }
    let said = author.ok("pump", &on_device("inspect pump"))?;
    ensure!(
        said.contains("in pump::peek (src/lib.rs:12), in pump::look"),
        "{said}"
    );
    ensure!(said.contains("of fpgaio: BUTTON"), "{said}");
    // What is handed on tells the function.
    author.ok("pump", "berth build")?;
    let output = author.run("pump", &on_device("run pump.berth -f"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        said.contains("in pump::look; register fpgaio.BUTTON"),
        "{said}"
    );

    change(
        &code,
        "info!(\"saw {}\", look(count));",
        "info!(\"saw {}\", [1, 2][look(count) as usize + count as usize]);",
    )?;
    for command in ["berth sim".to_owned(), on_device("run -f")] {
        let output = author.run("pump", &command)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(said.contains("panicked"), "{said}");
        ensure!(said.contains("in pump::main (src/lib.rs:22)"), "{said}");
    }
    // And the device's own log has it, if its author wants that.
    change(
        &author.folder("pump/Cargo.toml"),
        "berth-guest = { path = \"sdk\" }",
        "berth-guest = { path = \"sdk\", features = [\"panic-location\"] }",
    )?;
    let output = author.run("pump", "berth sim")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(said.contains("error panicked at src/lib.rs:22"), "{said}");
    Ok(())
}

/// docs/author.md, word for word: it ends in the temperature that the sensor was given.
#[test]
fn the_authors_guide_ends_in_a_temperature() -> Result<()> {
    let author = Author::new()?;
    // What the guide calls the copy of the repository: its image and its programs.
    let checkout = author.folder("checkout");
    let image = checkout.join("target/image");
    fs::create_dir_all(&image)?;
    fs::copy(Flash::new()?.path(), image.join("run.bin"))?;
    let programs = program("berth");
    let programs = programs.parent().context("the folder of the programs")?;
    std::os::unix::fs::symlink(programs, checkout.join("target/debug"))?;
    let flash = image.join("run.bin");
    let words = [
        "run",
        "--flash",
        &flash.to_string_lossy(),
        "--device",
        "tmp105",
    ];
    let board = Terminal::start(&program("berth-emulator"), &words, (90, 40))?;
    board.wait_for("type help")?;
    let device = format!(
        "export BERTH_DEVICE=unix:{}",
        image.join("berth.sock").display()
    );

    let guide = fs::read_to_string(root().join("docs/author.md"))?;
    let (mut folder, mut said, mut done) = (".", String::new(), 0);
    for (number, part) in guide.split("```").enumerate() {
        let (kind, text) = part.split_once('\n').unwrap_or((part, ""));
        match kind {
            _ if number % 2 == 0 => {}
            "rust" => fs::write(author.folder(folder).join("src/lib.rs"), text)?,
            "toml" => fs::write(author.folder(folder).join("model.toml"), text)?,
            "sh checkout" if text.contains("make run") => {
                // The board runs already, as a test's: with the sensor that the guide asks for.
                ensure!(text.contains("DEVICES=tmp105"), "{text}");
            }
            "sh checkout" => said = author.ok("checkout", text)?,
            "sh" => {
                // What is installed already needs no network; the folder stays for what follows.
                let lines = text.lines().filter(|line| !line.starts_with("rustup "));
                let script = lines.collect::<Vec<_>>().join("\n");
                said = author.ok(folder, &format!("{device}\nset -e\n{script}"))?;
                if script.contains("cd room") {
                    folder = "room";
                }
                done += 1;
            }
            other => anyhow::bail!("a block that nobody follows: {other}"),
        }
        if text.contains("logs -n 1 room") {
            let expected = if done > 7 {
                "25.5 degrees"
            } else {
                "0.0 degrees"
            };
            ensure!(said.contains(expected), "after block {done}: {said}");
        }
        if text.contains("--model") && number % 2 == 1 {
            let warm = said.contains("21.5 degrees") && said.contains("30.0 degrees");
            ensure!(warm, "after block {done}: {said}");
        }
    }
    ensure!(
        done == 9 && said.contains("room.berth built"),
        "{done} blocks: {said}"
    );
    let size = fs::metadata(author.folder("room/room.berth"))?.len();
    // Without `core::fmt`, which would double it.
    ensure!(size <= 2600, "{size} bytes");
    Ok(())
}

#[test]
fn outside_of_a_project_it_is_said_what_one_is() -> Result<()> {
    let author = Author::new()?;
    let output = author.run(".", "berth build")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(2), "{output:?}");
    ensure!(said.contains("berth new NAME"), "{said}");
    Ok(())
}
