//! `pack`: a WebAssembly module becomes a container package.

#![forbid(unsafe_code)]

mod cli;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use berth_pack::{Options, Packed, pack};
use berth_protocol::ImageHash;
use clap::Parser;

use cli::Cli;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pack: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let path = &cli.module;
    let module = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let options = Options {
        name: match &cli.name {
            Some(name) => name.clone(),
            None => berth_pack::name_of(path),
        },
        version: cli.version.clone(),
        description: cli.description.clone(),
        memory: cli.memory,
        memory_limit: cli.memory_limit,
        value_stack: cli.stack,
        share: cli.share,
        restart: cli.restart,
    };
    let packed = pack(&module, &options).with_context(|| path.display().to_string())?;
    let output = match &cli.output {
        Some(output) => output.clone(),
        None => path.with_extension("berth"),
    };
    std::fs::write(&output, &packed.image)
        .with_context(|| format!("writing {}", output.display()))?;
    let names = write_names(cli.names.as_deref(), &output, &packed)?;
    tell(&output, module.len(), &packed, names.as_deref());
    Ok(())
}

/// Write the names of its functions, if it has any and they have a place.
fn write_names(asked: Option<&Path>, output: &Path, packed: &Packed) -> Result<Option<PathBuf>> {
    if packed.names.0.is_empty() {
        return Ok(None);
    }
    let path = asked.map_or_else(|| output.with_extension("names.json"), Path::to_owned);
    let hash = ImageHash::of(&packed.image).0;
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = serde_json::to_string_pretty(&packed.names.to_json(&hash))?;
    text.push('\n');
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(Some(path))
}

fn tell(output: &Path, before: usize, packed: &Packed, names: Option<&Path>) {
    let (memory_before, memory) = packed.memory;
    println!("{}", output.display());
    println!("  image   {} bytes (module {before})", packed.image.len());
    println!(
        "  memory  {memory} bytes (module {memory_before}): {}",
        packed.basis.text()
    );
    if packed.globals_dropped > 0 {
        println!("  globals {} unused, left out", packed.globals_dropped);
    }
    if let Some(names) = names {
        println!("  names   {}", names.display());
    }
}
