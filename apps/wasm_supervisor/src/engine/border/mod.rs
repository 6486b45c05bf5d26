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
//! A host function can be made here only: [`Border`] keeps the store to itself, and [`link`](super::link::link) gives
//! an instance nothing but what a [`Border`] has made. So each has a [price](price::of), and ends the
//! slice when it has to.
//!
//! The price of a call is noted in the [`Account`] when it has done its work; once there is enough to be worth it,
//! or a handler waits, it is taken from the fuel of the slice. What a call costs beyond that is a debt. Fuel that is
//! used up ends the slice at the next loop, branch or call of the container; a debt of more than a part of a slice ends
//! it at once, in the middle of straight-line code: the result of the call is kept and handed in when the container goes on.
//!
//! Prices bound how long a slice is, and whose handler is faulted. Who is charged with how much of the
//! CPU is a matter of the clock (`container::load`).

use wasmi::{
    Caller, Error, Extern, Func, FuncType, Store, Val, WasmRet, WasmTy, errors::HostError,
};

use super::wasmi::Data;
use super::{Host, Stop};

mod account;
mod call;
pub mod price;

pub use account::{Account, SETTLE_FUEL};
pub(super) use account::{Returned, State};
pub(super) use call::Call;
pub(crate) use call::part;

use account::settle;

/// A price from which on a call is not begun by what has a budget and cannot pay it.
const MUCH: u32 = 100;

impl core::fmt::Display for Stop {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("stopped by the host")
    }
}

impl HostError for Stop {}

impl core::convert::From<Stop> for Error {
    // The only allocation of a host call; nothing of the host is borrowed when
    // it happens (arena::guard, condition 3).
    fn from(stop: Stop) -> Self {
        Error::host(stop)
    }
}

/// A function that containers can call.
pub(super) struct HostFunction(Func);

impl From<HostFunction> for Extern {
    fn from(function: HostFunction) -> Self {
        Self::Func(function.0)
    }
}

/// What a host function is made with: its place in the border.
pub(super) struct Border<'s, H: 'static> {
    store: &'s mut Store<Data<H>>,
    /// What each call of it costs.
    price: u32,
    /// Number of the block that it is about, if it is about one.
    block: u8,
}

/// Host functions by the number of their parameters. `$inline` compiles the body into its wrapper, for what drivers spend
/// their time in, which costs [`price::CALL`] and is about no block; `$shared` calls the body, with one wrapper for all
/// functions of the same type: some fifteen instructions more a call, and a kilobyte less.
macro_rules! functions {
    ($($inline:ident $shared:ident ($($argument:ident: $Type:ident),*);)*) => {$(
        /// Makes a function whose body is compiled into its wrapper. The body needs nothing but the host, and notes what the
        /// call costs beside [`price::CALL`] itself.
        #[allow(dead_code, reason = "not every number of parameters is needed in both ways")]
        #[inline(always)]
        pub(super) fn $inline<$($Type: WasmTy,)* R, F>(self, body: F) -> HostFunction
        where
            R: Copy + Into<Returned> + FromWord,
            Result<R, Error>: WasmRet,
            F: Fn(&mut H, $($Type),*) -> Result<R, Stop> + Send + Sync + 'static,
        {
            const { assert!(price::CALL < MUCH, "what has a budget must be asked first") }
            debug_assert_eq!(self.price, price::CALL, "its price is known here");
            HostFunction(Func::wrap(
                self.store,
                move |mut caller: Caller<'_, Data<H>>, $($argument: $Type),*| -> Result<R, Error> {
                    // Found once: what a register access writes might be anything to the compiler.
                    let host = &mut caller.data_mut().host;
                    match body(host, $($argument),*) {
                        Ok(value) if pays(host, price::CALL) => Ok(value),
                        Ok(value) => settled(&mut caller, value),
                        Err(Stop) => refused(&mut caller, price::CALL),
                    }
                },
            ))
        }

        /// Makes a function whose wrapper it has in common with others of its type.
        #[allow(dead_code, reason = "not every number of parameters is needed in both ways")]
        #[inline(never)]
        pub(super) fn $shared<$($Type: WasmTy,)* R>(
            self,
            body: fn(&mut Call<'_, '_, H>, $($Type),*) -> Result<R, Stop>,
        ) -> HostFunction
        where
            R: Copy + Into<Returned> + 'static,
            Result<R, Error>: WasmRet,
            $($Type: 'static,)*
        {
            let (price, block) = (self.price, self.block);
            HostFunction(Func::wrap(
                self.store,
                move |mut caller: Caller<'_, Data<H>>, $($argument: $Type),*| -> Result<R, Error> {
                    enter(&mut caller, price)?;
                    let result = body(&mut Call::new(&mut caller, block), $($argument),*);
                    leave(&mut caller, price, result)
                },
            ))
        }
    )*};
}

