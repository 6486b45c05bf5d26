//! Transfers of containers on the kernel's buses: each takes its time by the bus's clock.

use crate::simulated::Simulated;
use wasm_supervisor::arena;
use wasm_supervisor::buses::{Bus, Buses, SpiSettings, Transfer};
use wasm_supervisor::errno;

/// Microseconds that a byte takes on the I2C bus, with its acknowledgement, at 100,000 bits a second.
const I2C_BYTE_US: u64 = 90;

/// A transfer that is under way on a bus, and what it will have brought.
pub(crate) struct UnderWay {
    until_us: u64,
    came: Vec<u8>,
    code: u8,
}

const fn place(bus: Bus) -> usize {
    match bus {
        Bus::Spi => 0,
        Bus::I2c => 1,
    }
}

const fn class(bus: Bus) -> &'static str {
    match bus {
        Bus::Spi => "spi",
        Bus::I2c => "i2c",
    }
}

impl Simulated {
    /// When the next transfer is over.
    pub(crate) fn transfer_ends_us(&self) -> Option<u64> {
        let transfers = self.0.transfers.borrow();
        transfers.iter().flatten().map(|way| way.until_us).min()
    }
}

impl Buses for Simulated {
    fn has_bus(&self, bus: Bus) -> bool {
        self.0.board.drivers(class(bus)) > 0
    }

    fn begin_transfer(
        &self,
        transfer: &Transfer,
        settings: SpiSettings,
        sent: &[u8],
    ) -> Result<(), u8> {
        let mut transfers = self.0.transfers.borrow_mut();
        let under_way = transfers.get_mut(place(transfer.bus));
        let under_way = under_way.ok_or(errno::NO_DEVICE)?;
        if under_way.is_some() {
            return Err(errno::BUSY);
        }
        arena::of_the_board(|| {
            let mut came = vec![0; transfer.room.length as usize];
            let mut desk = self.0.desk.lock();
            let (code, took_us) = match transfer.bus {
                Bus::Spi => {
                    desk.spi(sent, &mut came);
                    let bits = 8 * sent.len().max(came.len()) as u64;
                    (0, bits * 1_000_000 / u64::from(settings.rate.max(1)))
                }
                Bus::I2c => {
                    let done = desk.i2c(transfer.address, sent, &mut came);
                    let bytes = (1 + sent.len() + came.len()) as u64;
                    (if done { 0 } else { errno::NO_ACK }, bytes * I2C_BYTE_US)
                }
            };
            *under_way = Some(UnderWay {
                until_us: desk.now_us() + took_us.max(1),
                came,
                code,
            });
        });
        Ok(())
    }

    fn is_bus_idle(&self, bus: Bus) -> bool {
        let transfers = self.0.transfers.borrow();
        transfers.get(place(bus)).is_none_or(Option::is_none)
    }

    fn is_transfer_over(&self, bus: Bus) -> bool {
        let now_us = self.0.desk.lock().now_us();
        let transfers = self.0.transfers.borrow();
        let under_way = transfers.get(place(bus)).and_then(Option::as_ref);
        under_way.is_some_and(|way| way.until_us <= now_us)
    }

    fn end_transfer(&self, bus: Bus, room: &mut [u8]) -> Option<u8> {
        if !self.is_transfer_over(bus) {
            return None;
        }
        arena::of_the_board(|| {
            let way = self.0.transfers.borrow_mut().get_mut(place(bus))?.take()?;
            for (place, byte) in room.iter_mut().zip(way.came) {
                *place = byte;
            }
            Some(way.code)
        })
    }

    fn cancel_transfer(&self, bus: Bus) {
        arena::of_the_board(|| {
            if let Some(under_way) = self.0.transfers.borrow_mut().get_mut(place(bus)) {
                *under_way = None;
            }
        });
    }
}
