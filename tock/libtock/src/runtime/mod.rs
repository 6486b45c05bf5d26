//! The part of the library that needs `unsafe`: the system call instruction,
//! start-up, the panic handler, and static buffers.

#[cfg(not(target_os = "none"))]
pub mod host;
#[cfg(all(target_os = "none", feature = "panic-handler"))]
mod panic;
pub mod raw;
#[cfg(target_os = "none")]
pub mod start;
pub(crate) mod static_buffer;
