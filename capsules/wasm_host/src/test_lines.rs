//! An interrupt controller and a clock for tests.

use crate::window::{Clock, Lines};
use std::boxed::Box;
use std::sync::Mutex;

/// One input of the controller, as Arm's NVIC treats it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) level: bool,
    pub(crate) pending: bool,
    pub(crate) open: bool,
}

/// 32 lines.
#[derive(Default)]
pub(crate) struct TestLines(Mutex<[Input; 32]>);

impl TestLines {
    pub(crate) fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    pub(crate) fn get(&self, line: u32) -> Input {
        self.0.lock().unwrap()[line as usize]
    }

    fn change(&self, line: u32, change: impl FnOnce(&mut Input)) {
        change(&mut self.0.lock().unwrap()[line as usize]);
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

    /// Whether the processor would take it now; the top half masks it and leaves it pending.
    pub(crate) fn take(&self, line: u32) -> bool {
        let input = self.get(line);
        let taken = input.pending && input.open;
        if taken {
            self.mask(line);
        }
        taken
    }
}

impl Lines for TestLines {
    fn mask(&self, line: u32) {
        self.change(line, |input| input.open = false);
    }
    fn unmask(&self, line: u32) {
        self.change(line, |input| input.open = true);
    }
    fn clear_pending(&self, line: u32) {
        self.change(line, |input| input.pending = input.level);
    }
    fn is_pending(&self, line: u32) -> bool {
        self.get(line).pending
    }
}

/// A clock of one megahertz that stands still until told otherwise.
#[derive(Default)]
pub(crate) struct TestClock {
    now: Mutex<u32>,
    /// Ticks that pass at every look.
    step: Mutex<u32>,
}

impl TestClock {
    pub(crate) fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    pub(crate) fn advance(&self, ticks: u32) {
        let mut now = self.now.lock().unwrap();
        *now = now.wrapping_add(ticks);
    }

    /// From now on every look at the clock takes so long.
    pub(crate) fn set_step(&self, ticks: u32) {
        *self.step.lock().unwrap() = ticks;
    }
}

impl Clock for TestClock {
    fn now(&self) -> u32 {
        let step = *self.step.lock().unwrap();
        self.advance(step);
        *self.now.lock().unwrap()
    }
    fn ticks_per_second(&self) -> u32 {
        1_000_000
    }
}
