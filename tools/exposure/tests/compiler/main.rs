//! The compiler driven as a manufacturer drives it: a small board, a configuration,
//! and the exact words about what is wrong with it.

mod blocks;
mod danger;
mod derived;
mod desk;
mod devices;
mod effects;
mod fields;
mod files;
mod filters;
mod harmless;
mod interrupts;
mod kept;
mod keys;
mod program;
mod properties;
mod registers;
mod safe;
mod sound;
mod support;
mod trees;
mod vendors;
