//! Interrupt handlers: what is registered, and whose handler runs next.
//!
//! ```text
//!   guest: irq:<label>.register ──► Registration ──► kernel records the interrupt
//!   kernel: record ──► run_handlers: captured values to their targets in linear memory,
//!                      one call beside main, acknowledgement ──► the line opens
//! ```
//!
//! Handlers run before any main code, the most urgent first, each once a round and all of a round no longer than
//! [`ROUND_US`]; between two rounds requests are answered and one main gets a slice, so a storm keeps nobody
//! out. Their time is their container's: one that is further than [`AHEAD_NS`] ahead of others that want to run has
//! to wait for them, with its handlers, too.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use berth_protocol::{Entry, Fault, Source, State};

use super::host::Shared;
use super::table::Containers;
use super::{Container, Pending};
use crate::engine::{Engine, Handler, Step};
use crate::interrupts::{CAPTURES_MAX, Capture};
use crate::platform::Platform;

/// Fuel of one run of a handler: some 25,000 instructions.
pub const HANDLER_FUEL: u64 = 5_000;

/// Longest time of one run of a handler, in microseconds. Fuel is much shorter (a few milliseconds on a slow
/// processor); this is for what fuel does not count right. A process of the firmware may have had the CPU
/// meanwhile, so a handler is ended when it was so slow [`SLOW_RUNS`] times in a row.
pub const HANDLER_US: u64 = 100_000;
/// See [`HANDLER_US`].
const SLOW_RUNS: u8 = 2;

/// After so many microseconds of handlers requests are answered and one main has its turn.
pub const ROUND_US: u64 = 10_000;

/// How far ahead of the others a container may be and still have its handlers run before them.
pub const AHEAD_NS: u32 = 10_000_000;

/// Longest slice of main code in fuel while a handler is registered: how long an
/// interrupt waits for code that calls no host function.
pub const SLICE_MAX: u64 = 1_500;

/// Bytes of a capture in a guest's list: offset u16, width in bytes u8, zero, target u32.
const CAPTURE_BYTES: usize = 8;

/// Bytes that a captured register takes in linear memory.
const VALUE_BYTES: usize = 4;

/// Tock's code for an argument that cannot be.
const INVALID: u8 = 6;
/// Tock's code for too many.
const SIZE: u8 = 7;
/// Tock's code for no memory.
const NO_MEMORY: u8 = 9;

/// One interrupt with its handler.
struct Registration {
    slot: usize,
    block: u8,
    handle: u16,
    number: u16,
    priority: u8,
    bit: u32,
    record: u32,
    function: Handler,
    /// Where captured registers go, in the order of the record.
    targets: Vec<u32>,
    /// When it is to be acknowledged again; 0: it need not.
    retry_us: u64,
    longest_fuel: u32,
    longest_us: u32,
    /// Its last runs that took too long, in a row.
    slow: u8,
}

/// The one that runs next.
#[derive(Clone, Copy)]
struct Next {
    slot: usize,
    bit: u32,
    record: u32,
    function: Handler,
    source: u32,
}

impl Registration {
    /// What its handler is told.
    const fn source(&self) -> u32 {
        (self.block as u32) << 8 | self.number as u32
    }
}

/// All registrations. They are outside the containers' arenas.
pub struct Handlers {
    list: RefCell<Vec<Registration>>,
    /// Looked at for every slice.
    any: Cell<bool>,
}

impl Handlers {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            list: RefCell::new(Vec::new()),
            any: Cell::new(false),
        }
    }

    /// At most `fuel`, and less if an interrupt might wait for the end of the slice.
    #[must_use]
    pub fn slice(&self, fuel: u64) -> u64 {
        if self.any.get() {
            fuel.min(SLICE_MAX)
        } else {
            fuel
        }
    }
}

impl Default for Handlers {
    fn default() -> Self {
        Self::new()
    }
}

/// What a guest asks to be registered.
pub struct Wanted<'a> {
    /// Block of the interrupt by its number in the container.
    pub block: u8,
    /// Its handle.
    pub handle: u16,
    /// Number of the interrupt in bits 8 to 15, priority below.
    pub how: u32,
    /// The handler.
    pub function: Handler,
    /// List of captures.
    pub captures: &'a [u8],
    /// Length of the linear memory.
    pub memory: usize,
}

