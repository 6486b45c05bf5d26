//! The supervisor on the desk: containers run on this computer as they do on a device, against a simulated board.
//!
//! ```text
//!   berth sim ── frames ──► Machine: the supervisor's own library, turn by turn
//!                              │ Platform, Interrupts, Buses, Programs
//!                           Simulated ── rules ──► wasm_host's own: masks, safe states, register programs
//!                              │
//!                           berth_desk: devices, the clock, the record
//! ```
//!
//! What is refused is refused by the same code as on a device, in the same words. Two things are other: a turn of a
//! container takes a fixed time instead of that of its instructions, and the engine's own structures, made of addresses of
//! 64 bits, take about twice the memory, of which there is twice as much. Linear memory is counted exactly.

mod buses;
mod conveyors;
mod interrupts;
mod machine;
mod programs;
mod rules;
mod simulated;

pub use berth_desk::{Access, Block, Board, Desk, Model, OnBus, Traffic, Wrong, misaligned};
pub use machine::{Machine, use_arenas};
pub use simulated::Simulated;
