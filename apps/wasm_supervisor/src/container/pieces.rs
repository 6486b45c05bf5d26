//! The pieces of a slice.
//!
//! ```text
//!   a turn    ├── piece ──┼── piece ──┼── piece ──┤
//!                         ▲           ▲
//!                         has a handler come to wait? is the turn long enough?
//! ```
//!
//! Fuel is what an engine can count, and no measure of time: an instruction may take thirty times as long as another, and a
//! call clears a frame that may be as long as the stack. So a slice is executed in pieces, and between two of them the
//! clock and the interrupts have their say. Going on after a piece costs some 4,000
//! instructions, as 270 fuel do.

use crate::arena;
use crate::engine::config::STACK_MAX_BYTES;
use crate::platform::Platform;

/// Longest piece in fuel, with a stack of [`STACK`] or less: half the long slice of one that is alone.
const PIECE: u64 = 5_000;
/// Longest piece with the largest stacks: going on costs too much for shorter ones.
const SHORT: u64 = 1_000;
/// The same while a handler is registered somewhere, or turns have to be short: how long an interrupt waits for code
/// that calls no host function. A slice of the usual length is one: in two, what going on costs took 6 % of a share from everybody.
const WATCHED: u64 = 2_500;
/// What is left of a slice is no piece of its own if it is less.
const LEAST: u64 = 100;

/// The usual value stack in bytes. A call takes a few fuel, however long its frame is, which is cleared: with
/// larger stacks pieces are shorter.
const STACK: u32 = STACK_MAX_BYTES as u32;

/// Returns how much of `fuel` may be executed in one piece with a value stack of `stack_bytes`: all of it with the usual
/// stack, less with a larger one, and at least [`SHORT`]. So handlers, `_pause` and start functions, which are never
/// divided, take no longer than a piece of main.
pub(super) fn undivided(fuel: u64, stack_bytes: u32) -> u64 {
    let least = fuel.min(SHORT);
    (fuel * u64::from(STACK) / u64::from(stack_bytes.max(STACK))).max(least)
}

/// The pieces of one slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pieces {
    /// Fuel of the slice.
    all: u64,
    /// Fuel of the slice that was not used.
    left: u64,
    /// Most fuel of one.
    longest: u64,
}

impl Pieces {
    /// Returns those of a slice of `fuel` for a run with a value stack of `stack_bytes`; `watched`: something may come
    /// that does not wait for long.
    pub(super) fn new(fuel: u64, stack_bytes: u32, watched: bool) -> Self {
        let longest = undivided(PIECE, stack_bytes);
        let longest = if watched {
            longest.min(WATCHED)
        } else {
            longest
        };
        Self {
            all: fuel,
            left: fuel,
            longest,
        }
    }

    /// Returns the fuel of the slice.
    pub(super) const fn all(self) -> u64 {
        self.all
    }

    /// Returns how much fuel of the slice was used.
    pub(super) const fn spent(self) -> u64 {
        self.all - self.left
    }

    /// Returns whether there is another piece.
    pub(super) const fn is_left(self) -> bool {
        self.left >= LEAST
    }

    /// Returns the fuel of the next one.
    pub(super) fn next(self) -> u64 {
        self.left.min(self.longest)
    }

    /// So much fuel was used. Returns whether there is another piece.
    pub(super) fn used(&mut self, fuel: u64) -> bool {
        self.left = self.left.saturating_sub(fuel);
        self.is_left()
    }
}

/// May a turn that has `begun` go on, or has it lasted long enough, or an interrupt come to wait?
pub(super) fn may_go_on<P: Platform>(platform: &P, begun: u64) -> bool {
    let ends = platform.turn_ends(begun);
    platform.waiting() == 0 && arena::outside(|| platform.now_us()) < ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, Unkept};

    /// A console that keeps nothing loses what comes when nobody looks for long.
    #[test]
    fn a_turn_is_as_long_as_the_platform_lets_it_be() {
        let fake = Fake::default();
        fake.0.now_us.set(15_000);
        assert!(may_go_on(&fake, 5_001));
        assert!(!may_go_on(&fake, 5_000));
        let console = Unkept {
            looked_us: 14_000,
            ..Unkept::default()
        };
        *fake.0.unkept.borrow_mut() = Some(console);
        assert!(may_go_on(&fake, 14_000));
        fake.0.now_us.set(16_000);
        assert!(!may_go_on(&fake, 15_999));
    }

    /// How a slice is cut up of which all is used.
    fn cut(fuel: u64, stack_bytes: u32, watched: bool) -> Vec<u64> {
        let mut pieces = Pieces::new(fuel, stack_bytes, watched);
        let mut all = Vec::new();
        loop {
            all.push(pieces.next());
            if !pieces.used(pieces.next()) {
                return all;
            }
        }
    }

    #[test]
    fn a_slice_is_one_piece_and_several_where_interrupts_are_handled() {
        assert_eq!(cut(2_500, 2_048, false), [2_500]);
        assert_eq!(cut(10_000, 128, false), [5_000; 2]);
        assert_eq!(cut(20_000, 2_048, false), [5_000; 4]);
        assert_eq!(cut(2_500, 2_048, true), [2_500]);
        assert_eq!(cut(10_000, 2_048, true), [2_500; 4]);
        assert_eq!(cut(500, 128, true), [500]);
    }

    #[test]
    fn what_is_never_divided_is_shorter_with_a_longer_stack() {
        assert_eq!(
            [128, 2_048].map(|stack| undivided(5_000, stack)),
            [5_000; 2]
        );
        assert_eq!(undivided(5_000, 4_096), 2_500);
        assert_eq!(undivided(2_500, 65_536), 1_000);
        // What runs nothing runs nothing.
        assert_eq!([0, 2_048, 65_536].map(|stack| undivided(0, stack)), [0; 3]);
        assert_eq!(undivided(5_000, u32::MAX), 1_000);
    }

    #[test]
    fn a_longer_stack_makes_them_shorter_and_no_crumb_is_one() {
        assert_eq!(cut(2_500, 8_192, false), [1_250; 2]);
        assert_eq!(cut(2_050, 65_536, false), [1_000; 2]);
        assert_eq!(cut(2_500, 8_192, true), [1_250; 2]);
        for (fuel, stack_bytes) in [(500, 65_536), (20_000, 65_536), (5_000, 9_000)] {
            for watched in [false, true] {
                let all = cut(fuel, stack_bytes, watched);
                let sum: u64 = all.iter().sum();
                assert!(sum <= fuel && fuel - sum < LEAST, "{all:?}");
            }
        }
        // A host call may have cost more than there was.
        assert!(!Pieces::new(1_000, 128, false).used(1_500));
    }
}
