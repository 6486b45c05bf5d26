//! The operator's first ten minutes, word for word from the documents: each command that README.md and the operator's
//! guide show there works as it stands.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Flash, Terminal, guest, program, root};

/// The commands of the first block below a heading.
fn commands(document: &str, heading: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root().join(document))?;
    let (_, section) = text
        .split_once(heading)
        .with_context(|| format!("{document} has no {heading}"))?;
    let block = section.split("```").nth(1).context("no block")?;
    let commands: Vec<_> = block
        .lines()
        .skip(1)
        .map(|line| {
            line.split(" #")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        })
        .filter(|command| !command.is_empty())
        .collect();
    ensure!(commands.len() > 3, "{commands:?}");
    Ok(commands)
}

#[test]
fn each_command_of_the_first_ten_minutes_works_as_it_stands() -> Result<()> {
    let flash = Flash::new()?;
    let home = tempfile::tempdir()?;
    let image = flash.path();
    // As `make run` does: the board in one terminal, its socket beside its flash.
    let folder = home.path().join("target/image");
    std::fs::create_dir_all(&folder)?;
    let socket = folder.join("berth.sock");
    let (image, place) = (image.to_string_lossy(), socket.to_string_lossy());
    let words = ["run", "--flash", &image, "--socket", &place];
    let mut board = Terminal::start(&program("berth-emulator"), &words, (90, 40))?;
    board.wait_for("type help")?;
    // A second one is told so, and writes nothing.
    let before = std::fs::read(flash.path())?;
    let second = Command::new(program("berth-emulator"))
        .args(words)
        .output()?;
    ensure!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    ensure!(said.contains("a board is running already"), "{said}");
    ensure!(said.contains(&*place), "{said}");
    ensure!(std::fs::read(flash.path())? == before);

    // Where the build puts the examples, and nowhere else.
    let guests = guest("blink");
    let guests = guests.parent().context("the folder of the examples")?;
    std::os::unix::fs::symlink(guests, home.path().join("target/guests"))?;
    let bin = program("berth");
    let bin = bin.parent().context("the folder of the programs")?;
    let path = std::env::var("PATH").unwrap_or_default();
    for (document, heading) in [
        ("docs/operator.md", "## The first ten minutes"),
        ("README.md", "### You run devices (operator)"),
    ] {
        for command in commands(document, heading)? {
            // What goes on until it is interrupted is, after a while.
            let goes_on = ["logs -f", "stats"]
                .iter()
                .any(|part| command.contains(part));
            let shell = if command.starts_with("make ") {
                continue;
            } else if goes_on {
                format!("timeout --signal=INT 2 {command}")
            } else {
                command.clone()
            };
            let output = Command::new("sh")
                .args(["-c", &shell])
                .current_dir(home.path())
                .env("PATH", format!("{}:{path}", bin.display()))
                .env("XDG_CONFIG_HOME", home.path())
                .env_remove("BERTH_DEVICE")
                .output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            let expected = code == Some(0) || goes_on && code == Some(124);
            ensure!(expected, "{document}: {command}: {code:?}: {said}");
        }
    }
    std::thread::sleep(Duration::from_millis(100));
    board.press("\x1d")?;
    ensure!(board.ended()? == 0);
    Ok(())
}
