//! Proof that interrupt handlers can run on a suspended container.
//!
//! Everything about interrupts rests on one property of the engine: while the
//! main function of an instance is suspended (out of fuel, or inside a host
//! call) a second call on the *same* instance may run, may change globals and
//! memory, may even grow the memory so that its buffer moves, and main then
//! resumes and computes exactly what it would have computed with these changes
//! made at that point. It is proved for this version of wasmi on the host by
//! a test and on the board by the program `engine_proof`; a new version of
//! wasmi must pass both.
//!
//! The expected results come from [`Model`], a few lines of Rust that do the
//! guest's arithmetic (`engine_proof.wat`) without any engine.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(not(target_os = "none"))]
extern crate std;

pub mod floats;

use alloc::vec::Vec;
use core::fmt;

use wasmi::{
    Caller, Error, Extern, Func, Instance, Memory, Module, Ref, ResumableCall, Store, Table,
    TypedFunc, TypedResumableCall, Val, errors::HostError,
};

use wasm_supervisor::engine::config;

/// The guest, assembled from `engine_proof.wat` (a test compares the two).
const GUEST: &[u8] = include_bytes!("engine_proof.wasm");

/// Rounds of a main loop.
const ROUNDS: u32 = 100;
/// Fuel of one slice: a few rounds, so that main is suspended many times.
const SLICE: u64 = 150;
/// Fuel of a handler, far below what an endless one would take.
const HANDLER_FUEL: u64 = 300;
/// The memory grows by this many bytes in one handler.
const GROWTH: u32 = 512;
/// Growths after which the buffer must have moved at least once.
const GROWTHS: u32 = 8;

/// Table slots of the guest's handlers.
mod handler {
    /// Grows the memory, stores a value at its end, counts.
    pub(super) const GROW: u64 = 0;
    /// Never ends.
    pub(super) const ENDLESS: u64 = 1;
    /// Counts, then traps.
    pub(super) const TRAP: u64 = 2;
    /// Suspends itself in a host call, then counts the answer.
    pub(super) const ASK: u64 = 3;
}

/// How main is suspended when the handler is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// Its slice of fuel is used up.
    OutOfFuel,
    /// It waits for the answer of a host call.
    HostCall,
}

/// What happens on the instance while main is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interlude {
    /// Nothing: the reference.
    Nothing,
    /// A handler that grows the memory, several times, until the buffer has moved.
    GrowingHandler,
    /// A handler that uses up its own fuel and is dropped.
    EndlessHandler,
    /// A handler that traps.
    TrappingHandler,
    /// A handler that is suspended in a host call itself, with another complete
    /// handler run before it is resumed.
    SuspendedHandler,
}

/// Every case that [`run`] goes through.
pub const CASES: [(Suspension, Interlude); 10] = {
    use Interlude::{EndlessHandler, GrowingHandler, Nothing, SuspendedHandler, TrappingHandler};
    use Suspension::{HostCall, OutOfFuel};
    [
        (OutOfFuel, Nothing),
        (OutOfFuel, GrowingHandler),
        (OutOfFuel, EndlessHandler),
        (OutOfFuel, TrappingHandler),
        (OutOfFuel, SuspendedHandler),
        (HostCall, Nothing),
        (HostCall, GrowingHandler),
        (HostCall, EndlessHandler),
        (HostCall, TrappingHandler),
        (HostCall, SuspendedHandler),
    ]
};

/// Run all cases; the text names the first thing that went wrong.
///
/// # Errors
///
/// A short text that says which expectation failed.
pub fn run() -> Result<(), &'static str> {
    CASES.iter().try_for_each(|&(how, what)| case(how, what))?;
    (0..floats::COUNT).try_for_each(floats::check)
}

/// Run one case.
///
/// # Errors
///
/// A short text that says which expectation failed.
pub fn case(suspension: Suspension, interlude: Interlude) -> Result<(), &'static str> {
    let mut guest = Guest::new()?;
    let mut model = Model::default();
    let result = guest.main(suspension, interlude, &mut model)?;
    let left = guest.memory.data_size(&guest.store);
    if result != model.finish() {
        return Err("main resumed to a wrong result");
    }
    if left != model.size {
        return Err("memory has a wrong size");
    }
    Ok(())
}

/// Raised by the host function `wait`: the caller stays suspended.
#[derive(Debug)]
struct Waiting;

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waiting")
    }
}

impl HostError for Waiting {}

