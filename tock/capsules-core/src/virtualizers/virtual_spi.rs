//! Many users of one SPI bus, each with a chip select and settings of its own.
//!
//! ```text
//!   Spi (processes)       other capsules
//!       │ hil::spi::SpiMasterDevice │
//!   VirtualSpiMasterDevice   VirtualSpiMasterDevice
//!       └──────────┬────────────────┘
//!            MuxSpiMaster
//!                  │ hil::spi::SpiMaster
//!             hardware SPI
//! ```
//!
//! ```ignore
//! let mux = static_init!(MuxSpiMaster<'static, Master>, MuxSpiMaster::new(master));
//! master.set_client(mux);
//! let device = static_init!(Device, VirtualSpiMasterDevice::new(mux, pin.into_cs()));
//! device.setup();
//! ```
//!
//! Transfers wait by turns: whoever had the bus is asked last. A device that makes one transfer of several keeps its
//! peripheral selected, and so the bus, with [`SharedBus::keep`].

use core::cell::Cell;
use core::ptr;

use kernel::ErrorCode;
use kernel::hil::spi::{ClockPhase, ClockPolarity, SpiMaster, SpiMasterClient, SpiMasterDevice};
use kernel::utilities::cells::{MapCell, OptionalCell};
use kernel::utilities::leasable_buffer::SubSliceMut;

/// Why a transfer was refused, with its buffers.
type Refused = (
    ErrorCode,
    SubSliceMut<'static, u8>,
    Option<SubSliceMut<'static, u8>>,
);

/// A bus that one of its users can keep between two transfers.
pub trait SharedBus {
    /// Says whether the peripheral stays selected when the transfer that comes next, or is under way, is over; until
    /// then nobody else has the bus. `false` also gives up a bus that is kept.
    fn keep(&self, keep: bool);
}

/// What a device wants of the clock.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Settings {
    polarity: ClockPolarity,
    phase: ClockPhase,
    /// As asked for.
    rate: u32,
}

/// Buffers that wait for the bus.
type Waiting = (SubSliceMut<'static, u8>, Option<SubSliceMut<'static, u8>>);

/// Shares a bus. It must be that bus's client.
pub struct MuxSpiMaster<'a, S: SpiMaster<'a>> {
    spi: &'a S,
    first: Cell<Option<&'a VirtualSpiMasterDevice<'a, S>>>,
    /// Whose transfer is under way.
    active: Cell<Option<&'a VirtualSpiMasterDevice<'a, S>>>,
    /// Who keeps the bus.
    keeper: Cell<Option<&'a VirtualSpiMasterDevice<'a, S>>>,
    /// Who had it last.
    last: Cell<Option<&'a VirtualSpiMasterDevice<'a, S>>>,
    /// A client is being told that its transfer is over.
    telling: Cell<bool>,
}

