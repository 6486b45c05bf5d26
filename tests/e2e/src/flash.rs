//! A flash image of one's own, changed by the real `tockloader`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::artefacts::target;

/// How `tockloader` reaches the image: as the flash of a board it does not know.
const OPTIONS: [&str; 8] = [
    "--board",
    "mps2_an386",
    "--arch",
    "cortex-m4",
    "--app-address",
    "0x80000",
    "--page-size",
    "512",
];

/// A copy of the flash image that `make build` made: kernel and supervisor.
#[derive(Debug)]
pub struct Flash {
    folder: TempDir,
}

impl Flash {
    /// A fresh copy.
    ///
    /// # Errors
    /// If there is no image yet.
    pub fn new() -> Result<Self> {
        let built = target().join("image/flash.bin");
        let flash = Self {
            folder: TempDir::with_prefix("berth-flash-")?,
        };
        std::fs::copy(&built, flash.path())
            .with_context(|| format!("cannot copy {}; run `make build`", built.display()))?;
        Ok(flash)
    }

    /// A fresh copy without the supervisor.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if `tockloader` fails.
    pub fn without_supervisor() -> Result<Self> {
        let flash = Self::new()?;
        flash.tockloader(&["erase-apps"])?;
        Ok(flash)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("flash.bin")
    }

    /// Install a process from `target/firmware/NAME.tab`.
    ///
    /// # Errors
    /// If `tockloader` fails; with what it said.
    pub fn install(&self, name: &str) -> Result<()> {
        let bundle = target().join("image").join(format!("{name}.tab"));
        self.tockloader(&["install", &bundle.to_string_lossy()])
            .map(drop)
    }

    /// Run `tockloader VERB … ` on the image and return what it printed.
    ///
    /// # Errors
    /// If it cannot be run or fails; with what it said.
    pub fn tockloader(&self, words: &[&str]) -> Result<String> {
        let program = target().join("tools/venv/bin/tockloader");
        let (verb, rest) = words.split_first().context("tockloader wants a verb")?;
        let output = Command::new(&program)
            .arg(verb)
            .arg("--flash-file")
            .arg(self.path())
            .args(OPTIONS)
            .args(rest)
            .output()
            .with_context(|| format!("cannot run {}; run `make build`", program.display()))?;
        said(&output, &program, words)
    }
}

fn said(output: &Output, program: &Path, words: &[&str]) -> Result<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{} {} failed: {text}{}",
        program.display(),
        words.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(text)
}