impl<P: Platform> Shared<P> {
    /// Register an interrupt of the container in `slot`. 0 or a negated error code of Tock.
    ///
    /// # Errors
    ///
    /// A target is not inside the memory.
    pub(super) fn register(&self, slot: usize, wanted: &Wanted<'_>) -> Result<i32, Fault> {
        let mut captures = [Capture::default(); CAPTURES_MAX];
        let mut targets = Vec::new();
        let count = wanted.captures.len() / CAPTURE_BYTES;
        let Some(captures) = captures.get_mut(..count) else {
            return Ok(errno(SIZE));
        };
        if targets.try_reserve_exact(count).is_err() {
            return Ok(errno(NO_MEMORY));
        }
        let listed = wanted.captures.as_chunks::<CAPTURE_BYTES>().0;
        for (place, [a, b, c, d, target @ ..]) in captures.iter_mut().zip(listed) {
            let Some(capture) = Capture::decode([*a, *b, *c, *d]) else {
                return Ok(errno(INVALID));
            };
            *place = capture;
            let target = u32::from_le_bytes(*target);
            let end = (target as usize).checked_add(VALUE_BYTES);
            if end.is_none_or(|end| end > wanted.memory) {
                return Err(Fault::BadPointer);
            }
            targets.push(target);
        }
        let [priority, number, 0, 0] = wanted.how.to_le_bytes() else {
            return Ok(errno(INVALID));
        };
        let mut list = self.handlers.list.borrow_mut();
        if list.try_reserve(1).is_err() {
            return Ok(errno(NO_MEMORY));
        }
        let number = u16::from(number);
        Ok(
            match self
                .platform
                .register(wanted.handle, number, priority, captures)
            {
                Ok(told) => {
                    let retry_us = match told.opens_us {
                        0 => 0,
                        wait => self.platform.now_us() + u64::from(wait),
                    };
                    list.push(Registration {
                        slot,
                        block: wanted.block,
                        handle: wanted.handle,
                        number,
                        priority,
                        bit: told.bit(),
                        record: told.record,
                        function: wanted.function,
                        targets,
                        retry_us,
                        longest_fuel: 0,
                        longest_us: 0,
                        slow: 0,
                    });
                    self.handlers.any.set(true);
                    0
                }
                Err(code) => errno(code),
            },
        )
    }

    /// End the registrations of the container in `slot`, of one `block` or of all; how many
    /// interrupts the kernel took for them, and dropped.
    pub(super) fn unregister(&self, slot: usize, block: Option<u8>) -> (u32, u32) {
        let mut ended = (0, 0);
        let mut list = self.handlers.list.borrow_mut();
        list.retain(|entry| {
            let ends = entry.slot == slot && block.is_none_or(|block| block == entry.block);
            if ends {
                let platform = &self.platform;
                platform.unregister(entry.handle, entry.number, entry.bit);
                let counters = platform.counters(entry.handle, entry.number);
                ended.0 += counters.taken;
                ended.1 += counters.dropped;
            }
            !ends
        });
        self.handlers.any.set(!list.is_empty());
        ended
    }

    /// Copy the captured registers of an interrupt to where its handler looks for them.
    fn deliver(&self, next: Next, memory: &mut [u8]) {
        let list = self.handlers.list.borrow();
        if let Some(entry) = list.iter().find(|entry| entry.bit == next.bit) {
            for (place, target) in entry.targets.iter().enumerate() {
                let start = *target as usize;
                // Memory does not shrink, so a target stays inside.
                if let Some(value) = memory.get_mut(start..start + VALUE_BYTES) {
                    let word = self.platform.value(next.record, place);
                    value.copy_from_slice(&word.to_le_bytes());
                }
            }
        }
    }
}

const fn errno(code: u8) -> i32 {
    -(code as i32)
}

/// A container whose handlers run at a fixed period.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Periodic {
    /// When the next period begins.
    next_us: u64,
    /// Fuel left in this one; 0: no handler begins before the next.
    left: u64,
}

impl<P: Platform + 'static> Container<P> {
    /// May its handlers run now?
    const fn takes_interrupts(&self) -> bool {
        let period_is_open = self.parameters.service.is_none() || self.periodic.left > 0;
        matches!(self.state, State::Running) && self.engine.is_some() && period_is_open
    }
}

