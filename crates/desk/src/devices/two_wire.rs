//! Arm's two-wire interface `arm,versatile-i2c` (SBCon), and the bus behind it, edge by edge.

use super::chips::{Chips, Plug};
use crate::device::Traffic;
use crate::{Device, Width};

/// Read: the lines as they are. Write: lets go of the lines whose bits are set.
const CONTROL: u32 = 0x00;
/// Write: pulls the lines low whose bits are set.
const CONTROLC: u32 = 0x04;

const CLOCK: u32 = 1 << 0;
const DATA: u32 = 1 << 1;

/// Where a transfer stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody uses the bus, or nobody was meant.
    Idle,
    /// The controller sends: these bits so far, of the address or of a byte.
    Sent { bits: u32, value: u8, address: bool },
    /// The chip holds its acknowledgement.
    Acknowledging { reads: bool },
    /// Nobody answered, or a byte was refused: it is the controller's turn to stop.
    Refused { pulsed: bool },
    /// The chip sends this byte, and so many of its bits have been taken.
    Given { value: u8, bits: u32 },
    /// The controller says whether it wants more.
    Asked { more: Option<bool> },
}

/// The interface, and what is connected to it.
pub(crate) struct Sbcon {
    chips: Chips,
    /// The lines as the controller has them.
    lines: u32,
    /// The data line as the chip has it.
    holds: bool,
    phase: Phase,
    /// The transfer so far.
    transfer: Option<Traffic>,
    traffic: Vec<Traffic>,
}

impl Sbcon {
    pub(crate) fn new(plugs: &[Plug]) -> Self {
        Self {
            chips: Chips::new(plugs),
            lines: CLOCK | DATA,
            holds: false,
            phase: Phase::Idle,
            transfer: None,
            traffic: Vec::new(),
        }
    }

    fn level(&self) -> u32 {
        if self.holds {
            self.lines & !DATA
        } else {
            self.lines
        }
    }

    fn set(&mut self, lines: u32) {
        let before = self.level();
        self.lines = lines & (CLOCK | DATA);
        let after = self.level();
        let changed = before ^ after;
        if changed & CLOCK != 0 {
            if after & CLOCK != 0 {
                self.clock_rises(after & DATA != 0);
            } else {
                self.clock_falls();
            }
        } else if changed & DATA != 0 && after & CLOCK != 0 {
            // The data line changes only while the clock is low, except for these two.
            self.finish();
            self.holds = false;
            self.phase = if after & DATA == 0 {
                Phase::Sent {
                    bits: 0,
                    value: 0,
                    address: true,
                }
            } else {
                Phase::Idle
            };
        }
    }

    fn clock_rises(&mut self, data: bool) {
        self.phase = match self.phase {
            Phase::Sent {
                bits,
                value,
                address,
            } => Phase::Sent {
                bits: bits + 1,
                value: value << 1 | u8::from(data),
                address,
            },
            Phase::Given { value, bits } => Phase::Given {
                value,
                bits: bits + 1,
            },
            Phase::Asked { .. } => Phase::Asked { more: Some(!data) },
            Phase::Refused { .. } => Phase::Refused { pulsed: true },
            other => other,
        };
    }

    fn clock_falls(&mut self) {
        match self.phase {
            Phase::Sent {
                bits: 8,
                value,
                address: true,
            } => self.address(value),
            Phase::Sent {
                bits: 8,
                value,
                address: false,
            } => {
                self.moved(value);
                let taken = self.chips.take(value);
                self.acknowledge(taken, false);
            }
            Phase::Acknowledging { reads: false } => {
                self.holds = false;
                self.phase = Phase::Sent {
                    bits: 0,
                    value: 0,
                    address: false,
                };
            }
            Phase::Acknowledging { reads: true } | Phase::Asked { more: Some(true) } => self.give(),
            Phase::Asked { more: Some(false) } | Phase::Refused { pulsed: true } => {
                self.holds = false;
                self.phase = Phase::Idle;
            }
            Phase::Given { value, bits: 8 } => {
                self.moved(value);
                self.holds = false;
                self.phase = Phase::Asked { more: None };
            }
            Phase::Given { value, bits } => self.holds = value << bits & 0x80 == 0,
            _ => {}
        }
    }

    fn address(&mut self, value: u8) {
        let (address, reads) = (value >> 1, value & 1 != 0);
        let answered = self.chips.address(address, reads);
        self.transfer = Some(Traffic::Transfer {
            address,
            reads,
            answered,
            bytes: Vec::new(),
        });
        self.acknowledge(answered, reads);
    }

    fn acknowledge(&mut self, taken: bool, reads: bool) {
        self.holds = taken;
        self.phase = if taken {
            Phase::Acknowledging { reads }
        } else {
            Phase::Refused { pulsed: false }
        };
    }

    fn give(&mut self) {
        let value = self.chips.give();
        self.holds = value & 0x80 == 0;
        self.phase = Phase::Given { value, bits: 0 };
    }

    fn moved(&mut self, byte: u8) {
        if let Some(Traffic::Transfer { bytes, .. }) = &mut self.transfer {
            bytes.push(byte);
        }
    }

    fn finish(&mut self) {
        self.traffic.extend(self.transfer.take());
    }
}

impl Device for Sbcon {
    fn go_on(&mut self, now_us: u64) {
        self.chips.go_on(now_us);
    }

    fn next_us(&self) -> Option<u64> {
        self.chips.next_us()
    }

    fn read(&mut self, offset: u32, _: Width) -> u32 {
        if offset == CONTROL { self.level() } else { 0 }
    }

    fn write(&mut self, offset: u32, _: Width, value: u32) {
        match offset {
            CONTROL => self.set(self.lines | value),
            CONTROLC => self.set(self.lines & !value),
            _ => {}
        }
    }

    fn traffic(&mut self) -> Vec<Traffic> {
        std::mem::take(&mut self.traffic)
    }
}
