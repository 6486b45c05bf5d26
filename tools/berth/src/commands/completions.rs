//! The script that makes a shell complete the words of `berth`.

use super::Failure;
use crate::Error;
use clap_complete::env::Shells;
use std::io::{self, Write};

/// The variable by which the script asks the program for words.
const VARIABLE: &str = "COMPLETE";

pub(super) fn print(shell: &str, out: &mut impl Write) -> Result<(), Failure> {
    let shells = Shells::builtins();
    let completer = shells
        .completer(shell)
        .ok_or_else(|| Error::Usage(format!("no completions for {shell}")))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, "berth", "berth", "berth", &mut script)
        .map_err(io::Error::other)?;
    out.write_all(&script)?;
    Ok(())
}
