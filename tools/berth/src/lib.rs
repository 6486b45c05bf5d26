//! The operator's command line.
//!
//! ```text
//!   main ── cli (words) ── commands (what they do) ── output (tables, JSON)
//!                              │                         registry (names of devices)
//!                              │                         project (new, build, watch)
//!                          device (typed operations: upload, start, ps, …)
//!                              │
//!                          client (request, retries, answers by id)
//!                              │
//!     mux (one line, many clients) ── transport (tty, unix socket, TCP) ── lock
//!                                        └── gateway (HTTP)
//! ```
//!
//! Everything is a library so that tests, the emulator and the interactive console
//! use the same code; the program is a few lines.

#![forbid(unsafe_code)]

mod address;
mod advice;
pub mod cli;
mod client;
mod commands;
mod complete;
pub mod console;
mod device;
mod error;
mod gateway;
mod holders;
mod listener;
mod lock;
mod manufacturer;
mod meaning;
mod model;
mod mux;
mod output;
mod packing;
mod project;
mod refusal;
mod registry;
mod said;
pub mod session;
mod share;
pub mod table;
mod terms;
mod transport;
mod wishes;

pub use address::Address;
pub use cli::Wishes;
pub use client::{Client, Exchange};
pub use commands::{have_arenas, not_understood, run};
pub use device::{
    After, Begun, Kept, UploadOutcome, connect, containers, edit, event, exposures, heap, hello,
    hexadecimal, images, inspect, kept, kill, lift, live_update, log_line, pause, read_image,
    remove, reset, resume, settings, start, status, stop, take_line, update_status, upload,
};
pub use error::Error;
pub use gateway::Place;
pub use listener::{Heard, Listener};
pub use lock::LineLock;
pub use model::{
    Block, CodeFlash, Container, DeviceEvent, DeviceInfo, DeviceStatus, Exposure, FaultPlace,
    FaultRecord, HeapInfo, Holder, HostCall, Image, Inspection, LogLine, ServiceInfo, Settings,
    SignatureClaims, Source, Store, UpdateOutcome, Values,
};
pub use mux::Mux;
pub use packing::{Prepared, prepare};
pub use refusal::{Missing, Refusal};
pub use registry::{ChosenBy, Registry, path as registry_path};
pub use said::Said;
pub use terms::{Changes, Terms};
pub use transport::{Transport, open};
pub use wishes::{Granted, grant};
