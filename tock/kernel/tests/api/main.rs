//! The paths and signatures by which capsules, chips and boards written for upstream Tock
//! meet the kernel, kept by the compiler: whatever changes here does not compile any more.
//!
//! Nothing runs. What upstream has and this kernel leaves out is listed in `docs/kernel.md`.

// Each function stands for a piece of somebody's code; nobody calls it.
#![allow(dead_code, clippy::result_unit_err, clippy::option_map_unit_fn)]

mod board;
mod buses;
mod capsule;
mod chip;
mod interfaces;
mod processes;
mod shared;
mod tools;
