//! Host functions as wasmi sees them.
//!
//! Functions are typed (half the cost of wasmi's dynamic ones), one wrapper for all of the same type, and given to the instance
//! in the order of the imports, which needs no linker and its tables of names. What drivers spend their time in, accesses to
//! registers by whole words, is compiled into wrappers of its own: some fifteen instructions less a call.
//!
//! What happens once in thirty calls, or once in a run, is in functions of its own: in those that drivers spend their time
//! in it would take registers and a frame, ten instructions of each access.

use berth_foreign::PARAMETERS_MAX;
use wasmi::errors::HostError;
use wasmi::{
    AsContextMut, Caller as OfWasmi, Error, Extern, Func, FuncType, Memory, Ref, Store, Val,
    ValType,
};

use berth_protocol::Fault;

use super::Data;
use crate::admission::entries::MEMORY;
use crate::admission::{Foreign, HostFunction};
use crate::engine::border::{
    self, Body, Caller, Linked, Returned, State, TABLE, WORDS, Words, pays, price, settle,
};
use crate::engine::{Handler, Host, Stop};
use crate::platform::Width;

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

impl<H: Host + 'static> Caller<H> for OfWasmi<'_, Data<H>> {
    fn host(&mut self) -> &mut H {
        &mut self.data_mut().host
    }

    fn border(&mut self) -> &mut State {
        &mut self.data_mut().border
    }

    fn fuel(&self) -> u64 {
        // Fails only where fuel is off.
        self.get_fuel().unwrap_or(0)
    }

    fn set_fuel(&mut self, fuel: u64) {
        // Fails only where fuel is off.
        let _ = self.as_context_mut().set_fuel(fuel);
    }

    fn memory_and_host(&mut self) -> (&mut [u8], &mut H) {
        // Known after instantiation; a start function comes before that.
        let memory: Option<Memory> = match self.data().memory {
            Some(memory) => Some(memory),
            None => (self.get_export(MEMORY)).and_then(Extern::into_memory),
        };
        match memory {
            Some(memory) => {
                let (bytes, data) = memory.data_and_store_mut(self.as_context_mut());
                (bytes, &mut data.host)
            }
            None => (&mut [], self.host()),
        }
    }

    fn handler(&mut self, index: u32) -> Result<Handler, Fault> {
        let table = (self.get_export(TABLE))
            .and_then(Extern::into_table)
            .ok_or(Fault::TableBounds)?;
        match table.get(&*self, index.into()) {
            Some(Val::FuncRef(Ref::Val(function))) => function
                .typed(&*self)
                .map(Handler::interpreted)
                .map_err(|_| Fault::Signature),
            Some(_) => Err(Fault::NullCall),
            None => Err(Fault::TableBounds),
        }
    }
}

/// Makes the call with these arguments.
#[inline(never)]
fn made<H: Host + 'static>(
    mut caller: OfWasmi<'_, Data<H>>,
    linked: &Linked<H>,
    words: &[u32],
) -> Result<Returned, Error> {
    let mut all: Words = [0; WORDS];
    for (place, word) in all.iter_mut().zip(words) {
        *place = *word;
    }
    Ok(border::call(&mut caller, linked, &all)?)
}

/// Makes a function of our own with parameters that are words; `$value` is what is handed in of what it returns.
macro_rules! words {
    ($store:ident, $linked:ident, ($($argument:ident),*) -> $Result:ty, $value:expr) => {
        Func::wrap(
            $store,
            move |caller: OfWasmi<'_, Data<H>>, $($argument: u32),*| -> Result<$Result, Error> {
                made(caller, &$linked, &[$($argument),*]).map($value)
            },
        )
    };
}

/// Returns `function` for wasmi; `None` if it is of a type that none of ours has.
pub(super) fn import<H: Host + 'static>(
    store: &mut Store<Data<H>>,
    function: &HostFunction<'_>,
    linked: Linked<H>,
) -> Option<Extern> {
    let made = match (function, linked.body) {
        (_, Body::Foreign(function)) => foreign(store, function, linked),
        (HostFunction::Read(Width::Bits32), _) => read32(store),
        (HostFunction::Write(Width::Bits32), _) => write32(store),
        (HostFunction::Modify32, _) => modify32(store),
        _ => own(store, function, linked)?,
    };
    Some(made.into())
}

