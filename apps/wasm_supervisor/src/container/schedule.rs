//! Whose turn it is: weighted fair shares of time.
//!
//! Each container has a virtual time that advances by the time it used, whatever for, divided by its share;
//! the one that is furthest behind runs next. A slice is proportional to the share, so
//! containers that compute all the time take turns, and whoever used only a part of its slice, or
//! more than it (one bulk instruction cannot be divided, a host call is charged when it is done), gets its
//! next turn earlier or later: a debt is carried over and paid in full.
//! Who did not want to run cannot save time up: it begins where the others are.

/// Share of the CPU of a container that asks for none, relative to others.
pub const SHARE_DEFAULT: u8 = 50;

/// Fuel of a slice for each percent of share. With the usual share of 50 a
/// slice is 2,500 fuel, some 40,000 instructions, over ten times what changing containers costs.
const FUEL_PER_SHARE: u32 = 50;

/// Shortest slice in fuel: below, changing containers would cost more than running them.
const SLICE_MIN: u32 = 500;

/// Virtual time of one nanosecond at share 1. Divided by the share it must keep enough digits,
/// and 64 bits hold 36 years of it.
const SCALE: u32 = 16;
/// Most that is charged by a division of 32 bits, a quarter of a second: nearly everything.
const SHORT_NS: u32 = u32::MAX / SCALE;

/// A container is given so many slices in one piece while no other wants to run soon.
pub const ALONE_SLICES: u64 = 4;

/// Returns the fuel of one slice of a container with this share.
#[must_use]
pub const fn slice_fuel(share: u8) -> u32 {
    let fuel = share as u32 * FUEL_PER_SHARE;
    if fuel < SLICE_MIN { SLICE_MIN } else { fuel }
}

/// Returns the nanoseconds that are charged for a microsecond of a container whose slices have so much fuel, where changing
/// containers takes as long as `around` fuel. It takes that of a short slice as of a long one, and would be half of a
/// small share's time. What is charged depends on nothing that a container does, so among equals time is time.
#[must_use]
pub const fn rate(fuel: u32, around: u32) -> u32 {
    1_000 * fuel / (fuel + around)
}

/// Where one container stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    virtual_time: u64,
}

/// The scheduler.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schedule {
    /// Virtual time of whoever ran last: nobody begins behind it.
    base: u64,
    /// The slot that had the last turn.
    last: usize,
}

impl Schedule {
    /// Nobody has run.
    #[must_use]
    pub const fn new() -> Self {
        Self { base: 0, last: 0 }
    }

    /// The slot that had the last turn.
    #[must_use]
    pub const fn last(&self) -> usize {
        self.last
    }

    /// Which of `slots` slots is next. `ready` tells where one stands, if it wants to run.
    /// Among equals it is the first one behind the last turn.
    pub fn pick(&mut self, slots: usize, ready: impl Fn(usize) -> Option<Turns>) -> Option<usize> {
        // One behind the last, and around.
        let (slot, turns) = (self.last + 1..slots)
            .chain(0..=self.last)
            .filter_map(|slot| Some((slot, ready(slot)?)))
            .min_by_key(|(_, turns)| turns.virtual_time.max(self.base))?;
        self.base = self.base.max(turns.virtual_time);
        self.last = slot;
        Some(slot)
    }

    /// A container with this share has used `ns` nanoseconds, whatever for.
    pub fn charge(&self, turns: &mut Turns, share: u8, ns: u64) {
        let share = share.max(1);
        let passed = match u32::try_from(ns) {
            Ok(ns) if ns <= SHORT_NS => u64::from(ns * SCALE / u32::from(share)),
            _ => ns.saturating_mul(u64::from(SCALE)) / u64::from(share),
        };
        turns.virtual_time = turns.virtual_time.max(self.base).saturating_add(passed);
    }

    /// Has a container with this share used more than `ns` nanoseconds beyond what the others had that
    /// want to run?
    #[must_use]
    pub const fn is_ahead(&self, turns: Turns, share: u8, ns: u32) -> bool {
        let ahead = turns.virtual_time.saturating_sub(self.base);
        ahead.saturating_mul(share as u64) > ns as u64 * SCALE as u64
    }

