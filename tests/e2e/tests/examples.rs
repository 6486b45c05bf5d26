//! docs/examples.md: each example with a paragraph, its size, and what it prints.
//!
//! What is made by a program there, the table of sizes and all that is printed, is compared with the examples as they are
//! built; `BLESS=1` writes it anew.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::{guest, program, root, target};
use tempfile::TempDir;

const PAGE: &str = "docs/examples.md";

/// Where examples are.
const FOLDERS: [&str; 3] = [
    "guest-sdk/examples",
    "guest-sdk/published/examples",
    "guest-sdk/pac/examples",
];

/// Most lines of one picture, and what stands in the place of the rest.
const LINES_MAX: usize = 16;
const REST: &str = "…";

/// What the sizes are to be at most: a minimal driver, containers that put no text together, and the thermometer. (That of the
/// project that `berth new` writes is in `author.rs`.)
const LIMITS: [(&str, u64); 8] = [
    ("light", 450),
    ("leds", 1_536),
    ("lamp", 1_536),
    ("counter", 1_536),
    ("echo", 1_536),
    ("echo_calls", 1_536),
    ("shout", 1_536),
    ("thermometer", 1_638),
];

/// The head of the table, up to its first row.
const TABLE: &str = "| example | package, bytes | linear memory, bytes |\n| --- | ---: | ---: |\n";

/// The examples, each with its source.
fn sources() -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for folder in FOLDERS {
        for file in std::fs::read_dir(root().join(folder))? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.file_stem().context("a file has a name")?;
                let name = name.to_string_lossy().into_owned();
                let source = format!("{folder}/{name}.rs");
                all.push((name, source));
            }
        }
    }
    Ok(all)
}

/// A folder in which the page's commands find what they name.
struct Checkout {
    folder: TempDir,
}

impl Checkout {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for name in ["guest-sdk", "kernel-board"] {
            std::os::unix::fs::symlink(root().join(name), folder.path().join(name))?;
        }
        std::os::unix::fs::symlink(target().canonicalize()?, folder.path().join("target"))?;
        Ok(Self { folder })
    }

    /// What a command prints, on either output.
    fn prints(&self, command: &str) -> Result<String> {
        let programs = program("berth");
        let programs = programs.parent().context("the folder of the programs")?;
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("XDG_CACHE_HOME", self.folder.path())
            .env_remove("COLUMNS")
            .output()?;
        // An example's own code may be any.
        ensure!(output.status.code().is_some(), "{command}: {output:?}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Bytes of the package of an example, and of its linear memory. `printed`: what its commands have.
    fn sizes(&self, name: &str, printed: &str) -> Result<(u64, u64)> {
        let package = self.folder.path().join(format!("{name}.berth"));
        let mut said = printed.to_owned();
        // Unless they have packed it in a way of its own.
        if !package.exists() {
            let output = Command::new(program("pack"))
                .args([guest(name).as_os_str(), "-o".as_ref(), package.as_os_str()])
                .output()?;
            ensure!(output.status.success(), "{output:?}");
            said = String::from_utf8_lossy(&output.stdout).into_owned();
        }
        let memory = said.lines().find_map(|line| {
            let words = line.trim_start().strip_prefix("memory")?;
            words.split_whitespace().next()
        });
        let memory = memory.map_or(Ok(0), str::parse)?;
        Ok((std::fs::metadata(package)?.len(), memory))
    }
}

/// The first lines of what was printed.
fn picture(printed: &str) -> String {
    let mut lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    if lines.len() > LINES_MAX {
        lines.truncate(LINES_MAX);
        lines.push(REST);
    }
    lines.join("\n")
}

/// The page with all that is made written anew.
fn made(page: &str) -> Result<String> {
    let checkout = Checkout::new()?;
    let sources = sources()?;
    let (head, rest) = page.split_once(TABLE).context("there is no table")?;
    let rows = rest.lines().take_while(|line| line.starts_with('|'));
    let old: usize = rows.map(|row| row.len() + 1).sum();
    let rest = rest.get(old..).context("a row ends")?.trim_start();
    let mut sections = rest.split("\n### ");
    let mut body = sections.next().unwrap_or_default().to_owned();
    let mut table = String::new();
    let mut shown = BTreeSet::new();
    for section in sections {
        let (name, text) = section.split_once('\n').context("a heading has a text")?;
        let source = sources.iter().find(|(known, _)| known == name);
        let (_, source) = source.with_context(|| format!("there is no example {name}"))?;
        ensure!(shown.insert(name), "{name} is there twice");
        let (paragraph, behind) = text
            .split_once("```sh\n")
            .with_context(|| format!("{name} has no command"))?;
        ensure!(paragraph.trim().len() > 20, "{name} has no paragraph");
        let (commands, behind) = behind.split_once("```\n").context("a block ends")?;
        let words = commands.contains(&format!("{name}.wasm"));
        ensure!(words, "{name}: {commands}");
        // What follows the old picture: a heading of the next part, if any.
        let behind = match behind.split_once("```text\n") {
            Some((_, old)) => old.split_once("```\n").context("a block ends")?.1,
            None => behind,
        };
        let printed = checkout.prints(commands.trim_end())?;
        let picture = picture(&printed);
        let (package, memory) = checkout.sizes(name, &printed)?;
        table += &format!("| [`{name}`](../{source}) | {package} | {memory} |\n");
        body +=
            &format!("\n### {name}\n{paragraph}```sh\n{commands}```\n\n```text\n{picture}\n```\n");
        // The heading of the next part.
        if !behind.trim().is_empty() {
            body += &format!("\n{}\n", behind.trim());
        }
        let limit = LIMITS.iter().find(|(limited, _)| *limited == name);
        if let Some((_, limit)) = limit {
            ensure!(
                package <= *limit,
                "{name}: {package} bytes, at most {limit}"
            );
        }
    }
    let missing: Vec<&String> = { sources.iter().map(|(name, _)| name) }
        .filter(|name| !shown.contains(name.as_str()))
        .collect();
    ensure!(missing.is_empty(), "{PAGE} does not have {missing:?}");
    let whole = format!("{head}{TABLE}{table}\n{body}");
    Ok(format!("{}\n", whole.trim_end()))
}

#[test]
fn the_page_of_the_examples_has_all_of_them_as_they_are() -> Result<()> {
    let path = root().join(PAGE);
    let page = std::fs::read_to_string(&path)?;
    let made = made(&page)?;
    if std::env::var_os("BLESS").is_some() {
        return Ok(std::fs::write(path, made)?);
    }
    for (line, (new, old)) in made.lines().zip(page.lines()).enumerate() {
        let line = line + 1;
        ensure!(
            new == old,
            "{PAGE}:{line} has {old:?}, which is {new:?}; BLESS=1 writes it anew"
        );
    }
    ensure!(
        made == page,
        "{PAGE} ends elsewhere; BLESS=1 writes it anew"
    );
    Ok(())
}
