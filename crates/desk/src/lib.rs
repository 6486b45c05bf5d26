//! The devices of a board, simulated: for trying a driver without the board.
//!
//! ```text
//!   a container in the simulator (`berth sim`)     a driver's test (`berth_guest::desk`)
//!   ─────────────────────────────────────────────────────────────────────────────────────
//!   Desk: blocks by label, the clock, what was accessed, what was on the buses
//!      │ Device: read, write, what it does by itself, its interrupts
//!   devices: registers that react, UART, timer, SPI, two wires with chips
//! ```
//!
//! * [`Board`]: what a manufacturer exposes (`exposures.json`).
//! * [`Model`]: what stands behind it, and what happens when: a file in TOML.
//! * [`Desk`]: a board on the desk, made of both.
//!
//! Time passes only when it is told to, and a little with each access, so a run is the same whenever it is repeated, and
//! whoever sleeps does not wait.
//!
//! ```
//! use berth_desk::{Board, Desk, Model, Width};
//!
//! let model = r#"
//!     [[block]]
//!     label = "fpgaio"
//!     [[block.register]]
//!     name = "BUTTON"
//!     reads = [0, 0, 1]       # pressed at the third look
//! "#;
//! let board = Board::reference();
//! let mut desk = Desk::new(&board, &Model::parse(model)?)?;
//! let fpgaio = desk.block("fpgaio").unwrap();
//! let looks: Vec<u32> = (0..4).map(|_| desk.read(fpgaio, 8, Width::Bits32)).collect();
//! assert_eq!(looks, [0, 0, 1, 1]);
//! # Ok::<(), berth_desk::Wrong>(())
//! ```

#![forbid(unsafe_code)]

mod board;
mod buses;
mod desk;
mod device;
mod devices;
mod model;
mod moment;
mod refused;
mod trace;
mod wrong;

pub use berth_exposure::Width;
pub use board::{Block, Board, Clear, Driver, Interrupt, Limits, Place, Register, SafeWrite};
pub use desk::{Desk, Index};
pub use device::{Device, Traffic};
pub use model::Model;
pub use refused::misaligned;
pub use trace::{Access, By, Kind, OnBus};
pub use wrong::Wrong;
