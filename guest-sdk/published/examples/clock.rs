//! `clock`: sets a clock chip and reads it.
//!
//! The chip is a DS1307, or DS1338; its driver is the crate `ds1307`.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Level, Line, error, sleep_ms};
use ds1307::{DateTimeAccess, Datelike, Ds1307, NaiveDate, Timelike};

berth_guest::main!(main);

/// So many readings, one a second.
const READINGS: u32 = 3;

fn main() {
    let mut clock = Ds1307::new(berth_published::bus());
    // Two seconds before a leap day: whether it is one is for the chip to know.
    let set = NaiveDate::from_ymd_opt(2028, 2, 28).and_then(|day| day.and_hms_opt(23, 59, 58));
    let Some(set) = set else { return };
    // One that is new stands until it is told to run.
    if clock
        .set_running()
        .and_then(|()| clock.set_datetime(&set))
        .is_err()
    {
        error!("the clock does not answer");
        berth_guest::exit(1);
    }
    for _ in 0..READINGS {
        match clock.datetime() {
            Ok(now) => say(&now),
            Err(_) => error!("the clock does not answer"),
        }
        sleep_ms(1_000);
    }
}

fn say(now: &ds1307::NaiveDateTime) {
    let two = |line: &mut Line<32>, before: &str, number: u32| {
        line.text(before)
            .unsigned(number / 10)
            .unsigned(number % 10);
    };
    let mut line = Line::<32>::new();
    // The chip knows the years from 2000 to 2099.
    line.unsigned(now.year().unsigned_abs());
    two(&mut line, "-", now.month());
    two(&mut line, "-", now.day());
    two(&mut line, " ", now.hour());
    two(&mut line, ":", now.minute());
    two(&mut line, ":", now.second());
    line.log(Level::Info);
}
