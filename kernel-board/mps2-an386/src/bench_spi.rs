//! What a kilobyte through an SPI controller costs kernel code (features `bench` and `buses`, which no product has).
//!
//! Loopback is closed, and the emulator's controller takes no time, so what is counted is the processor's work alone: of a loop that
//! looks at the status, in frames of 16 bits, before any process runs; and of the interrupt-driven driver, whose frames have
//! 8 bits, from its call to its client's, with the kernel's loop and all that serves an interrupt.

#![allow(unsafe_code)]

use core::cell::Cell;

use kernel::ErrorCode;
use kernel::hil::spi::{SpiMaster, SpiMasterClient};
use kernel::static_init;
use kernel::utilities::leasable_buffer::SubSliceMut;
use mps2::fpgaio;
use mps2::register_block::RegisterBlock;

use crate::buses::{Buses, SPI_BASE};

/// Words of 16 bits.
const WORDS: u32 = 512;
/// The same in bytes.
const BYTES: usize = 1024;

/// Byte offsets of the controller's registers.
const CR0: usize = 0x00;
const CR1: usize = 0x04;
const DATA: usize = 0x08;
const STATUS: usize = 0x0c;
/// In `CR0`: sixteen bits a frame.
const SIXTEEN_BITS: u32 = 15;
/// In `CR1`: loopback, on.
const LOOPBACK: u32 = 0b11;
/// In `STATUS`: there is room.
const NOT_FULL: u32 = 1 << 1;
/// In `STATUS`: there is a frame.
const NOT_EMPTY: u32 = 1 << 2;
/// Frames of a queue.
const QUEUE: u32 = 8;

/// The free-running counter, and nanoseconds of a tick.
const COUNTER: usize = 0x18;
const COUNTER_NS: u64 = 640;

// SAFETY: AN386 has FPGAIO there; it cannot master the bus.
static FPGAIO: RegisterBlock = unsafe { RegisterBlock::new(fpgaio::BASE, 0x50) };

fn now() -> u32 {
    FPGAIO.read32(COUNTER).unwrap_or_default()
}

/// Nanoseconds since `begun`.
fn since(begun: u32) -> u64 {
    u64::from(now().wrapping_sub(begun)) * COUNTER_NS
}

/// Ticks of the loop that looks at the status; what comes back is compared, as the containers do.
fn polled() -> (u64, u32) {
    // SAFETY: AN386 has a PL022 there, which cannot master the bus; its driver is idle, and finds it as it was.
    let spi = unsafe { RegisterBlock::new(SPI_BASE, 0x1000) };
    let word = |index: u32| index.wrapping_mul(0x9e37) as u16;
    let before = [CR0, CR1].map(|register| spi.read32(register).unwrap_or_default());
    let _ = spi.write32(CR1, 0);
    let _ = spi.write32(CR0, SIXTEEN_BITS);
    let _ = spi.write32(CR1, LOOPBACK);
    let (mut sent, mut fetched, mut wrong) = (0, 0, 0);
    let begun = now();
    while fetched < WORDS {
        let status = spi.read32(STATUS).unwrap_or_default();
        if sent < WORDS && sent - fetched < QUEUE && status & NOT_FULL != 0 {
            let _ = spi.write32(DATA, word(sent).into());
            sent += 1;
        }
        if status & NOT_EMPTY != 0 {
            let value = spi.read32(DATA).unwrap_or_default();
            wrong += u32::from(value as u16 != word(fetched));
            fetched += 1;
        }
    }
    let took = since(begun);
    let _ = spi.write32(CR1, 0);
    for (register, value) in [CR0, CR1].into_iter().zip(before) {
        let _ = spi.write32(register, value);
    }
    (took, wrong)
}

/// The client of the driver's transfer.
struct Transfer {
    buses: &'static Buses,
    begun: Cell<u32>,
}

impl SpiMasterClient for Transfer {
    fn read_write_done(
        &self,
        _: SubSliceMut<'static, u8>,
        _: Option<SubSliceMut<'static, u8>>,
        status: Result<usize, ErrorCode>,
    ) {
        let took = since(self.begun.get());
        // From here on it is the processes'.
        self.buses.controller.set_client(self.buses.mux);
        if status == Ok(BYTES) {
            kernel::debug!("nanoseconds of {} words, driver = {}", WORDS, took);
        }
        kernel::debug!("bench: spi done");
    }
}

/// Measure the loop, and begin the driver's transfer, which ends in the kernel's loop. No process may use the bus
/// before that.
pub(crate) fn begin(buses: &'static Buses) {
    let (took, wrong) = polled();
    if wrong == 0 {
        kernel::debug!("nanoseconds of {} words, polled = {}", WORDS, took);
    }
    let client: &'static Transfer = static_init!(
        Transfer,
        Transfer {
            buses,
            begun: Cell::new(0)
        }
    );
    let sent: &'static mut [u8] = static_init!([u8; BYTES], [0x5a; BYTES]);
    let room: &'static mut [u8] = static_init!([u8; BYTES], [0; BYTES]);
    buses.controller.set_client(client);
    client.begun.set(now());
    let begun = buses
        .controller
        .read_write_bytes(SubSliceMut::new(sent), Some(SubSliceMut::new(room)));
    assert!(begun.is_ok(), "the SPI controller refuses a transfer");
}
