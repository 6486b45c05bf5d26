//! Turns at looking: however many devices are due at once, a few are asked at a time, and each of them gets its answers in time.
//!
//! ```text
//!   owners whose device is due ──► Turns (so many at once) ──► a look
//!                                     ▲                         │
//!                                     └── its end, or HELD ◄────┘
//! ```
//!
//! Without turns a gateway that has begun with a thousand devices asks all of them at once, answers come later than they are
//! waited for, and what was asked in vain is asked again. A device that stalls keeps a turn for a short time only, so it delays
//! no other one.

use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Devices that are asked at once.
const AT_ONCE: usize = 32;

/// How long a device waits for its turn at most; then it goes without.
const WAIT: Duration = Duration::from_secs(10);

/// How long a turn is kept: who takes longer goes on without it.
const HELD: Duration = Duration::from_secs(1);

/// The turns that there are; all owners have the same.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    wait: Duration,
    held: Duration,
}

/// A turn that somebody has.
#[derive(Debug)]
pub(crate) struct Turn {
    of: Option<OwnedSemaphorePermit>,
    held: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new(AT_ONCE, WAIT, HELD)
    }
}

impl Turns {
    fn new(at_once: usize, wait: Duration, held: Duration) -> Self {
        Self {
            free: Arc::new(Semaphore::new(at_once)),
            wait,
            held,
        }
    }

    /// Waits for a turn.
    pub(crate) async fn wait(&self) -> Turn {
        let turn = timeout(self.wait, Arc::clone(&self.free).acquire_owned()).await;
        Turn {
            // It is never closed.
            of: turn.ok().and_then(Result::ok),
            held: self.held,
        }
    }
}

impl Turn {
    /// Does that in this turn; what takes longer is ended without it.
    pub(crate) async fn hold<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let done = timeout(self.held, &mut work).await;
        drop(self.of);
        match done {
            Ok(done) => done,
            Err(_) => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn who_stalls_keeps_nobody_from_a_turn() {
        let turns = Turns::new(2, LONG, SHORT);
        for _ in 0..6 {
            let turn = turns.wait().await;
            assert!(turn.of.is_some());
            tokio::spawn(turn.hold(pending::<()>()));
        }
    }

    #[tokio::test]
    async fn no_more_than_there_are_turns_go_at_once_and_who_waits_long_goes_without() {
        let turns = Turns::new(2, SHORT, LONG);
        let held = (turns.wait().await, turns.wait().await);
        assert!(held.0.of.is_some() && held.1.of.is_some());
        assert!(turns.wait().await.of.is_none());
        assert_eq!(held.0.hold(async { 7 }).await, 7);
        assert!(turns.wait().await.of.is_some());
    }
}
