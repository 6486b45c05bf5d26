//! A booted device and its operator.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use berth_emulator::{Attached, Board, Emulator, Icount, Sleep};
use serde_json::Value;

use crate::artefacts::{guest, program};
use crate::flash::Flash;

/// An instruction takes 2 to this power nanoseconds of the emulator's time where time is instructions
/// ([`Device::power_on_counted`]): 32. The board's own takes 40, so times that are read off the emulator's clock are not the board's:
/// [`Instructions`](crate::deadlines::Instructions) are the same on both.
pub(crate) const INSTRUCTION_SHIFT: u8 = 5;

/// Boot, or an answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Seconds that `berth` waits for an answer here: on a busy machine the emulator may stand still for longer than a
/// device ever does.
const ANSWER_S: &str = "60";

/// How long a board with chips may run.
const CHIPS_LIMIT: Duration = Duration::from_secs(300);

/// What the supervisor prints when it is ready.
const READY: &str = "type help";

/// One run of `berth`.
#[derive(Clone, Debug)]
pub struct Run {
    /// The words after `berth`.
    pub words: String,
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Run `berth` with these words and variables.
    ///
    /// # Errors
    /// If it cannot be run at all.
    pub fn of(words: &[&str], variables: &[(&str, &str)]) -> Result<Self> {
        let berth = program("berth");
        let output = Command::new(&berth)
            .args(words)
            .env_remove("BERTH_DEVICE")
            .env_remove("COLUMNS")
            .envs(variables.iter().copied())
            .output()
            .with_context(|| format!("cannot run {}; run `make build`", berth.display()))?;
        Ok(Self {
            words: words.join(" "),
            code: output.status.code().context("berth was killed")?,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Standard output, if it succeeded.
    ///
    /// # Errors
    /// With everything it said, if it failed.
    pub fn ok(self) -> Result<String> {
        ensure!(
            self.code == 0,
            "berth {} gave {}: {}{}",
            self.words,
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self.stdout)
    }

    /// Standard error, if the device refused (exit code 1).
    ///
    /// # Errors
    /// With everything it said, if it did anything else.
    pub fn refused(self) -> Result<String> {
        ensure!(
            self.code == 1,
            "berth {} gave {} instead of a refusal: {}{}",
            self.words,
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self.stderr)
    }
}

/// A running board.
pub struct Device {
    /// Its emulator.
    pub board: Emulator,
}

impl Device {
    /// Boot kernel and supervisor as built, and wait for the supervisor.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn boot() -> Result<Self> {
        Self::boot_with(&Flash::new()?)
    }

    /// Boot a flash image with a supervisor in it, and wait for the supervisor.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn boot_with(flash: &Flash) -> Result<Self> {
        let device = Self::power_on(flash)?;
        device.console(READY)?;
        Ok(device)
    }

    /// Boot as built, with the example `blink` uploaded and started: a container at work,
    /// to see whether something disturbs it.
    ///
    /// # Errors
    /// If it does not come up, or the device refuses.
    pub fn boot_with_blink() -> Result<Self> {
        let device = Self::boot()?;
        device.upload("blink")?;
        device.berth(&["start", "blink"])?.ok()?;
        Ok(device)
    }

    /// `blink` runs and says something new: whatever was done to others did not disturb it.
    ///
    /// # Errors
    /// If it does not run, or says nothing for a while.
    pub fn blink_goes_on(&self) -> Result<()> {
        let state = self.state("blink")?;
        ensure!(state == "running", "blink is {state}");
        let at = self.board.console.position();
        self.board.console.wait_after(at, "[blink] LED", PATIENCE)?;
        Ok(())
    }

    /// Bytes of memory that `heap` tells are free.
    ///
    /// # Errors
    /// If `heap` fails.
    pub fn free_memory(&self) -> Result<u64> {
        let heap = self.json(&["heap"])?;
        heap["heap"]["free"]
            .as_u64()
            .with_context(|| format!("heap tells no free bytes: {heap}"))
    }

    /// Boot a flash image, wait for nothing.
    ///
    /// # Errors
    /// If the emulator does not start.
    pub fn power_on(flash: &Flash) -> Result<Self> {
        Self::power_on_for(flash, Duration::from_secs(300))
    }

    /// Boot a flash image, wait for nothing, and switch off after `limit`.
    ///
    /// # Errors
    /// If the emulator does not start.
    pub fn power_on_for(flash: &Flash, limit: Duration) -> Result<Self> {
        Self::power_on_board(flash, |board| board.limit(limit).trace_leds())
    }

    /// As [`power_on`](Self::power_on), with time that is the number of instructions: for
    /// processes that look at what a timer does to them. Otherwise the emulator's
    /// timers follow the host's clock, and lag on a busy machine.
    ///
    /// # Errors
    /// If the emulator does not start.
    pub fn power_on_counted(flash: &Flash) -> Result<Self> {
        Self::power_on_counted_for(flash, Duration::from_secs(300))
    }

    /// As [`power_on_counted`](Self::power_on_counted), and switch off after `limit`.
    ///
    /// # Errors
    /// If the emulator does not start.
    pub fn power_on_counted_for(flash: &Flash, limit: Duration) -> Result<Self> {
        Self::power_on_board(flash, |board| {
            board.limit(limit).icount(Icount {
                shift: INSTRUCTION_SHIFT,
                sleep: Sleep::Jump,
            })
        })
    }

    /// Boot a flash image on a board with these settings, wait for nothing. The image keeps what
    /// the device stores.
    ///
    /// # Errors
    /// If the emulator does not start.
    pub fn power_on_board(flash: &Flash, settings: impl FnOnce(Board) -> Board) -> Result<Self> {
        let board = settings(Board::new(flash.path()).keep_store()).start()?;
        Ok(Self { board })
    }

    /// Boot a flash image on a board with these chips on its buses, as they are written on the command line, and wait until the supervisor is ready.
    /// What the chips measure can be changed.
    ///
    /// # Errors
    /// If one is no chip, or the device does not start.
    pub fn with_chips(flash: &Flash, chips: &[&str]) -> Result<Self> {
        let chips: Vec<Attached> = chips
            .iter()
            .map(|chip| chip.parse().map_err(anyhow::Error::msg))
            .collect::<Result<_>>()?;
        let device = Self::power_on_board(flash, |board| {
            let board = board.limit(CHIPS_LIMIT).reachable();
            chips
                .into_iter()
                .fold(board, |board, chip| board.attach(chip))
        })?;
        device.console(READY)?;
        Ok(device)
    }

    /// Wait until a line with `text` in it has appeared on the console, whole: what is read afterwards has it to its end.
    ///
    /// # Errors
    /// If it does not; with the end of what did.
    pub fn console(&self, text: &str) -> Result<()> {
        self.board.console.line_after(0, text, PATIENCE)?;
        Ok(())
    }

    /// Run `berth` with these words against this device. It waits for an answer for a minute if they do not say how
    /// long.
    ///
    /// # Errors
    /// If it cannot be run at all.
    pub fn berth(&self, words: &[&str]) -> Result<Run> {
        let address = self.board.address();
        let waits = if words.contains(&"--timeout") {
            &[][..]
        } else {
            &["--timeout", ANSWER_S]
        };
        let run = Run::of(&[&["--device", &address], waits, words].concat(), &[])?;
        // Whoever tells of it is about this device anyway.
        let words = words.join(" ");
        Ok(Run { words, ..run })
    }

    /// Run `berth` with `--json` and parse what it prints.
    ///
    /// # Errors
    /// If it fails or prints no JSON.
    pub fn json(&self, words: &[&str]) -> Result<Value> {
        let mut all = vec!["--json"];
        all.extend(words);
        let text = self.berth(&all)?.ok()?;
        serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
    }

    /// Upload one of the SDK's examples under its own name.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn upload(&self, example: &str) -> Result<()> {
        self.upload_file(&guest(example))?.ok().map(drop)
    }

