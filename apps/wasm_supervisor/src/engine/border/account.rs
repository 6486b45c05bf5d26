//! What host calls have cost: noted, taken from the fuel of a slice, owed.

use super::call::Caller;
use crate::engine::{Host, Stop};

/// Fuel of host calls that is noted before it is taken: some thirty register accesses, so that
/// taking it costs each of them next to nothing. A slice may be so much longer.
pub const SETTLE_FUEL: i32 = 1_000;

/// Most searches for memory before what they cost is taken; further ones are refused without one.
const SEARCHES_MAX: u32 = 20;

/// Most fuel that a slice may owe without being ended at once: about half of a usual slice.
const DEBT_MAX: u64 = 1_000;

/// What the host calls of a container have cost since it was taken from its fuel.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// Counts down, so that the look at it is one for the sign.
    left: i32,
    /// Searches for memory that are among what was noted.
    searches: u32,
}

impl Account {
    /// Returns one without debts.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            left: SETTLE_FUEL,
            searches: 0,
        }
    }

    /// Notes that a host call costs `fuel`.
    #[inline(always)]
    pub const fn charge(&mut self, fuel: u32) {
        // Prices are a few thousand at most, and what is due is taken at every call.
        self.left = self.left.wrapping_sub(fuel as i32);
    }

    /// Notes a search for memory that is not there.
    pub const fn charge_search(&mut self) {
        self.charge(super::price::SEARCH);
        self.searches += 1;
    }

    /// May there be a search for memory? What they cost is noted, and taken where a piece ends or a host call comes: code that
    /// asks for ever less, without one, could keep everybody waiting.
    #[must_use]
    pub const fn may_search(self) -> bool {
        self.searches < SEARCHES_MAX
    }

    /// Is it time to take what was noted?
    #[inline(always)]
    pub(super) const fn is_due(self) -> bool {
        self.left < 0
    }

    /// Returns what was noted and not taken.
    const fn owed(self) -> u32 {
        SETTLE_FUEL.wrapping_sub(self.left) as u32
    }

    /// Returns what was noted, and begins anew.
    pub(in crate::engine) const fn take(&mut self) -> u32 {
        let owed = self.owed();
        *self = Self::new();
        owed
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}

/// What an engine keeps for the border.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct State {
    /// Fuel that host calls cost beyond what was left.
    debt: u64,
    /// Fuel that was taken away, unused, to end a slice for a handler.
    unused: u64,
    /// What runs has a budget (a handler, `_pause`, the start function) and not a slice.
    pub(in crate::engine) aside: bool,
    /// It was ended because that budget was used up.
    over: bool,
    /// The slice was ended in a host call, which has returned this.
    cut: Option<Returned>,
}

impl State {
    /// Returns the fuel that was used beyond what is missing from what was given, and begins anew.
    pub(in crate::engine) fn take_fuel(&mut self) -> i64 {
        // Neither comes near 2^63: fuel is given in less.
        let beyond = self.debt as i64 - self.unused as i64;
        (self.debt, self.unused) = (0, 0);
        beyond
    }

    /// Tells once whether the budget was used up in a host call.
    pub(in crate::engine) fn take_over(&mut self) -> bool {
        core::mem::take(&mut self.over)
    }

    /// Was the slice ended in a host call that has returned?
    pub(in crate::engine) const fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Returns what that call has returned, once.
    pub(in crate::engine) fn take_returned(&mut self) -> Option<Returned> {
        self.cut.take()
    }
}

/// What a host call returns to its container.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) enum Returned {
    Nothing,
    Word(u32),
    Long(u64),
}

impl Returned {
    /// Returns what it has of a word.
    pub(in crate::engine) const fn word(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Word(word) => word,
            Self::Long(long) => long as u32,
        }
    }

    /// Returns it as 64 bits.
    pub(in crate::engine) const fn long(self) -> u64 {
        match self {
            Self::Long(long) => long,
            _ => self.word() as u64,
        }
    }
}

impl From<()> for Returned {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<u32> for Returned {
    fn from(word: u32) -> Self {
        Self::Word(word)
    }
}

impl From<i32> for Returned {
    fn from(word: i32) -> Self {
        Self::Word(word as u32)
    }
}

impl From<u64> for Returned {
    fn from(long: u64) -> Self {
        Self::Long(long)
    }
}

/// Begins a host call that costs `fuel`, which is much: what has a budget does not begin what is beyond it.
#[cold]
#[inline(never)]
pub(super) fn afford<H: Host>(caller: &mut dyn Caller<H>, fuel: u32) -> Result<(), Stop> {
    let left = caller.fuel();
    let needed = caller.host().account().owed().saturating_add(fuel);
    let border = caller.border();
    if border.aside && u64::from(needed) > left {
        border.over = true;
        return Err(Stop);
    }
    Ok(())
}

/// Returns how much fuel main can use in a host call before its slice is ended in it: what is left, and what it may owe.
pub(super) fn spare<H: Host>(caller: &mut dyn Caller<H>) -> u64 {
    let left = caller.fuel() + DEBT_MAX;
    let owed = u64::from(caller.host().account().owed());
    left.saturating_sub(caller.border().debt + owed)
}

/// Takes what host calls have cost from the fuel that is left. An error ends the slice or, of what has a
/// budget, all of it.
///
/// Of any caller's type: if a register access lent its caller to what knows no engine, it would have to lie in its frame.
#[cold]
#[inline(never)]
pub(in crate::engine) fn settle<H: Host, C: Caller<H> + ?Sized>(
    caller: &mut C,
    returned: Returned,
) -> Result<(), Stop> {
    let left = caller.fuel();
    let host = caller.host();
    let owed = u64::from(host.account().take());
    // One that waits ends the slice at the next loop, branch or call, or else here.
    let waits = host.interrupted();
    let rest = left.saturating_sub(owed);
    let border = caller.border();
    border.debt += owed.saturating_sub(left);
    let (ends, left) = if border.aside {
        border.over = border.debt > 0;
        (border.over, rest)
    } else if border.debt > DEBT_MAX || (waits && left == 0) {
        border.cut = Some(returned);
        (true, 0)
    } else if waits {
        border.unused += rest;
        (false, 0)
    } else {
        (false, rest)
    };
    caller.set_fuel(left);
    if ends { Err(Stop) } else { Ok(()) }
}
