//! Turns a WebAssembly module into a container package.
//!
//! ```text
//!   module.wasm ──► survey: what it is, is it for a device at all?
//!                   memory: how many bytes are enough, where is the stack
//!                   rewrite: memory in bytes, unused globals and custom sections out, tail calls
//!                            of the device's functions as calls
//!                   ──► package (still a valid module, section "berth" at its end) + names
//! ```
//!
//! What a module computes does not change. It is smaller on the device: a memory of
//! exactly the bytes it uses instead of pages of 64 KiB, no globals that only the linker
//! wanted (some 540 bytes of a container's memory), no names and debugging information.
//! The names stay in a side file, for whoever has to find a function by its number.
//!
//! [`check`] tells beforehand what a board's supervisor will say to a package.

#![forbid(unsafe_code)]

mod addresses;
pub mod check;
pub mod chip;
pub mod cli;
mod error;
pub mod keys;
pub mod mapped;
mod memory;
mod names;
mod number;
pub mod places;
mod printable;
mod rewrite;
mod sections;
mod segments;
pub mod sign;
mod survey;

use std::path::Path;

use berth_package::{DESCRIPTION_MAX, MANIFEST_MAX, Manifest, VERSION_MAX};
use berth_protocol::{NAME_MAX, Restart, is_valid_name};
use wasmparser::Validator;

pub use berth_whole::write_whole;
pub use error::PackError;
pub use memory::Basis;
pub use names::{Names, SideFile};
pub use number::whole_number;
pub use places::Places;
pub use printable::printable;

/// What the author of a package chooses.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Name of the container.
    pub name: String,
    /// Version, as its author counts.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// Bytes of linear memory instead of what is enough.
    pub memory: Option<u32>,
    /// Most bytes that the linear memory may grow to.
    pub memory_limit: Option<u32>,
    /// Most bytes of the interpreter's value stack.
    pub value_stack: Option<u32>,
    /// Share of the CPU relative to other containers, 1 to 100.
    pub share: Option<u8>,
    /// When it is started again after it ended.
    pub restart: Option<Restart>,
    /// Registers at addresses.
    pub mapping: mapped::Mapping,
    /// Whether it tells where it is, so that a fault can be named.
    pub places: Places,
}

/// A package, and what became of the module.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The package.
    pub image: Vec<u8>,
    /// Bytes of linear memory at the start, before and after.
    pub memory: (u64, u64),
    /// From where the new size is known.
    pub basis: Basis,
    /// Bytes of its stack, if it is certain where that lies.
    pub stack: Option<u32>,
    /// Its table of functions was exported, for its handlers.
    pub table_exported: bool,
    /// Globals that were left out.
    pub globals_dropped: u32,
    /// Tail calls of imported functions that became calls.
    pub tail_calls: u32,
    /// Loads and stores that became accesses of registers.
    pub accesses: u32,
    /// Names of the functions.
    pub names: Names,
    /// Places that it tells of, by their numbers from 1 on.
    pub places: Vec<places::Place>,
}

/// More stack than this nobody has chosen: it is what a linker reserves unless told.
const STACK_USUAL: u32 = 16 * 1024;

impl Packed {
    /// What its author should know of its memory.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let (_, memory) = self.memory;
        if let Some(stack) = self.stack.filter(|stack| *stack > STACK_USUAL) {
            return Some(format!(
                "{stack} of its {memory} bytes of linear memory are stack, as linkers reserve it unless told: link with -zstack-size=1024 (rustc: -C link-arg=-zstack-size=1024; clang: -z stack-size=1024)"
            ));
        }
        let text = self.basis.text();
        let is_doubtful = self.basis.is_doubtful();
        is_doubtful.then(|| format!("linear memory of {memory} bytes, {text}"))
    }

    /// What its numbers mean; `None` if nothing is known of that.
    #[must_use]
    pub fn side_file(&self) -> Option<SideFile> {
        if self.names.0.is_empty() && self.places.is_empty() {
            return None;
        }
        Some(SideFile {
            sha256: names::hexadecimal(&self.image),
            functions: self.names.0.clone(),
            places: self.places.clone(),
        })
    }

    /// The text of the side file; `None` if there is none.
    #[must_use]
    pub fn names_file(&self) -> Option<String> {
        let text = serde_json::to_string_pretty(&self.side_file()?).ok()?;
        Some(text + "\n")
    }
}

/// Make a package of `module`.
///
/// # Errors
///
/// See [`PackError`].
pub fn pack(module: &[u8], options: &Options) -> Result<Packed, PackError> {
    let survey = survey::Survey::of(module)?;
    let plan = memory::Plan::of(&survey, options.memory)?;
    let bytes = plan.memory.as_ref().map_or(0, memory::bytes);
    let manifest = Manifest {
        name: &options.name,
        version: &options.version,
        description: &options.description,
        memory: u32::try_from(bytes).unwrap_or(u32::MAX),
        stack: plan.stack,
        memory_limit: options.memory_limit,
        value_stack: options.value_stack,
        share: options.share,
        restart: options.restart,
    };
    let mut buffer = [0; MANIFEST_MAX];
    let section = checked(&manifest)?
        .encode(&mut buffer)
        .ok_or(PackError::Manifest("the manifest is too long"))?;
    let mapped = mapped::Plan::of(module, &options.mapping, &survey.names)?;
    let places = places::Plan::of(module, options.places, &survey.names)?;
    let what = rewrite::What {
        survey: &survey,
        memory: &plan,
        mapped: mapped.as_ref(),
        places: places.as_ref(),
    };
    let written = rewrite::rewrite(module, what, section)?;
    let rewrite::Written {
        image,
        tail_calls,
        added,
    } = written;
    Validator::new_with_features(survey::features())
        .validate_all(&image)
        .map_err(|error| PackError::Internal(error.to_string()))?;
    Ok(Packed {
        memory: (survey.memory.as_ref().map_or(0, memory::bytes), bytes),
        basis: plan.basis,
        stack: plan.stack.map(|stack| stack.top - stack.bottom),
        table_exported: survey.lacks_table(),
        globals_dropped: survey.globals - survey.used_globals.len() as u32,
        tail_calls,
        accesses: mapped.map_or(0, |mapped| mapped.decisions.len() as u32),
        places: places.map_or_else(Vec::new, |plan| {
            let places = plan.places.into_iter();
            places
                .map(|place| places::Place {
                    function: names::moved(place.function, survey.imported_functions, added),
                    ..place
                })
                .collect()
        }),
        names: survey.names.moved(survey.imported_functions, added),
        image,
    })
}

/// The name of a container that comes from the file `path`.
#[must_use]
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn checked<'a>(manifest: &'a Manifest<'a>) -> Result<&'a Manifest<'a>, PackError> {
    const { assert!(NAME_MAX == 32 && VERSION_MAX == 32 && DESCRIPTION_MAX == 200) };
    if !is_valid_name(manifest.name) {
        return Err(PackError::Manifest(
            "the name is not a container name: 1 to 32 of a-z A-Z 0-9 . _ -, beginning with a letter or digit; choose one with --name",
        ));
    }
    if manifest.version.len() > VERSION_MAX {
        return Err(PackError::Manifest("the version has more than 32 bytes"));
    }
    if manifest.description.len() > DESCRIPTION_MAX {
        return Err(PackError::Manifest(
            "the description has more than 200 bytes",
        ));
    }
    if !matches!(manifest.share, None | Some(1..=100)) {
        return Err(PackError::Manifest("the share is 1 to 100"));
    }
    Ok(manifest)
}
