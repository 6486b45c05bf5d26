//! `berth new` and `berth build`.

use super::Failure;
use crate::{
    Error,
    cli::{Build, Language, New},
    output,
    project::{self, Built, Project, Purpose, create},
};
use std::{io::Write, path::Path};

pub(super) fn new(arguments: &New, out: &mut impl Write, json: bool) -> Result<(), Failure> {
    let name = create(&project::New {
        folder: &arguments.folder,
        language: arguments.lang,
        sdk: arguments.sdk.as_deref(),
    })?;
    output::action(out, &name, "made", None, json)?;
    if !json {
        let folder = crate::error::shown(&arguments.folder);
        let test = match arguments.lang {
            Language::Rust => "cargo test",
            Language::C => "make test",
        };
        output::note(&format!(
            "`cd {folder}`, then `{test}` and `berth sim` on this computer, `berth run --watch` on a device; README.md there says more"
        ));
    }
    Ok(())
}

/// The project that is worked in.
pub(super) fn here() -> Result<Project, Error> {
    let folder = std::env::current_dir().map_err(|source| Error::File {
        path: ".".into(),
        source,
    })?;
    Project::around(&folder)
}

pub(super) fn build(arguments: &Build, out: &mut impl Write, json: bool) -> Result<(), Failure> {
    let purpose = Purpose::HandOn(arguments.places);
    told(&here()?, purpose, out, json).map(|_| ())
}

/// Build it, and say what came out.
pub(super) fn told(
    project: &Project,
    purpose: Purpose,
    out: &mut impl Write,
    json: bool,
) -> Result<Built, Failure> {
    let built = project.build(purpose)?;
    let image = built.packed.image.len();
    if let Some(advice) = built.packed.advice() {
        output::note(&format!("{}: {advice}", project.name()));
    }
    let file = built
        .path
        .file_name()
        .unwrap_or(Path::new("package").as_os_str());
    output::action(out, &file.to_string_lossy(), "built", Some(image), json)?;
    Ok(built)
}
