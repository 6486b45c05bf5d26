//! TI's temperature sensor TMP105, also for LM75 and its kind. Source: TI's data sheet SLOS348.

use super::Chip;
use crate::moment::Moment;
use serde::Deserialize;
use std::collections::VecDeque;

/// A temperature at a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    at: Moment,
    celsius: f64,
}

/// The sensor.
pub(super) struct Tmp105 {
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
    /// A sensor that begins with this temperature.
    pub(super) fn new(celsius: f64, mut changes: Vec<Change>) -> Self {
        changes.sort_by_key(|change| change.at);
        Self {
            celsius,
            changes: changes.into(),
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
