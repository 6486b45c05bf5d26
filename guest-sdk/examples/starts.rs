//! `starts`: counts its starts in a named value, and follows its configuration.
//!
//! The count is in flash: it goes on after a reset, a fault, or an update. `berth edit starts --set period_ms=100` takes effect
//! while it runs.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{config, info, sleep_ms, store, warn};

berth_guest::main!(main);

fn main() {
    let starts = store::number("starts").unwrap_or(0) + 1;
    match store::set_number("starts", starts) {
        Ok(()) => {}
        Err(store::SetError::Later { after_ms }) => warn!("not counted: later, in {} ms", after_ms),
        Err(_) => warn!("not counted"),
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
