//! The SDK as `berth` carries it: an author needs no checkout, and a project has all that it is built of.

use crate::Error;
use include_dir::{Dir, include_dir};
use std::path::Path;

/// The crate's code, as it was when this program was built.
static CODE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/src");
/// For programs in C: the imports, and the reference board's registers.
const HEADERS: [(&str, &str); 2] = [
    ("berth.h", include_str!("../../../../guest-sdk/berth.h")),
    (
        "mps2_an386.h",
        include_str!("../../../../guest-sdk/mps2_an386.h"),
    ),
];
/// What the crate depends on.
const MANIFEST: &str = include_str!("../../../../guest-sdk/Cargo.toml");
/// What it takes from its workspace.
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// Crates of ours that it depends on. Each stands alone, and comes into a folder of its name.
struct Own {
    name: &'static str,
    manifest: &'static str,
    code: Dir<'static>,
}

static OWN: [Own; 2] = [
    Own {
        name: "berth-exposure",
        manifest: include_str!("../../../../crates/exposure/Cargo.toml"),
        code: include_dir!("$CARGO_MANIFEST_DIR/../../crates/exposure/src"),
    },
    Own {
        name: "berth-desk",
        manifest: include_str!("../../../../crates/desk/Cargo.toml"),
        code: include_dir!("$CARGO_MANIFEST_DIR/../../crates/desk/src"),
    },
];

/// Where one of them is, as another says in our repository, and as it does in a project.
const PLACE: (&str, &str) = ("\"../exposure\"", "\"../berth-exposure\"");

/// Write the headers into `folder`.
pub(super) fn write_headers(folder: &Path) -> Result<(), Error> {
    HEADERS
        .iter()
        .try_for_each(|(name, text)| super::write(&folder.join(name), text))
}

/// Write the crate and the headers into `folder`.
pub(super) fn write(folder: &Path) -> Result<(), Error> {
    write_headers(folder)?;
    super::write(&folder.join("Cargo.toml"), &manifest()?)?;
    for own in &OWN {
        let folder = folder.join(own.name);
        let manifest = own.manifest.replace(PLACE.0, PLACE.1);
        super::write(&folder.join("Cargo.toml"), &manifest)?;
        code(&own.code, &folder.join("src"))?;
    }
    code(&CODE, &folder.join("src"))
}

fn code(from: &Dir<'_>, to: &Path) -> Result<(), Error> {
    for file in from.files() {
        let name = file.path().file_name().unwrap_or_default();
        super::write(&to.join(name), file.contents())?;
    }
    for folder in from.dirs() {
        let name = folder.path().file_name().unwrap_or_default();
        code(folder, &to.join(name))?;
    }
    Ok(())
}

/// The crate's manifest as it is outside of its workspace: what it inherits is written out, and what only its own
/// examples and tests need is not there.
fn manifest() -> Result<String, Error> {
    let wrong = |why: String| Error::Project {
        path: "guest-sdk/Cargo.toml".into(),
        why,
    };
    let read = |text: &str| {
        text.parse::<toml::Table>()
            .map_err(|error| wrong(error.to_string()))
    };
    let (mut manifest, workspace) = (read(MANIFEST)?, read(WORKSPACE)?);
    let common = &workspace
        .get("workspace")
        .and_then(|table| table.get("package"));
    if let Some(toml::Value::Table(package)) = manifest.get_mut("package") {
        for (key, value) in package.iter_mut() {
            let is_inherited = value.get("workspace").is_some();
            if let Some(common) = common
                .and_then(|common| common.get(key))
                .filter(|_| is_inherited)
            {
                *value = common.clone();
            }
        }
    }
    let shared = workspace
        .get("workspace")
        .and_then(|table| table.get("dependencies"));
    if let Some(toml::Value::Table(dependencies)) = manifest.get_mut("dependencies") {
        for (name, value) in dependencies.iter_mut() {
            if value.get("workspace").is_none() {
                continue;
            }
            if OWN.iter().any(|own| own.name == name) {
                let mut here = toml::Table::from_iter([("path".into(), name.clone().into())]);
                if let Some(optional) = value.get("optional") {
                    here.insert("optional".into(), optional.clone());
                }
                *value = here.into();
            } else if let Some(shared) = shared.and_then(|shared| shared.get(name)) {
                *value = shared.clone();
            }
        }
    }
    for part in ["lints", "dev-dependencies", "target", "example"] {
        manifest.remove(part);
    }
    let text = toml::to_string(&manifest).map_err(|error| wrong(error.to_string()))?;
    Ok(format!(
        "# The SDK, as this version of `berth` has it. `berth new` wrote it.\n{text}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_stands_without_its_workspace() {
        let manifest: toml::Table = manifest().unwrap().parse().unwrap();
        let text = toml::to_string(&manifest).unwrap();
        assert!(
            !text.contains("workspace") && !text.contains(".."),
            "{text}"
        );
        assert_eq!(
            manifest["package"]["version"].as_str(),
            Some(env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
    }

    /// A file that was added after this program was built would be missing.
    #[test]
    fn it_is_the_whole_crate() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk/src");
        fn same(source: &Path, copy: &Path) {
            for entry in std::fs::read_dir(source).unwrap() {
                let (path, copy) = (
                    entry.as_ref().unwrap().path(),
                    copy.join(entry.unwrap().file_name()),
                );
                if path.is_dir() {
                    same(&path, &copy);
                } else {
                    assert_eq!(
                        std::fs::read(&path).unwrap(),
                        std::fs::read(&copy).unwrap(),
                        "{path:?}"
                    );
                }
            }
        }
        same(&source, &folder.path().join("src"));
    }
}
