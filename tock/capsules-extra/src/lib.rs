//! Further capsules: what a process can learn about the others.

#![no_std]
#![forbid(unsafe_code)]

pub mod process_info_driver;
