//! Interrupt handlers: what is registered, and whose handler runs next.
//!
//! ```text
//!   guest: irq:<label>.register ──► Registration ──► kernel records the interrupt
//!   kernel: record ──► run_handlers: captured values to their targets in linear memory,
//!                      one call beside main, acknowledgement ──► the line opens
//! ```
//!
//! Handlers run before any main code, the most urgent first, each once a round, and a round is no longer than
//! [`TURN_US`](crate::platform::TURN_US); between two rounds requests are answered and one main gets a slice, so a storm
//! keeps nobody out. Their time is their container's: one that is further than [`AHEAD_NS`] ahead of others that want to
//! run has to wait for them, with its handlers, too.

use berth_protocol::{Entry, Fault, Source, State};

use super::conveyors::Wrong;
use super::outcome::{End, Outcome};
use super::pieces::undivided;
use super::record::Container;
use super::registrations::Next;
use super::run_id::RunId;
use super::shared::Shared;
use super::table::Containers;
use crate::conveyors::Direction;
use crate::engine::border::price;
use crate::engine::{Engine, Step};
use crate::platform::Platform;

/// Fuel of one run of a handler, with the usual value stack: some 75,000 instructions.
pub const HANDLER_FUEL: u64 = 5_000;

/// Longest time of one run of a handler, in microseconds. Its fuel is much shorter (a few milliseconds on a slow
/// processor); this is for what fuel does not count right. A process of the firmware may have had the CPU
/// meanwhile, so a handler is ended when it was so slow [`SLOW_RUNS`] times in a row.
pub const HANDLER_US: u64 = 100_000;
/// See [`HANDLER_US`].
const SLOW_RUNS: u8 = 2;

/// How far ahead of the others a container may be and still have its handlers run before them.
pub const AHEAD_NS: u32 = 10_000_000;

impl<P: Platform + 'static> Container<P> {
    /// May the handlers of this run of it be called now?
    fn takes_interrupts(&self, run: RunId) -> bool {
        let Some(own) = self.run.as_ref().filter(|own| own.id() == run) else {
            return false;
        };
        let period_is_open = self.parameters.service.is_none() || own.periodic.left > 0;
        matches!(self.state, State::Running) && period_is_open
    }
}

/// When to ask again for a line that opens in so many microseconds; 0: it is open.
fn retry_at(now: u64, wait: u32) -> u64 {
    if wait == 0 { 0 } else { now + u64::from(wait) }
}

/// The conveyor that is synchronised at this interrupt, if there is one, makes its moves of one direction. Returns what it costs.
fn mirror<P: Platform>(
    shared: &Shared<P>,
    next: Next,
    direction: Direction,
    memory: &mut [u8],
) -> Result<u64, Wrong> {
    let mut captured = |register| shared.handlers.is_captured(next.bit, register);
    let (calls, accesses) = shared.conveyors.at_interrupt(
        &shared.platform,
        next.place(),
        direction,
        &mut captured,
        memory,
    )?;
    Ok(price::synced(calls, accesses).into())
}

