//! `report`: a large container, for the figure "RAM of a container of 12 KiB".
//!
//! It keeps a window of measurements and reports them with the formatting machinery of `core`,
//! floating point included, which makes about 12 KiB of module. Its linear memory is 10 KiB: stack
//! and window. Small containers leave `core::fmt` alone.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Level, log, now_us, sleep_ms};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

berth_guest::main!(main);

/// Measurements in the window.
const WINDOW: usize = 2048;

/// What it calls itself in its lines.
static NAME: &str = "wake-up times";

static LATE_US: [AtomicU32; WINDOW] = [const { AtomicU32::new(0) }; WINDOW];

/// A log line being written.
struct Text {
    bytes: [u8; 120],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

fn main() {
    for turn in 0.. {
        let due = now_us() + 100_000;
        sleep_ms(100);
        let late = now_us().saturating_sub(due) as u32;
        if let Some(place) = LATE_US.get(turn % WINDOW) {
            place.store(late, Relaxed);
        }
        report(turn);
    }
}

/// Mean and standard deviation of the window, and a histogram by powers of two.
fn report(turn: usize) {
    let count = (turn + 1).min(WINDOW);
    let values = || LATE_US.iter().take(count).map(|late| late.load(Relaxed));
    let mean = values().map(u64::from).sum::<u64>() / count as u64;
    let variance = values()
        .map(|late| u64::from(late).abs_diff(mean).pow(2))
        .sum::<u64>()
        / count as u64;
    let mut buckets = [0u16; 6];
    for late in values() {
        let bucket = (late.checked_ilog2().unwrap_or(0) / 4) as usize;
        if let Some(bucket) = buckets.get_mut(bucket) {
            *bucket += 1;
        }
    }
    let mut text = Text {
        bytes: [0; 120],
        length: 0,
    };
    let written = write!(
        text,
        "{NAME:?}: {count} wakes, late {mean} us, variance {variance}, {buckets:04x?}"
    );
    let line = text.bytes.get(..text.length).unwrap_or_default();
    let level = if written.is_ok() {
        Level::Info
    } else {
        Level::Warn
    };
    log(level, core::str::from_utf8(line).unwrap_or("?"));
}
