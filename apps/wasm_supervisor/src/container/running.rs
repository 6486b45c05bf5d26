//! One slice of execution: who gets it, and what it brought.

use core::ops::ControlFlow;

use berth_protocol::{Entry, NAME_MAX, State};

use super::host::ContainerHost;
use super::name::CONTAINERS_MAX;
use super::notes::{note_length, on_behalf};
use super::outcome::{End, Outcome, Pending};
use super::pieces::{Pieces, may_go_on};
use super::record::Container;
use super::run::Main;
use super::schedule::{ALONE_SLICES, rate, slice_fuel};
use super::shared::Shared;
use super::storage::Image;
use super::table::Containers;
use crate::arena;
use crate::engine::{Engine, Executor, MailPlace, Step};
use crate::platform::{Platform, TURN_US};

/// What a turn costs at least, in fuel, where the clock does not tell: changing containers is some
/// 4,000 instructions whatever the container does with its turn.
const TURN_FUEL: u64 = 700;

/// Returns when a container wants the CPU next, which is `None` if something else has to happen
/// first.
fn wants_from<P: Platform>(shared: &Shared<P>, container: &Container<P>) -> Option<u64> {
    match (container.state, &container.run) {
        (State::Running, Some(run)) => match run.main {
            Main::Waiting { until_us } | Main::Polling { until_us } => Some(until_us),
            Main::Receiving(_) => shared.has_mail(run.id()).then_some(0),
            Main::Transfer(bus) => shared.may_go_on(run.id(), bus).then_some(0),
            Main::Fresh | Main::Cut | Main::Program | Main::Keep | Main::Returning(_) => Some(0),
        },
        (State::Restarting { .. }, _) => Some(container.restarts.due_us),
        _ => None,
    }
}

/// For so many microseconds the use of the CPU is added up before it is told.
const WINDOW_US: u64 = 1_000_000;