impl<P: Platform + 'static> Containers<P> {
    /// The interrupts whose handlers may run now.
    fn deliverable(&self) -> u32 {
        let list = self.shared.handlers.list.borrow();
        let bits = list.iter().filter_map(|entry| {
            let container = self.get(entry.slot)?;
            let ahead = self
                .schedule
                .is_ahead(container.turns, container.share(), AHEAD_NS);
            (!ahead && container.takes_interrupts()).then_some(entry.bit)
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

    /// Run the handlers of interrupts that wait, each once. Whether there were any.
    pub fn run_handlers(&mut self) -> bool {
        if !self.shared.handlers.any.get() {
            return false;
        }
        self.retry();
        self.begin_periods();
        let mut done = 0;
        let mut round_ends_us = None;
        loop {
            let waiting = self.shared.platform.recorded() & self.deliverable() & !done;
            let Some(next) = self.next_of(waiting) else {
                break;
            };
            let now = self.shared.platform.now_us();
            if now >= *round_ends_us.get_or_insert(now + ROUND_US) {
                break;
            }
            done |= next.bit;
            self.begin_span(now, Some(next.slot));
            self.handle(next, now);
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
            slot: entry.slot,
            bit: entry.bit,
            record: entry.record,
            function: entry.function,
            source: entry.source(),
        })
    }

    /// Call the handler of an interrupt; it is `begin` now.
    fn handle(&mut self, next: Next, begin: u64) {
        let shared = self.shared.clone();
        let count = shared.platform.count(next.record);
        let outcome = self.step(next.slot, |engine| {
            shared.deliver(next, engine.memory());
            engine.handle(next.function, next.source, count, HANDLER_FUEL)
        });
        let entry = Entry::Handler {
            source: next.source,
        };
        let Some(outcome) = outcome else {
            return self.fail(next.slot, Fault::OutOfMemory, entry, None);
        };
        if let Some(container) = self.get_mut(next.slot) {
            let left = &mut container.periodic.left;
            *left = left.saturating_sub(outcome.fuel);
        }
        let fault = match (outcome.step, outcome.pending) {
            (Step::Finished, _) if self.handled(next, begin, outcome.fuel) => {
                return;
            }
            (Step::Finished, _) => Fault::HandlerTooLong,
            (Step::Stopped, Some(Pending::Exit { code })) => return self.exit(next.slot, code),
            (Step::OutOfFuel, _) => Fault::HandlerTooLong,
            (Step::Stopped, Some(Pending::Fault(fault))) | (Step::Trapped(fault), _) => fault,
            (Step::Stopped, _) => Fault::MaySuspend,
        };
        self.fail(next.slot, fault, entry, outcome.last_call);
    }

    /// A handler has returned: its line may open. Returns whether it was quick enough to go on.
    fn handled(&mut self, next: Next, begin: u64, fuel: u64) -> bool {
        let shared = self.shared.clone();
        let wait = shared.platform.acknowledge(next.bit);
        let now = shared.platform.now_us();
        let took = now.saturating_sub(begin);
        self.begin_span(now, None);
        let mut list = self.shared.handlers.list.borrow_mut();
        // It may have unregistered itself.
        if let Some(entry) = list.iter_mut().find(|entry| entry.bit == next.bit) {
            entry.longest_fuel = entry.longest_fuel.max(fuel as u32);
            entry.longest_us = entry.longest_us.max(took as u32);
            entry.retry_us = if wait == 0 { 0 } else { now + u64::from(wait) };
            entry.slow = if took > HANDLER_US { entry.slow + 1 } else { 0 };
            return entry.slow < SLOW_RUNS;
        }
        true
    }

    /// Open lines that had to stay shut because the kernel's share of time was used up.
    fn retry(&self) {
        let platform = &self.shared.platform;
        let mut list = self.shared.handlers.list.borrow_mut();
        for entry in list.iter_mut().filter(|entry| entry.retry_us != 0) {
            let now = platform.now_us();
            // An interrupt on a line that others share may have come meanwhile.
            if entry.retry_us <= now && platform.recorded() & entry.bit == 0 {
                let wait = platform.acknowledge(entry.bit);
                entry.retry_us = if wait == 0 { 0 } else { now + u64::from(wait) };
            }
        }
    }

    fn begin_periods(&mut self) {
        for container in self.slots.iter_mut().flatten() {
            let (Some(service), State::Running) = (container.parameters.service, container.state)
            else {
                continue;
            };
            let now = self.shared.platform.now_us();
            let periodic = &mut container.periodic;
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
        for (slot, container) in self.slots.iter_mut().enumerate() {
            if let Some(container) = container
                && container.periodic.left > 0
                && !list
                    .iter()
                    .any(|entry| entry.slot == slot && entry.bit & recorded != 0)
            {
                container.periodic.left = 0;
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
                let waits = entry.bit & recorded != 0 && container.state == State::Running;
                match (entry.retry_us, container.parameters.service) {
                    (0, Some(_)) if waits => Some(container.periodic.next_us),
                    (0, _) => None,
                    (retry, _) => Some(retry),
                }
            })
            .min()
    }

    /// End all registrations of the container in `slot`, and keep their counts.
    pub(super) fn end_interrupts(&mut self, slot: usize) {
        if !self.shared.handlers.any.get() {
            return;
        }
        let (taken, dropped) = self.shared.unregister(slot, None);
        if let Some(container) = self.get_mut(slot) {
            container.interrupts.0 = container.interrupts.0.wrapping_add(taken);
            container.interrupts.1 = container.interrupts.1.wrapping_add(dropped);
            container.periodic = Periodic::default();
        }
    }

    /// Interrupts taken and dropped for the container in `slot` since it was started.
    #[must_use]
    pub fn interrupts(&self, slot: usize) -> (u32, u32) {
        let list = self.shared.handlers.list.borrow();
        let ended = self.get(slot).map_or((0, 0), |c| c.interrupts);
        list.iter()
            .filter(|entry| entry.slot == slot)
            .map(|entry| self.shared.platform.counters(entry.handle, entry.number))
            .fold(ended, |sum, counters| {
                (sum.0 + counters.taken, sum.1 + counters.dropped)
            })
    }

    /// The `cursor`-th interrupt source of the container in `slot`, and whether there
    /// is another.
    #[must_use]
    pub fn source(&self, slot: usize, cursor: u16) -> Option<(Source<'_>, bool)> {
        let list = self.shared.handlers.list.borrow();
        let mut entries = list
            .iter()
            .filter(|entry| entry.slot == slot)
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
