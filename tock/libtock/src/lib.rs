//! Userspace library of Tock processes: system calls, start-up, drivers.
//!
//! ```text
//!   drivers     console  alarm  led  spi  i2c  debug  process_info  run_record  wasm_host
//!   ───────────────────────────────────────────────────────────────
//!   syscalls    command  subscribe  allow  yield  memop  exit   typed, safe to call
//!   ───────────────────────────────────────────────────────────────
//!   runtime     raw calls (svc), start-up, panic            the unsafe part
//!   ═══════════════════════════════════════ system call border ═════
//!               any kernel with the Tock 2.x system call ABI
//! ```
//!
//! A process is a `no_std`, `no_main` binary that names its main function:
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! libtock::main!(main);
//!
//! fn main() {
//!     let _ = libtock::console::write_all(b"hello\n");
//! }
//! ```
//!
//! and whose build script links it for one slot of the memory map (see the
//! crate `libtock-build`). Turn the feature `panic-handler` on unless the
//! process brings its own.
//!
//! # Waiting
//!
//! Nothing runs behind the process's back: upcalls are delivered only while it
//! yields, and all that an upcall does here is to fill an [`EventSlot`]. There
//! are two ways to wait. [`wait_for`] sleeps until one particular event and
//! leaves all others queued; blocking calls such as [`console::write_all`] and
//! [`alarm::sleep_ms`] use it. A process with several things to wait for
//! subscribes a slot to each, calls [`yield_wait`], and looks which slots
//! filled.
//!
//! # On the host
//!
//! The crate also compiles for the build machine, so that a process's logic can
//! be tested there. Every call then goes to the fake kernel of `host`, which
//! answers "no such device" until a test installs a better one.

#![no_std]

#[cfg(not(target_os = "none"))]
extern crate std;

// `unsafe` is for the runtime and the system calls. (Tests of drivers play the
// kernel, which writes to lent buffers.)
#[cfg_attr(not(test), forbid(unsafe_code))]
mod drivers;
#[forbid(unsafe_code)]
mod error;
mod runtime;
mod syscalls;

pub use berth_exposure;
pub use drivers::{
    alarm, background, console, debug, flash_partition, gpio, i2c, led, process_info, run_record,
    spi, uart, wasm_host,
};
pub use error::ErrorCode;
pub use runtime::raw;
pub use runtime::static_buffer::StaticBuffer;
pub use syscalls::allow::{self, SharedBuffer, SharedText};
pub use syscalls::command::{CommandReturn, command};
pub use syscalls::exit::{restart, terminate};
pub use syscalls::memop;
pub use syscalls::subscribe::{Event, EventSlot, subscribe, unsubscribe};
pub use syscalls::yielding::{wait_for, yield_no_wait, yield_wait};

#[cfg(not(target_os = "none"))]
pub use runtime::host;
#[cfg(target_os = "none")]
pub use runtime::start;

/// Name the function that runs when the process starts.
///
/// The function takes nothing and returns anything that drops; when it returns,
/// the process terminates with completion code 0. On the host the macro yields
/// nothing: a binary that is built there, too, starts with
/// `#![cfg_attr(target_os = "none", no_std, no_main)]` and has a `main` of its own.
#[macro_export]
macro_rules! main {
    ($function:path) => {
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        extern "C" fn libtock_main() {
            let _ = $function();
        }
    };
}
