//! Hardware interface layer: traits between capsules and chip drivers.

pub mod gpio;
pub mod led;
pub mod time;
pub mod uart;
