//! What handlers are registered for interrupts, and what the kernel knows of that.
//!
//! Registrations belong to runs. A staged run may want the very interrupt that the run has which it is to
//! replace; the kernel takes one registration of each, so that one changes hands when the run is
//! committed ([`Handlers::take_over`]).

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use berth_protocol::Fault;

use super::conveyors::Conveyors;
use super::run_id::{RUNS_MAX, RunId};
use crate::engine::Handler;
use crate::errno::{ALREADY, INVALID, NO_MEMORY, SIZE};
use crate::interrupts::{CAPTURES_MAX, Capture};
use crate::platform::Platform;

/// Bytes of a capture in a guest's list: offset u16, width in bytes u8, where it goes u8, target u32, which is 0 where it does not go
/// into memory.
const CAPTURE_BYTES: usize = 8;

/// Bytes that a captured register takes in linear memory.
const VALUE_BYTES: usize = 4;

/// One interrupt with its handler.
pub(super) struct Registration {
    /// The run that made it, and its container's slot.
    pub(super) run: RunId,
    pub(super) slot: usize,
    /// Block of the interrupt by its number in the container, and by its handle in the kernel.
    pub(super) block: u8,
    pub(super) handle: u16,
    /// Number of the interrupt in its block.
    pub(super) number: u16,
    /// Lower runs first.
    pub(super) priority: u8,
    /// Its bit among the kernel's interrupts. 0: the kernel does not have it, because another run of
    /// the same container has it there.
    pub(super) bit: u32,
    /// Where the kernel's record of it lies.
    pub(super) record: u32,
    pub(super) function: Handler,
    /// What is captured and where it goes, in the order of the record.
    pub(super) captures: Vec<Captured>,
    /// When its line is to be asked for; 0: it need not.
    pub(super) retry_us: u64,
    /// Most fuel and microseconds that one call of the handler took.
    pub(super) longest_fuel: u32,
    pub(super) longest_us: u32,
    /// How many of its last runs took too long, in a row.
    pub(super) slow: u8,
}

/// A register that is captured, and its place in linear memory.
#[derive(Clone, Copy)]
pub(super) struct Captured {
    register: Capture,
    target: Target,
}

/// Where the value of a captured register goes.
#[derive(Clone, Copy)]
enum Target {
    /// To this address.
    Memory(u32),
    /// To where the handler looks for the register: the first read of it in the handler gets the value, or its conveyor has it.
    Register,
}

/// What the fourth byte of a capture says.
const TO_MEMORY: u8 = 0;
const TO_REGISTER: u8 = 1;

/// The one that runs next.
#[derive(Clone, Copy)]
pub(super) struct Next {
    pub(super) run: RunId,
    pub(super) slot: usize,
    pub(super) bit: u32,
    pub(super) record: u32,
    pub(super) function: Handler,
    pub(super) source: u32,
    /// Whether values of registers are to be found at these.
    pub(super) at_registers: bool,
}

impl Next {
    /// Its run, its block and the number of the interrupt there.
    pub(super) const fn place(&self) -> (RunId, u8, u16) {
        // Both are bytes.
        (
            self.run,
            (self.source >> 8) as u8,
            (self.source & 0xff) as u16,
        )
    }
}

impl Registration {
    /// Is the value of any register to be found there?
    pub(super) fn is_at_registers(&self) -> bool {
        let mut captures = self.captures.iter();
        captures.any(|captured| matches!(captured.target, Target::Register))
    }

    /// Those registers whose values are to be found there, with their places in the record.
    fn at_registers(&self) -> impl Iterator<Item = (usize, Capture)> + Clone {
        let all = self.captures.iter().enumerate();
        all.filter_map(|(place, captured)| match captured.target {
            Target::Register => Some((place, captured.register)),
            Target::Memory(_) => None,
        })
    }

    /// What its handler is told.
    pub(super) const fn source(&self) -> u32 {
        (self.block as u32) << 8 | self.number as u32
    }

    /// Are both about the same interrupt?
    const fn is_same(&self, other: &Self) -> bool {
        self.handle == other.handle && self.number == other.number
    }
}

/// Returns the entry at `place`, if it is of the run `new`, and beside it that of `old` for the same
/// interrupt, if there is one.
fn pair(
    list: &mut [Registration],
    place: usize,
    new: RunId,
    old: RunId,
) -> Option<(&mut Registration, &mut Registration)> {
    let entry = list.get(place).filter(|entry| entry.run == new)?;
    let other = list
        .iter()
        .position(|other| other.run == old && other.is_same(entry))?;
    let [entry, other] = list.get_disjoint_mut([place, other]).ok()?;
    Some((entry, other))
}

