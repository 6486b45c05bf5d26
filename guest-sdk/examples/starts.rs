//! `starts`: counts its starts in a named value, and follows its configuration.
//!
//! The count is in flash: it goes on after a reset, a fault, or an update. `berth edit starts --set period_ms=100` takes effect
//! while it runs; with `--set forget=yes` its next start is the first.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{config, info, sleep_ms, store, warn};

berth_guest::main!(main);

fn main() {
    if config::flag("forget") == Some(true)
        && let Err(why) = store::remove("starts")
    {
        warn!("not forgotten: {}", why);
    }
    let starts = store::number("starts").unwrap_or(0) + 1;
    if let Err(why) = store::set_number("starts", starts) {
        warn!("not counted: {}", why);
    }
    info!("start {}", starts);
    let mut watch = config::Watch::new();
    let mut period_ms = 500;
    loop {
        if watch.changed() {
            period_ms = config::number("period_ms").unwrap_or(500);
            info!("a period of {} ms", period_ms);
        }
        sleep_ms(period_ms);
    }
}
