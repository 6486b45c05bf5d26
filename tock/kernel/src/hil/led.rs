//! Lights.

use super::gpio;

/// A light that is on or off.
pub trait Led {
    /// Prepare the hardware; the light is off afterwards.
    fn init(&self);
    /// Light on.
    fn on(&self);
    /// Light off.
    fn off(&self);
    /// The other state.
    fn toggle(&self);
    /// Whether it is on.
    fn read(&self) -> bool;
}

/// A light that is on while its pin is high.
pub struct LedHigh<'a, P: gpio::Pin> {
    pin: &'a P,
}

impl<'a, P: gpio::Pin> LedHigh<'a, P> {
    /// The light at `pin`.
    pub const fn new(pin: &'a P) -> Self {
        Self { pin }
    }
}

impl<P: gpio::Pin> Led for LedHigh<'_, P> {
    fn init(&self) {
        self.pin.make_output();
        self.off();
    }
    fn on(&self) {
        self.pin.set();
    }
    fn off(&self) {
        self.pin.clear();
    }
    fn toggle(&self) {
        self.pin.toggle();
    }
    fn read(&self) -> bool {
        self.pin.read()
    }
}

/// A light that is on while its pin is low.
pub struct LedLow<'a, P: gpio::Pin> {
    pin: &'a P,
}

impl<'a, P: gpio::Pin> LedLow<'a, P> {
    /// The light at `pin`.
    pub const fn new(pin: &'a P) -> Self {
        Self { pin }
    }
}

impl<P: gpio::Pin> Led for LedLow<'_, P> {
    fn init(&self) {
        self.pin.make_output();
        self.off();
    }
    fn on(&self) {
        self.pin.clear();
    }
    fn off(&self) {
        self.pin.set();
    }
    fn toggle(&self) {
        self.pin.toggle();
    }
    fn read(&self) -> bool {
        !self.pin.read()
    }
}
