//! Checks of the repository that no compiler makes.
//!
//! ```text
//!   documents ──► links and headings exist, paths in backticks exist, tables are whole, tests that are named exist
//!             ├─► each claim of a table of claims names a test of it
//!             └─► each command that a reader is shown parses with the program's own command line
//!   sources ────► `unsafe` stands only in the files that unsafe-files.txt lists
//! ```
//!
//! `make lint` runs it.

#![forbid(unsafe_code)]

mod claims;
mod commands;
mod documents;
mod sources;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

/// What is wrong, where.
pub(crate) type Problems = Vec<String>;

/// The files of the repository, by their paths from its root.
pub(crate) struct Repository {
    pub(crate) files: BTreeSet<String>,
}

impl Repository {
    /// What git knows, and what it would take.
    fn read(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("cannot run git")?;
        ensure!(output.status.success(), "git ls-files failed");
        let text = String::from_utf8(output.stdout).context("a path that is no text")?;
        let files = text
            .lines()
            .filter(|path| root.join(path).exists())
            .map(str::to_owned)
            .collect();
        Ok(Self { files })
    }

    /// Is there a file or folder whose path is this, or ends with it?
    pub(crate) fn has(&self, path: &str) -> bool {
        let wanted = path.trim_end_matches('/');
        let inside = format!("{wanted}/");
        self.files.iter().any(|file| {
            file == wanted
                || file.starts_with(&inside)
                || file.ends_with(&format!("/{wanted}"))
                || file.contains(&format!("/{inside}"))
        })
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            eprintln!("{} problems", problems.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("berth-house: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<Problems> {
    let root = Path::new(".");
    let repository = Repository::read(root)?;
    let read = |path: &str| {
        std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
    };
    let makefile = read("Makefile")?;
    let allowed = read("tools/house/unsafe-files.txt")?;
    let mut problems = sources::not_listed(&allowed, &repository);
    let programs = commands::Programs {
        makefile: &makefile,
        has: &|path| repository.has(path),
    };
    for path in &repository.files {
        if path.ends_with(".md") {
            let text = read(path)?;
            problems.extend(documents::check(path, &text, &repository, &read));
            problems.extend(claims::check(path, &text, &repository, &read));
            problems.extend(commands::check(path, &text, &programs));
        } else if path.ends_with(".rs") {
            problems.extend(sources::check(path, &read(path)?, &allowed));
        } else if path.ends_with("Cargo.toml") {
            problems.extend(sources::manifest(path, &read(path)?));
        }
    }
    Ok(problems)
}
