//! An interrupt controller for tests.

use crate::Lines;
use std::boxed::Box;
use std::sync::Mutex;

/// What a chip does with a line around its service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Chip {
    /// Enables only lines that are not masked, as `tock/chips/mps2`.
    #[default]
    Keeps,
    /// Clears the pending bit and enables the line whatever its service did, as upstream's chips;
    /// services only lines that are attended, as the capsule's README asks of them.
    Attends,
    /// As upstream's chips are: services what is pending, masked or not.
    Enables,
    /// Clears the pending bit and enables the line first, and services it then.
    EnablesFirst,
}

/// One input of the controller, as Arm's NVIC treats it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) level: bool,
    pub(crate) pending: bool,
    /// Unmasked by the capsule.
    pub(crate) open: bool,
    /// Enabled in the controller.
    enabled: bool,
}

/// 32 lines.
#[derive(Default)]
pub(crate) struct TestLines {
    inputs: Mutex<[Input; 32]>,
    chip: Mutex<Chip>,
}

impl TestLines {
    pub(crate) fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    /// From now on the lines are those of such a chip.
    pub(crate) fn set_chip(&self, chip: Chip) {
        *self.chip.lock().unwrap() = chip;
    }

    fn chip(&self) -> Chip {
        *self.chip.lock().unwrap()
    }

    pub(crate) fn get(&self, line: u32) -> Input {
        self.inputs.lock().unwrap()[line as usize]
    }

    fn change(&self, line: u32, change: impl FnOnce(&mut Input)) {
        change(&mut self.inputs.lock().unwrap()[line as usize]);
    }

    /// Drive the input; a rising edge pends.
    pub(crate) fn set(&self, line: u32, level: bool) {
        self.change(line, |input| {
            input.pending |= level && !input.level;
            input.level = level;
        });
    }

    /// A pulse too short to be seen as a level.
    pub(crate) fn pulse(&self, line: u32) {
        self.set(line, true);
        self.set(line, false);
    }

    /// The processor takes it if it can: the top half disables the line and leaves it pending.
    /// Returns whether the chip services it then.
    pub(crate) fn take(&self, line: u32) -> bool {
        let input = self.get(line);
        if !input.pending || !input.enabled {
            return false;
        }
        self.change(line, |input| input.enabled = false);
        match self.chip() {
            Chip::Keeps => {
                self.mask(line);
                true
            }
            Chip::Attends => input.open,
            Chip::Enables => true,
            Chip::EnablesFirst => {
                self.clear_pending(line);
                self.enable(line);
                true
            }
        }
    }

    /// The service of the line has returned to the chip.
    pub(crate) fn serviced(&self, line: u32) {
        if matches!(self.chip(), Chip::Attends | Chip::Enables) {
            self.clear_pending(line);
            self.enable(line);
        }
    }

    /// The line is enabled in the controller, and the capsule is not asked.
    pub(crate) fn enable(&self, line: u32) {
        self.change(line, |input| input.enabled = true);
    }
}

impl Lines for TestLines {
    fn mask(&self, line: u32) {
        self.change(line, |input| (input.open, input.enabled) = (false, false));
    }
    fn unmask(&self, line: u32) {
        self.change(line, |input| (input.open, input.enabled) = (true, true));
    }
    fn clear_pending(&self, line: u32) {
        self.change(line, |input| input.pending = input.level);
    }
    fn is_pending(&self, line: u32) -> bool {
        self.get(line).pending
    }
}
