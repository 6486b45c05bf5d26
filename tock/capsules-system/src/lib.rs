//! System capsules: what the kernel does when a process faults, and how fast it restarts one.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod process_policies;
pub mod restart_budget;
