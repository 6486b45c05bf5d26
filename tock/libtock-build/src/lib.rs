//! Build-script helper: links a process for one slot of the memory map.
//!
//! Processes have fixed addresses. The build script of a process says which
//! slot of `layout.ld` (at the root of the workspace) each of its binaries goes
//! to, and how much stack it gets:
//!
//! ```no_run
//! // build.rs
//! libtock_build::link("hello", "APP0", 2048);
//! ```
//!
//! The regions `APP0_FLASH` and `APP0_RAM` are then the binary's; one that does
//! not fit is a link error. On any target with an operating system the call
//! does nothing, so the same package builds for tests on the host.
//!
//! Then `elf2tab` makes the file that `tockloader` installs:
//!
//! ```text
//! cp target/thumbv7em-none-eabi/firmware/hello cortex-m4.elf
//! elf2tab --deterministic -n hello -o hello.tab --kernel-major 2 --kernel-minor 2 \
//!     --app-heap 1024 --kernel-heap 2048 cortex-m4.elf
//! ```
//!
//! `--app-heap` is what the process may add to its break after start,
//! `--kernel-heap` what grants may take; stack, data and bss are read from the
//! ELF file.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The variable that names the memory map of another part.
const LAYOUT: &str = "BERTH_LAYOUT";

/// Bytes at the start of a slot's flash for the TBF header; the binary follows.
pub const HEADER_SIZE: u32 = 0x100;

/// Link the binary `bin` of this package for the slot whose regions in
/// `layout.ld` are `<slot>_FLASH` and `<slot>_RAM`, with `stack` bytes of stack
/// (rounded up to a multiple of 8). The variable `BERTH_LAYOUT` may name the memory map of another part.
///
/// # Panics
///
/// Outside a build script, without a `layout.ld` in a directory above the
/// package, or if the output directory cannot be written: the build stops with
/// the reason.
pub fn link(bin: &str, slot: &str, stack: u32) {
    link_behind(HEADER_SIZE, bin, slot, stack);
}

/// The same with so many bytes for the TBF header, where it says more than fits; `elf2tab` is told by `--protected-region-size`.
///
/// # Panics
///
/// As [`link`].
pub fn link_behind(header: u32, bin: &str, slot: &str, stack: u32) {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo"));
    println!("cargo::rerun-if-env-changed={LAYOUT}");
    let layout = layout(env::var_os(LAYOUT), &package)
        .unwrap_or_else(|| panic!("no layout.ld above {}", package.display()));
    let script =
        PathBuf::from(env::var_os("OUT_DIR").expect("run by cargo")).join(format!("{bin}.ld"));
    fs::write(&script, linker_script(&layout, slot, stack, header))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", script.display()));
    println!("cargo::rerun-if-changed={}", layout.display());
    println!("cargo::rustc-link-arg-bin={bin}=-T{}", script.display());
    // No page alignment between segments: they are copied, not mapped.
    println!("cargo::rustc-link-arg-bin={bin}=--nmagic");
    // Functions that came out equal are kept once; nothing here compares their addresses.
    println!("cargo::rustc-link-arg-bin={bin}=--icf=all");
}

/// The memory map: the one that was named, or the nearest above the package.
fn layout(named: Option<OsString>, package: &Path) -> Option<PathBuf> {
    named.map(PathBuf::from).or_else(|| find_layout(package))
}

/// The nearest `layout.ld` in or above `package`.
fn find_layout(package: &Path) -> Option<PathBuf> {
    package
        .ancestors()
        .map(|directory| directory.join("layout.ld"))
        .find(|file| file.is_file())
}

/// The whole script: memory map, the slot's regions under the names that
/// `app.ld` uses, `app.ld`.
fn linker_script(layout: &Path, slot: &str, stack: u32, header: u32) -> String {
    format!(
        "INCLUDE \"{}\"\n\
         REGION_ALIAS(\"FLASH\", {slot}_FLASH)\n\
         REGION_ALIAS(\"RAM\", {slot}_RAM)\n\
         STACK_SIZE = {stack};\n\
         HEADER_SIZE = {header:#x};\n\
         {}",
        layout.display(),
        include_str!("../app.ld"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_names_the_slot_and_the_stack() {
        let script = linker_script(Path::new("/map/layout.ld"), "APP1", 3000, 0x200);
        assert!(script.starts_with("INCLUDE \"/map/layout.ld\"\n"));
        assert!(script.contains("REGION_ALIAS(\"FLASH\", APP1_FLASH)"));
        assert!(script.contains("REGION_ALIAS(\"RAM\", APP1_RAM)"));
        assert!(script.contains("STACK_SIZE = 3000;"));
        assert!(script.contains("HEADER_SIZE = 0x200;"));
    }

    #[test]
    fn the_memory_map_is_found_from_inside_the_workspace_only() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(find_layout(package).is_some());
        assert_eq!(find_layout(Path::new("/")), None);
        let named = layout(Some("/other/part.ld".into()), package);
        assert_eq!(named, Some(PathBuf::from("/other/part.ld")));
        assert_eq!(layout(None, package), find_layout(package));
    }
}
