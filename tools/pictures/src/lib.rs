//! Terminal pictures for `docs/operator.md`: a board is booted, an operator's commands are run on it,
//! and what they said is drawn.
//!
//! `make pictures` draws them anew into `docs/terminal/`. A test runs the same commands and says whether what is
//! drawn there is still what they say.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use berth_e2e::{Device, Flash, Run, Terminal, guest, program, root};

/// Columns of the terminal that is drawn: 490 pixels, of which letters of 14 are more than 10 on a telephone of 360.
pub const COLUMNS: usize = 56;
/// What a line begins with that goes on with the one before.
pub const GOES_ON: char = '\u{a0}';

/// Bold, for what a person types.
const TYPED: &str = "\x1b[1m";
/// Green, for the prompt.
const PROMPT: &str = "\x1b[32m";
/// Bright red, for what goes to standard error; the darker one is hard to read on black.
const ERROR: &str = "\x1b[91m";
const PLAIN: &str = "\x1b[0m";

/// A picture's name, and what stands in it, with its colours as escape sequences.
pub type Picture = (&'static str, String);

/// Run all that is drawn.
///
/// # Errors
/// If a command fails, or a board.
pub fn run() -> Result<Vec<Picture>> {
    let mut pictures = vec![first_minutes()?];
    pictures.extend(looking()?);
    pictures.push(refusals()?);
    pictures.push(console()?);
    Ok(pictures)
}

/// Where they are.
#[must_use]
pub fn folder() -> PathBuf {
    root().join("docs/terminal")
}

/// Commands and what they said, as a terminal shows them.
struct Story<'a> {
    device: &'a Device,
    text: String,
}

fn first_minutes() -> Result<Picture> {
    let device = Device::boot()?;
    let mut story = Story::new(&device);
    story.run("exposures")?;
    story.run("upload blink.wasm")?;
    story.run("start blink")?;
    wait_for_log(&device, "blink", 3)?;
    story.run("logs blink")?;
    story.run("ps")?;
    story.run("stop blink")?;
    story.run("rm blink")?;
    Ok(("first-minutes", story.text))
}

fn looking() -> Result<Vec<Picture>> {
    let device = Device::boot_with_blink()?;
    let mut story = Story::new(&device);
    story.run("doctor")?;
    let doctor = ("doctor", story.text);
    device.upload("trap")?;
    device.berth(&["start", "trap"])?.ok()?;
    device.wait_state("trap", "faulted")?;
    let mut story = Story::new(&device);
    story.run("inspect trap")?;
    let inspect = ("inspect", story.text);
    let mut story = Story::new(&device);
    story.run("stats --no-stream")?;
    story.run("heap")?;
    story.run("images")?;
    story.run("events")?;
    Ok(vec![doctor, inspect, ("looking", story.text)])
}

fn refusals() -> Result<Picture> {
    let device = Device::boot()?;
    let mut story = Story::new(&device);
    story.run("run greedy.wasm")?;
    story.run("start nobody")?;
    Ok(("refusals", story.text))
}

fn console() -> Result<Picture> {
    let flash = Flash::new()?;
    let socket = std::env::temp_dir().join(format!("berth-pictures-{}", std::process::id()));
    let image = flash.path();
    let (image, place) = (image.to_string_lossy(), socket.to_string_lossy());
    let words = ["run", "--flash", &image, "--socket", &place];
    let mut terminal = Terminal::start(&program("berth-emulator"), &words, (90, 40))?;
    terminal.wait_for("type help")?;
    let upload = Command::new(program("berth"))
        .args(["upload", &guest("blink").to_string_lossy()])
        .arg("--device")
        .arg(format!("unix:{}", socket.display()))
        .output()?;
    ensure!(upload.status.success(), "upload failed");
    terminal.press("help\r")?;
    terminal.wait_last("berth>")?;
    terminal.press("start blink\r")?;
    terminal.wait_for("[blink] ")?;
    terminal.press("ps\r")?;
    terminal.wait_for("running")?;
    terminal.press("stop blink\r")?;
    terminal.wait("the end", |text| text.ends_with("stop blink\nok\nberth>"))?;
    // The paths of this run interest nobody.
    let shown = terminal.formatted();
    let from = shown.find("berth supervisor").unwrap_or(0);
    let text = shown.get(from..).unwrap_or_default();
    Ok(("console", text.to_owned()))
}

