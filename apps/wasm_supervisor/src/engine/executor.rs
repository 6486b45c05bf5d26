//! Whichever engine executes a container: nobody but this file asks which one it is.

use super::wasmi::{self, Wasmi};
use super::{BlockNumbers, Engine, Host, Limits, LoadError, Step};
use crate::admission::Module;

#[cfg(all(feature = "compiled", target_os = "none"))]
use super::native::{self, Native};

#[cfg(all(feature = "compiled", target_os = "none"))]
pub use super::native::Code;

/// Code that the device has compiled: none, where nothing is compiled.
#[cfg(not(all(feature = "compiled", target_os = "none")))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {}

#[cfg(not(all(feature = "compiled", target_os = "none")))]
impl Code {
    /// Where it is.
    #[must_use]
    pub const fn address(self) -> u32 {
        match self {}
    }
}

/// A function that handles interrupts, as the container's engine knows it. It means nothing to another, and is safe to keep
/// beyond that one's end.
#[derive(Clone, Copy)]
pub struct Handler(Which);

#[derive(Clone, Copy)]
enum Which {
    Interpreted(wasmi::Function),
    #[cfg(all(feature = "compiled", target_os = "none"))]
    Compiled(native::Function),
}

impl Handler {
    /// One of the interpreter's.
    pub(super) const fn interpreted(function: wasmi::Function) -> Self {
        Self(Which::Interpreted(function))
    }

    /// One of compiled code.
    #[cfg(all(feature = "compiled", target_os = "none"))]
    pub(super) const fn compiled(function: native::Function) -> Self {
        Self(Which::Compiled(function))
    }
}

/// What executes a container.
// One lies in a box of its own, and the interpreter is what most are.
#[allow(clippy::large_enum_variant)]
pub enum Executor<H> {
    /// The interpreter.
    Interpreted(Wasmi<H>),
    /// Code that this device has compiled.
    #[cfg(all(feature = "compiled", target_os = "none"))]
    Compiled(Native<H>),
}

/// Does the same with either.
macro_rules! either {
    ($executor:expr, $engine:ident => $what:expr) => {
        match $executor {
            Executor::Interpreted($engine) => $what,
            #[cfg(all(feature = "compiled", target_os = "none"))]
            Executor::Compiled($engine) => $what,
        }
    };
}

impl<H: Host + 'static> Engine<H> for Executor<H> {
    type Handler = Handler;

    fn load(
        image: &[u8],
        module: &Module<'_>,
        blocks: &BlockNumbers,
        limits: Limits,
        host: H,
    ) -> Result<Self, LoadError> {
        match limits.code {
            None => Wasmi::load(image, module, blocks, limits, host).map(Self::Interpreted),
            #[cfg(all(feature = "compiled", target_os = "none"))]
            Some(code) => {
                Native::load(image, code, module, blocks, limits, host).map(Self::Compiled)
            }
        }
    }

    fn validate(image: &[u8]) -> Result<(), LoadError> {
        <Wasmi<H> as Engine<H>>::validate(image)
    }

    fn call(&mut self, fuel: u64) -> Step {
        either!(self, engine => engine.call(fuel))
    }

    fn resume(&mut self, fuel: u64, result: Option<i32>) -> Step {
        either!(self, engine => engine.resume(fuel, result))
    }

    fn exports(&self, name: &str) -> bool {
        either!(self, engine => engine.exports(name))
    }

    fn aside(&mut self, name: &str, fuel: u64) -> Option<Step> {
        either!(self, engine => engine.aside(name, fuel))
    }

    fn handle(&mut self, handler: Handler, source: u32, count: u32, fuel: u64) -> Step {
        match (self, handler.0) {
            (Self::Interpreted(engine), Which::Interpreted(function)) => {
                engine.handle(function, source, count, fuel)
            }
            #[cfg(all(feature = "compiled", target_os = "none"))]
            (Self::Compiled(engine), Which::Compiled(function)) => {
                engine.handle(function, source, count, fuel)
            }
            // It is another container's, which cannot be: registrations end with the run.
            #[cfg(all(feature = "compiled", target_os = "none"))]
            _ => Step::Trapped(berth_protocol::Fault::Engine),
        }
    }

    fn fuel_used(&self) -> u64 {
        either!(self, engine => engine.fuel_used())
    }

    fn host(&mut self) -> &mut H {
        either!(self, engine => engine.host())
    }

    fn memory(&mut self) -> &mut [u8] {
        either!(self, engine => engine.memory())
    }

    fn memory_now(&self) -> &[u8] {
        either!(self, engine => engine.memory_now())
    }

    fn place(&self) -> Option<u32> {
        either!(self, engine => engine.place())
    }
}
