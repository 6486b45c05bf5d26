//! Stored images: the list of them, and one read back.

use super::{Failure, connect, endings, lifecycle, width};
use crate::{
    Error,
    cli::{Cli, Images},
    device, output,
};
use berth_pack::write_whole;
use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

pub(super) fn run(cli: &Cli, arguments: &Images, out: &mut impl Write) -> Result<(), Failure> {
    match &arguments.save {
        Some(name) => save(cli, name, arguments, out),
        None => {
            let images = device::images(&mut connect(cli)?.client)?;
            output::images(out, &images, width(arguments.wide.wide), cli.json)?;
            Ok(())
        }
    }
}

/// A file's name that stands for standard output.
const STANDARD: &str = "-";

fn save(cli: &Cli, name: &str, arguments: &Images, out: &mut impl Write) -> Result<(), Failure> {
    let to_standard = arguments
        .output
        .as_deref()
        .is_some_and(|path| path == Path::new(STANDARD));
    if to_standard && (cli.json || io::stdout().is_terminal()) {
        let words = "the image itself goes to standard output: no JSON beside it, and not to a terminal; `-o ./-` is a file of that name";
        return Err(Error::Usage(words.into()).into());
    }
    let client = &mut connect(cli)?.client;
    let images = device::images(client)?;
    let image = images
        .into_iter()
        .find(|image| image.name == name)
        .ok_or_else(|| endings::unknown("images", name))?;
    // A name that nobody chose for a file replaces none.
    let (path, overwrites) = match &arguments.output {
        Some(path) => (path.clone(), true),
        None => (PathBuf::from(format!("{name}.berth")), false),
    };
    if !overwrites && path.exists() {
        let source = io::Error::new(io::ErrorKind::AlreadyExists, "there is such a file");
        return Err(Error::Save { path, source }.into());
    }
    let bar = lifecycle::progress_bar(name, image.bytes.into());
    let read = device::read_image(client, &image, |bytes| bar.set_position(bytes.into()));
    bar.finish_and_clear();
    let bytes = read?;
    if to_standard {
        out.write_all(&bytes)?;
        return Ok(());
    }
    write_whole(&path, &bytes).map_err(|source| Error::Save {
        path: path.clone(),
        source,
    })?;
    let done = format!("saved as {}", crate::error::shown(&path));
    output::action(out, name, &done, Some(bytes.len()), cli.json)?;
    Ok(())
}
