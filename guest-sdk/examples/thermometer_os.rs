//! `thermometer_os`: reads a TMP105 on the kernel's I2C bus, says what it measures, and exits with that in sixteenths of a degree.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{error, exit, i2c, info};

berth_guest::main!(main);

/// The sensor's address, and its registers.
const ADDRESS: u8 = 0x48;
const TEMPERATURE: u8 = 0;
const CONFIGURATION: u8 = 1;
/// In the configuration: twelve bits.
const TWELVE_BITS: u8 = 0b11 << 5;

fn main() {
    let mut bytes = [0; 2];
    let read = i2c::write(ADDRESS, &[CONFIGURATION, TWELVE_BITS])
        .and_then(|()| i2c::write_read(ADDRESS, &[TEMPERATURE], &mut bytes));
    match read {
        Ok(()) => {
            let sixteenths = i16::from_be_bytes(bytes) >> 4;
            info!("it answers");
            exit(sixteenths.into())
        }
        Err(_) => error!("no sensor answers"),
    }
}
