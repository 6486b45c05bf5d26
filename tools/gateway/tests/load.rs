//! Many devices behind one gateway: whether all of it happens, not how fast.

use berth_crowd::load::{Size, measure, see_slow};
use std::path::Path;

#[test]
fn a_crowd_is_seen_followed_and_rolled_out_to_beside_three_that_do_their_worst() {
    let size = Size {
        devices: 24,
        containers: 4,
        streams: 12,
        requests: 20,
    };
    let load = measure(Path::new(env!("CARGO_BIN_EXE_berth-serve")), size).unwrap();
    // Each log was followed: a line at least has come from each.
    assert!(load.lines >= size.streams, "{load:?}");
}

/// A look asks for dozens of things; each of them has its time.
#[test]
fn a_device_that_is_slow_and_answers_is_seen() {
    see_slow(Path::new(env!("CARGO_BIN_EXE_berth-serve")), 16).unwrap();
}
