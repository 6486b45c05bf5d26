//! How fast bytes are taken from the operator's line.
//!
//! ```text
//!   a byte is there ──► within the pace? ── yes ──► the console's driver
//!                              │ no
//!                    its line is closed ──► opened when no process of the firmware is ready,
//!                                           or such have had their time (DeferredCall::set_later)
//! ```
//!
//! A byte costs the kernel some hundred instructions before any process. At the line's rate none is ever kept waiting; what comes faster,
//! as an emulator's does, has the time that the firmware leaves.

use kernel::deferred_call::DeferredCall;
use kernel::hil::time::{Ticks, Time};
use mps2::interrupts::UART0_RX;
use mps2::pace::Pace;
use mps2::system_timer::SystemTimer;

use crate::BoardChip;

/// 80 us of the system's clock: a byte at 115,200 baud takes 86.8 us.
const BYTE_TICKS: u32 = 125;

/// The pace of the receiver's interrupt.
pub(crate) struct Receiver {
    pace: Pace<BYTE_TICKS>,
    /// Has [`open`](Self::open) called.
    pub(crate) open: DeferredCall,
}

impl Receiver {
    /// The line is open.
    pub(crate) fn new() -> Self {
        Self {
            pace: Pace::new(),
            open: DeferredCall::new(),
        }
    }

    /// Whether the byte that is there is taken now. If not, the line is closed.
    #[inline(never)]
    pub(crate) fn takes(&self, chip: &BoardChip, clock: &SystemTimer<'_>) -> bool {
        let takes = self.pace.allows(clock.now().into_u32());
        if !takes {
            chip.ignore(UART0_RX);
            self.open.set_later();
        }
        takes
    }

    /// Open the line again.
    pub(crate) fn open(&self, chip: &BoardChip, clock: &SystemTimer<'_>) {
        self.pace.forget(clock.now().into_u32());
        chip.attend(UART0_RX);
    }
}