impl<'a, S: SpiMaster<'a>> MuxSpiMaster<'a, S> {
    /// Shares this bus.
    pub const fn new(spi: &'a S) -> Self {
        Self {
            spi,
            first: Cell::new(None),
            active: Cell::new(None),
            keeper: Cell::new(None),
            last: Cell::new(None),
            telling: Cell::new(false),
        }
    }

    fn devices(&self) -> impl Iterator<Item = &'a VirtualSpiMasterDevice<'a, S>> + use<'a, S> {
        core::iter::successors(self.first.get(), |device| device.next.get())
    }

    /// Whether `device` may start a transfer.
    fn is_free_for(&self, device: &VirtualSpiMasterDevice<'a, S>) -> bool {
        self.active.get().is_none()
            && self
                .keeper
                .get()
                .is_none_or(|keeper| ptr::eq(keeper, device))
    }

    /// Start a transfer of `device`, which the bus is free for.
    fn start(
        &self,
        device: &'a VirtualSpiMasterDevice<'a, S>,
        (write, read): Waiting,
    ) -> Result<(), Refused> {
        if let Err(error) = self.prepare(device) {
            return Err((error, write, read));
        }
        self.spi.read_write_bytes(write, read)?;
        self.active.set(Some(device));
        self.last.set(Some(device));
        if device.keeps.get() {
            self.keeper.set(Some(device));
            self.spi.hold_low();
        } else {
            self.keeper.set(None);
            self.spi.release_low();
        }
        Ok(())
    }

    /// Bring chip select and settings of `device` to the bus. They are there while it keeps it.
    fn prepare(&self, device: &VirtualSpiMasterDevice<'a, S>) -> Result<(), ErrorCode> {
        if self.keeper.get().is_some() {
            return Ok(());
        }
        self.spi.specify_chip_select(device.chip_select.get())?;
        let Some(settings) = device.settings.get() else {
            return Ok(());
        };
        if self.spi.get_polarity() != settings.polarity {
            self.spi.set_polarity(settings.polarity)?;
        }
        if self.spi.get_phase() != settings.phase {
            self.spi.set_phase(settings.phase)?;
        }
        if device.rate.get() != self.spi.get_rate() {
            device.rate.set(self.spi.set_rate(settings.rate)?);
        }
        Ok(())
    }

    /// Give the bus to who waits for it longest, by turns.
    fn start_next(&self) {
        // Each device once at most: a transfer that cannot be started is over.
        for device in self.devices() {
            device.refused.set(false);
        }
        while self.active.get().is_none() && self.keeper.get().is_none() && !self.telling.get() {
            let waits = |device: &&'a VirtualSpiMasterDevice<'a, S>| {
                device.waiting.is_some() && !device.refused.get()
            };
            let is_last = |device: &VirtualSpiMasterDevice<'a, S>| {
                self.last.get().is_some_and(|last| ptr::eq(last, device))
            };
            let behind = self.devices().skip_while(|device| !is_last(device)).skip(1);
            let Some(device) = behind.chain(self.devices()).find(waits) else {
                return;
            };
            let Some(waiting) = device.waiting.take() else {
                return;
            };
            if let Err((error, write, read)) = self.start(device, waiting) {
                device.refused.set(true);
                self.tell(device, write, read, Err(error));
            }
        }
    }

    fn tell(
        &self,
        device: &'a VirtualSpiMasterDevice<'a, S>,
        write: SubSliceMut<'static, u8>,
        read: Option<SubSliceMut<'static, u8>>,
        status: Result<usize, ErrorCode>,
    ) {
        self.telling.set(true);
        device
            .client
            .map(move |client| client.read_write_done(write, read, status));
        self.telling.set(false);
    }
}

impl<'a, S: SpiMaster<'a>> SpiMasterClient for MuxSpiMaster<'a, S> {
    fn read_write_done(
        &self,
        write: SubSliceMut<'static, u8>,
        read: Option<SubSliceMut<'static, u8>>,
        status: Result<usize, ErrorCode>,
    ) {
        if let Some(device) = self.active.take() {
            self.tell(device, write, read, status);
        }
        self.start_next();
    }
}

/// One user of a bus.
pub struct VirtualSpiMasterDevice<'a, S: SpiMaster<'a>> {
    mux: &'a MuxSpiMaster<'a, S>,
    chip_select: Cell<S::ChipSelect>,
    next: Cell<Option<&'a VirtualSpiMasterDevice<'a, S>>>,
    client: OptionalCell<&'a dyn SpiMasterClient>,
    waiting: MapCell<Waiting>,
    keeps: Cell<bool>,
    refused: Cell<bool>,
    /// What it wants; nothing before it said so.
    settings: Cell<Option<Settings>>,
    /// The rate that came of it.
    rate: Cell<u32>,
}

