//! Each piece of code that a guide shows is a whole program, and compiles as it is printed.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::{program, root};

/// A block of code in a document.
struct Block {
    /// As a Rust name: the document, and the line.
    name: String,
    language: String,
    text: String,
}

/// All documents that a container's author reads.
fn documents() -> Result<Vec<PathBuf>> {
    let mut documents = vec![root().join("README.md"), root().join("guest-sdk/README.md")];
    for entry in fs::read_dir(root().join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "md") {
            documents.push(path);
        }
    }
    documents.sort();
    Ok(documents)
}

fn blocks(document: &Path) -> Result<Vec<Block>> {
    let text = fs::read_to_string(document)?;
    let place = document.strip_prefix(root())?.with_extension("");
    let place = place
        .to_string_lossy()
        .replace(['/', '-'], "_")
        .to_lowercase();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block {
                    name: format!("{place}_line_{}", number + 1),
                    language: language.trim().to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => writeln!(block.text, "{line}")?,
            (None, None) => {}
        }
    }
    ensure!(
        open.is_none(),
        "{}: a block without end",
        document.display()
    );
    Ok(blocks)
}

fn all_blocks() -> Result<Vec<Block>> {
    let blocks: Result<Vec<_>> = documents()?
        .iter()
        .map(|document| blocks(document))
        .collect();
    Ok(blocks?.into_iter().flatten().collect())
}

/// The crates that guides use beside the SDK, at the versions that the workspace has.
fn crates() -> Result<String> {
    let manifest = |path: &str| fs::read_to_string(root().join(path));
    let (published, workspace) = (
        manifest("guest-sdk/published/Cargo.toml")?,
        manifest("Cargo.toml")?,
    );
    let lines = published.lines().chain(workspace.lines());
    // Plain pins: `name = "=1.2.3"`.
    let pins = lines.filter(|line| line.contains("= \"=") && !line.starts_with('#'));
    Ok(pins.collect::<Vec<_>>().join("\n"))
}

#[test]
fn each_program_of_a_guide_compiles_as_it_is_printed() -> Result<()> {
    let home = tempfile::tempdir()?;
    let folder = home.path().join("guides");
    let made = Command::new(program("berth"))
        .args(["new", "--sdk"])
        .args([root().join("guest-sdk"), folder.clone()])
        .output()?;
    ensure!(made.status.success(), "{made:?}");
    let manifest = folder.join("Cargo.toml");
    let mut text = fs::read_to_string(&manifest)?;
    let sdk = text
        .lines()
        .find(|line| line.starts_with("berth-guest"))
        .context("the SDK")?;
    let with_all = sdk.replace(" }", ", features = [\"hal\", \"heap\"] }");
    text = text.replace(sdk, &format!("{with_all}\n{}", crates()?));
    let mut count = 0;
    fs::create_dir(folder.join("examples"))?;
    for block in all_blocks()?
        .iter()
        .filter(|block| block.language == "rust")
    {
        fs::write(
            folder.join(format!("examples/{}.rs", block.name)),
            &block.text,
        )?;
        write!(
            text,
            "\n[[example]]\nname = \"{}\"\ncrate-type = [\"cdylib\"]\n",
            block.name
        )?;
        count += 1;
    }
    ensure!(count >= 4, "{count} programs");
    fs::write(manifest, text)?;
    let output = Command::new("cargo")
        .args([
            "build",
            "--quiet",
            "--examples",
            "--target",
            "wasm32-unknown-unknown",
        ])
        .env("RUSTFLAGS", "-D warnings")
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(&folder)
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[test]
fn each_program_in_c_compiles_as_it_is_printed() -> Result<()> {
    let home = tempfile::tempdir()?;
    for block in all_blocks()?.iter().filter(|block| block.language == "c") {
        let file = home.path().join("program.c");
        fs::write(&file, &block.text)?;
        let output = Command::new("clang-14")
            .args([
                "--target=wasm32",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-fsyntax-only",
                "-I",
            ])
            .args([root().join("guest-sdk"), file])
            .output()?;
        ensure!(
            output.status.success(),
            "{}: {}",
            block.name,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// What is there to copy is what `berth new` writes.
#[test]
fn what_a_guide_has_to_copy_is_in_a_new_project() -> Result<()> {
    let home = tempfile::tempdir()?;
    let folder = home.path().join("pump");
    let made = Command::new(program("berth"))
        .arg("new")
        .arg(&folder)
        .output()?;
    ensure!(made.status.success(), "{made:?}");
    let readme = blocks(&root().join("guest-sdk/README.md"))?;
    for (language, file) in [("toml", "Cargo.toml"), ("rust,host", "build.rs")] {
        let block = readme
            .iter()
            .find(|block| block.language == language)
            .context(language)?;
        let text = fs::read_to_string(folder.join(file))?;
        for line in block.text.lines() {
            ensure!(
                text.lines().any(|known| known == line),
                "{file} has no {line:?}"
            );
        }
    }
    Ok(())
}
