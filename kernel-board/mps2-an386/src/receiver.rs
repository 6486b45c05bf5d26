//! How fast bytes are taken from a serial line.
//!
//! ```text
//!   a byte is there ──► within the pace? ── yes ──► the line's driver
//!                              │ no
//!                    its line is closed ──► opened when no process of the firmware is ready,
//!                                           or such have had their time (DeferredCall::set_later)
//! ```
//!
//! A byte costs the kernel some hundred instructions before any process. At the line's rate none is ever kept waiting; what comes faster,
//! as an emulator's does, has the time that the firmware leaves. Every line that somebody outside can send on has one.

use core::cell::Cell;

use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::time::{Ticks, Time};
use mps2::pace::Pace;
use mps2::system_timer::SystemTimer;

use crate::BoardChip;

/// 80 us of the system's clock: a byte at 115,200 baud takes 86.8 us.
const BYTE_TICKS: u32 = 125;

/// The pace of a receiver's interrupt.
pub(crate) struct Receiver {
    line: u32,
    clock: &'static SystemTimer<'static>,
    /// Known once it is made; every byte is taken until then.
    chip: Cell<Option<&'static BoardChip>>,
    pace: Pace<BYTE_TICKS>,
    open: DeferredCall,
}

impl Receiver {
    /// The line with this number, which is open.
    pub(crate) fn new(line: u32, clock: &'static SystemTimer<'static>) -> Self {
        Self {
            line,
            clock,
            chip: Cell::new(None),
            pace: Pace::new(),
            open: DeferredCall::new(),
        }
    }

    /// From now on the line is closed when its bytes come too fast.
    pub(crate) fn set_chip(&self, chip: &'static BoardChip) {
        self.chip.set(Some(chip));
    }

    /// Whether it is this one's `line`, and the byte that is there has to wait: then the line is closed.
    #[inline(never)]
    pub(crate) fn refuses(&self, line: u32) -> bool {
        let Some(chip) = self.chip.get().filter(|_| line == self.line) else {
            return false;
        };
        let takes = self.pace.allows(self.clock.now().into_u32());
        if !takes {
            chip.ignore(line);
            self.open.set_later();
        }
        !takes
    }
}

impl DeferredCallClient for Receiver {
    /// Opens the line again.
    fn handle_deferred_call(&self) {
        if let Some(chip) = self.chip.get() {
            self.pace.forget(self.clock.now().into_u32());
            chip.attend(self.line);
        }
    }

    fn register(&'static self) {
        self.open.register(self);
    }
}
