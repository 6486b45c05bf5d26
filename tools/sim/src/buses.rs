//! Transfers of containers on the kernel's buses: each takes its time by the bus's clock.

use crate::simulated::{Inside, Simulated};
use wasm_supervisor::arena;
use wasm_supervisor::buses::{Bus, Buses, SpiSettings, Transfer};
use wasm_supervisor::errno;

/// Microseconds that a byte takes on the I2C bus, with its acknowledgement, at 100,000 bits a second.
const I2C_BYTE_US: u64 = 90;

/// Bits of a byte on the UART: a start, eight, a stop.
const UART_BITS: u64 = 10;
/// Its speed in bits a second.
const UART_RATE: u64 = 115_200;

/// A transfer that is under way on a bus, and what it will have brought.
pub(crate) struct UnderWay {
    /// `None`: when so many bytes have come as there is room for.
    until_us: Option<u64>,
    came: Vec<u8>,
    code: u8,
}

const fn place(bus: Bus) -> usize {
    bus as usize
}

const fn class(bus: Bus) -> &'static str {
    match bus {
        Bus::Spi => "spi",
        Bus::I2c => "i2c",
        Bus::UartOut | Bus::UartIn => "uart",
    }
}

impl UnderWay {
    /// When it is over, if that is known; it may have passed.
    fn ends_us(&self, inside: &Inside) -> Option<u64> {
        self.until_us.or_else(|| {
            let come = inside.desk.lock().uart_come();
            (come >= self.came.len()).then_some(0)
        })
    }
}

impl Simulated {
    /// When the next transfer is over.
    pub(crate) fn transfer_ends_us(&self) -> Option<u64> {
        let transfers = self.0.transfers.borrow();
        let under_way = transfers.iter().flatten();
        under_way.filter_map(|way| way.ends_us(&self.0)).min()
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
                    let rate = u64::from(settings.rate.max(1));
                    (0, Some(bits * 1_000_000 / rate))
                }
                Bus::I2c => {
                    let done = desk.i2c(transfer.address, sent, &mut came);
                    let bytes = (1 + sent.len() + came.len()) as u64;
                    let code = if done { 0 } else { errno::NO_ACK };
                    (code, Some(bytes * I2C_BYTE_US))
                }
                Bus::UartOut => {
                    desk.uart_send(sent);
                    let bits = UART_BITS * sent.len() as u64;
                    (0, Some(bits * 1_000_000 / UART_RATE))
                }
                Bus::UartIn => (0, None),
            };
            *under_way = Some(UnderWay {
                until_us: took_us.map(|took_us| desk.now_us() + took_us.max(1)),
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
        let ends_us = under_way.and_then(|way| way.ends_us(&self.0));
        ends_us.is_some_and(|ends_us| ends_us <= now_us)
    }

    fn end_transfer(&self, bus: Bus, room: &mut [u8]) -> Option<u8> {
        if !self.is_transfer_over(bus) {
            return None;
        }
        arena::of_the_board(|| {
            let mut way = self.0.transfers.borrow_mut().get_mut(place(bus))?.take()?;
            if bus == Bus::UartIn {
                self.0.desk.lock().uart_take(&mut way.came);
            }
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
