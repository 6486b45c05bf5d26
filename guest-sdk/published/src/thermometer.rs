//! The thermometer, whatever it says.

use berth_guest::{Line, error, sleep_ms};
use lm75::{Address, Lm75};

/// Between two readings.
const PERIOD_MS: u32 = 200;

/// Read the sensor, and hand each reading that is not the one before to `say`, in tenths of a degree.
pub fn follow(say: fn(i32)) -> ! {
    let mut sensor = Lm75::new(crate::bus(), Address::default());
    let mut before = None;
    loop {
        match sensor.read_temperature() {
            Ok(celsius) => {
                // The sensor's steps are 0.5 degrees.
                let tenths = (celsius * 10.0) as i32;
                if before.replace(tenths) != Some(tenths) {
                    say(tenths);
                }
            }
            // Once, until it answers again.
            Err(_) if before.take().is_some() => error!("the sensor does not answer"),
            Err(_) => {}
        }
        sleep_ms(PERIOD_MS);
    }
}

/// Append a number of tenths: `-10.5`.
pub fn tenths<const N: usize>(line: &mut Line<N>, tenths: i32) {
    line.text(if tenths < 0 { "-" } else { "" })
        .unsigned(tenths.unsigned_abs() / 10)
        .text(".")
        .unsigned(tenths.unsigned_abs() % 10);
}
