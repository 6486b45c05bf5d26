//! `rooms`: two temperatures, whenever one of them has changed.
//!
//! The sensors have the same address; each is on a bus of its own behind a switch, PCA9548 or TCA9548A. The switch's driver is
//! the crate `xca9548a`, the sensors' the crate `lm75`, which does not know that there is a switch.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{error, info, sleep_ms};
use embedded_hal::i2c::I2c;
use lm75::{Address, Lm75};
use xca9548a::{SlaveAddr, Xca9548a};

berth_guest::main!(main);

/// Between two readings.
const PERIOD_MS: u32 = 200;

/// One reading; `None` if nobody answers.
fn reading<B: I2c>(bus: B) -> Option<f32> {
    Lm75::new(bus, Address::default()).read_temperature().ok()
}

fn main() {
    let switch = Xca9548a::new(berth_published::bus(), SlaveAddr::default());
    let mut buses = switch.split();
    let mut before = None;
    loop {
        let now = reading(&mut buses.i2c2).zip(reading(&mut buses.i2c5));
        if now != before {
            match now {
                Some((inside, outside)) => {
                    info!("inside {:.1}, outside {:.1} degrees", inside, outside)
                }
                None => error!("a sensor or the switch does not answer"),
            }
            before = now;
        }
        sleep_ms(PERIOD_MS);
    }
}
