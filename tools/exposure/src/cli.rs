//! The words of the command line.

use std::path::PathBuf;

use clap::Parser;

/// Check an exposure configuration and write what others need from it.
///
/// Exit codes: 0 sound, 1 problems (on standard error, one a line), 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "exposure", version)]
pub struct Cli {
    /// The configuration, such as kernel-board/BOARD/exposure.dts.
    pub source: PathBuf,
    /// Memory map of the part.
    #[arg(long, default_value = "layout.ld")]
    pub layout: PathBuf,
    /// Write labels, registers, limits and filters as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write label and register constants for containers, as Rust source.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Write the same for containers in C and C++, as a header.
    #[arg(long, value_name = "FILE")]
    pub header: Option<PathBuf>,
    /// Tell what of the SVD file was not judged, and why (on standard error)
    #[arg(long, short)]
    pub verbose: bool,
    /// Write the kernel's table as Rust source (the board's build does this itself).
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
}
