//! Conveyors that are synchronised from time to time: when they are due, in their containers' time.

use berth_protocol::{Entry, State};

use super::handlers::AHEAD_NS;
use super::outcome::End;
use super::run_id::RunId;
use super::table::Containers;
use crate::conveyors::MOVES_MAX;
use crate::engine::border::price;
use crate::engine::{Engine, Step};
use crate::platform::Platform;

/// More conveyors than any board has room for: so often one is looked for in a round.
const ROUND_MAX: usize = MOVES_MAX;

impl<P: Platform + 'static> Containers<P> {
    /// Are conveyors of this run of the container in `slot` synchronised? One that is ahead of others has to wait for them.
    fn mirrors(&self, slot: usize, run: RunId) -> bool {
        self.get(slot).is_some_and(|container| {
            let own = container.run.as_ref().map(|own| own.id());
            let is_ahead = (self.schedule).is_ahead(container.turns, container.share(), AHEAD_NS);
            container.state == State::Running && own == Some(run) && !is_ahead
        })
    }

    /// Synchronise the conveyors that are due, each once, and give to `ended` how a container has ended by it. Returns whether there were
    /// any.
    pub(super) fn sync_each(&mut self, mut ended: impl FnMut(&mut Self, usize, End)) -> bool {
        if !self.shared.conveyors.any_is_timed() {
            return false;
        }
        let shared = self.shared.clone();
        let now = shared.platform.now_us();
        let mut any = false;
        for _ in 0..ROUND_MAX {
            let mut takes = |slot, run| self.mirrors(slot, run);
            let Some((slot, run, block)) = shared.conveyors.next_due(now, &mut takes) else {
                break;
            };
            any = true;
            self.begin_span(shared.platform.now_us(), Some(slot));
            let outcome = self.step(slot, |engine| {
                let memory = engine.memory();
                let come = shared
                    .conveyors
                    .sync_due(&shared.platform, run, block, memory);
                match come {
                    Ok(accesses) => (Step::Finished, price::synced(1, accesses).into()),
                    Err(wrong) => {
                        engine.host().conveyor_failed(block, wrong);
                        (Step::Stopped, price::synced(1, 0).into())
                    }
                }
            });
            if let Some(end) = outcome.end(Entry::Main) {
                ended(self, slot, end);
            }
        }
        if any {
            self.begin_span(shared.platform.now_us(), None);
        }
        any
    }

    /// When the next conveyor is to be synchronised; `None`: none is from time to time.
    pub(super) fn mirroring_wake(&self) -> Option<u64> {
        let conveyors = &self.shared.conveyors;
        if !conveyors.any_is_timed() {
            return None;
        }
        conveyors.timed(|list| {
            list.filter(|one| {
                let container = self.get(one.slot);
                container.is_some_and(|container| container.state == State::Running)
            })
            .map(|one| one.due_us)
            .min()
        })
    }
}
