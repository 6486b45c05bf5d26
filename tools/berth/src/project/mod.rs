//! A container's project: what it is built with and of, as its `berth.toml` says.
//!
//! ```text
//!   new ──► a folder with berth.toml, code, test and SDK
//!   build: berth.toml's command ──► module ──► package beside berth.toml
//!   watch: which saves mean that it is to be built anew
//! ```

mod new;
mod sdk;
mod watch;

pub(crate) use new::{New, create};
pub(crate) use watch::Watch;

use crate::Error;
use berth_pack::{Options, Packed, Places, pack};
use serde::Deserialize;
use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The file that makes a folder a project.
const FILE: &str = "berth.toml";

/// A project on this computer.
#[derive(Debug)]
pub(crate) struct Project {
    folder: PathBuf,
    words: Words,
}

/// What stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    /// Name of the container.
    name: String,
    /// Version, as its author counts.
    #[serde(default)]
    version: String,
    /// One line for people.
    #[serde(default)]
    description: String,
    /// The command that makes the module, and its arguments; run in the project's folder.
    build: Vec<String>,
    /// The module that it makes, from the project's folder.
    module: PathBuf,
    /// Files and folders it is made of, from the project's folder.
    watch: Vec<PathBuf>,
}

impl Project {
    /// The project that `folder` is in: its own, or the nearest above.
    ///
    /// # Errors
    /// If there is none, or its file cannot be read.
    pub(crate) fn around(folder: &Path) -> Result<Self, Error> {
        let folder = folder
            .ancestors()
            .find(|folder| folder.join(FILE).is_file())
            .ok_or_else(|| {
                Error::Usage(format!(
                    "no project here: there is no {FILE} in this folder or above it; `berth new NAME` makes one, \
                     `berth run FILE` takes a module or package"
                ))
            })?;
        Self::in_folder(folder)
    }

    fn in_folder(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        let wrong = |why: String| Error::Project {
            path: path.clone(),
            why,
        };
        let words: Words = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if words.build.is_empty() {
            return Err(wrong(
                "build is empty: it is the command that makes the module".into(),
            ));
        }
        if !berth_protocol::is_valid_name(&words.name) {
            return Err(wrong(format!(
                "\"{}\" is not a container name: 1 to 32 of a-z A-Z 0-9 . _ -, beginning with a letter or digit",
                words.name
            )));
        }
        Ok(Self {
            folder: folder.to_owned(),
            words,
        })
    }

    /// Name of the container.
    pub(crate) fn name(&self) -> &str {
        &self.words.name
    }

    /// Files and folders it is made of, its own file included.
    pub(crate) fn sources(&self) -> Vec<PathBuf> {
        let own = [PathBuf::from(FILE)];
        let all = self.words.watch.iter().chain(&own);
        all.map(|path| self.folder.join(path)).collect()
    }

    /// Build the module, and write the package. What the build says goes to standard error.
    ///
    /// # Errors
    /// If the build fails, or its module cannot be packed.
    pub(crate) fn build(&self, purpose: Purpose) -> Result<Built, Error> {
        self.run_build()?;
        let module = self.folder.join(&self.words.module);
        let bytes = std::fs::read(&module).map_err(|source| Error::Build {
            what: crate::error::shown(&self.words.module),
            why: format!("the build has made no such module: {source}"),
        })?;
        let options = Options {
            name: self.words.name.clone(),
            version: self.words.version.clone(),
            description: self.words.description.clone(),
            places: purpose.places(),
            ..Options::default()
        };
        let packed = pack(&bytes, &options).map_err(|error| Error::Build {
            what: crate::error::shown(&self.words.module),
            why: error.to_string(),
        })?;
        let ending = match purpose {
            Purpose::HandOn(_) => "",
            Purpose::Try(_) => ".run",
        };
        let path = self
            .folder
            .join(format!("{}{ending}.berth", self.words.name));
        write(&path, &packed.image)?;
        if let Some(names) = packed.names_file() {
            write(&path.with_extension("names.json"), names)?;
        }
        Ok(Built { path, packed })
    }

    fn run_build(&self) -> Result<(), Error> {
        let (program, arguments) = self
            .words
            .build
            .split_first()
            .unwrap_or((&self.words.name, &[]));
        let said = self.words.build.join(" ");
        let failed = |why: String| Error::Build {
            what: said.clone(),
            why,
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            // What is printed here is ours.
            .stdout(io::stderr())
            // The module is where berth.toml says, whatever else shares a folder of builds on this computer.
            .env("CARGO_TARGET_DIR", self.folder.join("target"));
        let status = command.status().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => failed(format!("there is no program {program}")),
            _ => failed(error.to_string()),
        })?;
        match status.success() {
            true => Ok(()),
            false => Err(failed(status.to_string())),
        }
    }
}

/// What a package is built for, and how closely it tells where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// To be handed on.
    HandOn(Places),
    /// To be tried by whoever builds it: beside the one to be handed on, which stays as it is.
    Try(Places),
}

impl Purpose {
    const fn places(self) -> Places {
        match self {
            Self::HandOn(places) | Self::Try(places) => places,
        }
    }
}

/// A package, just built.
pub(crate) struct Built {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What became of the module.
    pub(crate) packed: Packed,
}

/// Write a file, and the folders above it.
fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<(), Error> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, contents))
        .map_err(|source| Error::NotMade {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(text: &str) -> (tempfile::TempDir, Result<Project, Error>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let inside = folder.path().join("src/deep");
        std::fs::create_dir_all(&inside).unwrap();
        let project = Project::around(&inside);
        (folder, project)
    }

    #[test]
    fn a_project_is_found_from_within() {
        let (folder, project) =
            project("name = 'a'\nbuild = ['true']\nmodule = 'm'\nwatch = ['src']");
        let project = project.unwrap();
        assert_eq!(project.name(), "a");
        let sources = ["src", FILE].map(|path| folder.path().join(path));
        assert_eq!(project.sources(), sources);
    }

    #[test]
    fn what_is_wrong_with_it_is_said_with_its_place() {
        let wrong = |text| match project(text).1 {
            Err(Error::Project { why, .. }) => why,
            other => panic!("{other:?}"),
        };
        assert!(wrong("name = 'a'").contains("build"));
        assert!(
            wrong("name = 'a'\nbuild = []\nmodule = 'm'\nwatch = []").contains("build is empty")
        );
        assert!(
            wrong("name = '-'\nbuild = ['x']\nmodule = 'm'\nwatch = []").contains("container name")
        );
        assert!(wrong("nam = 'a'").contains("nam"));
        let nowhere = tempfile::tempdir().unwrap();
        assert!(matches!(
            Project::around(nowhere.path()),
            Err(Error::Usage(_))
        ));
    }

    #[test]
    fn a_build_that_fails_says_which_command() {
        for (build, why) in [
            ("['false']", "exit status: 1"),
            ("['no-such-program-x']", "no program"),
        ] {
            let text = format!("name = 'a'\nbuild = {build}\nmodule = 'm'\nwatch = []");
            let (_folder, project) = project(&text);
            match project.unwrap().build(Purpose::Try(Places::No)) {
                Err(Error::Build { why: said, .. }) => assert!(said.contains(why), "{said}"),
                other => panic!("{:?}", other.map(|built| built.path)),
            }
        }
    }
}
