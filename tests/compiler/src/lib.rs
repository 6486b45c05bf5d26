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
//! * [`smith`]: modules of another generator.

pub mod batch;
pub mod instance;
pub mod room;
pub mod smith;
