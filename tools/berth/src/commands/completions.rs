//! The script that makes a shell complete the words of `berth`.

use super::Failure;
use crate::Error;
use clap_complete::env::Shells;
use std::io::{self, Write};

/// The variable by which the script asks the program for words.
const VARIABLE: &str = "COMPLETE";

/// Zsh reads the file `_berth` of its functions when it completes a word of `berth` for the first time, and takes what it does then
/// for the answer.
const ANSWER_AT_ONCE: &str =
    "\nif [[ ${funcstack[1]-} == _berth ]]; then _clap_dynamic_completer_berth \"$@\"; fi\n";

pub(super) fn print(shell: &str, out: &mut impl Write) -> Result<(), Failure> {
    let shells = Shells::builtins();
    let completer = shells
        .completer(shell)
        .ok_or_else(|| Error::Usage(format!("no completions for {shell}")))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, "berth", "berth", "berth", &mut script)
        .map_err(io::Error::other)?;
    if shell == "zsh" {
        script.extend(ANSWER_AT_ONCE.bytes());
    }
    out.write_all(&script)?;
    Ok(())
}
