//! `pack`: a WebAssembly module becomes a container package; `pack --check`: would a board take it?

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use berth_pack::check::{Board, Checked, RESERVED_BYTES, ROOM_MAX, check};
use berth_pack::chip::windows;
use berth_pack::cli::Cli;
use berth_pack::keys::{Public, Secret};
use berth_pack::mapped::Mapping;
use berth_pack::sign::{Signer, in_words, sign};
use berth_pack::{Options, Packed, SideFile, pack, printable, write_whole};
use berth_package::Manifest;
use berth_signature::find;
use clap::Parser;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pack: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    let path = &cli.module;
    let module = std::fs::read(path).with_context(|| format!("reading {}", shown(path)))?;
    let board = match cli.check.as_ref().or(cli.exposures.as_ref()) {
        Some(path) => Some(board(path)?),
        None => None,
    };
    let chip = match (&cli.svd, &board) {
        (Some(svd), Some(board)) => windows(svd, board).with_context(|| shown(svd))?,
        _ => Vec::new(),
    };
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
        mapping: Mapping {
            windows: cli.map.clone(),
            chip,
            dynamic: cli.dynamic.clone(),
        },
        places: cli.places,
    };
    if let (Some(path), Some(board)) = (&cli.check, &board) {
        return check_against(path, board, cli, module, &options);
    }
    let signer = signer(cli)?;
    if signer.is_some() && matches!(Manifest::of(&module), Ok(Some(_))) {
        return sign_as_it_is(cli, &module, signer);
    }
    let mut packed = pack(&module, &options).with_context(|| shown(path))?;
    if let Some(signer) = &signer {
        packed.image = signed(cli, &packed.image, signer)?;
    }
    let output = match &cli.output {
        Some(output) => output.clone(),
        None => path.with_extension("berth"),
    };
    write_whole(&output, &packed.image).with_context(|| format!("writing {}", shown(&output)))?;
    let names = write_names(cli.names.as_deref(), &output, &packed)?;
    tell(&output, module.len(), &packed, names.as_deref());
    Ok(ExitCode::SUCCESS)
}

/// Who is to sign, if somebody is.
fn signer(cli: &Cli) -> Result<Option<Signer>> {
    Ok(match (&cli.sign, &cli.signer, &cli.public) {
        (Some(key), ..) => Some(Signer::Key(Secret::read(key)?)),
        (None, Some(command), Some(public)) => Some(Signer::Command {
            command: command.clone(),
            public: Public::read(public)?,
        }),
        _ => None,
    })
}

fn signed(cli: &Cli, package: &[u8], signer: &Signer) -> Result<Vec<u8>> {
    let labels = (!cli.label.is_empty()).then_some(&cli.label[..]);
    // The command line asks for it.
    let counter = cli.counter.unwrap_or_default();
    sign(package, counter, labels, signer).with_context(|| shown(&cli.module))
}

/// Signs a package that is there already. What its numbers mean is known under its new hash, too.
fn sign_as_it_is(cli: &Cli, package: &[u8], signer: Option<Signer>) -> Result<ExitCode> {
    let Some(signer) = signer else {
        return Ok(ExitCode::SUCCESS);
    };
    let image = signed(cli, package, &signer)?;
    let output = match &cli.output {
        Some(output) => output.clone(),
        None => cli.module.with_extension("signed.berth"),
    };
    write_whole(&output, &image).with_context(|| format!("writing {}", shown(&output)))?;
    let mut names = None;
    if let Some(text) = SideFile::moved(&cli.module.with_extension("names.json"), package, &image) {
        let path = output.with_extension("names.json");
        write_whole(&path, text).with_context(|| format!("writing {}", shown(&path)))?;
        names = Some(path);
    }
    println!("{}", shown(&output));
    println!(
        "  image   {} bytes (package {})",
        image.len(),
        package.len()
    );
    tell_signature(&image);
    if let Some(names) = names {
        println!("  names   {}", shown(&names));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says who signed, if somebody did.
fn tell_signature(image: &[u8]) {
    if let Ok(Some(found)) = find(image) {
        println!("  signed  {}", in_words(&found));
    }
}

/// Reads what a board exposes.
fn board(path: &Path) -> Result<Board> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", shown(path)))?;
    Board::from_json(&text).with_context(|| format!("{} does not list exposures", shown(path)))
}

/// Check a package as it is, a module as what it would be packed to.
fn check_against(
    path: &Path,
    board: &Board,
    cli: &Cli,
    file: Vec<u8>,
    options: &Options,
) -> Result<ExitCode> {
    let module = shown(&cli.module);
    let image = match Manifest::of(&file) {
        Ok(Some(_)) => file,
        _ => {
            let packed = pack(&file, options).with_context(|| module.to_string())?;
            if let Some(advice) = packed.advice() {
                eprintln!("note: {advice}");
            }
            packed.image
        }
    };
    let room = match cli.free {
        Some(free) => free.saturating_sub(RESERVED_BYTES),
        None => ROOM_MAX,
    };
    let checked = check(&image, board, room);
    if !board.is_complete() {
        eprintln!(
            "note: {} does not tell which blocks have interrupts and which devices there are; \
             that is not checked",
            shown(path)
        );
    }
    if checked.problems.is_empty() {
        println!("{module}: this board takes it");
        tell_needs(image.len(), room, &checked);
        tell_signature(&image);
        return Ok(ExitCode::SUCCESS);
    }
    for problem in &checked.problems {
        eprintln!("pack: {module}: {problem}");
    }
    Ok(ExitCode::from(1))
}

/// The name of a file as it may stand on a terminal.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

fn tell_needs(bytes: usize, room: u32, checked: &Checked) {
    let labels: Vec<_> = checked.labels.iter().map(String::as_str).collect();
    let labels = if labels.is_empty() {
        "none".to_owned()
    } else {
        labels.join(", ")
    };
    println!("  image   {bytes} bytes");
    println!("  blocks  {labels}");
    println!(
        "  loading takes {}, {} of them linear memory; {room} are there",
        checked.needed, checked.memory
    );
    println!("  stack   {} bytes at most", checked.stack);
}

/// Write the names of its functions, if it has any and they have a place.
fn write_names(asked: Option<&Path>, output: &Path, packed: &Packed) -> Result<Option<PathBuf>> {
    let Some(text) = packed.names_file() else {
        return Ok(None);
    };
    let path = asked.map_or_else(|| output.with_extension("names.json"), Path::to_owned);
    write_whole(&path, text).with_context(|| format!("writing {}", shown(&path)))?;
    Ok(Some(path))
}

fn tell(output: &Path, before: usize, packed: &Packed, names: Option<&Path>) {
    let (memory_before, memory) = packed.memory;
    println!("{}", shown(output));
    println!("  image   {} bytes (module {before})", packed.image.len());
    println!(
        "  memory  {memory} bytes (module {memory_before}): {}",
        packed.basis.text()
    );
    tell_signature(&packed.image);
    if packed.table_exported {
        println!("  table   exported, for interrupt handlers");
    }
    if packed.globals_dropped > 0 {
        println!("  globals {} unused, left out", packed.globals_dropped);
    }
    if packed.tail_calls > 0 {
        println!(
            "  code    {} tail calls of the device became calls",
            packed.tail_calls
        );
    }
    if packed.accesses > 0 {
        println!(
            "  code    {} loads and stores became accesses of registers",
            packed.accesses
        );
    }
    if let Some(names) = names {
        println!("  names   {}", shown(names));
    }
    if let Some(advice) = packed.advice().filter(|_| !packed.basis.is_doubtful()) {
        eprintln!("note: {advice}");
    }
}
