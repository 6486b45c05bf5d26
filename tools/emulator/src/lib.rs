//! Starts and watches the emulated boards.
//!
//! ```text
//!   Board (what to start) ──start──► Emulator (it runs; killed when dropped)
//!                                      ├── console: text of UART0, wait for text, type
//!                                      ├── address(): where `berth` reaches UART0
//!                                      ├── uart(n): the other serial lines
//!                                      ├── bus: memory, registers, interrupt lines
//!                                      ├── leds(): what the LEDs did
//!                                      ├── accesses(): what the processor did to devices
//!                                      └── qmp: stop, continue, devices
//! ```
//!
//! This is the only place that knows QEMU's command line. Every emulator has a
//! wall-clock limit after which it is killed by process id (a QEMU that is stuck in a
//! device ignores anything gentler), and it dies with the process that started it.

#![forbid(unsafe_code)]

mod accesses;
mod attached;
mod board;
mod bus;
pub mod cli;
mod console;
mod emulator;
mod error;
mod layout;
mod leds;
mod process;
mod qmp;

pub use accesses::Access;
pub use attached::{Attached, list as chips};
pub use board::{Board, Icount, PowerCut, Sleep};
pub use bus::Bus;
pub use console::ConsoleText;
pub use emulator::Emulator;
pub use error::Error;
pub use layout::{Layout, Region};
pub use leds::LedChange;
pub use process::Ending;
pub use qmp::Qmp;