impl<'a, S: SpiMaster<'a>> VirtualSpiMasterDevice<'a, S> {
    /// A user of this multiplexer with this chip select. [`setup`](Self::setup) must follow.
    pub fn new(mux: &'a MuxSpiMaster<'a, S>, chip_select: S::ChipSelect) -> Self {
        Self {
            mux,
            chip_select: Cell::new(chip_select),
            next: Cell::new(None),
            client: OptionalCell::empty(),
            waiting: MapCell::empty(),
            keeps: Cell::new(false),
            refused: Cell::new(false),
            settings: Cell::new(None),
            rate: Cell::new(0),
        }
    }

    /// Joins the multiplexer; once, before the first use.
    pub fn setup(&'a self) {
        self.next.set(self.mux.first.get());
        self.mux.first.set(Some(self));
    }

    /// This device, as its multiplexer knows it. `None`: nobody called [`setup`](Self::setup).
    fn this(&self) -> Option<&'a Self> {
        self.mux.devices().find(|device| ptr::eq(*device, self))
    }

    fn is_active(&self) -> bool {
        self.mux
            .active
            .get()
            .is_some_and(|active| ptr::eq(active, self))
    }

    /// What it has now.
    fn settings(&self) -> Settings {
        self.settings.get().unwrap_or_else(|| Settings {
            polarity: self.mux.spi.get_polarity(),
            phase: self.mux.spi.get_phase(),
            rate: self.mux.spi.get_rate(),
        })
    }

    /// Have other settings. Whether the bus can have them shows at once if it is free, else when the next transfer
    /// begins.
    fn set(&self, settings: Settings) -> Result<(), ErrorCode> {
        let spi = self.mux.spi;
        if self.is_active() || self.waiting.is_some() {
            return Err(ErrorCode::BUSY);
        }
        if !self.mux.is_free_for(self) {
            self.rate.set(settings.rate);
            self.settings.set(Some(settings));
            return Ok(());
        }
        spi.specify_chip_select(self.chip_select.get())?;
        let rate = spi.set_rate(settings.rate)?;
        spi.set_polarity(settings.polarity)?;
        spi.set_phase(settings.phase)?;
        self.rate.set(rate);
        self.settings.set(Some(settings));
        Ok(())
    }
}

impl<'a, S: SpiMaster<'a>> SpiMasterDevice<'a> for VirtualSpiMasterDevice<'a, S> {
    fn set_client(&self, client: &'a dyn SpiMasterClient) {
        self.client.set(client);
    }

    fn configure(&self, cpol: ClockPolarity, cpal: ClockPhase, rate: u32) -> Result<(), ErrorCode> {
        self.set(Settings {
            polarity: cpol,
            phase: cpal,
            rate,
        })
    }

    fn read_write_bytes(
        &self,
        write: SubSliceMut<'static, u8>,
        read: Option<SubSliceMut<'static, u8>>,
    ) -> Result<(), Refused> {
        if self.waiting.is_some() || self.is_active() {
            return Err((ErrorCode::BUSY, write, read));
        }
        let nothing = write[..].is_empty() || read.as_ref().is_some_and(|read| read[..].is_empty());
        if nothing {
            return Err((ErrorCode::INVAL, write, read));
        }
        let Some(this) = self.this() else {
            return Err((ErrorCode::RESERVE, write, read));
        };
        if self.mux.is_free_for(self) {
            self.mux.start(this, (write, read))
        } else {
            self.waiting.put((write, read));
            Ok(())
        }
    }

    fn set_rate(&self, rate: u32) -> Result<(), ErrorCode> {
        self.set(Settings {
            rate,
            ..self.settings()
        })
    }

    fn get_rate(&self) -> u32 {
        match self.settings.get() {
            Some(_) => self.rate.get(),
            None => self.mux.spi.get_rate(),
        }
    }

    fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode> {
        self.set(Settings {
            polarity,
            ..self.settings()
        })
    }

    fn get_polarity(&self) -> ClockPolarity {
        self.settings().polarity
    }

    fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode> {
        self.set(Settings {
            phase,
            ..self.settings()
        })
    }

    fn get_phase(&self) -> ClockPhase {
        self.settings().phase
    }
}

impl<'a, S: SpiMaster<'a>> SharedBus for VirtualSpiMasterDevice<'a, S> {
    fn keep(&self, keep: bool) {
        let mux = self.mux;
        self.keeps.set(keep);
        let keeps_now = mux.keeper.get().is_some_and(|keeper| ptr::eq(keeper, self));
        if self.is_active() {
            if keep {
                mux.keeper.set(mux.active.get());
                mux.spi.hold_low();
            } else if keeps_now {
                mux.keeper.set(None);
                mux.spi.release_low();
            }
        } else if keeps_now && !keep && self.waiting.is_none() {
            mux.keeper.set(None);
            mux.spi.release_low();
            mux.start_next();
        }
    }
}