impl<P: Platform + 'static> Containers<P> {
    /// The interrupts whose handlers may run now.
    fn deliverable(&self) -> u32 {
        let list = self.shared.handlers.list.borrow();
        let bits = list.iter().filter_map(|entry| {
            let container = self.get(entry.slot)?;
            let (turns, share) = (container.turns, container.share());
            let takes = container.takes_interrupts(entry.run)
                && !self.schedule.is_ahead(turns, share, AHEAD_NS);
            takes.then_some(entry.bit)
        });
        bits.fold(0, |all, bit| all | bit)
    }

    /// Whether a handler waits is to be noticed from now on.
    pub fn watch_interrupts(&self) {
        if self.shared.handlers.any.get() {
            self.shared.platform.watch(self.deliverable());
        }
    }

    /// Interrupts may wait: what runs now is not to be cut short.
    pub fn ignore_interrupts(&self) {
        self.shared.platform.watch(0);
    }

    /// Run the handlers of interrupts that wait, each once, and give to `ended` how a container has ended in
    /// one. Returns whether there were any.
    pub(super) fn run_each(&mut self, mut ended: impl FnMut(&mut Self, usize, End)) -> bool {
        if !self.shared.handlers.any.get() {
            return false;
        }
        self.retry();
        self.begin_periods();
        let mut done = 0;
        let mut ends_us = None;
        loop {
            let waiting = self.shared.platform.recorded() & self.deliverable() & !done;
            let Some(next) = self.next_of(waiting) else {
                break;
            };
            let now = self.shared.platform.now_us();
            let ends = *ends_us.get_or_insert_with(|| self.shared.platform.turn_ends(now));
            if now >= ends && done != 0 {
                break;
            }
            done |= next.bit;
            self.begin_span(now, Some(next.slot));
            if let Some(end) = self.handle(next, now) {
                ended(self, next.slot, end);
            }
        }
        self.end_periods();
        done != 0
    }

    /// The most urgent of some interrupts.
    fn next_of(&self, waiting: u32) -> Option<Next> {
        if waiting == 0 {
            return None;
        }
        let list = self.shared.handlers.list.borrow();
        let entry = list
            .iter()
            .filter(|entry| entry.bit & waiting != 0)
            .min_by_key(|entry| (entry.priority, entry.bit))?;
        Some(Next {
            run: entry.run,
            slot: entry.slot,
            bit: entry.bit,
            record: entry.record,
            function: entry.function,
            source: entry.source(),
            at_registers: entry.is_at_registers(),
        })
    }

    /// Call the handler of an interrupt; it is `begin` now. Returns how its container has ended, if it has.
    fn handle(&mut self, next: Next, begin: u64) -> Option<End> {
        let shared = self.shared.clone();
        let platform = &shared.platform;
        let count = platform.count(next.record);
        if count == 0 {
            // Another block had raised the line.
            self.pass_over(next.bit);
            return None;
        }
        let stack_bytes = self.run_mut(next.slot).map_or(0, |run| run.stack_bytes);
        let fuel = undivided(HANDLER_FUEL, stack_bytes);
        let (_, block, _) = next.place();
        let outcome = self.step(next.slot, |engine| {
            let before = match mirror(&shared, next, Direction::In, engine.memory()) {
                Ok(before) => before,
                Err(wrong) => {
                    engine.host().conveyor_failed(block, wrong);
                    return (Step::Stopped, 0);
                }
            };
            let (handlers, conveyors) = (&shared.handlers, &shared.conveyors);
            handlers.deliver(platform, conveyors, next, engine.memory());
            if next.at_registers {
                engine.host().begin_captured(next.bit, block);
            }
            let step = engine.handle(next.function, next.source, count, fuel);
            let used = engine.fuel_used() + before;
            if next.at_registers {
                engine.host().end_captured();
            }
            if step != Step::Finished {
                return (step, used);
            }
            match mirror(&shared, next, Direction::Out, engine.memory()) {
                Ok(behind) => (step, used + behind),
                Err(wrong) => {
                    engine.host().conveyor_failed(block, wrong);
                    (Step::Stopped, used)
                }
            }
        });
        if let Some(run) = self.run_mut(next.slot) {
            let left = &mut run.periodic.left;
            *left = left.saturating_sub(outcome.fuel);
        }
        let entry = Entry::Handler {
            source: next.source,
        };
        let end = outcome.end_aside(entry, Fault::HandlerTooLong);
        if end.is_some() || self.handled(next, begin, outcome.fuel) {
            return end;
        }
        let too_long = Outcome {
            step: Step::OutOfFuel,
            ..outcome
        };
        too_long.end_aside(entry, Fault::HandlerTooLong)
    }

    /// A handler has returned: its line may open. Returns whether it was quick enough to go on.
    fn handled(&mut self, next: Next, begin: u64, fuel: u64) -> bool {
        let wait = self.shared.platform.acknowledge(next.bit);
        let now = self.shared.platform.now_us();
        let took = now.saturating_sub(begin);
        self.begin_span(now, None);
        let mut list = self.shared.handlers.list.borrow_mut();
        // It may have unregistered itself.
        if let Some(entry) = list.iter_mut().find(|entry| entry.bit == next.bit) {
            entry.longest_fuel = entry.longest_fuel.max(fuel as u32);
            entry.longest_us = entry.longest_us.max(took as u32);
            entry.retry_us = retry_at(now, wait);
            entry.slow = if took > HANDLER_US { entry.slow + 1 } else { 0 };
            return entry.slow < SLOW_RUNS;
        }
        true
    }

    /// What was recorded needs no handler: its line may open.
    fn pass_over(&mut self, bit: u32) {
        let wait = self.shared.platform.acknowledge(bit);
        let now = self.shared.platform.now_us();
        self.begin_span(now, None);
        let mut list = self.shared.handlers.list.borrow_mut();
        if let Some(entry) = list.iter_mut().find(|entry| entry.bit == bit) {
            entry.retry_us = retry_at(now, wait);
        }
    }

    /// Open lines that had to stay shut because the kernel's share of time was used up.
    fn retry(&self) {
        let platform = &self.shared.platform;
        let mut list = self.shared.handlers.list.borrow_mut();
        for entry in list.iter_mut().filter(|entry| entry.retry_us != 0) {
            let now = platform.now_us();
            if entry.retry_us <= now {
                let wait = platform.open_line(entry.bit);
                entry.retry_us = retry_at(now, wait);
            }
        }
    }

    fn begin_periods(&mut self) {
        for container in self.slots.iter_mut().flatten() {
            let (Some(service), State::Running, Some(run)) = (
                container.parameters.service,
                container.state,
                &mut container.run,
            ) else {
                continue;
            };
            let now = self.shared.platform.now_us();
            let periodic = &mut run.periodic;
            if periodic.next_us <= now {
                let period = u64::from(service.period_ms.max(1)) * 1000;
                periodic.left = u64::from(service.budget.max(1));
                // At its multiples, unless a whole one was missed.
                let next = periodic.next_us + period;
                let first = periodic.next_us == 0;
                periodic.next_us = if first || next <= now {
                    now + period
                } else {
                    next
                };
            }
        }
    }

    /// A period in which nothing waits any more is over.
    fn end_periods(&mut self) {
        let list = self.shared.handlers.list.borrow();
        let recorded = self.shared.platform.recorded();
        for container in self.slots.iter_mut().flatten() {
            if let Some(run) = &mut container.run
                && run.periodic.left > 0
                && !list
                    .iter()
                    .any(|entry| entry.run == run.id() && entry.bit & recorded != 0)
            {
                run.periodic.left = 0;
            }
        }
    }

    /// When a handler or a line has to be looked at again; `None`: when the kernel says so.
    pub(super) fn interrupt_wake(&self) -> Option<u64> {
        let list = self.shared.handlers.list.borrow();
        let recorded = self.shared.platform.recorded();
        list.iter()
            .filter_map(|entry| {
                let container = self.get(entry.slot)?;
                let run = container.run.as_ref()?;
                let waits = entry.bit & recorded != 0 && container.state == State::Running;
                match (entry.retry_us, container.parameters.service) {
                    (0, Some(_)) if waits => Some(run.periodic.next_us),
                    (0, _) => None,
                    (retry, _) => Some(retry),
                }
            })
            .min()
    }

    /// Interrupts taken and dropped for the container in `slot` since it was started.
    #[must_use]
    pub fn interrupts(&self, slot: usize) -> (u32, u32) {
        let container = self.get(slot);
        container.map_or((0, 0), Container::interrupts)
    }

    /// The `cursor`-th interrupt source of the container in `slot`, and whether there
    /// is another.
    #[must_use]
    pub fn source(&self, slot: usize, cursor: u16) -> Option<(Source<'_>, bool)> {
        let run = self.get(slot)?.run.as_ref()?.id();
        let list = self.shared.handlers.list.borrow();
        let mut entries = list
            .iter()
            .filter(|entry| entry.run == run)
            .skip(usize::from(cursor));
        let entry = entries.next()?;
        let counters = self.shared.platform.counters(entry.handle, entry.number);
        let source = Source {
            label: self.block_label(slot, entry.block).unwrap_or("?"),
            priority: entry.priority,
            taken: counters.taken,
            dropped: counters.dropped,
            merged: counters.merged,
            longest_fuel: entry.longest_fuel,
            longest_us: entry.longest_us,
        };
        Some((source, entries.next().is_some()))
    }
}
