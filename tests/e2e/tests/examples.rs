//! The page of the examples: what each is, its size as a package, and what it prints. Made here of their own words, and compared.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::{program, root, target};

/// Most lines of a log that the page shows.
const LINES: usize = 6;

const HEAD: &str = "# Examples

For authors of containers: the SDK's examples and the published drivers, each in its own words, with the size of its package and what it prints in the simulator in the first second (`berth sim FILE --for 1s`). What a sensor or a chip says that the simulated
board does not have is not to be seen here. A test makes this page (`BLESS=1 cargo nextest run -p berth-e2e --test examples`), and asks that sizes keep their bounds.

| at most | bytes | allowed |
| --- | ---: | ---: |
";

/// Examples that the simulator has nothing to show of: they want what the simulated board does not have.
const WITHOUT_BOARD: [&str; 4] = ["serial_os", "pins_os", "pace_os", "loopback_pac"];

/// The files of all examples, by name.
fn sources() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["guest-sdk/examples", "guest-sdk/published/examples"] {
        for entry in fs::read_dir(root().join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files.sort_by_key(|path| path.file_stem().map(ToOwned::to_owned));
    Ok(files)
}

/// What an example says of itself, as one paragraph for each of its own.
fn words(source: &Path) -> Result<String> {
    let text = fs::read_to_string(source)?;
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let text: Vec<_> = lines.map(str::trim).collect();
    let paragraphs = text.split(|line| line.is_empty());
    let paragraphs: Vec<_> = paragraphs.map(|lines| lines.join(" ")).collect();
    Ok(paragraphs.join("\n\n"))
}

/// The size of its package.
fn size(module: &Path, folder: &Path) -> Result<u64> {
    let package = folder.join("example.berth");
    let output = Command::new(program("pack"))
        .args([module, Path::new("-o"), &package])
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(fs::metadata(package)?.len())
}

/// What it prints.
fn log(module: &Path) -> Result<String> {
    let output = Command::new(program("berth"))
        .arg("sim")
        .arg(module)
        .args(["--for", "1s"])
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    let lines: Vec<_> = said.lines().map(str::trim_end).collect();
    let mut shown: Vec<_> = lines.iter().take(LINES).copied().collect();
    if lines.len() > LINES {
        shown.push("     ...");
    }
    Ok(shown.join("\n"))
}

#[test]
fn the_page_of_the_examples_is_what_they_are() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut page = String::new();
    let mut sizes = Vec::new();
    for source in sources()? {
        let name = source.file_stem().unwrap_or_default().to_string_lossy();
        let module = target().join("guests").join(format!("{name}.wasm"));
        let size = size(&module, folder.path()).with_context(|| name.to_string())?;
        sizes.push((name.to_string(), size));
        let path = source.strip_prefix(root())?.display();
        write!(
            page,
            "\n## {name}\n\n{}\n\n[`{path}`](../{path}), {size} bytes.\n",
            words(&source)?
        )?;
        let log = log(&module)?;
        if !log.is_empty() && !WITHOUT_BOARD.contains(&&*name) {
            write!(page, "\n```\n{log}\n```\n")?;
        }
    }
    let of = |name: &str| {
        sizes
            .iter()
            .find(|(own, _)| own == name)
            .map_or(0, |(_, size)| *size)
    };
    let mut head = HEAD.to_owned();
    for (what, name, most) in [
        ("a minimal driver (`blink_mapped`)", "blink_mapped", 450),
        (
            "with the SDK and no formatting (`loopback_calls`)",
            "loopback_calls",
            1536,
        ),
    ] {
        let size = of(name);
        writeln!(head, "| {what} | {size} | {most} |")?;
        ensure!(size > 0 && size <= most, "{name} has {size} bytes");
    }
    let page = head + &page;
    let path = root().join("docs/examples.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, page)?;
        return Ok(());
    }
    ensure!(
        page == fs::read_to_string(&path).unwrap_or_default(),
        "docs/examples.md is not what the examples are: BLESS=1 cargo nextest run -p berth-e2e --test examples"
    );
    Ok(())
}
