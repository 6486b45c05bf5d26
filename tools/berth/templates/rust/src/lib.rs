//! A light that blinks. Each change is logged.

#![no_std]
#![forbid(unsafe_code)]

// The board's lights, by the label that its owner gave them; `berth exposures` lists all labels. Of another board its owner has the
// like (`exposure --labels`).
use berth_guest::mps2_an386::fpgaio::{self, led0};
use berth_guest::{info, sleep_ms};

berth_guest::main!(main);

/// The light that blinks: the register of the lights has one bit for each.
const LIGHT: u32 = led0::LED1.mask();
/// From one change to the next.
const PERIOD_MS: u32 = 500;

/// The lights after those that are lit now.
fn next(lights: u32) -> u32 {
    lights ^ LIGHT
}

fn main() {
    let fpgaio = fpgaio::registers();
    let mut lights = 0;
    loop {
        lights = next(lights);
        fpgaio.led0.modify(LIGHT, lights);
        if lights & LIGHT != 0 {
            info!("on");
        } else {
            info!("off");
        }
        sleep_ms(PERIOD_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_guest::desk::{Bench, Ended};
    use core::time::Duration;

    #[test]
    fn the_light_changes_and_no_other() {
        assert_eq!(next(0b01), 0b11);
        assert_eq!(next(next(0b01)), 0b01);
    }

    /// Main runs on a board on the desk, whose clock does not wait.
    #[test]
    fn it_blinks_twice_a_second() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.run(Duration::from_millis(1750), main),
            Ended::TimeIsOver
        );
        assert_eq!(bench.log(), ["on", "off", "on", "off"]);
        let written = bench.writes("fpgaio").into_iter().map(|(_, value)| value);
        // The last one is the safe state that the board's owner gave.
        assert!(written.eq([0b10, 0, 0b10, 0, 0]));
    }
}