/// All registrations. They are outside the containers' arenas.
pub struct Handlers {
    pub(super) list: RefCell<Vec<Registration>>,
    /// Looked at for every slice.
    pub(super) any: Cell<bool>,
    /// For each run: interrupts taken and dropped for registrations of it that have ended.
    ended: [Cell<(u32, u32)>; RUNS_MAX],
}

impl Handlers {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            list: RefCell::new(Vec::new()),
            any: Cell::new(false),
            ended: [const { Cell::new((0, 0)) }; RUNS_MAX],
        }
    }

    /// A run begins that has this id.
    pub(super) fn begin(&self, run: RunId) {
        if let Some(ended) = self.ended.get(run.index()) {
            ended.set((0, 0));
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

impl Handlers {
    /// Register an interrupt for a run of the container in `slot`. 0 or a negated error code of Tock.
    ///
    /// What another run of the container has registered already, the one that this one is to replace,
    /// stays as it is in the kernel until [`take_over`](Self::take_over).
    ///
    /// # Errors
    ///
    /// A target is not inside the memory.
    pub(super) fn register<P: Platform>(
        &self,
        platform: &P,
        run: RunId,
        slot: usize,
        wanted: &Wanted<'_>,
    ) -> Result<i32, Fault> {
        let mut captures = Vec::new();
        let count = wanted.captures.len() / CAPTURE_BYTES;
        if count > CAPTURES_MAX {
            return Ok(errno(SIZE));
        }
        if captures.try_reserve_exact(count).is_err() {
            return Ok(errno(NO_MEMORY));
        }
        let listed = wanted.captures.as_chunks::<CAPTURE_BYTES>().0;
        for [a, b, c, d, target @ ..] in listed {
            let Some(register) = Capture::decode([*a, *b, *c, 0]) else {
                return Ok(errno(INVALID));
            };
            let target = match (*d, u32::from_le_bytes(*target)) {
                (TO_MEMORY, target) => {
                    let end = (target as usize).checked_add(VALUE_BYTES);
                    if end.is_none_or(|end| end > wanted.memory) {
                        return Err(Fault::BadPointer);
                    }
                    Target::Memory(target)
                }
                (TO_REGISTER, 0) => Target::Register,
                _ => return Ok(errno(INVALID)),
            };
            captures.push(Captured { register, target });
        }
        let [priority, number, 0, 0] = wanted.how.to_le_bytes() else {
            return Ok(errno(INVALID));
        };
        let mut list = self.list.borrow_mut();
        if list.try_reserve(1).is_err() {
            return Ok(errno(NO_MEMORY));
        }
        let mut entry = Registration {
            run,
            slot,
            block: wanted.block,
            handle: wanted.handle,
            number: u16::from(number),
            priority,
            bit: 0,
            record: 0,
            function: wanted.function,
            captures,
            retry_us: 0,
            longest_fuel: 0,
            longest_us: 0,
            slow: 0,
        };
        let mut same = list.iter().filter(|other| other.is_same(&entry));
        if same.clone().any(|other| other.run == run) {
            return Ok(errno(ALREADY));
        }
        if same.next().is_none()
            && let Err(code) = put_in_kernel(platform, &mut entry)
        {
            return Ok(errno(code));
        }
        list.push(entry);
        self.any.set(true);
        Ok(0)
    }

    /// The kernel does not record this interrupt any more; how many it took for it, and dropped, is
    /// added to its run's.
    fn take_from_kernel<P: Platform>(&self, platform: &P, entry: &mut Registration) {
        if entry.bit == 0 {
            return;
        }
        platform.unregister(entry.handle, entry.number, entry.bit);
        entry.bit = 0;
        if let Some(ended) = self.ended.get(entry.run.index()) {
            let counters = platform.counters(entry.handle, entry.number);
            let (taken, dropped) = ended.get();
            ended.set((
                taken.wrapping_add(counters.taken),
                dropped.wrapping_add(counters.dropped),
            ));
        }
    }

    /// A run takes over from `old` the interrupts that both have registered.
    ///
    /// # Errors
    ///
    /// The kernel's code, if it refuses one. Then it has those of `old` as before.
    pub(super) fn take_over<P: Platform>(
        &self,
        platform: &P,
        run: RunId,
        old: RunId,
    ) -> Result<(), u8> {
        let mut list = self.list.borrow_mut();
        for place in 0..list.len() {
            let Some((entry, other)) = pair(&mut list, place, run, old) else {
                continue;
            };
            self.take_from_kernel(platform, other);
            if let Err(code) = put_in_kernel(platform, entry) {
                for place in 0..list.len() {
                    if let Some((entry, other)) = pair(&mut list, place, run, old)
                        && other.bit == 0
                    {
                        self.take_from_kernel(platform, entry);
                        // The kernel has had just this before.
                        let _ = put_in_kernel(platform, other);
                    }
                }
                return Err(code);
            }
        }
        Ok(())
    }

    /// End the registrations of a run, of one `block` or of all. Returns whether there were any.
    pub(super) fn unregister<P: Platform>(
        &self,
        platform: &P,
        run: RunId,
        block: Option<u8>,
    ) -> bool {
        if !self.any.get() {
            return false;
        }
        let mut list = self.list.borrow_mut();
        let before = list.len();
        list.retain_mut(|entry| {
            let ends = entry.run == run && block.is_none_or(|block| block == entry.block);
            if ends {
                self.take_from_kernel(platform, entry);
            }
            !ends
        });
        self.any.set(!list.is_empty());
        // One on the line of what ended may have waited for it alone.
        let now = platform.now_us().max(1);
        for entry in list.iter_mut() {
            if entry.bit != 0 && entry.retry_us == 0 {
                entry.retry_us = now;
            }
        }
        list.len() < before
    }

    /// Returns how many interrupts were taken and dropped for a run since it began.
    pub(super) fn interrupts<P: Platform>(&self, platform: &P, run: RunId) -> (u32, u32) {
        let list = self.list.borrow();
        let ended = self.ended.get(run.index()).map_or((0, 0), Cell::get);
        list.iter()
            .filter(|entry| entry.run == run && entry.bit != 0)
            .map(|entry| platform.counters(entry.handle, entry.number))
            .fold(ended, |sum, counters| {
                (sum.0 + counters.taken, sum.1 + counters.dropped)
            })
    }

    /// Copy the captured registers of an interrupt to where its handler looks for them.
    pub(super) fn deliver<P: Platform>(
        &self,
        platform: &P,
        conveyors: &Conveyors,
        next: Next,
        memory: &mut [u8],
    ) {
        let list = self.list.borrow();
        let Some(entry) = list.iter().find(|entry| entry.bit == next.bit) else {
            return;
        };
        for (place, captured) in entry.captures.iter().enumerate() {
            if let Target::Memory(start) = captured.target {
                let start = start as usize;
                // Memory does not shrink, so a target stays inside.
                if let Some(value) = memory.get_mut(start..start + VALUE_BYTES) {
                    let word = platform.value(next.record, place);
                    value.copy_from_slice(&word.to_le_bytes());
                }
            }
        }
        if !next.at_registers {
            return;
        }
        for (place, register) in entry.at_registers() {
            let before = entry.at_registers().take_while(|(other, _)| *other < place);
            let number = before.filter(|(_, other)| *other == register).count();
            let value = platform.value(next.record, place);
            conveyors.put(entry.run, entry.block, register, number, value, memory);
        }
    }

    /// Was this register captured for the interrupt of this bit, to be found there?
    pub(super) fn is_captured(&self, bit: u32, register: Capture) -> bool {
        let list = self.list.borrow();
        let mut entries = list.iter();
        let entry = entries.find(|entry| entry.bit == bit);
        entry.is_some_and(|entry| entry.at_registers().any(|(_, other)| other == register))
    }

    /// The next value of a register that was captured for the interrupt of this bit, to be found there; it is not among those that are
    /// `taken`, and is from now on. Returns it, and whether it was the last of all. `None`: there is none any more.
    pub(super) fn captured<P: Platform>(
        &self,
        platform: &P,
        bit: u32,
        register: Capture,
        taken: &mut u16,
    ) -> Option<(u32, bool)> {
        let list = self.list.borrow();
        let entry = list.iter().find(|entry| entry.bit == bit)?;
        // A record has at most 16.
        let mut left = entry
            .at_registers()
            .filter(|(place, _)| *taken >> place & 1 == 0);
        let is_only = left.clone().nth(1).is_none();
        let (place, _) = left.find(|(_, other)| *other == register)?;
        *taken |= 1 << place;
        Some((platform.value(entry.record, place), is_only))
    }
}

/// The kernel records this interrupt from now on.
fn put_in_kernel<P: Platform>(platform: &P, entry: &mut Registration) -> Result<(), u8> {
    let mut captures = [Capture::default(); CAPTURES_MAX];
    for (place, captured) in captures.iter_mut().zip(&entry.captures) {
        *place = captured.register;
    }
    let captures = captures.get(..entry.captures.len()).unwrap_or_default();
    let told = platform.register(entry.handle, entry.number, entry.priority, captures)?;
    entry.bit = told.bit();
    entry.record = told.record;
    entry.retry_us = match told.opens_us {
        0 => 0,
        wait => platform.now_us() + u64::from(wait),
    };
    Ok(())
}

const fn errno(code: u8) -> i32 {
    -(code as i32)
}