/// One instance of the guest and what the proof needs of it.
struct Guest {
    store: Store<i32>,
    instance: Instance,
    memory: Memory,
    table: Table,
    /// Keeps the allocator from growing the memory in place.
    obstacles: Vec<Vec<u8>>,
}

impl Guest {
    fn new() -> Result<Self, &'static str> {
        let engine = config::engine();
        let mut store = Store::new(&engine, 0);
        store.set_fuel(SLICE).map_err(|_| "fuel is off")?;
        let module = Module::new(&engine, GUEST).map_err(|_| "guest does not compile")?;
        let wait = Func::wrap(
            &mut store,
            |mut caller: Caller<'_, i32>, value: i32| -> Result<i32, Error> {
                *caller.data_mut() = value;
                Err(Error::host(Waiting))
            },
        );
        let instance = Instance::new(&mut store, &module, &[Extern::Func(wait)])
            .map_err(|_| "guest does not link")?;
        let memory = instance
            .get_memory(&store, "memory")
            .ok_or("guest has no memory")?;
        let table = instance
            .get_table(&store, "table")
            .ok_or("guest has no table")?;
        Ok(Self {
            store,
            instance,
            memory,
            table,
            obstacles: Vec::new(),
        })
    }

    /// Run main in slices; after the third suspension the interlude happens.
    fn main(
        &mut self,
        suspension: Suspension,
        interlude: Interlude,
        model: &mut Model,
    ) -> Result<u32, &'static str> {
        let name = match suspension {
            Suspension::OutOfFuel => "main_fuel",
            Suspension::HostCall => "main_host",
        };
        let main: TypedFunc<u32, u32> = self
            .instance
            .get_typed_func(&self.store, name)
            .map_err(|_| "guest has no main")?;
        self.fuel(SLICE)?;
        let mut call = main
            .call_resumable(&mut self.store, ROUNDS)
            .map_err(|_| "main trapped")?;
        let mut suspensions = 0u32;
        loop {
            // Read before the interlude: a handler may wait, too.
            let asked = *self.store.data();
            if matches!(
                (&call, suspension),
                (TypedResumableCall::OutOfFuel(_), Suspension::OutOfFuel)
                    | (TypedResumableCall::HostTrap(_), Suspension::HostCall)
            ) {
                suspensions += 1;
                if suspensions == 3 {
                    self.interlude(interlude, model)?;
                }
            }
            call = match call {
                TypedResumableCall::Finished(result) => {
                    if suspensions < 3 {
                        return Err("main was not suspended often enough");
                    }
                    model.rounds(suspension);
                    return Ok(result);
                }
                TypedResumableCall::OutOfFuel(main) => {
                    self.fuel(SLICE.max(main.required_fuel()))?;
                    main.resume(&mut self.store)
                }
                TypedResumableCall::HostTrap(main) => {
                    let answer = Self::answer(asked);
                    main.resume(&mut self.store, &[Val::I32(answer)])
                }
            }
            .map_err(|_| "main trapped")?;
        }
    }

    /// What the host answers to `wait(value)`.
    fn answer(value: i32) -> i32 {
        value.wrapping_mul(7).wrapping_add(5)
    }

    fn fuel(&mut self, fuel: u64) -> Result<(), &'static str> {
        self.store.set_fuel(fuel).map_err(|_| "fuel is off")
    }

    /// Start a handler with its own fuel; main's fuel is put back afterwards.
    fn handler(&mut self, slot: u64, args: [i32; 2]) -> Result<Outcome, &'static str> {
        let function = match self.table.get(&self.store, slot) {
            Some(Val::FuncRef(Ref::Val(function))) => function,
            _ => return Err("no handler in the table"),
        };
        let mains = self.store.get_fuel().map_err(|_| "fuel is off")?;
        self.fuel(HANDLER_FUEL)?;
        let call = function.call_resumable(&mut self.store, &args.map(Val::I32), &mut []);
        self.fuel(mains)?;
        Ok(match call {
            Ok(ResumableCall::Finished) => Outcome::Finished,
            Ok(suspended) => Outcome::Suspended(suspended),
            Err(_) => Outcome::Trapped,
        })
    }

    /// What happens while main is suspended.
    fn interlude(&mut self, what: Interlude, model: &mut Model) -> Result<(), &'static str> {
        match what {
            Interlude::Nothing => {}
            Interlude::GrowingHandler => self.grow_until_moved(model)?,
            Interlude::EndlessHandler => match self.handler(handler::ENDLESS, [0, 0])? {
                Outcome::Suspended(ResumableCall::OutOfFuel(_)) => {}
                _ => return Err("an endless handler did not run out of fuel"),
            },
            Interlude::TrappingHandler => match self.handler(handler::TRAP, [0, 0])? {
                // What it did before the trap stays.
                Outcome::Trapped => model.calls = model.calls.wrapping_add(1),
                _ => return Err("a handler did not trap"),
            },
            Interlude::SuspendedHandler => {
                let Outcome::Suspended(ResumableCall::HostTrap(asking)) =
                    self.handler(handler::ASK, [0, 41])?
                else {
                    return Err("a handler was not suspended in its host call");
                };
                self.grow_until_moved(model)?;
                let mains = self.store.get_fuel().map_err(|_| "fuel is off")?;
                self.fuel(HANDLER_FUEL)?;
                match asking.resume(&mut self.store, &[Val::I32(17)], &mut []) {
                    Ok(ResumableCall::Finished) => {}
                    _ => return Err("a suspended handler did not finish"),
                }
                self.fuel(mains)?;
                model.calls = model.calls.wrapping_add(17);
            }
        }
        Ok(())
    }

    /// Call the growing handler until the buffer has moved.
    fn grow_until_moved(&mut self, model: &mut Model) -> Result<(), &'static str> {
        let before = self.memory.data_ptr(&self.store);
        for value in 1..=GROWTHS {
            self.obstacles.push(Vec::with_capacity(GROWTH as usize));
            let value = value * 1_000;
            match self.handler(handler::GROW, [GROWTH as i32, value as i32])? {
                Outcome::Finished => model.grow(GROWTH, value),
                _ => return Err("a handler could not grow the memory"),
            }
        }
        if self.memory.data_ptr(&self.store) == before {
            return Err("the memory grew but its buffer did not move");
        }
        Ok(())
    }
}

