//! The gateway is a program of its own, so that `berth` stays small; it is called as cargo calls its subcommands.

use crate::Error;
use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Its name, beside this program or in the PATH.
const PROGRAM: &str = "berth-serve";

/// Become the gateway. Comes back only if that is not possible.
pub(super) fn run(words: &[OsString], json: bool) -> Error {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(PROGRAM)))
        .filter(|path| path.is_file());
    let program = beside.unwrap_or_else(|| PathBuf::from(PROGRAM));
    let error = Command::new(&program)
        .args(words)
        // Before its command, it is read here.
        .args(json.then_some("--json"))
        .exec();
    not_started(&program, &error)
}

fn not_started(program: &Path, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return Error::NotInstalled { program: PROGRAM };
    }
    Error::File {
        path: program.to_owned(),
        source: io::Error::new(error.kind(), error.to_string()),
    }
}
