//! The border between a container's code and the supervisor, through which every host call passes.
//!
//! ```text
//!   container ──► enter: what has a budget and cannot pay does not begin
//!                   │
//!                   body (link/*) ──► Host      does the work; more() where the work depends on an argument
//!                   │
//!                 leave: price ─► Account ─► settle: fuel, debt, the end of the slice
//! ```
//!
//! It knows no engine: whichever executes the container is a [`Caller`] here, and makes a call by [`call`](call()) with what
//! [`link`] says of the function, a [`Linked`]. So each has a [price](price::of), and ends the slice when it has to.
//! Arguments are words, as many as the longest list has; a value of 64 bits is two, the low one first.
//!
//! The price of a call is noted in the [`Account`] when it has done its work; once there is enough to be worth it,
//! or a handler waits, it is taken from the fuel of the slice. What a call costs beyond that is a debt. Fuel that is
//! used up ends the slice at the next loop, branch or call of the container; a debt of more than a part of a slice ends
//! it at once, in the middle of straight-line code: the result of the call is kept and handed in when the container goes on.
//!
//! Prices bound how long a slice is, and whose handler is faulted. Who is charged with how much of the
//! CPU is a matter of the clock (`container::load`).

use super::link;
use super::{Host, Stop};
use crate::admission::{Foreign, HostFunction};

mod account;
mod call;
pub mod price;

pub use account::{Account, SETTLE_FUEL};
pub(super) use account::{Returned, State, settle};
pub(crate) use call::part;
pub(super) use call::{Call, Caller, TABLE};

/// A price from which on a call is not begun by what has a budget and cannot pay it.
const MUCH: u32 = 100;
// What registers cost is not asked for before.
const _: () = assert!(price::CALL < MUCH);

/// Words of the longest list of arguments of a function of our own.
pub(super) const WORDS: usize = 7;

/// The arguments of a function of our own; those that it does not have are anything.
pub(super) type Words = [u32; WORDS];

/// What a host function does.
pub(super) enum Body<H> {
    /// One of our own.
    Own(fn(&mut Call<'_, H>, &Words) -> Result<Returned, Stop>),
    /// One of another system, whose arguments are of any type.
    Foreign(Foreign),
}

/// A host function as one container has it.
pub(super) struct Linked<H> {
    pub(super) body: Body<H>,
    /// What each call of it costs.
    price: u32,
    /// Number of the block that it is about, if it is about one.
    block: u8,
    /// The type of what it returns, if it returns anything.
    result: Option<u8>,
}

impl<H> Clone for Linked<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Linked<H> {}

impl<H> Clone for Body<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Body<H> {}

impl<H: Host> Linked<H> {
    /// Returns what `function` is for a container; `block` is the number of the block that it is about, if it is about one.
    pub(super) fn new(function: &HostFunction<'_>, block: u8) -> Self {
        Self {
            body: link::body(function),
            price: price::of(function),
            block,
            result: function.signature().1.first().copied(),
        }
    }

    /// Returns what its body has returned as its type says. A call that is cut hands that in later, and a container that
    /// waits for nothing takes nothing.
    const fn typed(&self, value: Returned) -> Returned {
        /// 64 bits, as in a signature.
        const LONG: u8 = 0x7e;
        match self.result {
            None => Returned::Nothing,
            Some(LONG) => Returned::Long(value.long()),
            Some(_) => Returned::Word(value.word()),
        }
    }
}

/// Makes a call of a function of our own. Returns what it returns; an error ends or suspends the container, or ends its
/// slice, as the engine's [`State`] says.
#[inline(never)]
pub(super) fn call<H: Host>(
    caller: &mut dyn Caller<H>,
    linked: &Linked<H>,
    words: &Words,
) -> Result<Returned, Stop> {
    match linked.body {
        Body::Own(body) => through(caller, linked, |call| body(call, words)),
        // Comes by the other way.
        Body::Foreign(_) => Err(Stop),
    }
}

/// Makes a call of a function of another system, with arguments as bits.
pub(super) fn call_foreign<H: Host>(
    caller: &mut dyn Caller<H>,
    linked: &Linked<H>,
    function: Foreign,
    arguments: &link::foreign::Arguments,
) -> Result<u32, Stop> {
    let body = |call: &mut Call<'_, H>| link::foreign::body(call, function, arguments);
    through(caller, linked, |call| body(call).map(Returned::Word)).map(Returned::word)
}

/// Makes a call: what goes before its body, the body, and what comes behind it.
#[inline(always)]
fn through<H: Host>(
    caller: &mut dyn Caller<H>,
    linked: &Linked<H>,
    body: impl FnOnce(&mut Call<'_, H>) -> Result<Returned, Stop>,
) -> Result<Returned, Stop> {
    if linked.price >= MUCH {
        account::afford(caller, linked.price)?;
    }
    match body(&mut Call::new(caller, linked.block)) {
        Ok(value) if pays(caller.host(), linked.price) => Ok(value),
        Ok(value) => settle(caller, linked.typed(value)).map(|()| value),
        Err(Stop) => {
            caller.host().account().charge(linked.price);
            Err(Stop)
        }
    }
}

/// Notes that a call costs `price`. Returns whether the container goes on with nothing else to be done.
#[inline(always)]
pub(super) fn pays<H: Host>(host: &mut H, price: u32) -> bool {
    let account = host.account();
    account.charge(price);
    !account.is_due() && !host.interrupted()
}
