//! How much code of an ELF file belongs to a module.

use std::path::Path;

use anyhow::{Context, Result};
use object::{Object, ObjectSymbol, SymbolKind};

/// Bytes of the functions whose path contains `module`. What the compiler inlined elsewhere
/// counts there.
///
/// # Errors
/// If the file cannot be read or is no ELF file.
pub fn code_of(path: &Path, module: &str) -> Result<u64> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("cannot read {}; run `make build`", path.display()))?;
    let file = object::File::parse(&*bytes)
        .with_context(|| format!("{} is not an ELF file", path.display()))?;

    Ok(file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
        .filter(|symbol| symbol.name().is_ok_and(|name| name.contains(module)))
        .map(|symbol| symbol.size())
        .sum())
}