    /// Nobody wants to run: from here on all of `containers` begin as equals.
    pub fn forgive(&mut self, containers: impl Iterator<Item = Turns>) {
        let furthest = containers.map(|turns| turns.virtual_time).max();
        self.base = self.base.max(furthest.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fuel that each share used when slices are given `slices` times; `uses` says what
    /// part of a slice a container uses at a given turn, in per cent (0: it does not want to run).
    fn run(shares: &[u8], slices: usize, uses: impl Fn(usize, usize) -> u32) -> Vec<u64> {
        let mut schedule = Schedule::new();
        let mut turns = vec![Turns::default(); shares.len()];
        let mut used = vec![0; shares.len()];
        for slice in 0..slices {
            let slot = schedule
                .pick(shares.len(), |slot| {
                    (uses(slot, slice) > 0).then(|| turns[slot])
                })
                .unwrap();
            let fuel = u64::from(slice_fuel(shares[slot]) * uses(slot, slice) / 100);
            used[slot] += fuel;
            schedule.charge(&mut turns[slot], shares[slot], fuel);
        }
        used
    }

    /// Is each within `per_cent` of its share?
    fn assert_fair(shares: &[u8], used: &[u64], per_cent: u64) {
        let all: u64 = used.iter().sum();
        let shares_all: u64 = shares.iter().map(|share| u64::from(*share)).sum();
        for (share, used) in shares.iter().zip(used) {
            let due = all * u64::from(*share) / shares_all;
            assert!(
                used.abs_diff(due) * 100 <= due * per_cent,
                "share {share}: {used} instead of {due} of {all}"
            );
        }
    }

    /// Eight shares from 10 to 100, any at all.
    fn eight_shares(seed: u32) -> [u8; 8] {
        let mut number = seed;
        core::array::from_fn(|_| {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            10 + (number >> 16) as u8 % 91
        })
    }

    #[test]
    fn eight_shares_hold_within_five_per_cent_over_a_hundred_slices_each() {
        for seed in 0..500 {
            let shares = eight_shares(seed);
            assert_fair(&shares, &run(&shares, 800, |_, _| 100), 1);
        }
    }

    #[test]
    fn at_any_moment_nobody_is_further_than_one_slice_from_its_share() {
        for seed in 0..50 {
            let shares = eight_shares(seed);
            let shares_all: u64 = shares.iter().map(|share| u64::from(*share)).sum();
            for slices in 1..200 {
                let used = run(&shares, slices, |_, _| 100);
                let all: u64 = used.iter().sum();
                for (share, used) in shares.iter().zip(used) {
                    let due = all * u64::from(*share) / shares_all;
                    assert!(used.abs_diff(due) <= u64::from(slice_fuel(*share)));
                }
            }
        }
    }

    #[test]
    fn the_smallest_share_holds_in_the_long_run() {
        let shares = [1, 100, 3, 50];
        assert_fair(&shares, &run(&shares, 5_000, |_, _| 100), 2);
    }

    #[test]
    fn who_uses_parts_of_slices_loses_nothing_and_who_overruns_pays() {
        let shares = [50, 50, 25, 25];
        let uses = |slot: usize, slice: usize| match slot {
            0 => 10,
            1 => 100,
            2 => 1 + (slice as u32 * 37) % 100,
            _ => 350,
        };
        assert_fair(&shares, &run(&shares, 2_000, uses), 2);
    }

    #[test]
    fn waiting_saves_nothing_up() {
        let shares = [50, 50];
        // The first does not want to run for long; afterwards they are equals.
        let late = |slot: usize, slice: usize| u32::from(slot == 1 || slice >= 1_000) * 100;
        let mut used = run(&shares, 1_000, late);
        assert_eq!(used[0], 0);
        let after = run(&shares, 1_100, late);
        for (after, before) in after.iter().zip(&mut used) {
            *before = after - *before;
        }
        assert_fair(&shares, &used, 2);
    }

    #[test]
    fn a_debt_is_carried_over_until_it_is_paid_or_nobody_else_wants_to_run() {
        let mut schedule = Schedule::new();
        let mut turns = [Turns::default(); 2];
        let both = |turns: [Turns; 2]| move |slot: usize| turns.get(slot).copied();
        assert_eq!(schedule.pick(2, both(turns)), Some(1));
        // Hours in one piece.
        schedule.charge(&mut turns[1], 50, 7_200_000_000_000);
        let mut others = 0u64;
        while schedule.pick(2, both(turns)) == Some(0) {
            assert!(schedule.is_ahead(turns[1], 50, 1_000_000));
            schedule.charge(&mut turns[0], 50, 1_000_000_000);
            others += 1_000_000_000;
        }
        assert_eq!(others, 7_200_000_000_000);
        assert!(!schedule.is_ahead(turns[1], 50, 1_000_000));
        schedule.charge(&mut turns[1], 50, 5_000_000);
        assert!(schedule.is_ahead(turns[1], 50, 4_999_999));
        assert!(!schedule.is_ahead(turns[1], 50, 5_000_000));
        schedule.forgive(turns.into_iter());
        assert!(!schedule.is_ahead(turns[1], 50, 0));
    }

    #[test]
    fn whoever_wants_to_run_gets_its_turn() {
        // Nobody is passed over for longer than the others need for one slice of its
        // virtual time.
        let shares = [1, 100, 100, 100];
        let mut schedule = Schedule::new();
        let mut turns = [Turns::default(); 4];
        let mut since = [0; 4];
        for _ in 0..10_000 {
            let slot = schedule.pick(4, |slot| Some(turns[slot])).unwrap();
            let fuel = u64::from(slice_fuel(shares[slot]));
            schedule.charge(&mut turns[slot], shares[slot], fuel);
            for (other, since) in since.iter_mut().enumerate() {
                *since = if other == slot { 0 } else { *since + 1 };
                assert!(*since <= 40, "slot {other} waits");
            }
        }
    }

    #[test]
    fn shares_of_what_computes_hold_whatever_changing_containers_takes() {
        // Time of a turn is its fuel and what is around it, as fuel.
        for around in [420, 600, 870] {
            let shares = [10, 20, 30, 40, 50, 60, 80, 100];
            let mut schedule = Schedule::new();
            let (mut turns, mut used) = ([Turns::default(); 8], [0u64; 8]);
            for _ in 0..10_000 {
                let slot = schedule.pick(8, |slot| Some(turns[slot])).unwrap();
                let fuel = slice_fuel(shares[slot]);
                used[slot] += u64::from(fuel);
                let ns = u64::from((fuel + around) * rate(fuel, around));
                schedule.charge(&mut turns[slot], shares[slot], ns);
            }
            assert_fair(&shares, &used, 1);
        }
    }

    #[test]
    fn nobody_ready_means_nobody_runs() {
        assert_eq!(Schedule::new().pick(16, |_| None), None);
    }
}
