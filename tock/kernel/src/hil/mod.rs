//! Hardware interface layer: traits between capsules and chip drivers.

pub mod adc;
pub mod flash;
pub mod gpio;
pub mod i2c;
pub mod led;
pub mod pwm;
pub mod rng;
pub mod spi;
pub mod time;
pub mod uart;
