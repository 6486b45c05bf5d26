//! NXP's expander PCA9538: eight pins more. Source: NXP's data sheet PCA9538, section 7.

use super::Chip;
use crate::moment::Moment;
use serde::Deserialize;
use std::collections::VecDeque;

/// The levels of its pins at a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    at: Moment,
    pins: u8,
}

/// Registers by number: what the pins read, what they are driven with, which are turned round, which are inputs.
const INPUT: usize = 0;
const OUTPUT: usize = 1;
const POLARITY: usize = 2;
const CONFIGURATION: usize = 3;

/// The expander.
pub(super) struct Pca9538 {
    /// The levels from outside.
    pins: u8,
    changes: VecDeque<Change>,
    /// The first is not used: it is what the pins read.
    registers: [u8; 4],
    chosen: usize,
    /// The next byte chooses the register.
    begins: bool,
}

impl Pca9538 {
    /// An expander with these levels at its pins, as it is after power-on.
    pub(super) fn new(pins: u8, mut changes: Vec<Change>) -> Self {
        changes.sort_by_key(|change| change.at);
        Self {
            pins,
            changes: changes.into(),
            registers: [0, 0xff, 0, 0xff],
            chosen: INPUT,
            begins: false,
        }
    }

    fn levels(&self) -> u8 {
        let [_, output, _, inputs] = self.registers;
        self.pins & inputs | output & !inputs
    }
}

impl Chip for Pca9538 {
    fn go_on(&mut self, now_us: u64) {
        let is_due = |change: &mut Change| change.at.0 <= now_us;
        while let Some(change) = self.changes.pop_front_if(is_due) {
            self.pins = change.pins;
        }
    }

    fn next_us(&self) -> Option<u64> {
        self.changes.front().map(|change| change.at.0)
    }

    fn begin(&mut self, reads: bool) {
        self.begins = !reads;
    }

    fn take(&mut self, byte: u8) -> bool {
        if self.begins {
            self.begins = false;
            self.chosen = usize::from(byte & 3);
        } else if self.chosen != INPUT
            && let Some(place) = self.registers.get_mut(self.chosen)
        {
            *place = byte;
        }
        true
    }

    fn give(&mut self) -> u8 {
        let [_, output, polarity, configuration] = self.registers;
        match self.chosen {
            INPUT => self.levels() ^ polarity,
            OUTPUT => output,
            POLARITY => polarity,
            CONFIGURATION.. => configuration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(chip: &mut Pca9538, register: usize) -> u8 {
        chip.begin(false);
        assert!(chip.take(register as u8));
        chip.begin(true);
        chip.give()
    }

    fn tell(chip: &mut Pca9538, register: usize, value: u8) {
        chip.begin(false);
        assert!(chip.take(register as u8) && chip.take(value));
    }

    #[test]
    fn pins_are_read_as_they_are_driven_or_from_outside() {
        let change = Change {
            at: Moment(10),
            pins: 0b0101_0000,
        };
        let mut chip = Pca9538::new(0b0010_0000, vec![change]);
        assert_eq!(ask(&mut chip, INPUT), 0b0010_0000);
        tell(&mut chip, CONFIGURATION, 0xf0);
        tell(&mut chip, OUTPUT, 0b0000_0110);
        tell(&mut chip, POLARITY, 0b1000_0010);
        assert_eq!(ask(&mut chip, INPUT), 0b1010_0100);
        assert_eq!(chip.next_us(), Some(10));
        chip.go_on(10);
        assert_eq!(ask(&mut chip, INPUT), 0b1101_0100);
        assert_eq!(ask(&mut chip, OUTPUT), 0b0000_0110);
    }
}
