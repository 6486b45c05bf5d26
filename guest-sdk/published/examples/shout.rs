//! `shout`: sends back in capitals what arrives on a serial line, by way of the traits that drivers use.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::error;
use berth_guest::hal::CmsdkUart;
use embedded_io::{Read, Write};

berth_guest::main!(main);
berth_guest::block!(
    /// The line.
    fn line = "mmio:uart2"
);

/// Cycles of the device's clock for a bit: 115,200 bits a second at 25 MHz.
const DIVISOR: u32 = 217;

fn main() {
    let mut line = CmsdkUart::new(line(), DIVISOR);
    let mut bytes = [0; 16];
    loop {
        match line.read(&mut bytes) {
            Ok(count) => {
                let (came, _) = bytes.split_at_mut(count.min(16));
                came.make_ascii_uppercase();
                let sent = line.write_all(came).and_then(|()| line.flush());
                // This line has no way to fail.
                let _ = sent;
            }
            Err(_) => error!("a byte was lost"),
        }
    }
}
