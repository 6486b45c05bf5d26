//! A person at the console and scripts beside it, in real terminals.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Flash, Run, SerialPort, Terminal, guest, program, target};
use berth_emulator::Board;

/// A terminal as wide as the oldest and high enough to see everything.
const SIZE: (u16, u16) = (80, 60);

/// Ctrl-].
const LEAVE: &str = "\x1d";

/// A run of `berth` that must succeed.
fn berth(words: &[&str]) -> Result<String> {
    Run::of(words, &[])?.ok()
}

/// Press one key after the other; the screen's last line must follow each.
fn type_slowly(terminal: &mut Terminal, before: &str, keys: &str) -> Result<()> {
    let mut line = before.to_owned();
    for key in keys.chars() {
        terminal.press(&key.to_string())?;
        line.push(key);
        terminal.wait_last(line.trim_end())?;
    }
    Ok(())
}

/// What a person does at a console while scripts use the device at `address`.
fn person_and_scripts(terminal: &mut Terminal, address: &str) -> Result<()> {
    let blink = guest("blink");
    type_slowly(terminal, "berth> ", "start blimk")?;
    // In the middle of the line a script uploads what is to be started.
    let said = berth(&["--device", address, "upload", &blink.to_string_lossy()])?;
    ensure!(said.contains("blink uploaded"), "{said}");
    terminal.wait_last("berth> start blimk")?;
    // Left, over the k; backspace; n.
    terminal.press("\x1b[D")?;
    terminal.press("\x7f")?;
    terminal.wait_last("berth> start blik")?;
    terminal.press("n")?;
    terminal.wait_last("berth> start blink")?;
    terminal.press("\r")?;
    terminal.wait_for("\nok")?;
    // The container speaks between the lines; scripts see it run.
    terminal.wait_for("[blink] ")?;
    let list = berth(&["--device", address, "ps"])?;
    ensure!(list.contains("running"), "{list}");
    berth(&["--device", address, "stop", "blink"])?;
    terminal.press("ps\r")?;
    terminal.wait("the stopped container", |text| {
        text.lines()
            .any(|line| line.starts_with("blink ") && line.contains("stopped"))
    })?;
    // Up twice is the line before the last.
    terminal.press("\x1b[A\x1b[A")?;
    terminal.wait_last("berth> start blink")?;
    terminal.press("\x15")?;
    terminal.wait_last("berth>")?;
    berth(&["--device", address, "rm", "blink"])?;
    Ok(())
}

#[test]
fn make_run_serves_a_person_and_scripts() -> Result<()> {
    let flash = Flash::new()?;
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("line");
    let image = flash.path();
    let (image, place) = (image.to_string_lossy(), socket.to_string_lossy());
    let words = [
        "run", "--flash", &image, "--socket", &place, "--limit", "240",
    ];
    let mut terminal = Terminal::start(&program("berth-emulator"), &words, SIZE)?;
    terminal.wait_for("type help")?;
    let address = format!("unix:{}", socket.display());
    person_and_scripts(&mut terminal, &address)?;
    // `scan` finds the board without being told.
    let found = berth(&["scan", "--list", "--json"])?;
    ensure!(found.contains(&*address), "{found}");
    terminal.press(LEAVE)?;
    let code = terminal.ended()?;
    ensure!(code == 0, "exit code {code}");
    Ok(())
}

#[test]
fn berth_console_owns_the_line_and_serves_others_under_the_same_address() -> Result<()> {
    let flash = Flash::new()?;
    let mut board = Board::new(flash.path())
        .limit(Duration::from_secs(240))
        .raw_console()
        .paused()
        .start()?;
    let address = board.address();
    let words = ["--device", &address, "console"];
    let mut terminal = Terminal::start(&program("berth"), &words, SIZE)?;
    board.wait_for_client(0)?;
    terminal.wait_for("Leave with")?;
    board.resume()?;
    terminal.wait_for("type help")?;
    person_and_scripts(&mut terminal, &address)?;
    // A second person sees the same line.
    let mut second = Terminal::start(&program("berth"), &words, SIZE)?;
    second.wait_for("Leave with")?;
    second.press("\r")?;
    second.wait_last("berth>")?;
    second.press("heap\r")?;
    second.wait_for("in one piece")?;
    terminal.wait_for("in one piece")?;
    second.press(LEAVE)?;
    ensure!(second.ended()? == 0);
    terminal.press("\x01x")?;
    let code = terminal.ended()?;
    ensure!(code == 0, "exit code {code}: {}", terminal.text());
    // The line is free again.
    let said = berth(&["--device", &address, "info"])?;
    said.contains("board").then_some(()).context(said)
}

/// The program `tockloader` as it is, on a computer on which the port `PORT` is a serial adapter:
/// it takes only ports that the system lists, which no emulated one is.
const TOCKLOADER: &str = "\
import glob, os, sys
listed = glob.glob
glob.glob = lambda pattern: listed(pattern) + ([os.environ['PORT']] if pattern == '/dev/ttyACM*' else [])
from tockloader.main import main
sys.exit(main())";

#[test]
fn the_shell_works_in_tockloader_listen() -> Result<()> {
    let flash = Flash::new()?;
    let mut board = Board::new(flash.path())
        .limit(Duration::from_secs(240))
        .raw_console()
        .paused()
        .start()?;
    let port = SerialPort::connect(board.uart(0)?)?;
    let port = port.path.to_string_lossy();
    let python = target().join("tools/venv/bin/python");
    let words = ["-c", TOCKLOADER, "listen", "--port", &port];
    let mut terminal = Terminal::start_with(&python, &words, SIZE, &[("PORT", &port)])?;
    terminal.wait_for("Listening for serial output")?;
    board.resume()?;
    terminal.wait_for("type help")?;
    type_slowly(&mut terminal, "berth> ", "heap")?;
    terminal.press("\x7f\x7f")?;
    terminal.wait_last("berth> he")?;
    terminal.press("\x01")?;
    terminal.press("x")?;
    terminal.wait_last("berth> xhe")?;
    terminal.press("\x7f")?;
    terminal.wait_last("berth> he")?;
    terminal.press("\x05lp\r")?;
    terminal.wait_for("start NAME")?;
    terminal.wait_last("berth>")?;
    // Whatever the device sends, this terminal shows no control characters.
    ensure!(!terminal.text().contains('\u{241b}'), "{}", terminal.text());
    // Ctrl-P: the line before.
    terminal.press("\x10")?;
    terminal.wait_last("berth> help")?;
    Ok(())
}
