//! What changing containers takes, learned from slices.
//!
//! A slice of so much fuel takes the time of its fuel and what is around it. The shortest times of the smallest
//! and of the largest slices there have been tell both apart. Where all slices are equal nothing has to be known.

/// What changing containers takes, as fuel, before anything is learned: measured where instructions count. An emulator whose
/// system calls are slow has come to some 3,000.
const USUAL: u32 = 420;
/// It is not believed to be less or more, whatever containers do.
const LEAST: u32 = 200;
const MOST: u32 = 5_000;

/// Slices of one length in fuel, and the shortest time that one took.
#[derive(Clone, Copy, Debug)]
struct Shortest {
    fuel: u32,
    us: u32,
}

/// What is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    small: Option<Shortest>,
    large: Option<Shortest>,
    fuel: u32,
}

impl Around {
    /// Returns what is known before there was a slice.
    pub(super) const fn new() -> Self {
        Self {
            small: None,
            large: None,
            fuel: USUAL,
        }
    }

    /// Returns what changing containers takes, as fuel of a container that computes.
    pub(super) const fn fuel(&self) -> u32 {
        self.fuel
    }

    /// A turn with a slice of `fuel`, which was used up, took `us` microseconds.
    pub(super) fn learn(&mut self, fuel: u32, us: u64) {
        let us = u32::try_from(us).unwrap_or(u32::MAX);
        let new = Shortest { fuel, us };
        let is_better = |old: Option<Shortest>, further: fn(u32, u32) -> bool| {
            old.is_none_or(|old| further(fuel, old.fuel) || (fuel == old.fuel && us < old.us))
        };
        let (smaller, larger) = (
            is_better(self.small, |new, old| new < old),
            is_better(self.large, |new, old| new > old),
        );
        if smaller {
            self.small = Some(new);
        }
        if larger {
            self.large = Some(new);
        }
        if (smaller || larger)
            && let (Some(small), Some(large)) = (self.small, self.large)
        {
            self.fuel = between(small, large).unwrap_or(USUAL);
        }
    }
}

/// Returns the fuel that takes as long as what is in both beside their fuel; `None` if they do not tell.
fn between(small: Shortest, large: Shortest) -> Option<u32> {
    let fuel = u64::from(large.fuel.checked_sub(small.fuel)?);
    let us = u64::from(large.us.checked_sub(small.us)?);
    // Where a line through both meets the time axis, as fuel.
    let all = (u64::from(small.us) * fuel).checked_div(us)?;
    let shortest = all.saturating_sub(u64::from(small.fuel));
    // The shortest turns have nothing of what is done now and then.
    let around = shortest + shortest / 8;
    let around = u32::try_from(around).unwrap_or(MOST);
    Some(around.clamp(LEAST, MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_slices_tell_nothing_and_different_ones_all() {
        let mut around = Around::new();
        for us in [3_000, 2_000, 2_500] {
            around.learn(2_500, us);
            assert_eq!(around.fuel(), USUAL);
        }
        // A fuel takes 0.7 us, and 870 of it what is around.
        let time = |fuel: u32| u64::from(fuel + 870) * 7 / 10;
        let mut around = Around::new();
        for fuel in [500, 2_500, 1_000, 5_000, 3_000] {
            around.learn(fuel, time(fuel) + 10_000);
            around.learn(fuel, time(fuel));
        }
        assert!(around.fuel().abs_diff(870 * 9 / 8) < 10, "{around:?}");
    }

    #[test]
    fn whatever_containers_do_is_believed_within_bounds() {
        for (small, large) in [
            (0, 0),
            (1, u64::MAX),
            (u64::MAX, 1),
            (9_000, 9_001),
            (10, 9_000),
        ] {
            let mut around = Around::new();
            around.learn(500, small);
            around.learn(5_000, large);
            assert!((LEAST..=MOST).contains(&around.fuel()), "{small} {large}");
        }
    }
}
