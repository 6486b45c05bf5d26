//! A flash image of one's own, changed by the real `tockloader`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::artefacts::target;

/// The architecture of processes that are as long as a power of two.
const ARCHITECTURE: &str = "cortex-m4";
const SUPERVISOR: &str = "wasm_supervisor";
/// Those whose bundles have them no longer than their place, and the architecture of that.
const LONG: [&str; 2] = [SUPERVISOR, "bench_compiled"];
const SUPERVISORS: &str = "armv7e-m";

/// How `tockloader` reaches the image: as the flash of a board it does not know.
const OPTIONS: [&str; 6] = [
    "--board",
    "mps2_an386",
    "--app-address",
    "0x40000",
    "--page-size",
    "512",
];

/// A copy of the flash image that `make build` made: kernel and supervisor.
#[derive(Debug)]
pub struct Flash {
    folder: TempDir,
}

/// Names the image that all tests are about, if it is not the one as shipped: `compiled.bin` has containers run compiled.
const IMAGE: &str = "BERTH_IMAGE";

/// Where the part of the flash for compiled code is.
pub const CODE_FLASH: Range<usize> = 0x1c_0000..0x1e_0000;

impl Flash {
    /// Does [`new`](Self::new) give an image that has containers run compiled?
    #[must_use]
    pub fn compiles() -> bool {
        std::env::var(IMAGE).is_ok_and(|name| name == "compiled.bin")
    }

    /// A fresh copy.
    ///
    /// # Errors
    /// If there is no image yet.
    pub fn new() -> Result<Self> {
        let name = std::env::var(IMAGE);
        let name = name.as_deref().unwrap_or("flash.bin");
        Self::of(&target().join("image").join(name)).context("run `make build`")
    }

    /// The image whose supervisor has both engines.
    ///
    /// # Errors
    /// If there is no such image yet.
    pub fn compiled() -> Result<Self> {
        Self::with_kernel("compiled.bin")
    }

    /// The kernel that restarts the process `walk` without limit, and no processes.
    ///
    /// # Errors
    /// If there is no such image yet.
    pub fn for_walk() -> Result<Self> {
        Self::with_kernel("walk-kernel.bin")
    }

    /// Another kernel of this board, by the name of its image, and no processes.
    ///
    /// # Errors
    /// If there is no such image yet.
    pub fn with_kernel(name: &str) -> Result<Self> {
        Self::of(&target().join("image").join(name)).context("run `make test-apps`")
    }

    /// A copy of this one as it is now.
    ///
    /// # Errors
    /// If the file cannot be copied.
    pub fn copy(&self) -> Result<Self> {
        Self::of(&self.path())
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

    fn of(file: &Path) -> Result<Self> {
        let flash = Self {
            folder: TempDir::with_prefix("berth-flash-")?,
        };
        std::fs::copy(file, flash.path())
            .with_context(|| format!("cannot copy {}", file.display()))?;
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
        let architecture = if LONG.contains(&name) {
            SUPERVISORS
        } else {
            ARCHITECTURE
        };
        self.tockloader_for(architecture, &["install", &bundle.to_string_lossy()])
            .map(drop)
    }

    /// Change bytes behind `tockloader`'s back.
    ///
    /// # Errors
    /// If the file cannot be read or written, or `change` fails.
    pub fn edit<T>(&self, change: impl FnOnce(&mut [u8]) -> Result<T>) -> Result<T> {
        let mut bytes = self.bytes()?;
        let result = change(&mut bytes)?;
        std::fs::write(self.path(), bytes)?;
        Ok(result)
    }

    /// All of it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        Ok(std::fs::read(self.path())?)
    }

    /// Change the setting of an installed test process (`tests/apps/src/setting.rs`).
    ///
    /// # Errors
    /// If no process in the image has such a setting.
    pub fn set(&self, name: &str, value: &[u8]) -> Result<()> {
        const MARKER: usize = 32;
        let mut marker = [b"setting:", name.as_bytes()].concat();
        marker.resize(MARKER, 0);
        self.edit(|bytes| {
            let start = bytes
                .windows(MARKER)
                .position(|window| window == marker)
                .with_context(|| format!("no setting {name} in the image"))?;
            let place = bytes
                .get_mut(start + MARKER..)
                .and_then(|rest| rest.get_mut(..value.len() + 1))
                .context("the setting is too long")?;
            place[..value.len()].copy_from_slice(value);
            place[value.len()] = 0;
            Ok(())
        })
    }

    /// Run `tockloader VERB … ` on the image and return what it printed.
    ///
    /// # Errors
    /// If it cannot be run or fails; with what it said.
    pub fn tockloader(&self, words: &[&str]) -> Result<String> {
        self.tockloader_for(ARCHITECTURE, words)
    }

    /// The same for a board of this architecture.
    ///
    /// # Errors
    /// As [`tockloader`](Self::tockloader).
    pub fn tockloader_for(&self, architecture: &str, words: &[&str]) -> Result<String> {
        let program = target().join("tools/venv/bin/tockloader");
        let (verb, rest) = words.split_first().context("tockloader wants a verb")?;
        let output = Command::new(&program)
            .arg(verb)
            .arg("--flash-file")
            .arg(self.path())
            .args(OPTIONS)
            .args(["--arch", architecture])
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
