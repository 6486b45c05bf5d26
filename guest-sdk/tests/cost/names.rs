//! The accesses of `offsets`, by name.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::mps2_an386::{fpgaio, uart1};

berth_guest::main!(main);

fn main() {
    let (lights, uart) = (fpgaio::registers(), uart1::registers());
    uart.bauddiv.write(16);
    uart.ctrl
        .put(uart1::ctrl::TXEN.set().and(uart1::ctrl::RXEN.set()));
    let is_full = uart.state.get(uart1::state::TXFULL);
    lights.led0.change(fpgaio::led0::LED1.with(is_full));
}