fn own<H: Host + 'static>(
    store: &mut Store<Data<H>>,
    function: &HostFunction<'_>,
    linked: Linked<H>,
) -> Option<Func> {
    let (parameters, results) = function.signature();
    Some(match (parameters, results) {
        ([], []) => words!(store, linked, () -> (), drop),
        ([], [I64]) => words!(store, linked, () -> u64, Returned::long),
        ([], [_]) => words!(store, linked, () -> u32, Returned::word),
        ([I64], []) => Func::wrap(
            store,
            move |caller: OfWasmi<'_, Data<H>>, long: u64| -> Result<(), Error> {
                made(caller, &linked, &[long as u32, (long >> 32) as u32]).map(drop)
            },
        ),
        ([_], []) => words!(store, linked, (a) -> (), drop),
        ([_, _], [_]) => words!(store, linked, (a, b) -> u32, Returned::word),
        ([_, _, _], []) => words!(store, linked, (a, b, c) -> (), drop),
        ([_, _, _], [_]) => words!(store, linked, (a, b, c) -> u32, Returned::word),
        ([_, _, _, _], [_]) => words!(store, linked, (a, b, c, d) -> u32, Returned::word),
        ([_, _, _, _, _, _, _], [_]) => {
            words!(store, linked, (a, b, c, d, e, f, g) -> u32, Returned::word)
        }
        _ => return None,
    })
}

/// Type bytes of a signature.
const I32: u8 = 0x7f;
const I64: u8 = 0x7e;

/// The type that a byte of a signature stands for.
const fn value_type(byte: u8) -> ValType {
    match byte {
        I32 => ValType::I32,
        I64 => ValType::I64,
        _ => ValType::F64,
    }
}

fn foreign<H: Host + 'static>(
    store: &mut Store<Data<H>>,
    function: Foreign,
    linked: Linked<H>,
) -> Func {
    let (parameters, result) = function.signature();
    let mut types = [ValType::I32; PARAMETERS_MAX];
    for (ty, byte) in types.iter_mut().zip(parameters) {
        *ty = value_type(*byte);
    }
    let types = types.get(..parameters.len()).unwrap_or_default();
    let results: &[ValType] = if result { &[ValType::I32] } else { &[] };
    let ty = FuncType::new(types.iter().copied(), results.iter().copied());
    Func::new(
        store,
        ty,
        move |mut caller: OfWasmi<'_, Data<H>>, inputs: &[Val], outputs: &mut [Val]| {
            let mut arguments = [0; PARAMETERS_MAX];
            for (argument, input) in arguments.iter_mut().zip(inputs) {
                *argument = bits(input);
            }
            let word = border::call_foreign(&mut caller, &linked, function, &arguments)?;
            if let Some(output) = outputs.first_mut() {
                *output = Val::I32(word as i32);
            }
            Ok(())
        },
    )
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F64(value) => value.to_bits(),
        _ => 0,
    }
}

/// Makes a function whose body needs nothing but the host, is compiled into its wrapper, and notes what the call costs beside
/// [`price::CALL`] itself.
macro_rules! inlined {
    ($store:ident, $host:ident, ($($argument:ident),*) -> $Result:ty, $body:expr) => {
        // What the engine takes arguments apart with is compiled for each list of types. These have lists of their own, so
        // that it is compiled into the one function that uses it; the others' are all `u32`.
        Func::wrap(
            $store,
            move |mut caller: OfWasmi<'_, Data<H>>, $($argument: i32),*| -> Result<$Result, Error> {
                // Found once: what a register access writes might be anything to the compiler.
                let $host = &mut caller.data_mut().host;
                $(let $argument = $argument as u32;)*
                match $body {
                    Ok(value) if pays($host, price::CALL) => Ok(value),
                    Ok(value) => settled(&mut caller, value),
                    Err(Stop) => refused(&mut caller),
                }
            },
        )
    };
}

fn read32<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    inlined!(store, host, (handle, offset) -> u32, host.read(Width::Bits32, handle, offset))
}

fn write32<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    inlined!(store, host, (handle, offset, value) -> (), {
        host.write(Width::Bits32, handle, offset, value)
    })
}

fn modify32<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    inlined!(store, host, (handle, offset, mask, value) -> (), {
        host.modify32(handle, offset, mask, value)
    })
}

/// Takes what was noted from the fuel, and hands the value on if nothing ends.
#[cold]
#[inline(never)]
fn settled<H: Host + 'static, R: Copy + Into<Returned>>(
    caller: &mut OfWasmi<'_, Data<H>>,
    value: R,
) -> Result<R, Error> {
    settle(caller, value.into())?;
    Ok(value)
}

/// What a register access returns.
trait FromWord {
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
    caller: &mut OfWasmi<'_, Data<H>>,
) -> Result<R, Error> {
    let host = &mut caller.data_mut().host;
    host.account().charge(price::CALL);
    let word = host.again().ok_or(Stop)?;
    settled(caller, R::from_word(word))
}

/// Returns what a host call has returned as wasmi takes it.
pub(super) const fn value(returned: Returned) -> Option<Val> {
    match returned {
        Returned::Nothing => None,
        Returned::Word(word) => Some(Val::I32(word as i32)),
        Returned::Long(long) => Some(Val::I64(long as i64)),
    }
}
