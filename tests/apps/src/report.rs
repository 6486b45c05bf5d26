//! Lines about what passed and what did not.

use crate::Line;

/// Counts, and prints as it goes.
pub struct Report {
    passed: u32,
    failed: u32,
}

/// What one register must hold after a call.
#[derive(Clone, Copy)]
pub enum Expected {
    /// This value.
    Is(usize),
    /// What the process put in.
    Kept,
    /// Anything (the value depends on the board).
    Any,
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

impl Report {
    /// Nothing asked yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            passed: 0,
            failed: 0,
        }
    }

    /// Compare the registers after a call with what they must be.
    pub fn vector(
        &mut self,
        number: u32,
        before: [usize; 4],
        after: [usize; 4],
        expected: [Expected; 4],
    ) {
        let wrong =
            before
                .iter()
                .zip(after)
                .zip(expected)
                .position(|((&before, after), expected)| match expected {
                    Expected::Is(value) => after != value,
                    Expected::Kept => after != before,
                    Expected::Any => false,
                });
        let mut line = Line::new();
        line.text(if number < 10 { "vector 0" } else { "vector " })
            .decimal(number);
        match wrong {
            None => {
                self.passed += 1;
                line.text(" ok");
            }
            Some(index) => {
                self.failed += 1;
                line.text(" FAIL");
                for (index, value) in after.iter().enumerate() {
                    register(&mut line, index, *value);
                }
                line.text(", expected");
                let value = match expected.get(index) {
                    Some(Expected::Is(value)) => *value,
                    _ => before.get(index).copied().unwrap_or(0),
                };
                register(&mut line, index, value);
            }
        }
        line.print();
    }

    /// Note whether something is as it must be.
    pub fn check(&mut self, what: &str, holds: bool) {
        if holds {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        Line::new()
            .text("check  ")
            .text(what)
            .text(if holds { ": ok" } else { ": FAIL" })
            .print();
    }

    /// Returns how much was not as it must be.
    #[must_use]
    pub const fn failed(&self) -> u32 {
        self.failed
    }

    /// Print the count.
    pub fn count(&self) {
        Line::new()
            .decimal(self.passed)
            .text(" passed, ")
            .decimal(self.failed)
            .text(" failed")
            .print();
    }
}

fn register(line: &mut Line, index: usize, value: usize) {
    line.text(" r")
        .decimal(index as u32)
        .text("=")
        .hex(value as u32);
}
