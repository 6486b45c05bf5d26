//! `expander`: eight pins more, behind the bus. A light runs along four of them; two are read.
//!
//! The chip is a PCA9538, or another one with its registers, such as MAX7310; its driver is the crate `port-expander`.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::hal::BusError;
use berth_guest::{Level, Line, error, sleep_ms};
use port_expander::{Pca9538, PinError};

berth_guest::main!(main);

/// How often the light goes all the way.
const ROUNDS: u32 = 2;
/// Between two steps.
const STEP_MS: u32 = 50;

fn main() {
    if run().is_err() {
        error!("the expander does not answer");
        berth_guest::exit(1);
    }
}

fn run() -> Result<(), PinError<BusError>> {
    let mut chip = Pca9538::new(berth_published::bus(), false, false);
    let pins = chip.split();
    let mut lights = [
        pins.io0.into_output()?,
        pins.io1.into_output()?,
        pins.io2.into_output()?,
        pins.io3.into_output()?,
    ];
    // Nothing is connected to these: low, and high where the chip turns it round. Which it does is not the same for all
    // chips of the kind when they are switched on.
    let mut plain = pins.io4;
    plain.set_inverted(false)?;
    let inverted = pins.io5.into_inverted()?;
    for _ in 0..ROUNDS {
        for at in 0..lights.len() {
            let mut line = Line::<32>::new();
            for (number, light) in lights.iter_mut().enumerate() {
                if number == at {
                    light.set_high()?;
                } else {
                    light.set_low()?;
                }
                line.text(if light.is_set_high()? { "*" } else { "." });
            }
            line.text(", reads");
            for input in [&plain, &inverted] {
                line.text(if input.is_high()? { " high" } else { " low" });
            }
            line.log(Level::Info);
            sleep_ms(STEP_MS);
        }
    }
    Ok(())
}
