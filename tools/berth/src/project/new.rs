//! A project that builds, tests and runs as it is.

use super::{FILE, sdk, write};
use crate::{Error, cli::Language};
use std::path::{Path, PathBuf};

/// The folder of the SDK in a project that has its own.
const OWN_SDK: &str = "sdk";

/// A file of a project, and its text; `{name}` and its like are replaced.
type Template = (&'static str, &'static str);

const RUST: [Template; 6] = [
    (FILE, include_str!("../../templates/rust/berth.toml")),
    (
        "Cargo.toml",
        include_str!("../../templates/rust/manifest.toml"),
    ),
    ("build.rs", include_str!("../../templates/rust/build.rs")),
    (
        "src/lib.rs",
        include_str!("../../templates/rust/src/lib.rs"),
    ),
    ("README.md", include_str!("../../templates/rust/README.md")),
    (".gitignore", include_str!("../../templates/rust/gitignore")),
];

const C: [Template; 7] = [
    (FILE, include_str!("../../templates/c/berth.toml")),
    ("Makefile", include_str!("../../templates/c/Makefile")),
    ("main.c", include_str!("../../templates/c/main.c")),
    ("light.h", include_str!("../../templates/c/light.h")),
    ("test.c", include_str!("../../templates/c/test.c")),
    ("README.md", include_str!("../../templates/c/README.md")),
    (".gitignore", include_str!("../../templates/c/gitignore")),
];

/// What a new project is to be.
#[derive(Debug)]
pub(crate) struct New<'a> {
    /// Its folder, which must not exist; the last part is its name.
    pub(crate) folder: &'a Path,
    pub(crate) language: Language,
    /// The SDK that it uses; `None`: it gets its own.
    pub(crate) sdk: Option<&'a Path>,
}

/// Write a project. Returns its name.
///
/// # Errors
/// If the folder exists, its name is none, or it cannot be written.
pub(crate) fn create(new: &New<'_>) -> Result<String, Error> {
    let name = new
        .folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if !is_name(&name) {
        return Err(Error::Usage(format!(
            "\"{}\" is no name of a project: 1 to 32 of a-z A-Z 0-9 _ -, beginning with a letter, and no word of the \
             language",
            berth_pack::printable(&name)
        )));
    }
    if new.folder.exists() {
        return Err(Error::Usage(format!(
            "{} is there already, and nothing in it is touched: choose another name, or remove it first",
            crate::error::shown(new.folder)
        )));
    }
    let sdk = match new.sdk {
        Some(path) => other_sdk(path)?.to_string_lossy().into_owned(),
        None => OWN_SDK.to_owned(),
    };
    let templates: &[Template] = match new.language {
        Language::Rust => &RUST,
        Language::C => &C,
    };
    for (path, text) in templates {
        let text = text
            .replace("{name}", &name)
            .replace("{crate}", &name.replace('-', "_"))
            .replace("{sdk}", &sdk);
        write(&new.folder.join(path), text)?;
    }
    match (new.sdk, new.language) {
        (Some(_), _) => {}
        (None, Language::Rust) => sdk::write(&new.folder.join(OWN_SDK))?,
        (None, Language::C) => sdk::write_headers(&new.folder.join(OWN_SDK))?,
    }
    Ok(name)
}

/// A container name that is also one of a package and of a crate.
fn is_name(name: &str) -> bool {
    const TAKEN: [&str; 10] = [
        "proc_macro",
        "test",
        "core",
        "std",
        "alloc",
        "berth",
        "berth-guest",
        "berth_guest",
        "sdk",
        "main",
    ];
    berth_protocol::is_valid_name(name)
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !name.contains('.')
        && !TAKEN.contains(&name)
        && !is_word(name)
}

/// Is it a word of Rust, so that no crate can be called so? `gen` is one since edition 2024, which projects have.
fn is_word(name: &str) -> bool {
    let name = name.replace('-', "_");
    name == "gen" || syn::parse_str::<syn::Ident>(&name).is_err()
}

/// A folder that holds the SDK, from everywhere.
fn other_sdk(path: &Path) -> Result<PathBuf, Error> {
    let is_sdk = path.join("Cargo.toml").is_file() && path.join("berth.h").is_file();
    let absolute = std::path::absolute(path).ok().filter(|_| is_sdk);
    absolute.ok_or_else(|| {
        Error::Usage(format!(
            "{} is no SDK: there is no Cargo.toml and no berth.h in it; without --sdk the project gets the one that \
             came with this berth",
            crate::error::shown(path)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_a_container_and_of_a_crate() {
        for name in ["pump", "room-2", "Room_2"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "2pump",
            "a.b",
            "loop",
            "yield",
            "Self",
            "gen",
            "proc_macro",
            "test",
            "a b",
            "-a",
            "berth-guest",
            &"a".repeat(33),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_left_to_replace() {
        let home = tempfile::tempdir().unwrap();
        for language in [Language::Rust, Language::C] {
            let folder = home.path().join(format!("a-{language:?}"));
            let new = New {
                folder: &folder,
                language,
                sdk: None,
            };
            let name = create(&new).unwrap();
            assert!(matches!(create(&new), Err(Error::Usage(_))));
            super::super::Project::around(&folder).unwrap();
            for file in std::fs::read_dir(&folder).unwrap() {
                let path = file.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                for word in ["{name}", "{crate}", "{sdk}"] {
                    assert!(!text.contains(word), "{path:?}");
                }
            }
            let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
            assert!(
                readme.contains(&name) && readme.lines().count() <= 10,
                "{readme}"
            );
        }
    }

    #[test]
    fn another_sdk_is_one() {
        let home = tempfile::tempdir().unwrap();
        let new = |sdk| New {
            folder: Path::new("x/pump"),
            language: Language::Rust,
            sdk: Some(sdk),
        };
        assert!(matches!(create(&new(home.path())), Err(Error::Usage(_))));
    }
}
