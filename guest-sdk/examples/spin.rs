//! `spin`: computes for ever and never gives way.
//!
//! The others must not notice.

#![no_std]
#![forbid(unsafe_code)]

berth_guest::main!(main);

fn main() {
    berth_guest::info!("spinning");
    let mut count = 0u32;
    loop {
        count = core::hint::black_box(count.wrapping_add(1));
    }
}
