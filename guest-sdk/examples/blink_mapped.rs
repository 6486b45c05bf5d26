//! `blink_mapped`: blinks LED 1 through a struct of registers, as drivers do.
//!
//! The register is that of Arm's FPGA I/O block (MPS2 boards). There is no address of a board in the module: `pack` makes
//! a checked access of each load and store.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::sleep_ms;
use tock_registers::interfaces::{ReadWriteable, Readable};
use tock_registers::registers::ReadWrite;
use tock_registers::{register_bitfields, register_structs};

register_bitfields! {u32,
    Led [LED1 OFFSET(1) NUMBITS(1) []]
}

register_structs! {
    /// The block.
    Leds {
        (0x00 => led: ReadWrite<u32, Led::Register>),
        (0x04 => @END),
    }
}

berth_guest::main!(main);
berth_guest::mapped!(
    /// The LEDs.
    fn leds: Leds = "mmio:fpgaio"
);

fn main() {
    let leds = leds();
    loop {
        leds.led.modify(Led::LED1::SET);
        if leds.led.is_set(Led::LED1) {
            berth_guest::info!("on");
        }
        sleep_ms(100);
        leds.led.modify(Led::LED1::CLEAR);
        berth_guest::info!("off");
        sleep_ms(100);
    }
}
