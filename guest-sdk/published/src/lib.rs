//! What the containers of this package have in common: the bus that their chips are at.
//!
//! The drivers are crates of others, unmodified, at versions that `Cargo.toml` names:
//!
//! | container | driver | chip, and its address on the bus |
//! | --- | --- | --- |
//! | `thermometer` | `lm75` | temperature sensor LM75 or TMP105, 0x48 |
//! | `notebook` | `eeprom24x` | memory AT24C256, 0x50 |
//! | `clock` | `ds1307` | clock DS1307 or DS1338, 0x68 |
//! | `rooms` | `xca9548a`, and `lm75` behind it | switch TCA9548A or PCA9548, 0x70, and two sensors with one address |
//! | `sign` | `sh1106`, and `embedded-graphics` | display SSD0303, 0x3c |
//! | `expander` | `port-expander` | eight pins PCA9538, or MAX7310, 0x70 |
//!
//! `thermometer_2` is the next version of the first; `loopback` and `shout` use an SPI controller and a serial line through
//! the traits that such drivers ask for.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::hal::{Sbcon, TwoWire};

pub mod thermometer;

berth_guest::block!(
    /// The two-wire interface that leads to shield 1.
    fn interface = "mmio:i2c_shield1"
);

/// The bus at shield 1.
#[must_use]
pub fn bus() -> TwoWire<Sbcon> {
    TwoWire::new(Sbcon::new(interface()))
}