impl<'a> Story<'a> {
    const fn new(device: &'a Device) -> Self {
        Self {
            device,
            text: String::new(),
        }
    }

    /// Run a command, as typed.
    fn run(&mut self, typed: &str) -> Result<()> {
        let words: Vec<String> = typed
            .split(' ')
            .map(|word| match word.strip_suffix(".wasm") {
                Some(name) => guest(name).to_string_lossy().into_owned(),
                None => word.to_owned(),
            })
            .collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let line = self.device.board.address();
        let words = [&["--device", &line], &words[..]].concat();
        let run = Run::of(&words, &[("COLUMNS", &COLUMNS.to_string())])?;
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text
            .push_str(&format!("{PROMPT}${PLAIN} {TYPED}berth {typed}{PLAIN}\n"));
        // Where this board's line and this user's files lie interests nobody.
        let address = self.device.board.address();
        let home = std::env::var("HOME").unwrap_or_default();
        let said = run.stdout.replace(&address, "/dev/ttyACM0");
        self.text.push_str(&said.replace(&format!("{home}/"), "~/"));
        for line in run.stderr.lines() {
            self.text.push_str(&format!("{ERROR}{line}{PLAIN}\n"));
        }
        Ok(())
    }
}

/// Wait until a container has written so many lines.
fn wait_for_log(device: &Device, name: &str, lines: usize) -> Result<()> {
    for _ in 0..300 {
        if device.berth(&["logs", name])?.ok()?.lines().count() >= lines {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("{name} does not write {lines} lines")
}

/// A text in lines of at most so many columns, broken at blanks where there are some, escape sequences counted as nothing.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(|line| wrapped_line(line, columns))
        .collect();
    lines.join("\n") + "\n"
}

fn wrapped_line(line: &str, columns: usize) -> String {
    let mut kept = String::new();
    let (mut column, mut escape) = (0, false);
    // Where the last blank is in what is kept, and how many columns come behind it.
    let mut blank = None;
    for character in line.chars() {
        escape |= character == '\x1b';
        if escape {
            escape = !character.is_ascii_alphabetic();
            kept.push(character);
            continue;
        }
        if column == columns {
            let (at, behind) = blank.take().unwrap_or((kept.len(), 0));
            let rest = kept.split_off(at);
            kept.push_str(&format!("\n{GOES_ON}{GOES_ON}"));
            kept.push_str(rest.strip_prefix(' ').unwrap_or(&rest));
            column = 2 + behind;
        }
        // Blanks between columns of a table are no place to break.
        if character == ' ' && !kept.ends_with(' ') && column > columns / 2 {
            blank = Some((kept.len(), 0));
        } else if let Some((_, behind)) = &mut blank {
            *behind += 1;
        }
        kept.push(character);
        column += 1;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_are_broken_at_blanks_and_go_on() {
        for (text, lines) in [
            ("short", "short\n"),
            ("", "\n"),
            ("1234567890", "1234567890\n"),
            ("1234567890a", "1234567890\n\u{a0}\u{a0}a\n"),
            ("1234567 90ab", "1234567\n\u{a0}\u{a0}90ab\n"),
            (
                "\x1b[1m123456\x1b[0m 890abcdefgh i",
                "\x1b[1m123456\x1b[0m\n\u{a0}\u{a0}890abcde\n\u{a0}\u{a0}fgh i\n",
            ),
            ("a\nb", "a\nb\n"),
        ] {
            assert_eq!(wrapped(text, 10), lines, "{text}");
        }
    }
}
