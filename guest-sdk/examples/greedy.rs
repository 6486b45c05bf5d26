//! `greedy`: asks for registers that no owner in their right mind exposes.
//!
//! Never runs: a device refuses to load it and names both blocks.

#![no_std]
#![forbid(unsafe_code)]

berth_guest::main!(main);
berth_guest::block!(fn watchdog = "mmio:watchdog");
berth_guest::block!(fn uart0 = "mmio:uart0");

fn main() {
    let _ = (watchdog(), uart0());
    berth_guest::error!("nobody stopped me");
}
