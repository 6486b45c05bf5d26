//! System capsules: what the kernel does when a process faults.

#![no_std]
#![forbid(unsafe_code)]

pub mod process_policies;