    /// Upload a file.
    ///
    /// # Errors
    /// If `berth` cannot be run.
    pub fn upload_file(&self, file: &Path) -> Result<Run> {
        self.berth(&["upload", &file.to_string_lossy()])
    }

    /// Upload one of the SDK's examples under its own name, and start it.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn run_example(&self, example: &str) -> Result<()> {
        let file = guest(example).to_string_lossy().into_owned();
        self.berth(&["run", &file, "--name", example])?
            .ok()
            .map(drop)
    }

    /// What a container has said, without times and levels.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn said(&self, name: &str) -> Result<Vec<String>> {
        let log = self.berth(&["logs", name, "--json"])?.ok()?;
        log.lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line)?;
                let text = line["text"].as_str().map(str::to_owned);
                text.with_context(|| format!("no line of a log: {line}"))
            })
            .collect()
    }

    /// What `ps` tells of one container. Returns `None` if it lists no such name.
    ///
    /// # Errors
    /// If `ps` fails.
    pub fn container(&self, name: &str) -> Result<Option<Value>> {
        let list = self.json(&["ps"])?;
        Ok(list["containers"]
            .as_array()
            .context("ps lists containers")?
            .iter()
            .find(|item| item["name"] == name)
            .cloned())
    }

    /// The state of one container, in a word.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn state(&self, name: &str) -> Result<String> {
        let container = self
            .container(name)?
            .with_context(|| format!("no container {name}"))?;
        Ok(container["state"].as_str().unwrap_or_default().to_owned())
    }

    /// Wait until a container is in a state.
    ///
    /// # Errors
    /// If it does not get there.
    pub fn wait_state(&self, name: &str, state: &str) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let now = self.state(name)?;
            if now == state {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("{name} is {now}, not {state}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Wait until something holds.
    ///
    /// # Errors
    /// If it does not, or looking fails.
    pub fn wait_until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while !holds(self)? {
            ensure!(Instant::now() < until, "{what} did not happen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