impl<P: Platform + 'static> Containers<P> {
    /// Give the next container that can run a slice. Returns whose it was, and how it has ended, if it has.
    pub(super) fn run_next(&mut self, now: u64) -> Option<(usize, Option<End>)> {
        let next = self.schedule.pick(CONTAINERS_MAX, |slot| {
            let container = self.slots.get(slot)?.as_ref()?;
            let ready = container.state == State::Running
                && wants_from(&self.shared, container).is_some_and(|from| from <= now);
            ready.then_some(container.turns)
        });
        let Some(slot) = next else {
            // Nobody wants the CPU: whoever is ahead of the others has harmed none of them.
            let turns = self.slots.iter().flatten().map(|container| container.turns);
            self.schedule.forgive(turns);
            return None;
        };
        self.begin_span(now, Some(slot));
        self.clock.turn_us = Some(now);
        Some((slot, self.slice(slot, now)))
    }

    /// Longest time in microseconds for which nobody could be answered: a turn and what belongs
    /// to it, or loading.
    #[must_use]
    pub const fn longest_stall_us(&self) -> u32 {
        self.clock.longest_us
    }

    /// The slot that had the last slice.
    #[must_use]
    pub const fn last_turn(&self) -> usize {
        self.schedule.last()
    }

    /// Returns when the next container that waits wants to go on or to be started again, which is `None` if
    /// none does.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        self.iter()
            .filter_map(|(_, container)| wants_from(&self.shared, container))
            .chain(self.interrupt_wake())
            .chain(self.mirroring_wake())
            .chain(self.trial.as_ref().map(|trial| trial.until_us))
            .chain((self.deferred_us != u64::MAX).then_some(self.deferred_us))
            .min()
    }

    /// A turn begins: what was before is charged, and told when its time has come.
    pub(super) fn account(&mut self, now: u64) {
        self.begin_span(now, None);
        note_length(
            &self.shared.platform,
            now.saturating_sub(self.clock.started_us),
        );
        if let Some(since) = self.clock.turn_us.take() {
            self.clock.stalled(now.saturating_sub(since));
        }
        let passed = now.saturating_sub(self.clock.window_us);
        if passed >= WINDOW_US {
            self.clock.window_us = now;
            for container in self.slots.iter_mut().flatten() {
                container.load.end_window(passed);
            }
        }
    }

    /// From `now` on time is charged to the container in slot `owner`, or to nobody; whose it was before is
    /// charged with what has passed.
    pub(super) fn begin_span(&mut self, now: u64, owner: Option<usize>) {
        let fuel = self.clock.slice_fuel.take();
        let used_up = core::mem::take(&mut self.clock.used_up);
        if let Some((slot, passed)) = self.clock.switch(now, owner)
            && let Some(Some(container)) = self.slots.get_mut(slot)
        {
            if let (Some(fuel), true) = (fuel, used_up) {
                self.clock.around.learn(fuel, passed);
            }
            let busy = u32::try_from(passed).unwrap_or(u32::MAX);
            container.load.busy_us = container.load.busy_us.saturating_add(busy);
            let share = container.share();
            // Not more than its usual slice, however long it was alone. Beside main nothing is allowed for: a handler makes
            // the turns of others shorter, and what comes with that is not in its own time.
            let around = self.clock.around.fuel();
            let rate = fuel.map_or(1_000, |fuel| rate(fuel.min(slice_fuel(share)), around));
            let ns = passed.saturating_mul(u64::from(rate));
            self.schedule.charge(&mut container.turns, share, ns);
        }
    }

    /// The kernel takes `ns` nanoseconds on behalf of the container in `slot`, whoever runs meanwhile. They are missing from turns, and
    /// are charged as those are.
    pub fn charge_line(&mut self, slot: usize, ns: u64) {
        let around = self.clock.around.fuel();
        if let Some(Some(container)) = self.slots.get_mut(slot) {
            let share = container.share();
            let ns = ns * u64::from(rate(slice_fuel(share), around)) / 1_000;
            self.schedule.charge(&mut container.turns, share, ns);
        }
    }

    /// From now on time is charged to the container in `slot`, or to nobody. Returns to whom it was before.
    pub fn charge_to(&mut self, slot: Option<usize>) -> Option<usize> {
        let before = self.clock.owner();
        self.begin_span(self.shared.platform.now_us(), slot);
        before
    }

    /// The container in `slot` has used fuel that is not a slice of its main. Its time is charged by the clock;
    /// a fuel counts as a nanosecond beside it, which it never is so little as, so that shares hold
    /// where the clock stands still.
    pub(super) fn used(&mut self, slot: usize, fuel: u64) {
        if let Some(Some(container)) = self.slots.get_mut(slot) {
            let share = container.share();
            self.schedule.charge(&mut container.turns, share, fuel);
        }
    }

    /// Run a step of the container in `slot`, which tells how it ended and its fuel, and count that. If it runs out of memory (or has
    /// no engine), its memory is lost.
    pub(super) fn step(
        &mut self,
        slot: usize,
        run: impl FnOnce(&mut Executor<ContainerHost<P>>) -> (Step, u64),
    ) -> Outcome {
        let Some(Some(container)) = self.slots.get_mut(slot) else {
            return Outcome::OUT_OF_MEMORY;
        };
        let share = container.share();
        let Some(own) = &mut container.run else {
            return Outcome::OUT_OF_MEMORY;
        };
        let Some(engine) = &mut own.engine else {
            return Outcome::OUT_OF_MEMORY;
        };
        let on_trial = container.image == Image::Candidate;
        let outcome = on_behalf(&self.shared.platform, container.tag, on_trial, || {
            engine.run(|engine| {
                let (step, fuel) = run(engine);
                Outcome {
                    step,
                    fuel,
                    pending: engine.host().take_pending(),
                    last_call: engine.host().last_call(),
                }
            })
        });
        let outcome = outcome.unwrap_or(Outcome::OUT_OF_MEMORY);
        own.fuel_used += outcome.fuel;
        self.schedule
            .charge(&mut container.turns, share, outcome.fuel);
        outcome
    }

    /// Give the container in `slot`, which runs, a slice: a long one if no other can want
    /// the CPU meanwhile, because changing containers is what costs.
    fn slice(&mut self, slot: usize, now: u64) -> Option<End> {
        // What is synchronised from time to time is so between two turns.
        let alone = !self.shared.conveyors.any_is_timed()
            && self.iter().all(|(other, container)| {
                other == slot
                    || !matches!(container.state, State::Running | State::Restarting { .. })
            });
        let share = self.get(slot)?.share();
        let slices = if alone { ALONE_SLICES } else { 1 };
        let fuel = u64::from(slice_fuel(share)) * slices;
        self.clock.slice_fuel = u32::try_from(fuel).ok();
        self.slice_of(slot, fuel, now)
    }

    /// Give the container in `slot`, which runs, `fuel`, or less if it takes too long; it is `begun` now. Returns how it
    /// has ended, if it has.
    pub(super) fn slice_of(&mut self, slot: usize, fuel: u64, begun: u64) -> Option<End> {
        let stack_bytes = self.run_mut(slot)?.stack_bytes;
        let is_short = self.shared.platform.turn_ends(begun) < begun + TURN_US;
        let watched = is_short || self.shared.handlers.any.get();
        let mut pieces = Pieces::new(fuel, stack_bytes, watched);
        self.watch_interrupts();
        let end = loop {
            let piece = match self.run_mut(slot).map(|run| run.main) {
                Some(Main::Program) => self.go_on_with(slot, &mut pieces, begun),
                Some(Main::Transfer(bus)) => self.transfer(slot, bus, &mut pieces, begun),
                Some(Main::Keep) => self.keep(slot, &mut pieces, begun),
                _ => self.main_of(slot, &mut pieces, begun),
            };
            match piece {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(end) => break end,
            }
        };
        self.ignore_interrupts();
        end
    }

    /// Let main of the container in `slot` go on from where it stands, for `pieces`. Breaks with how the container has
    /// ended, if it has, when its turn is over; continues when a register program is to follow.
    fn main_of(
        &mut self,
        slot: usize,
        pieces: &mut Pieces,
        begun: u64,
    ) -> ControlFlow<Option<End>> {
        let Some(run) = self.run_mut(slot) else {
            return ControlFlow::Break(None);
        };
        let id = run.id();
        let mut main = core::mem::replace(&mut run.main, Main::Cut);
        let shared = self.shared.clone();
        let outcome = self.step(slot, |engine| {
            let mut used = 0;
            loop {
                let fuel = pieces.next();
                let result = match main {
                    Main::Fresh | Main::Cut | Main::Waiting { .. } => None,
                    // Not main's to go on with.
                    Main::Program | Main::Transfer(_) | Main::Keep => None,
                    Main::Polling { .. } => Some(0),
                    Main::Returning(result) => Some(result as i32),
                    Main::Receiving(place) => {
                        let memory = engine.memory();
                        let length = arena::outside(|| {
                            shared.with_mail(id, |mail| {
                                mail.get(|from, message| deliver(memory, place, from, message))
                            })
                        });
                        Some(length.unwrap_or(0))
                    }
                };
                let step = match core::mem::replace(&mut main, Main::Cut) {
                    Main::Fresh => engine.call(fuel),
                    _ => engine.resume(fuel, result),
                };
                let fuel = engine.fuel_used();
                used += fuel;
                let is_left = pieces.used(fuel);
                if step != Step::OutOfFuel || !is_left || !may_go_on(&shared.platform, begun) {
                    return (step, used);
                }
            }
        });
        let used = pieces.spent().max(outcome.fuel);
        self.clock.used_up = outcome.step == Step::OutOfFuel && outcome.fuel >= pieces.all();
        let waiting = match (outcome.step, outcome.pending) {
            (Step::Finished, _) => return ControlFlow::Break(Some(End::Exit { code: 0 })),
            (Step::Stopped, Some(Pending::Yield)) => Some(Main::Waiting { until_us: 0 }),
            (Step::Stopped, Some(Pending::Sleep { until_us })) => Some(Main::Waiting { until_us }),
            (Step::Stopped, Some(Pending::Poll { until_us })) => Some(Main::Polling { until_us }),
            (Step::Stopped, Some(Pending::Receive(place))) => Some(Main::Receiving(place)),
            (Step::Stopped, Some(Pending::Program)) => {
                return self.then(slot, Main::Program, pieces);
            }
            (Step::Stopped, Some(Pending::Transfer(bus))) => {
                return self.then(slot, Main::Transfer(bus), pieces);
            }
            (Step::Stopped, Some(Pending::Keep)) => {
                return self.then(slot, Main::Keep, pieces);
            }
            _ => None,
        };
        if let Some(main) = waiting {
            self.wait(slot, used, main);
        }
        ControlFlow::Break(outcome.end(Entry::Main))
    }

    /// Main of the container in `slot` waits for what can be gone on with in the same turn, if enough of that is left.
    fn then(&mut self, slot: usize, main: Main, pieces: &Pieces) -> ControlFlow<Option<End>> {
        if let Some(run) = self.run_mut(slot) {
            run.main = main;
        }
        if pieces.is_left() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(None)
        }
    }

    /// The container in `slot` gives up the rest of its slice, of which it has used `fuel`.
    fn wait(&mut self, slot: usize, fuel: u64, main: Main) {
        if let Some(Some(container)) = self.slots.get_mut(slot)
            && let Some(run) = &mut container.run
        {
            run.main = main;
            let (share, rest) = (container.share(), TURN_FUEL.saturating_sub(fuel));
            self.schedule.charge(&mut container.turns, share, rest);
        }
    }
}

/// Copy a message and its sender's name to where the container wants them. Returns the length of
/// the message. The places were inside the memory when it asked, and memories do not shrink.
fn deliver(memory: &mut [u8], place: MailPlace, from: &[u8], message: &[u8]) -> i32 {
    copy(memory, place.pointer, place.length, message);
    if place.from != 0 {
        let mut name = [0; NAME_MAX];
        for (place, byte) in name.iter_mut().zip(from) {
            *place = *byte;
        }
        copy(memory, place.from, NAME_MAX as u32, &name);
    }
    message.len() as i32
}

/// Copy what fits of `bytes` to the `length` bytes at `pointer`.
fn copy(memory: &mut [u8], pointer: u32, length: u32, bytes: &[u8]) {
    let places = memory
        .iter_mut()
        .skip(pointer as usize)
        .take(length as usize);
    for (place, byte) in places.zip(bytes) {
        *place = *byte;
    }
}
