//! `exposure`: compile what a manufacturer exposes, or say what is wrong with it.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use berth_exposure_compiler::cli::Cli;
use berth_exposure_compiler::{compile, header, json, kernel_table, labels};
use berth_protocol::is_plain;
use berth_whole::write_whole;
use clap::Parser;

fn main() -> ExitCode {
    let arguments = Cli::parse();
    let configuration = match compile(&arguments.source, &arguments.layout) {
        Ok(configuration) => configuration,
        Err(problems) => {
            for problem in &problems {
                tell(problem);
            }
            return ExitCode::from(1);
        }
    };
    if arguments.verbose {
        for exposure in &configuration.exposures {
            for skipped in &exposure.skipped {
                tell(format_args!("{}: skipped: {skipped}", exposure.label));
            }
        }
    }
    let json = match json(&configuration) {
        Ok(text) => text,
        Err(error) => {
            tell(format_args!("{}: {error}", arguments.source.display()));
            return ExitCode::from(1);
        }
    };
    let outputs = [
        (&arguments.json, json),
        (&arguments.labels, labels(&configuration)),
        (&arguments.header, header(&configuration)),
        (&arguments.table, kernel_table(&configuration)),
    ];
    for (path, text) in outputs {
        if let Some(path) = path
            && let Err(error) = write(path, &text)
        {
            tell(format_args!("{}: {error}", path.display()));
            return ExitCode::from(1);
        }
    }
    ExitCode::SUCCESS
}

/// Says something on standard error, with everything escaped that is not plain text: what a vendor's file or its name
/// contains controls no terminal.
fn tell(what: impl Display) {
    let mut shown = String::new();
    for character in what.to_string().chars() {
        if is_plain(character) || character == '\t' {
            shown.push(character);
        } else {
            shown.extend(character.escape_default());
        }
    }
    eprintln!("{shown}");
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    write_whole(path, text)
}
