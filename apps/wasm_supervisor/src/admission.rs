//! Admission on this device: [`berth_admission`], asked about a [`Platform`].

use crate::platform::{DESCRIPTION_MAX, Description, Platform};
use berth_admission::imports::Offers;

pub use berth_admission::*;

/// What a platform offers to containers.
struct Offered<'a, P>(&'a P);

impl<P: Platform> Offers for Offered<'_, P> {
    fn describe<'a>(
        &self,
        index: u32,
        buffer: &'a mut [u8; DESCRIPTION_MAX],
    ) -> Option<Description<'a>> {
        self.0.describe(index, buffer)
    }

    fn led_count(&self) -> u32 {
        self.0.led_count()
    }

    fn runs_programs(&self) -> bool {
        self.0.runs_programs()
    }

    fn has_conveyors(&self) -> bool {
        self.0.has_conveyors()
    }

    fn has_bus(&self, bus: Bus) -> bool {
        self.0.has_bus(bus)
    }

    fn pin_count(&self) -> u32 {
        self.0.pin_count()
    }
}

/// Imports, resolved against a platform.
pub mod imports {
    use super::{Offered, Platform};
    use crate::admission::{Import, Module};
    use berth_protocol::MissingWhy;

    /// As [`berth_admission::imports::missing`].
    pub fn missing<'a, P: Platform>(
        module: &Module<'a>,
        platform: &P,
    ) -> impl Iterator<Item = (Import<'a>, MissingWhy)> {
        berth_admission::imports::missing(module, Offered(platform))
    }

    /// As [`berth_admission::imports::unavailable`].
    pub fn unavailable<'a, P: Platform>(
        module: &Module<'a>,
        platform: &P,
        own: u32,
    ) -> impl Iterator<Item = (Import<'a>, MissingWhy)> {
        berth_admission::imports::unavailable(module, Offered(platform), own)
    }
}
