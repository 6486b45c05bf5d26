//! The kernel's buses on a board. Their buffers are there from the first transfer on.

use core::cell::{Cell, RefCell};

use alloc::boxed::Box;
use alloc::vec::Vec;

use berth_foreign::{I2C_MAX, SPI_MAX, UART_MAX};
use libtock::background::Background;
use libtock::{ErrorCode, EventSlot, i2c, spi, uart};

use super::{Board, copy};
use crate::arena;
use crate::buses::{Bus, Buses, SpiSettings, Transfer};

/// The ends of transfers, by the bus's number.
pub(super) static ENDS: [EventSlot; Bus::COUNT] = [const { EventSlot::new() }; Bus::COUNT];

/// The transfers of all buses, once there was one.
pub(super) struct Transfers {
    /// By the bus's number.
    buses: [RefCell<Option<Background>>; Bus::COUNT],
    /// What the kernel has been told of the SPI bus.
    settings: Cell<Option<SpiSettings>>,
}

impl Transfers {
    pub(super) const fn new() -> Self {
        Self {
            buses: [const { RefCell::new(None) }; Bus::COUNT],
            settings: Cell::new(None),
        }
    }

    const fn of(&self, bus: Bus) -> &RefCell<Option<Background>> {
        let [spi, i2c, uart_out, uart_in] = &self.buses;
        match bus {
            Bus::Spi => spi,
            Bus::I2c => i2c,
            Bus::UartOut => uart_out,
            Bus::UartIn => uart_in,
        }
    }

    /// Tell the kernel how the SPI bus is to be, if it does not know.
    fn set(&self, settings: SpiSettings) -> Result<(), ErrorCode> {
        if self.settings.get() != Some(settings) {
            self.settings.set(None);
            spi::set_rate(settings.rate)?;
            spi::set_mode(settings.mode)?;
            self.settings.set(Some(settings));
        }
        Ok(())
    }

    fn begin(
        &self,
        transfer: &Transfer,
        settings: SpiSettings,
        sent: &[u8],
    ) -> Result<(), ErrorCode> {
        let mut place = self.of(transfer.bus).borrow_mut();
        let background = match &mut *place {
            Some(background) => background,
            none => none.insert(open(transfer.bus)?),
        };
        if !background.is_idle() {
            return Err(ErrorCode::Busy);
        }
        let (out, back) = (transfer.sent.length as usize, transfer.room.length as usize);
        let address = usize::from(transfer.address);
        let (number, first, second) = match (transfer.bus, out, back) {
            (Bus::Spi, ..) if out == 0 => (spi::commands::READ, back, 0),
            (Bus::Spi, ..) => (spi::commands::READ_WRITE, out, 0),
            (Bus::I2c, _, 0) => (i2c::commands::WRITE, address, out),
            (Bus::I2c, 0, _) => (i2c::commands::READ, address, back),
            (Bus::I2c, ..) => (i2c::commands::WRITE_READ, address | out << 8, back),
            (Bus::UartOut, ..) => (uart::commands::WRITE, out, 0),
            (Bus::UartIn, ..) => (uart::commands::READ, back, 0),
        };
        if transfer.bus == Bus::Spi {
            self.set(settings)?;
        }
        background.start(sent, number, first, second)
    }
}

/// Bytes for good, that no container pays for.
fn bytes(length: u32) -> Result<&'static mut [u8], ErrorCode> {
    arena::outside(|| {
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length as usize)
            .map_err(|_| ErrorCode::NoMem)?;
        bytes.resize(length as usize, 0);
        Ok(Box::leak(bytes.into_boxed_slice()))
    })
}

/// Subscribe to a bus, with buffers.
fn open(bus: Bus) -> Result<Background, ErrorCode> {
    let [spi_ends, i2c_ends, written, came] = &ENDS;
    match bus {
        Bus::Spi => Background::new(
            spi::DRIVER_NUM,
            spi::DONE,
            spi_ends,
            (Some(spi::TO_SEND), bytes(SPI_MAX)?),
            (spi::RECEIVED, bytes(SPI_MAX)?),
        ),
        Bus::I2c => Background::new(
            i2c::DRIVER_NUM,
            i2c::DONE,
            i2c_ends,
            (None, &mut []),
            (i2c::BUFFER, bytes(I2C_MAX)?),
        ),
        Bus::UartOut => Background::new(
            uart::DRIVER_NUM,
            uart::WRITTEN,
            written,
            (Some(uart::TO_SEND), bytes(UART_MAX)?),
            (uart::UNUSED, &mut []),
        ),
        Bus::UartIn => Background::new(
            uart::DRIVER_NUM,
            uart::READ,
            came,
            (None, &mut []),
            (uart::RECEIVED, bytes(UART_MAX)?),
        ),
    }
}

impl Buses for Board {
    fn has_bus(&self, bus: Bus) -> bool {
        match bus {
            Bus::Spi => spi::exists(),
            Bus::I2c => i2c::exists(),
            Bus::UartOut | Bus::UartIn => uart::exists(),
        }
    }

    fn begin_transfer(
        &self,
        transfer: &Transfer,
        settings: SpiSettings,
        sent: &[u8],
    ) -> Result<(), u8> {
        let begun = self.transfers.begin(transfer, settings, sent);
        begun.map_err(|code| code as u8)
    }

    fn is_bus_idle(&self, bus: Bus) -> bool {
        let mut place = self.transfers.of(bus).borrow_mut();
        place.as_mut().is_none_or(Background::is_idle)
    }

    fn is_transfer_over(&self, bus: Bus) -> bool {
        let place = self.transfers.of(bus).borrow();
        place.as_ref().is_some_and(Background::is_over)
    }

    fn end_transfer(&self, bus: Bus, room: &mut [u8]) -> Option<u8> {
        let mut place = self.transfers.of(bus).borrow_mut();
        let background = place.as_mut()?;
        let [first, second, _] = background.end()?;
        // SPI tells how many bytes it were before, and the UART's end of sending nothing else.
        let status = match bus {
            Bus::Spi => second,
            Bus::I2c | Bus::UartIn => first,
            Bus::UartOut => 0,
        };
        copy(background.received(), room);
        Some(match ErrorCode::from_status(status) {
            Ok(()) => 0,
            Err(code) => code as u8,
        })
    }

    fn cancel_transfer(&self, bus: Bus) {
        if let Some(background) = &mut *self.transfers.of(bus).borrow_mut() {
            background.cancel();
            // Nobody may ever send what it waits for.
            if bus == Bus::UartIn {
                uart::abort();
            }
        }
    }
}
