//! What the tools of this crate share: objects of Tock's binary format.

#![forbid(unsafe_code)]

pub mod tbf;
