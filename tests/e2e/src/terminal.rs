//! A program in a terminal: what a person types, and what stands on the screen.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::num::NonZero;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Boot, or an answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lines that have scrolled away and are still kept.
const SCROLLBACK: usize = 1000;

/// A pseudo-terminal.
pub(crate) struct Pty {
    /// The side of the person, or of the cable.
    pub(crate) person: File,
    /// The side of programs.
    pub(crate) end: File,
    /// Where programs find it.
    pub(crate) path: PathBuf,
}

impl Pty {
    /// A new one, as the system makes them.
    pub(crate) fn open() -> Result<Self> {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&person)?;
        unlockpt(&person)?;
        let path = PathBuf::from(ptsname(&person, Vec::new())?.into_string()?);
        let end = File::from(open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?);
        let person = File::from(person);
        Ok(Self { person, end, path })
    }
}

/// A pseudo-terminal with a program in it. Dropping it ends the program.
pub struct Terminal {
    person: File,
    child: Child,
    screen: Arc<Screen>,
}

struct Screen {
    parser: Mutex<vt100::Parser>,
    changed: Condvar,
}

impl Screen {
    fn lock(&self) -> MutexGuard<'_, vt100::Parser> {
        // The parser is never left half changed.
        self.parser.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    /// Start `program` with these words, in a terminal of so many columns and rows.
    ///
    /// # Errors
    /// If there is no pseudo-terminal, or the program cannot be started.
    pub fn start(program: &Path, words: &[&str], size: (u16, u16)) -> Result<Self> {
        Self::start_with(program, words, size, &[])
    }

    /// As [`start`](Self::start), with these variables in its environment.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(
        program: &Path,
        words: &[&str],
        (columns, rows): (u16, u16),
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let Pty { person, end, .. } = Pty::open()?;
        tcsetwinsize(
            &end,
            Winsize {
                ws_row: rows,
                ws_col: columns,
                ws_xpixel: 0,
                ws_ypixel: 0,
            },
        )?;
        // With it as its controlling terminal, so that Ctrl-C is what it is for people.
        let child = Command::new("setsid")
            .arg("--ctty")
            .arg(program)
            .args(words)
            .env("TERM", "xterm-256color")
            .envs(variables.iter().copied())
            .stdin(end.try_clone()?)
            .stdout(end.try_clone()?)
            .stderr(end)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let size = |count| NonZero::new(count).context("a terminal has rows and columns");
        let screen = Arc::new(Screen {
            parser: Mutex::new(vt100::Parser::new(size(rows)?, size(columns)?, SCROLLBACK)),
            changed: Condvar::new(),
        });
        let mut output = person.try_clone()?;
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                match output.read(&mut buffer) {
                    Ok(count @ 1..) => {
                        shown
                            .lock()
                            .process(buffer.get(..count).unwrap_or_default());
                        shown.changed.notify_all();
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // The program has closed its end.
                    _ => return,
                }
            }
        });
        Ok(Self {
            person,
            child,
            screen,
        })
    }

    /// Press keys.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.person.write_all(keys.as_bytes())?)
    }

    /// What stands on the screen now, without empty lines at its end.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.screen.lock())
    }

    /// What stands on the screen now, with its colours as escape sequences.
    #[must_use]
    pub fn formatted(&self) -> String {
        let parser = self.screen.lock();
        let columns = parser.screen().size().1.get();
        let rows: Vec<_> = parser.screen().rows_formatted(0, columns).collect();
        let used = rows.iter().rposition(|row| !row.is_empty());
        rows.get(..used.map_or(0, |last| last + 1))
            .unwrap_or_default()
            .join("\n")
    }

    /// Wait until the screen is as `holds` wants it.
    ///
    /// # Errors
    /// If it does not get so; with what stands on it.
    pub fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut parser = self.screen.lock();
        while !holds(&text(&parser)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("the screen does not show {what}:\n{}", text(&parser));
            }
            parser = self
                .screen
                .changed
                .wait_timeout(parser, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(())
    }

    /// Wait until `wanted` stands somewhere on the screen.
    ///
    /// # Errors
    /// If it does not; with what stands there.
    pub fn wait_for(&self, wanted: &str) -> Result<()> {
        self.wait(wanted, |text| text.contains(wanted))
    }

    /// Wait until the last line of the screen is `wanted`.
    ///
    /// # Errors
    /// If it is not; with what stands there.
    pub fn wait_last(&self, wanted: &str) -> Result<()> {
        self.wait(wanted, |text| text.lines().next_back() == Some(wanted))
    }

    /// Wait until the program ends. Returns its exit code.
    ///
    /// # Errors
    /// If it does not end, or a signal ended it.
    pub fn ended(&mut self) -> Result<i32> {
        self.end()?.code().context("a signal ended the program")
    }

    /// Wait until the program ends. Returns whether Ctrl-C did it.
    ///
    /// # Errors
    /// If it does not end.
    pub fn ended_by_interrupt(&mut self) -> Result<bool> {
        Ok(self.end()?.signal() == Some(Signal::INT.as_raw()))
    }

    fn end(&mut self) -> Result<ExitStatus> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > until {
                bail!("the program does not end:\n{}", self.text());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(parser: &vt100::Parser) -> String {
    let contents = parser.screen().contents();
    let lines: Vec<_> = contents.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}
