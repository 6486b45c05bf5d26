//! The product driven as its users drive it.
//!
//! ```text
//!   Flash (a copy of target/firmware/flash.bin) ── install(app): tockloader ──┐
//!   Device (that flash, booted in the emulator) ◄─────────────────────────────┘
//!     ├── berth([...]): the operator's command, as a process of its own
//!     └── board: console text, registers, LEDs
//! ```
//!
//! Nothing here reaches into the product: what a test sees is what `berth`,
//! `tockloader` and the serial line show.

#![forbid(unsafe_code)]

mod artefacts;
mod cable;
pub mod deadlines;
mod device;
pub mod expensive;
mod flash;
mod floods;
pub mod shares;
mod simulated;
pub mod tbf;
mod terminal;

pub use artefacts::{guest, program, root, target};
pub use cable::{SerialPort, gateway};
pub use device::{Device, Run};
pub use flash::{CODE_FLASH, Flash};
pub use simulated::Simulated;
pub use terminal::Terminal;
