//! Parser of Tock Binary Format headers.
//!
//! A process in flash is a header, an optional protected trailer, the binary
//! and footers (TBF version 2):
//!
//! ```text
//!  0           header_size      + trailer            binary_end   total_size
//!  │ base, TLVs │ protected trailer │ binary              │ footers │
//! ```
//!
//! The parser reads untrusted flash: it never panics, loops or looks outside
//! the bytes it is given, whatever they contain. [`parse`] checks,
//! [`types::TbfHeader`] answers questions about a header that was checked.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod parse;
pub mod types;
