//! The board's registers, as `svd2rust` makes them of its SVD file: a crate that knows addresses and nothing of containers.
//!
//! Nothing of it is kept here or changed: `build.rs` makes it.

#![no_std]
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    non_camel_case_types,
    non_snake_case,
    clippy::all,
    reason = "made by a program"
)]

include!(concat!(env!("OUT_DIR"), "/pac.rs"));
