//! When a container that ended is started again: the operator's policy, and how long to wait.
//!
//! Each restart in a row waits twice as long as the one before, so that a container
//! that fails at once costs less and less; a long run makes the next failure the first.

use berth_protocol::Restart;

/// A run of this many microseconds was a success: what follows begins a new row.
const GOOD_RUN_US: u64 = 600_000_000;

/// Shortest wait in milliseconds. Loading is not counted as fuel, so a container
/// that ends at once must not be loaded over and over.
const WAIT_MIN_MS: u64 = 100;
/// Shortest wait, as many times as long as loading took: a large module that ends at once takes
/// a tenth of the CPU from the others.
const WAIT_LOADING: u64 = 9;
/// Longest wait in milliseconds.
const WAIT_MAX_MS: u64 = 300_000;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Exit,
    /// By a fault, or it could not be started again.
    Failure,
}

/// The restarts of one container since its operator started it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    /// In a row, without a good run in between.
    pub in_row: u16,
    /// Altogether.
    pub total: u16,
    /// When the next is due, in microseconds; only while one is.
    pub due_us: u64,
    /// How long loading took, in microseconds.
    pub loading_us: u32,
}

impl Restarts {
    /// A run that took `ran_us` has ended at `now_us`. Returns whether it is to be started again;
    /// then [`due_us`](Self::due_us) says when.
    pub fn again(&mut self, policy: Restart, end: Ended, ran_us: u64, now_us: u64) -> bool {
        if ran_us >= GOOD_RUN_US {
            self.in_row = 0;
        }
        let backoff_ms = match (policy, end) {
            (Restart::No, _) | (Restart::OnFailure { .. }, Ended::Exit) => return false,
            (Restart::OnFailure { limit, .. }, Ended::Failure)
                if limit != 0 && self.in_row >= u16::from(limit) =>
            {
                return false;
            }
            (Restart::OnFailure { backoff_ms, .. }, Ended::Failure)
            | (Restart::Always { backoff_ms }, _) => backoff_ms,
        };
        // Sixteen doublings are beyond the longest wait, whatever was doubled.
        let wait_ms =
            (u64::from(backoff_ms).max(WAIT_MIN_MS) << self.in_row.min(16)).min(WAIT_MAX_MS);
        self.in_row = self.in_row.saturating_add(1);
        self.total = self.total.saturating_add(1);
        let wait_us = (wait_ms * 1000).max(u64::from(self.loading_us) * WAIT_LOADING);
        self.due_us = now_us.saturating_add(wait_us);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds waited before each restart of runs that end so, until there is none.
    fn waits(policy: Restart, end: Ended, ran_us: u64, most: usize) -> Vec<u64> {
        let mut restarts = Restarts::default();
        let now = 5_000_000;
        (0..most)
            .map_while(|_| {
                restarts
                    .again(policy, end, ran_us, now)
                    .then(|| (restarts.due_us - now) / 1000)
            })
            .collect()
    }

    #[test]
    fn without_a_policy_nothing_is_started_again() {
        assert!(waits(Restart::No, Ended::Failure, 0, 3).is_empty());
        assert!(waits(Restart::No, Ended::Exit, 0, 3).is_empty());
    }

    #[test]
    fn failures_wait_twice_as_long_each_up_to_the_limit() {
        let policy = |limit| Restart::OnFailure {
            limit,
            backoff_ms: 500,
        };
        assert_eq!(
            waits(policy(4), Ended::Failure, 0, 9),
            [500, 1000, 2000, 4000]
        );
        assert!(waits(policy(4), Ended::Exit, 0, 9).is_empty());
        let endless = waits(policy(0), Ended::Failure, 0, 70_000);
        assert_eq!(endless.len(), 70_000);
        assert_eq!(endless.last(), Some(&WAIT_MAX_MS));
        assert!(endless.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn a_good_run_makes_the_next_failure_the_first() {
        let policy = Restart::OnFailure {
            limit: 1,
            backoff_ms: 0,
        };
        assert_eq!(waits(policy, Ended::Failure, GOOD_RUN_US - 1, 9), [100]);
        assert_eq!(waits(policy, Ended::Failure, GOOD_RUN_US, 9), [100; 9]);
    }

    #[test]
    fn always_means_after_an_exit_too_and_an_exit_at_once_waits_longer_each_time() {
        let policy = Restart::Always { backoff_ms: 200 };
        for end in [Ended::Exit, Ended::Failure] {
            assert_eq!(waits(policy, end, 0, 3), [200, 400, 800]);
            assert_eq!(waits(policy, end, 0, 99).last(), Some(&WAIT_MAX_MS));
            assert_eq!(waits(policy, end, GOOD_RUN_US, 3), [200; 3]);
        }
    }

    #[test]
    fn what_takes_long_to_load_waits_longer() {
        let mut restarts = Restarts {
            loading_us: 50_000,
            ..Restarts::default()
        };
        for expected in [450, 450, 450] {
            assert!(restarts.again(Restart::Always { backoff_ms: 0 }, Ended::Exit, 0, 0));
            assert_eq!(restarts.due_us, expected * 1000);
        }
        let policy = Restart::Always { backoff_ms: 1000 };
        restarts.in_row = 0;
        assert!(restarts.again(policy, Ended::Exit, 0, 0));
        assert_eq!(restarts.due_us, 1_000_000);
    }

    #[test]
    fn restarts_are_counted_without_end() {
        let mut restarts = Restarts {
            total: u16::MAX,
            in_row: u16::MAX,
            ..Restarts::default()
        };
        let policy = Restart::Always { backoff_ms: 1 };
        assert!(restarts.again(policy, Ended::Failure, 0, u64::MAX));
        assert_eq!((restarts.total, restarts.due_us), (u16::MAX, u64::MAX));
    }
}
