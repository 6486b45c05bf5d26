//! `light`: the first light of the kernel's driver, switched without any register.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::led;

berth_guest::main!(main);

const LIGHT: u32 = 0;

fn main() {
    while led::toggle(LIGHT).is_ok() {
        match led::is_on(LIGHT) {
            Ok(true) => berth_guest::info!("on"),
            _ => berth_guest::info!("off"),
        }
        berth_guest::sleep_ms(100);
    }
    berth_guest::error!("light 0 is not exposed");
    berth_guest::exit(1)
}
