//! The traits that published drivers ask for (`embedded-hal` 1.0), over registers that the device exposes.
//!
//! | a driver asks for | give it |
//! | --- | --- |
//! | `I2c` | [`TwoWire`] over [`Sbcon`], or over any two lines ([`Lines`]) |
//! | `SpiBus` | [`Pl022`]; `SpiDevice` with the crate `embedded-hal-bus` |
//! | `OutputPin`, `InputPin`, `StatefulOutputPin` | [`Pin`]: a bit of a register; [`Light`]: one of the kernel's lights; [`gpio::Output`](crate::gpio::Output), [`gpio::Input`](crate::gpio::Input): pins of the kernel's |
//! | `DelayNs` | [`Delay`] |
//! | `embedded_io::Read`, `Write` | [`CmsdkUart`]; [`Serial`]: the kernel's UART |
//!
//! A driver of a temperature sensor, from a package that knows nothing of containers:
//!
//! ```ignore
//! berth_guest::block!(fn bus = "mmio:i2c_shield1");
//!
//! let mut sensor = lm75::Lm75::new(TwoWire::new(Sbcon::new(bus())), lm75::Address::default());
//! let celsius = sensor.read_temperature();
//! ```

mod cmsdk_uart;
mod pin;
mod pl022;
mod sbcon;
mod serial;
mod two_wire;

pub use cmsdk_uart::{CmsdkUart, UartError};
pub use pin::{Light, Pin};
pub use pl022::{Pl022, SpiError};
pub use sbcon::Sbcon;
pub use serial::Serial;
pub use two_wire::{BusError, Lines, TwoWire};

use embedded_hal::delay::DelayNs;

/// Waits by sleeping: other containers run meanwhile. As long as asked for, or longer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delay;

impl DelayNs for Delay {
    fn delay_ns(&mut self, ns: u32) {
        crate::sleep_us(u64::from(ns).div_ceil(1_000));
    }

    fn delay_us(&mut self, us: u32) {
        crate::sleep_us(us.into());
    }

    fn delay_ms(&mut self, ms: u32) {
        crate::sleep_ms(ms);
    }
}
