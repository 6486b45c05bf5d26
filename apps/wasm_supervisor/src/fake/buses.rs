//! Buses of the fake board: what is sent comes back changed, when a test says so.

use std::vec::Vec;

use super::Fake;
use crate::arena;
use crate::buses::{Bus, Buses, SpiSettings, Transfer};
use crate::errno;

/// Bytes on the I2C bus go to this address, and nobody else answers.
const ADDRESS: u8 = 0x48;

/// What was done on the buses.
#[derive(Debug, Default)]
pub struct Wires {
    /// Whether there are any.
    pub none: bool,
    /// Under way: by bus.
    under_way: [Option<UnderWay>; Bus::COUNT],
    /// Cancelled and not over: by bus.
    pub ending: [bool; Bus::COUNT],
    /// Each transfer that was begun, with the clock's settings.
    pub begun: Vec<(Transfer, SpiSettings, Vec<u8>)>,
}

#[derive(Debug)]
struct UnderWay {
    sent: Vec<u8>,
    address: u8,
    over: bool,
}

impl Wires {
    /// Is a transfer under way?
    #[must_use]
    pub fn is_busy(&self, bus: Bus) -> bool {
        self.under_way[bus as usize].is_some()
    }
}

impl Fake {
    /// The transfer under way on this bus is over.
    pub fn complete(&self, bus: Bus) {
        let mut wires = self.0.wires.borrow_mut();
        wires.ending[bus as usize] = false;
        if let Some(transfer) = &mut wires.under_way[bus as usize] {
            transfer.over = true;
        }
    }
}

impl Buses for Fake {
    fn has_bus(&self, _: Bus) -> bool {
        !self.0.wires.borrow().none
    }

    fn begin_transfer(
        &self,
        transfer: &Transfer,
        settings: SpiSettings,
        sent: &[u8],
    ) -> Result<(), u8> {
        if !self.is_bus_idle(transfer.bus) {
            return Err(errno::BUSY);
        }
        arena::of_the_test(|| {
            let mut wires = self.0.wires.borrow_mut();
            wires.begun.push((*transfer, settings, sent.to_vec()));
            wires.under_way[transfer.bus as usize] = Some(UnderWay {
                sent: sent.to_vec(),
                address: transfer.address,
                over: false,
            });
        });
        Ok(())
    }

    fn is_bus_idle(&self, bus: Bus) -> bool {
        let wires = self.0.wires.borrow();
        !wires.is_busy(bus) && !wires.ending[bus as usize]
    }

    fn is_transfer_over(&self, bus: Bus) -> bool {
        let wires = self.0.wires.borrow();
        let under_way = &wires.under_way[bus as usize];
        under_way.as_ref().is_some_and(|transfer| transfer.over)
    }

    fn end_transfer(&self, bus: Bus, room: &mut [u8]) -> Option<u8> {
        if !self.is_transfer_over(bus) {
            return None;
        }
        arena::of_the_test(|| {
            let done = self.0.wires.borrow_mut().under_way[bus as usize].take()?;
            if bus == Bus::I2c && done.address != ADDRESS {
                return Some(errno::NO_ACK);
            }
            let sent = done.sent.into_iter().chain(std::iter::repeat(0));
            for (place, byte) in room.iter_mut().zip(sent) {
                *place = !byte;
            }
            Some(0)
        })
    }

    fn cancel_transfer(&self, bus: Bus) {
        arena::of_the_test(|| {
            let mut wires = self.0.wires.borrow_mut();
            wires.under_way[bus as usize] = None;
            wires.ending[bus as usize] = true;
        });
    }
}
