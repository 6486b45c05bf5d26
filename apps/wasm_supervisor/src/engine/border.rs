//! The border between a container's code and the supervisor: what a host call costs.
//!
//! ```text
//!   container ──► link/* ──► Host          does the work
//!                   │
//!                   └─► leave: price ─► Account ─► settle: fuel, debt, the end of the slice
//! ```
//!
//! Every host call passes here when it has done its work. Its price in fuel is noted in the
//! [`Account`]; once there is enough to be worth it, or a handler waits, [`settle`] takes it from the
//! fuel of the slice. What a call costs beyond that is a debt. Fuel that is used up ends the slice
//! at the next loop, branch or call of the container; a debt of more than [`DEBT_MAX`]
//! ends it at once, in the middle of straight-line code: the result of the call is kept and handed in
//! when the container goes on.
//!
//! Prices bound how long a slice is, and whose handler is faulted. Who is charged with how much of the
//! CPU is a matter of the clock (`container::load`).

use wasmi::{AsContextMut, Error, Val};

use super::link::Calling;
use super::wasmi::Data;
use super::{Host, Stop};

/// Fuel of host calls that is noted before it is taken: some ten register accesses, so that
/// taking it costs each of them next to nothing. A slice may be so much longer.
pub const SETTLE_FUEL: i32 = 256;

/// Most fuel that a slice may owe without being ended at once: about half of a usual slice.
const DEBT_MAX: u64 = 1_000;

/// What the host calls of a container have cost since it was taken from its fuel.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// Counts down, so that the look at it is one for the sign.
    left: i32,
}

impl Account {
    /// Returns one without debts.
    #[must_use]
    pub const fn new() -> Self {
        Self { left: SETTLE_FUEL }
    }

    /// Notes that a host call costs `fuel`.
    #[inline(always)]
    pub const fn charge(&mut self, fuel: u32) {
        // Prices are a few thousand at most, and what is due is taken at every call.
        self.left = self.left.wrapping_sub(fuel as i32);
    }

    /// Is it time to take what was noted?
    #[inline(always)]
    const fn is_due(self) -> bool {
        self.left < 0
    }

    /// Returns what was noted and not taken.
    const fn owed(self) -> u32 {
        SETTLE_FUEL.wrapping_sub(self.left) as u32
    }

    /// Returns what was noted, and begins anew.
    pub(super) const fn take(&mut self) -> u32 {
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

/// Prices of host calls in fuel, some 11 instructions each. What depends on a length is added to these.
/// They were measured (`make bench` measures what comes of them: `share.error_worst`).
pub mod price {
    /// An access to a register of a mapped block, and the smallest host call at all.
    pub const CALL: u32 = 25;
    /// What an access through the kernel costs beside [`CALL`]: a system call.
    pub const MEDIATED: u32 = 40;
    /// What a second system call costs: of `modify32`, of the lights.
    pub const SYSTEM_CALL: u32 = 30;
    /// Reading the clock.
    pub const CLOCK: u32 = 60;
    /// A call that suspends: the way out of the engine and back.
    pub const SUSPEND: u32 = 150;
    /// A log line and each of its bytes. Cleaning, keeping and printing it is work that the
    /// container would otherwise have done at the cost of the others.
    pub const LOG: u32 = 500;
    /// See [`LOG`].
    pub const LOG_BYTE: u32 = 8;
    /// Sending a message: finding the receiver and copying at most 64 bytes.
    pub const SEND: u32 = 200;
    /// Saving or loading state.
    pub const STATE: u32 = 150;
    /// Each byte of saved or loaded state.
    pub const STATE_BYTE: u32 = 1;
    /// Registering an interrupt: system calls and lists.
    pub const REGISTER: u32 = 400;
    /// Each captured register of a registration.
    pub const CAPTURE: u32 = 20;
    /// The end of a registration.
    pub const UNREGISTER: u32 = 300;
    /// A function of another system, through its wrapper for all types.
    pub const FOREIGN: u32 = 150;
}

/// What the store keeps for the border.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    /// Fuel that host calls cost beyond what was left.
    debt: u64,
    /// Fuel that was taken away, unused, to end a slice for a handler.
    unused: u64,
    /// What runs has a budget (a handler, `_pause`, the start function) and not a slice.
    pub(super) aside: bool,
    /// It was ended because that budget was used up.
    over: bool,
    /// The slice was ended in a host call, which has returned this.
    cut: Option<Returned>,
}

impl State {
    /// Returns the fuel that was used beyond what is missing from the store, and begins anew.
    pub(super) fn take_fuel(&mut self) -> i64 {
        // Neither comes near 2^63: fuel is given in less.
        let beyond = self.debt as i64 - self.unused as i64;
        (self.debt, self.unused) = (0, 0);
        beyond
    }

