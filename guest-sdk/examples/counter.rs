//! `counter`: goes on counting where it was, in WASMICO's way.
//!
//! Its count is saved when its operator pauses it and found again when it begins the next
//! time. While it is paused it holds no memory.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Level, Line, load_state, save_state, sleep_ms};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

berth_guest::main!(main);
berth_guest::pause!(pause);

static COUNT: AtomicU32 = AtomicU32::new(0);

fn main() {
    let mut saved = [0; 4];
    load_state(&mut saved);
    COUNT.store(u32::from_le_bytes(saved), Relaxed);
    loop {
        let count = COUNT.load(Relaxed) + 1;
        COUNT.store(count, Relaxed);
        Line::<32>::new()
            .text("count ")
            .unsigned(count)
            .log(Level::Info);
        sleep_ms(200);
    }
}

fn pause() {
    if save_state(&COUNT.load(Relaxed).to_le_bytes()).is_err() {
        berth_guest::warn!("no room for the count");
    }
}
