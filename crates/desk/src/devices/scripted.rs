//! Registers that do what a model says: values, what successive reads give, what a write does, what happens when.

use crate::{Device, Width};
use std::collections::{BTreeMap, VecDeque};

/// Something that is to happen in a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deed {
    /// Offset, the bits that change, and what they become.
    pub(crate) set: Vec<(u32, u32, u32)>,
    /// The interrupts that are raised, one bit each.
    pub(crate) raise: u32,
}

/// What follows a write.
#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    /// To this register,
    pub(crate) offset: u32,
    /// if these bits
    pub(crate) mask: u32,
    /// have this value,
    pub(crate) value: u32,
    /// after so long,
    pub(crate) after_us: u64,
    /// this happens.
    pub(crate) deed: Deed,
}

/// What happens by itself.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at_us: u64,
    /// And again whenever so long has passed; 0: once.
    pub(crate) every_us: u64,
    pub(crate) deed: Deed,
}

/// All that a model says of a block's registers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// Values at the start, by offset.
    pub(crate) values: BTreeMap<u32, u32>,
    /// What successive reads give; the last for ever.
    pub(crate) reads: BTreeMap<u32, VecDeque<u32>>,
    /// Bits that a write cannot change.
    pub(crate) fixed: BTreeMap<u32, u32>,
    /// Bits that a one clears.
    pub(crate) cleared_by_ones: BTreeMap<u32, u32>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) events: Vec<Event>,
}

/// The registers.
pub(crate) struct Scripted {
    script: Script,
    /// What is to happen, by time.
    due: Vec<Event>,
    raised: u32,
    now_us: u64,
}

impl Scripted {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            due: script.events.clone(),
            script,
            raised: 0,
            now_us: 0,
        }
    }

    fn do_it(&mut self, deed: &Deed) {
        for (offset, mask, value) in &deed.set {
            let register = self.script.values.entry(*offset).or_default();
            *register = *register & !mask | value & mask;
            // What was set is what is read from now on.
            self.script.reads.remove(offset);
        }
        self.raised |= deed.raise;
    }

    /// The register that an offset lies in, and how many bits in front of it there are.
    fn place(offset: u32) -> (u32, u32) {
        (offset & !3, 8 * (offset & 3))
    }
}

impl Device for Scripted {
    fn go_on(&mut self, now_us: u64) {
        self.now_us = now_us;
        while let Some(index) = (0..self.due.len())
            .filter(|index| self.due.get(*index).is_some_and(|e| e.at_us <= now_us))
            .min_by_key(|index| self.due.get(*index).map_or(u64::MAX, |e| e.at_us))
        {
            let event = self.due.remove(index);
            self.do_it(&event.deed);
            if event.every_us > 0 {
                self.due.push(Event {
                    at_us: event.at_us + event.every_us,
                    ..event
                });
            }
        }
    }

    fn next_us(&self) -> Option<u64> {
        self.due.iter().map(|event| event.at_us).min()
    }

    fn read(&mut self, offset: u32, _: Width) -> u32 {
        let (register, shift) = Self::place(offset);
        let next = self.script.reads.get_mut(&register).and_then(|values| {
            if values.len() > 1 {
                values.pop_front()
            } else {
                values.front().copied()
            }
        });
        let value = next.or_else(|| self.script.values.get(&register).copied());
        value.unwrap_or(0) >> shift
    }

    fn write(&mut self, offset: u32, width: Width, value: u32) {
        let (register, shift) = Self::place(offset);
        let (mask, value) = (width.mask() << shift, value << shift);
        let fixed = self.script.fixed.get(&register).copied().unwrap_or(0);
        let ones = self.script.cleared_by_ones.get(&register).copied();
        let ones = ones.unwrap_or(0);
        let old = self.script.values.entry(register).or_default();
        let written = *old & !mask | value & mask;
        *old = *old & fixed | (*old & !value) & ones | written & !(fixed | ones);
        let now_us = self.now_us;
        let script = &self.script;
        let follows: Vec<Event> = script
            .reactions
            .iter()
            .filter(|r| r.offset == register && written & r.mask == r.value)
            .map(|r| Event {
                at_us: now_us + r.after_us,
                every_us: 0,
                deed: r.deed.clone(),
            })
            .collect();
        for event in follows {
            if event.at_us == now_us {
                self.do_it(&event.deed);
            } else {
                self.due.push(event);
            }
        }
    }

    fn raised(&self) -> u32 {
        self.raised
    }

    fn taken(&mut self, number: u32) {
        self.raised &= !1u32.checked_shl(number).unwrap_or(0);
    }
}