impl<'s, H: Host + 'static> Border<'s, H> {
    /// Returns the border for `function`; `block` is the number of the block that it is about, if it is about one.
    pub(super) fn new(
        store: &'s mut Store<Data<H>>,
        function: &crate::admission::HostFunction<'_>,
        block: u8,
    ) -> Self {
        Self {
            store,
            price: price::of(function),
            block,
        }
    }

    functions! {
        inline0 shared0();
        inline1 shared1(a: A);
        inline2 shared2(a: A, b: B);
        inline3 shared3(a: A, b: B, c: C);
        inline4 shared4(a: A, b: B, c: C, d: D);
        inline7 shared7(a: A, b: B, c: C, d: D, e: E, f: G, g: I);
    }

    /// Makes a function of any type: arguments come as the engine has them, and so does the result of one that has a
    /// result.
    pub(super) fn dynamic(
        self,
        ty: FuncType,
        body: impl Fn(&mut Call<'_, '_, H>, &[Val]) -> Result<u32, Stop> + Send + Sync + 'static,
    ) -> HostFunction {
        let (price, block) = (self.price, self.block);
        HostFunction(Func::new(
            self.store,
            ty,
            move |mut caller: Caller<'_, Data<H>>, inputs: &[Val], outputs: &mut [Val]| {
                enter(&mut caller, price)?;
                let result = body(&mut Call::new(&mut caller, block), inputs);
                match outputs.first_mut() {
                    Some(output) => *output = Val::I32(leave(&mut caller, price, result)? as i32),
                    None => leave(&mut caller, price, result.map(|_| ()))?,
                }
                Ok(())
            },
        ))
    }
}

/// Begins a host call that costs `price`.
#[inline(always)]
fn enter<H: Host + 'static>(caller: &mut Caller<'_, Data<H>>, price: u32) -> Result<(), Stop> {
    if price >= MUCH {
        account::afford(caller, price)
    } else {
        Ok(())
    }
}

/// Ends a host call that costs `price`, with what it returns.
#[inline(always)]
fn leave<H: Host + 'static, R: Copy + Into<Returned>>(
    caller: &mut Caller<'_, Data<H>>,
    price: u32,
    result: Result<R, Stop>,
) -> Result<R, Error> {
    match result {
        Ok(value) if pays(&mut caller.data_mut().host, price) => Ok(value),
        Ok(value) => settled(caller, value),
        Err(Stop) => Err(stopped(caller, price)),
    }
}

/// Notes that a call costs `price`. Returns whether the container goes on with nothing else to be done.
#[inline(always)]
fn pays<H: Host>(host: &mut H, price: u32) -> bool {
    let account = host.account();
    account.charge(price);
    !account.is_due() && !host.interrupted()
}

// What happens once in thirty calls, or once in a run, is in functions of its own: in those that drivers spend their time
// in it would take registers and a frame, ten instructions of each access.

/// Takes what was noted from the fuel, and hands the value on if nothing ends.
#[cold]
#[inline(never)]
fn settled<H: Host + 'static, R: Copy + Into<Returned>>(
    caller: &mut Caller<'_, Data<H>>,
    value: R,
) -> Result<R, Error> {
    settle(caller, value.into())?;
    Ok(value)
}

/// What a register access returns.
pub(super) trait FromWord {
    /// Makes it of the word that was read; a write has none.
    fn from_word(word: u32) -> Self;
}

impl FromWord for u32 {
    fn from_word(word: u32) -> Self {
        word
    }
}

impl FromWord for () {
    fn from_word(_: u32) -> Self {}
}

/// Ends an access that was refused: it is made in another way, or has stopped the container.
#[cold]
#[inline(never)]
fn refused<H: Host + 'static, R: Copy + Into<Returned> + FromWord>(
    caller: &mut Caller<'_, Data<H>>,
    price: u32,
) -> Result<R, Error> {
    let host = &mut caller.data_mut().host;
    host.account().charge(price);
    let word = host.again().ok_or(Stop)?;
    settled(caller, R::from_word(word))
}

/// Ends a host call that costs `price` and has stopped the container.
#[cold]
#[inline(never)]
fn stopped<H: Host + 'static>(caller: &mut Caller<'_, Data<H>>, price: u32) -> Error {
    caller.data_mut().host.account().charge(price);
    Stop.into()
}
