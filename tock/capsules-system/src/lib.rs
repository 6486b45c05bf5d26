//! System capsules: what the kernel does when a process faults.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod process_policies;