/// How a handler ended.
enum Outcome {
    Finished,
    Suspended(ResumableCall),
    Trapped,
}

/// The guest's arithmetic without an engine.
struct Model {
    accumulator: u32,
    calls: u32,
    last: u32,
    size: usize,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            accumulator: 0,
            calls: 0,
            last: 0,
            size: 1024,
        }
    }
}

impl Model {
    /// The rounds of main. No handler touches what they use.
    fn rounds(&mut self, suspension: Suspension) {
        let mut sum = 0u32;
        for round in 0..ROUNDS {
            let value = match suspension {
                Suspension::OutOfFuel => round,
                Suspension::HostCall => Guest::answer(round as i32) as u32,
            };
            self.accumulator = self
                .accumulator
                .wrapping_mul(31)
                .wrapping_add(value)
                .wrapping_add(sum);
            sum = sum.wrapping_add(round);
        }
    }

    fn grow(&mut self, bytes: u32, value: u32) {
        self.size += bytes as usize;
        self.last = value;
        self.calls = self.calls.wrapping_add(1);
    }

    fn finish(&self) -> u32 {
        self.accumulator
            .wrapping_add(self.calls.wrapping_mul(1_000_003))
            .wrapping_add(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assembled_guest_is_the_one_that_is_written_down() {
        let assembled = wat::parse_str(include_str!("engine_proof.wat")).unwrap();
        if std::env::var_os("BERTH_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/engine_proof.wasm");
            std::fs::write(path, &assembled).unwrap();
        }
        assert_eq!(assembled, GUEST, "run again with BERTH_BLESS=1");
    }

    #[test]
    fn a_main_suspended_for_lack_of_fuel_survives_every_interlude() {
        for (suspension, interlude) in CASES {
            if suspension == Suspension::OutOfFuel {
                assert_eq!(case(suspension, interlude), Ok(()), "{interlude:?}");
            }
        }
    }

    #[test]
    fn a_main_suspended_in_a_host_call_survives_every_interlude() {
        for (suspension, interlude) in CASES {
            if suspension == Suspension::HostCall {
                assert_eq!(case(suspension, interlude), Ok(()), "{interlude:?}");
            }
        }
    }

    #[test]
    fn the_proof_can_fail() {
        // A main that lost the handlers' changes would return this instead.
        let mut with = Model::default();
        with.rounds(Suspension::OutOfFuel);
        let without = with.finish();
        with.grow(GROWTH, 1_000);
        assert_ne!(with.finish(), without);
    }
}
