//! `loopback`: sends bytes through an SPI controller whose output is its own input, by way of the trait that drivers use.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::hal::Pl022;
use berth_guest::{error, info};
use embedded_hal::spi::{MODE_0, MODE_3, SpiBus};

berth_guest::main!(main);
berth_guest::block!(
    /// The SPI controller of shield 0.
    fn controller = "mmio:spi_shield0"
);

fn main() {
    let mut bus = Pl022::looped(controller(), MODE_0, 2);
    if bytes(&mut bus).is_none() {
        error!("bytes did not come back");
        berth_guest::exit(1);
    }
    let mut bus = Pl022::looped(controller(), MODE_3, 4);
    if words(&mut bus).is_none() {
        error!("words did not come back");
        berth_guest::exit(1);
    }
    info!("everything came back");
}

/// More than the controller's queues hold.
fn bytes(bus: &mut Pl022<u8>) -> Option<()> {
    let mut sent = [0_u8; 100];
    let mut number = 0;
    for place in &mut sent {
        *place = number;
        number = number.wrapping_mul(5).wrapping_add(3);
    }
    let mut back = [0; 100];
    bus.transfer(&mut back, &sent).ok()?;
    (back == sent).then_some(())?;
    bus.transfer_in_place(&mut back).ok()?;
    (back == sent).then_some(())?;
    // Longer in one direction: zeros are sent, and what nobody wants is dropped.
    let mut longer = [0xff_u8; 20];
    bus.transfer(&mut longer, &[1, 2, 3]).ok()?;
    (longer[..3] == [1, 2, 3] && longer[3..] == [0; 17]).then_some(())?;
    bus.transfer(&mut [0_u8], &sent).ok()?;
    bus.write(&sent).ok()?;
    bus.flush().ok()?;
    let mut nothing = [0xff_u8; 9];
    bus.read(&mut nothing).ok()?;
    (nothing == [0; 9]).then_some(())
}

fn words(bus: &mut Pl022<u16>) -> Option<()> {
    let sent = [0x1234_u16, 0xfedc, 0, 0xffff];
    let mut back = [0; 4];
    bus.transfer(&mut back, &sent).ok()?;
    (back == sent).then_some(())
}
