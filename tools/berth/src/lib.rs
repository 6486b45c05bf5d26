//! The operator's command line.
//!
//! ```text
//!   main ── cli (words) ── commands (what they do) ── output (tables, JSON)
//!                              │
//!                          device (typed operations: upload, start, ps, …)
//!                              │
//!                          client (request, retries, answers by id)
//!                              │
//!     mux (one line, many clients) ── transport (tty, unix socket, TCP) ── lock
//! ```
//!
//! Everything is a library so that tests, the emulator and the interactive console
//! use the same code; the program is a few lines.

#![forbid(unsafe_code)]

mod address;
pub mod cli;
mod client;
mod commands;
pub mod console;
mod device;
mod error;
mod lock;
mod model;
mod mux;
mod output;
mod printable;
pub mod table;
mod transport;

pub use address::Address;
pub use client::Client;
pub use commands::run;
pub use device::{
    UploadOutcome, connect, containers, exposures, heap, hello, kill, log_line, remove, start,
    stop, upload,
};
pub use error::{Error, Missing, Refusal};
pub use lock::LineLock;
pub use model::{Block, Container, DeviceInfo, Exposure, HeapInfo, Holder, LogLine};
pub use mux::Mux;
pub use transport::{Transport, open};
