//! Chips on an I2C bus.

use crate::moment::Moment;
use serde::Deserialize;
use std::collections::VecDeque;

/// A chip, as a model says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "chip", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Plug {
    /// TI's temperature sensor TMP105, also for LM75 and its kind.
    Tmp105 {
        address: u8,
        /// Degrees at the start.
        #[serde(default)]
        celsius: f64,
        /// What it becomes later.
        #[serde(default)]
        changes: Vec<Change>,
    },
    /// Bytes by number, which a pointer of one or two bytes chooses: memories, clocks, expanders.
    Bytes {
        address: u8,
        /// How many there are.
        #[serde(default = "usual_size")]
        size: usize,
        /// What stands in the first.
        #[serde(default)]
        bytes: Vec<u8>,
        /// Bytes of the pointer.
        #[serde(default = "usual_pointer")]
        pointer: usize,
    },
}

const fn usual_size() -> usize {
    256
}

const fn usual_pointer() -> usize {
    1
}

/// A temperature at a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    at: Moment,
    celsius: f64,
}

/// What a chip does with the bytes of its transfers.
pub(super) trait Chip: Send {
    fn go_on(&mut self, now_us: u64) {
        let _ = now_us;
    }
    fn next_us(&self) -> Option<u64> {
        None
    }
    /// A transfer to it, or from it, begins.
    fn begin(&mut self, reads: bool);
    /// It gets a byte. Returns whether it acknowledges it.
    fn take(&mut self, byte: u8) -> bool;
    /// It is asked for a byte.
    fn give(&mut self) -> u8;
}

impl Plug {
    pub(super) const fn address(&self) -> u8 {
        match self {
            Self::Tmp105 { address, .. } | Self::Bytes { address, .. } => *address,
        }
    }

    pub(super) fn chip(&self) -> Box<dyn Chip> {
        match self {
            Self::Tmp105 {
                celsius, changes, ..
            } => {
                let mut changes = changes.clone();
                changes.sort_by_key(|change| change.at);
                Box::new(Tmp105::new(*celsius, changes.into()))
            }
            Self::Bytes {
                size,
                bytes,
                pointer,
                ..
            } => {
                let mut all = bytes.clone();
                all.resize((*size).max(1), 0);
                Box::new(Bytes {
                    all,
                    pointer_bytes: *pointer,
                    at: 0,
                    got: 0,
                })
            }
        }
    }
}

/// Source: TI's data sheet SLOS348.
struct Tmp105 {
    celsius: f64,
    changes: VecDeque<Change>,
    /// Configuration, and the two limits.
    configuration: u8,
    limits: [u16; 2],
    pointer: u8,
    /// Bytes of this transfer so far.
    moved: usize,
}

impl Tmp105 {
    const fn new(celsius: f64, changes: VecDeque<Change>) -> Self {
        Self {
            celsius,
            changes,
            configuration: 0,
            limits: [0x4b00, 0x5000],
            pointer: 0,
            moved: 0,
        }
    }

    fn register(&self) -> [u8; 2] {
        match self.pointer & 3 {
            0 => {
                // 9 to 12 bits, as its configuration says.
                let unused = 7 - u32::from(self.configuration >> 5 & 3);
                let fixed = (self.celsius.clamp(-128.0, 127.99) * 256.0) as i16;
                (fixed >> unused << unused).to_be_bytes()
            }
            1 => [self.configuration; 2],
            other => {
                let limit = self.limits.get(usize::from(other) - 2);
                limit.copied().unwrap_or(0).to_be_bytes()
            }
        }
    }
}

impl Chip for Tmp105 {
    fn go_on(&mut self, now_us: u64) {
        let is_due = |change: &mut Change| change.at.0 <= now_us;
        while let Some(change) = self.changes.pop_front_if(is_due) {
            self.celsius = change.celsius;
        }
    }

    fn next_us(&self) -> Option<u64> {
        self.changes.front().map(|change| change.at.0)
    }

    fn begin(&mut self, _: bool) {
        self.moved = 0;
    }

    fn take(&mut self, byte: u8) -> bool {
        match (self.moved, self.pointer & 3) {
            (0, _) => self.pointer = byte,
            (1, 1) => self.configuration = byte,
            (at @ (1 | 2), limit @ (2 | 3)) => {
                if let Some(limit) = self.limits.get_mut(usize::from(limit) - 2) {
                    let mut bytes = limit.to_be_bytes();
                    if let Some(place) = bytes.get_mut(at - 1) {
                        *place = byte;
                    }
                    *limit = u16::from_be_bytes(bytes);
                }
            }
            _ => {}
        }
        self.moved += 1;
        true
    }

    fn give(&mut self) -> u8 {
        let byte = self.register().get(self.moved).copied().unwrap_or(0xff);
        self.moved += 1;
        byte
    }
}

struct Bytes {
    all: Vec<u8>,
    pointer_bytes: usize,
    at: usize,
    /// Bytes of this transfer so far.
    got: usize,
}

impl Bytes {
    fn next(&mut self) -> &mut u8 {
        let length = self.all.len();
        let at = self.at % length;
        self.at = (at + 1) % length;
        // There is at least one, and it is inside.
        self.all.get_mut(at).unwrap_or_else(|| unreachable!())
    }
}

impl Chip for Bytes {
    fn begin(&mut self, _: bool) {
        self.got = 0;
    }

    fn take(&mut self, byte: u8) -> bool {
        if self.got < self.pointer_bytes {
            self.at = if self.got == 0 { 0 } else { self.at << 8 } | usize::from(byte);
        } else {
            *self.next() = byte;
        }
        self.got += 1;
        true
    }

    fn give(&mut self) -> u8 {
        *self.next()
    }
}
