//! Measurements of the product: what it occupies and what it costs.
//!
//! Figures come from the artefacts that `make build` leaves and from the
//! emulated board; nothing is estimated. Keys and their meaning stand in
//! `docs/measurements.md`.

#![forbid(unsafe_code)]

pub mod figure;
pub mod flash;
pub mod frames;
pub mod groups;
pub mod plot;
pub mod process;
pub mod report;
pub mod symbols;
pub mod trace;
