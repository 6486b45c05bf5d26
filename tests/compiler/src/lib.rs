//! Is what the compiler says and makes right?
//!
//! ```text
//!   module ──► instance: compiled, its memory as it begins ──► batch ──► emulated board ──► outcome
//!         └──► another engine ─────────────────────────────────────────────────────────► outcome  equal?
//! ```
//!
//! * [`room`]: room for any module that a test has.
//! * [`instance`]: a module compiled and laid out for the board.
//! * [`batch`]: many of them run in one start of the emulator.
//! * [`judge`]: what came of them compared with what comes of them elsewhere.
//! * [`smith`]: modules of another generator.
//! * [`shapes`]: a module with every shape of code.
//! * [`checked`]: objects beside the checker; [`model`]: a processor that finds what the checker must not let through.
//!
//! `examples/show.rs` shows the code of a module, `examples/run.rs` runs one function.

// Only tests use it, and a test may end instead of handling what cannot be.
#![allow(clippy::unwrap_used)]

pub mod batch;
pub mod checked;
pub mod instance;
pub mod judge;
pub mod model;
pub mod room;
pub mod shapes;
pub mod smith;
