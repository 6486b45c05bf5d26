//! The words of the command line.

use std::path::PathBuf;

use berth_protocol::Restart;
use clap::Parser;

use crate::mapped::windows::{MAPPED_BYTES, Window};
use crate::{Places, whole_number};

/// Make a container package of a WebAssembly module, or check one against a board
#[derive(Debug, Parser)]
#[command(name = "pack", disable_version_flag = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// The module; with --check a package, too
    pub module: PathBuf,
    /// Write nothing; tell whether a board with these exposures would take it
    #[arg(long, value_name = "EXPOSURES.JSON", conflicts_with_all = ["output", "names", "signs"], group = "board")]
    pub check: Option<PathBuf>,
    /// With --check: bytes of memory that the device has free (`berth heap`) [default: as many as with nothing else on it]
    #[arg(long, value_name = "BYTES", requires = "check")]
    pub free: Option<u32>,
    /// The package to write [default: the module's name, ending in .berth]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where to keep the names of its functions [default: the package's, ending in .names.json]
    #[arg(long, value_name = "FILE")]
    pub names: Option<PathBuf>,
    /// Name of the container [default: the file's name without its ending]
    #[arg(long)]
    pub name: Option<String>,
    /// Version, as you count
    #[arg(long, default_value = "", hide_default_value = true)]
    pub version: String,
    /// One line for people
    #[arg(long, default_value = "", hide_default_value = true)]
    pub description: String,
    /// Bytes of linear memory [default: what it has from the start, to the byte]
    #[arg(long, value_name = "BYTES")]
    pub memory: Option<u32>,
    /// Most bytes that its linear memory may grow to
    #[arg(long, value_name = "BYTES")]
    pub memory_limit: Option<u32>,
    /// Most bytes of stack for the interpreter
    #[arg(long, value_name = "BYTES")]
    pub stack: Option<u32>,
    /// Share of the CPU relative to other containers, 1 to 100
    #[arg(long, value_name = "N", value_parser = whole_number(1_u8, 100))]
    pub share: Option<u8>,
    /// Loads and stores from this address on are registers of this block (4096 bytes unless told); repeatable
    #[arg(long, value_name = "ADDRESS[+LENGTH]=LABEL", value_parser = window)]
    pub map: Vec<Window>,
    /// Loads and stores from the addresses of this chip's peripherals on are registers of the blocks that they are; the board's
    /// exposures say which
    #[arg(long, value_name = "FILE.SVD", requires = "board")]
    pub svd: Option<PathBuf>,
    /// With --svd: what the board exposes (`exposure --json`, or `berth exposures --json`)
    #[arg(long, value_name = "EXPOSURES.JSON", requires = "svd", group = "board")]
    pub exposures: Option<PathBuf>,
    /// In this function (number, name, or all), find out when it runs whether an address is a register's; repeatable
    #[arg(long, value_name = "FUNCTION")]
    pub dynamic: Vec<String>,
    /// Sign the package with this key: a name (`berth keys list`) or a file. MODULE may be a package then, which is signed as it is
    #[arg(long, value_name = "KEY", requires = "counter", group = "signs")]
    pub sign: Option<String>,
    /// Sign it by a command instead, for a key that is in a module of its own: it reads 44 bytes and writes the 64 of an Ed25519 signature
    #[arg(long, value_name = "COMMAND", requires_all = ["counter", "public"], group = "signs")]
    pub signer: Option<String>,
    /// With --signer: the public key that it signs with, a name or a file
    #[arg(long, value_name = "KEY", requires = "signer")]
    pub public: Option<String>,
    /// Which version of the package this is. A device takes none with a lower number than it has seen from the same key
    #[arg(long, value_name = "N", requires = "signs")]
    pub counter: Option<u32>,
    /// A block that the signature allows it to claim; repeatable [default: those that it asks for]
    #[arg(long, value_name = "LABEL", requires = "signs")]
    pub label: Vec<String>,
    /// How closely it tells where it is, for whoever reads its faults
    #[arg(long, value_name = "HOW CLOSELY", value_enum, default_value_t = Places::Functions)]
    pub places: Places,
    /// When it is started again: no, on-failure, on-failure:TIMES, always
    #[arg(long, value_name = "WHEN", value_parser = restart)]
    pub restart: Option<Restart>,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 the board would refuse it, 2 usage, or a module that is none";

/// Milliseconds before the first restart.
const BACKOFF_MS: u16 = 1000;

fn window(text: &str) -> Result<Window, String> {
    let (place, label) = text
        .split_once('=')
        .ok_or("ADDRESS=LABEL, for example 0x40028000=fpgaio")?;
    let (start, length) = match place.split_once('+') {
        Some((start, length)) => (start, number(length)?),
        None => (place, MAPPED_BYTES),
    };
    Ok(Window {
        start: number(start)?,
        length,
        label: label.to_owned(),
    })
}

fn number(text: &str) -> Result<u32, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(&digits.replace('_', ""), 16),
        None => text.parse(),
    };
    number.map_err(|_| format!("{text} is no number of 32 bits"))
}

fn restart(text: &str) -> Result<Restart, String> {
    let backoff_ms = BACKOFF_MS;
    match text.split_once(':') {
        None if text == "no" => Ok(Restart::No),
        None if text == "always" => Ok(Restart::Always { backoff_ms }),
        None if text == "on-failure" => Ok(Restart::OnFailure {
            limit: 0,
            backoff_ms,
        }),
        Some(("on-failure", times)) => match times.parse() {
            Ok(limit) if limit > 0 => Ok(Restart::OnFailure { limit, backoff_ms }),
            _ => Err("how often: 1 to 255".to_owned()),
        },
        _ => Err("no, on-failure, on-failure:TIMES or always".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn windows_are_an_address_and_a_label() {
        let fpgaio = |start, length| {
            let label = "fpgaio".to_owned();
            Ok(Window {
                start,
                length,
                label,
            })
        };
        assert_eq!(window("0x40028000=fpgaio"), fpgaio(0x4002_8000, 4096));
        assert_eq!(window("0x4002_8000+0x20=fpgaio"), fpgaio(0x4002_8000, 32));
        for wrong in ["fpgaio", "0x40028000", "=fpgaio", "0x140028000=a", "1+x=a"] {
            assert!(window(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn restart_policies_are_words() {
        let backoff_ms = BACKOFF_MS;
        assert_eq!(restart("no"), Ok(Restart::No));
        assert_eq!(restart("always"), Ok(Restart::Always { backoff_ms }));
        let after = |limit| Ok(Restart::OnFailure { limit, backoff_ms });
        assert_eq!(restart("on-failure"), after(0));
        assert_eq!(restart("on-failure:3"), after(3));
        for wrong in [
            "",
            "on-failure:0",
            "on-failure:x",
            "on-failure:300",
            "yes",
            "always:3",
        ] {
            assert!(restart(wrong).is_err(), "{wrong}");
        }
    }
}
