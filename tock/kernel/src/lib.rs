//! The Tock kernel: processes, system calls, grants, scheduling.
//!
//! ```text
//!   process          process          process            unprivileged
//! ────┬────────────────┬────────────────┬──────────────────────────────
//!     │ system calls: syscall, upcall   │                privileged
//! ┌───┴─────────────────────────────────┴───────────────┐
//! │ Kernel: kernel (loop) · dispatch · memop · scheduler│
//! │ process: one `ProcessStandard` a process            │
//! │ grant, processbuffer: what drivers keep and borrow  │
//! └───┬──────────────────────────────┬──────────────────┘
//!     │ syscall::SyscallDriver       │ platform::{chip, mpu, scheduler_timer}
//!  capsules ── hil::* ── chip drivers and architecture
//! ```
//!
//! Names, module paths and signatures are those of upstream Tock wherever a
//! capsule, chip or board meets them, so that a capsule written here compiles
//! there. Everything is generic over [`platform::chip::Chip`]: with the fake
//! chip of `test_utils` (feature `test-utils`) a process, its grants and all
//! system calls run in ordinary host tests.
//!
//! Where the kernel knowingly differs from upstream or chooses between
//! upstream and TRD104 is written in [`dispatch`].

#![no_std]
#![deny(unsafe_code)]

#[cfg(any(test, feature = "test-utils"))]
extern crate std;

/// Major version of the Tock interface offered; a process that needs another is refused.
pub const KERNEL_MAJOR_VERSION: u16 = 2;
/// Minor version of the Tock interface offered; a process that needs a higher one is refused.
pub const KERNEL_MINOR_VERSION: u16 = 2;
/// Patch version of the Tock interface offered.
pub const KERNEL_PATCH_VERSION: u16 = 0;

pub mod capabilities;
pub mod collections;
pub mod debug;
pub mod deferred_call;
pub mod dispatch;
pub mod errorcode;
pub mod grant;
pub mod hil;
mod kernel;
mod memop;
pub mod platform;
pub mod process;
pub mod processbuffer;
pub mod scheduler;
pub mod storage_permissions;
pub mod syscall;
mod syscall_driver;
#[cfg(any(test, feature = "test-utils"))]
pub mod test_utils;
#[cfg(test)]
mod tests;
pub mod upcall;
pub mod utilities;

pub use crate::errorcode::ErrorCode;
pub use crate::kernel::Kernel;
pub use crate::process::ProcessId;
pub use crate::scheduler::Scheduler;
