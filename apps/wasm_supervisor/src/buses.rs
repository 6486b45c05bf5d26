//! What the supervisor needs of the system for transfers of containers on the kernel's buses.
//!
//! ```text
//!   a container's call ─► main waits ─► its turn: the bus is free, begin ─► ... ─► over: its turn, what came is copied, main goes on
//!                                                        │
//!                                  bytes copied: the system never has a container's memory
//! ```

use crate::errno;

pub use berth_foreign::{Bus, Place, SpiSettings, Transfer};

/// The part of the [`Platform`](crate::platform::Platform) that has buses. Nothing here waits.
pub trait Buses {
    /// Is there such a bus?
    fn has_bus(&self, bus: Bus) -> bool {
        let _ = bus;
        false
    }

    /// Begin a transfer: `sent` is what it sends.
    ///
    /// # Errors
    ///
    /// A Tock error code; [`errno::BUSY`] while another transfer is under way, or ends.
    fn begin_transfer(
        &self,
        transfer: &Transfer,
        settings: SpiSettings,
        sent: &[u8],
    ) -> Result<(), u8> {
        let _ = (transfer, settings, sent);
        Err(errno::NO_DEVICE)
    }

    /// May a transfer begin on this bus?
    fn is_bus_idle(&self, bus: Bus) -> bool {
        let _ = bus;
        true
    }

    /// Is the transfer over that is under way on this bus?
    fn is_transfer_over(&self, bus: Bus) -> bool {
        let _ = bus;
        false
    }

    /// The end of the transfer that is under way on this bus, if it is over: what came is copied to `room`. Returns 0 or a Tock
    /// error code.
    fn end_transfer(&self, bus: Bus, room: &mut [u8]) -> Option<u8> {
        let _ = (bus, room);
        None
    }

    /// Nobody waits for the transfer that is under way on this bus any more.
    fn cancel_transfer(&self, bus: Bus) {
        let _ = bus;
    }
}