    /// Tells once whether the budget was used up in a host call.
    pub(super) fn take_over(&mut self) -> bool {
        core::mem::take(&mut self.over)
    }

    /// Was the slice ended in a host call that has returned?
    pub(super) const fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Returns what that call has returned, once.
    pub(super) fn take_returned(&mut self) -> Option<Returned> {
        self.cut.take()
    }
}

/// What a host call returns to its container.
#[derive(Clone, Copy, Debug)]
pub(super) enum Returned {
    Nothing,
    Word(u32),
    Long(u64),
}

impl Returned {
    /// Returns it as the engine takes it.
    pub(super) const fn value(self) -> Option<Val> {
        match self {
            Self::Nothing => None,
            Self::Word(word) => Some(Val::I32(word as i32)),
            Self::Long(long) => Some(Val::I64(long as i64)),
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

/// Ends a host call that has done its work, which costs `fuel`.
#[inline(always)]
pub(super) fn leave<H: Host + 'static, R: Copy + Into<Returned>>(
    from: &mut Calling<'_, H>,
    fuel: u32,
    result: Result<R, Stop>,
) -> Result<R, Error> {
    let host = &mut from.data_mut().host;
    host.account().charge(fuel);
    let value = result?;
    if host.account().is_due() || host.interrupted() {
        settle(from, value.into())?;
    }
    Ok(value)
}

/// Ends a host call that ends or suspends its container, which costs `fuel`.
pub(super) fn leave_for_good<H: Host + 'static>(
    from: &mut Calling<'_, H>,
    fuel: u32,
    stop: Stop,
) -> Error {
    from.data_mut().host.account().charge(fuel);
    stop.into()
}

/// Begins a host call that costs `fuel`, which is much: what has a budget does not begin what is beyond it.
pub(super) fn enter<H: Host + 'static>(from: &mut Calling<'_, H>, fuel: u32) -> Result<(), Stop> {
    // Fails only where fuel is off.
    let left = from.get_fuel().unwrap_or(0);
    let data = from.data_mut();
    let needed = data.host.account().owed().saturating_add(fuel);
    if data.border.aside && u64::from(needed) > left {
        data.border.over = true;
        return Err(Stop);
    }
    Ok(())
}

/// Takes what host calls have cost from the fuel that is left. An error ends the slice or, of what has a
/// budget, all of it.
#[cold]
#[inline(never)]
fn settle<H: Host + 'static>(from: &mut Calling<'_, H>, returned: Returned) -> Result<(), Stop> {
    // Fails only where fuel is off.
    let left = from.get_fuel().unwrap_or(0);
    let Data { host, border, .. } = from.data_mut();
    let owed = u64::from(host.account().take());
    let rest = left.saturating_sub(owed);
    border.debt += owed.saturating_sub(left);
    if border.aside {
        border.over = border.debt > 0;
        set_fuel(from, rest);
        return if from.data().border.over {
            Err(Stop)
        } else {
            Ok(())
        };
    }
    // One that waits ends the slice at the next loop, branch or call, or else here.
    let waits = host.interrupted();
    if border.debt > DEBT_MAX || (waits && left == 0) {
        border.cut = Some(returned);
        set_fuel(from, 0);
        return Err(Stop);
    }
    if waits {
        border.unused += rest;
        set_fuel(from, 0);
    } else {
        set_fuel(from, rest);
    }
    Ok(())
}

fn set_fuel<H: 'static>(from: &mut Calling<'_, H>, fuel: u64) {
    // Fails only where fuel is off.
    let _ = from.as_context_mut().set_fuel(fuel);
}
