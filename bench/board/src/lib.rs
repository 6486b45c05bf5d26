//! What containers cost, measured where they run: the process `bench_containers` on the board,
//! with the clock that counts instructions.
//!
//! Everything goes through [`Containers`] as in the product; only the serial line is missing.
//! Beside it stands wasmi alone with the same module and the same settings.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(not(target_os = "none"))]
extern crate std;

mod store;

pub use store::{StoreBench, Value};

use alloc::rc::Rc;
use alloc::vec::Vec;

use berth_protocol::{ImageHash, Parameters, State, Update};
#[cfg(target_os = "none")]
use supervisor_fast as _;
use wasmi::{Caller, Config, Engine, Extern, Func, Instance, Module, Store};

use wasm_supervisor::arena::{self, ArenaId, owned};
use wasm_supervisor::container::storage::{Belongings, Meta};
use wasm_supervisor::container::{Containers, Name, Refused, Shared};
use wasm_supervisor::engine::config;
use wasm_supervisor::platform::Platform;
use wasm_supervisor::service::upload::Commit;

/// Computes 1500 Fibonacci numbers and exits with the microseconds that took; traps if the last
/// is wrong.
const FIB: &[u8] = include_bytes!("guests/fib.wasm");
/// What a driver is: claims a label, and then changes a register, logs and sleeps for ever.
const DRIVER: &[u8] = include_bytes!("guests/driver.wasm");
/// Computes for ever.
const SPIN: &[u8] = include_bytes!("guests/spin.wasm");

/// How often something short is done to be measured.
const ROUNDS: u32 = 16;

/// `FIB` as the compiler makes it for the processor.
#[inline(never)]
fn fibonacci(count: u32) -> u32 {
    let (mut a, mut b) = (0u32, 1u32);
    for _ in 0..count {
        let next = core::hint::black_box(a.wrapping_add(b));
        a = b;
        b = next;
    }
    a
}

/// The last number that `FIB` computes.
pub const FIB_RESULT: u32 = 0x6602_7650;

/// Why nothing was measured; a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed(
    /// In what.
    pub &'static str,
);

impl From<Refused> for Failed {
    fn from(_: Refused) -> Self {
        Self("a container was refused")
    }
}

/// Measures, and hands each result out: a key and microseconds.
pub struct Bench<P: Platform + 'static> {
    shared: Rc<Shared<P>>,
    containers: Containers<P>,
}

impl<P: Platform + 'static> Bench<P> {
    /// Without containers.
    #[must_use]
    pub fn new(platform: P) -> Self {
        let shared = Rc::new(Shared::new(platform));
        Self {
            containers: Containers::new(shared.clone()),
            shared,
        }
    }

    /// Measure everything. `tell` gets a key, microseconds, and how often it was done in these.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn run(&mut self, mut tell: impl FnMut(&str, u64, u32)) -> Result<(), Failed> {
        tell("fib.native", self.native()?, 1);
        tell("fib.bare_wasmi_unfuelled", self.bare_fib(false)?, 1);
        tell("fib.bare_wasmi", self.bare_fib(true)?, 1);
        tell("fib.container", self.container_fib(1)?, 1);
        tell("fib.container_8", self.container_fib(8)?, 8);
        tell("lifecycle.bare_load", self.bare_load()?, 1);
        self.lifecycle(&mut tell)
    }

    /// Start and kill a container `cycles` times; how many bytes less are free afterwards, in all or
    /// in one piece.
    ///
    /// # Errors
    ///
    /// What went wrong, or that a load took more than the first.
    pub fn leak(&mut self, cycles: u32) -> Result<u32, Failed> {
        let slot = self.store("driver", DRIVER)?;
        let mut before = None;
        let mut first = None;
        for _ in 0..=cycles {
            // The first of them is not counted: the supervisor may take what it keeps.
            self.containers.start(slot)?;
            self.containers.run_one();
            // Each run has an arena of its own.
            let id = self.containers.arena(slot).ok_or(Failed("no arena"))?;
            let peak = arena::usage(id).peak_bytes;
            if peak > *first.get_or_insert(peak) {
                return Err(Failed("a load took more than the first"));
            }
            self.containers.kill(slot)?;
            if before.is_none() {
                arena::trim(ArenaId::SUPERVISOR);
                before = Some(arena::space());
            }
        }
        arena::trim(ArenaId::SUPERVISOR);
        let (before, after) = (before.ok_or(Failed("no cycle"))?, arena::space());
        self.containers.remove(slot)?;
        let lost = before.free_bytes.saturating_sub(after.free_bytes);
        Ok(lost.max(before.largest_bytes.saturating_sub(after.largest_bytes)))
    }

    fn now(&self) -> u64 {
        self.shared.platform.now_us()
    }

    /// Microseconds that `work` takes.
    fn time<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> (u64, R) {
        let before = self.now();
        let result = work(self);
        (self.now().saturating_sub(before), result)
    }

    fn native(&mut self) -> Result<u64, Failed> {
        let (time, result) = self.time(|_| fibonacci(core::hint::black_box(1500)));
        if result == FIB_RESULT {
            Ok(time)
        } else {
            Err(Failed("native fib"))
        }
    }

    /// Run something of wasmi alone in the first container's arena, for microseconds.
    fn bare(&self, work: impl FnOnce(&dyn Fn() -> u64) -> Option<u64>) -> Result<u64, Failed> {
        let id = ArenaId::of_container(0).ok_or(Failed("no arena"))?;
        let platform = &self.shared.platform;
        owned::scratch(id, || work(&|| platform.now_us()))
            .ok()
            .flatten()
            .ok_or(Failed("wasmi alone"))
    }

    fn bare_fib(&self, fuel: bool) -> Result<u64, Failed> {
        self.bare(|now| {
            let (mut store, instance) = load(FIB, fuel)?;
            let main = instance.get_typed_func::<(), ()>(&store, "_start").ok()?;
            // Its own clock does not go on; it takes next to nothing.
            let before = now();
            main.call(&mut store, ()).ok()?;
            Some(now() - before)
        })
    }

    fn bare_load(&self) -> Result<u64, Failed> {
        self.bare(|now| {
            let before = now();
            let loaded = load(DRIVER, true)?;
            let time = now() - before;
            drop(loaded);
            Some(time)
        })
    }

    fn store(&mut self, name: &str, image: &[u8]) -> Result<usize, Failed> {
        let name = Name::new(name).ok_or(Failed("a name"))?;
        let (hash, parameters) = (ImageHash([0; 32]), Parameters::default());
        self.containers.store(name, image, hash, parameters)?;
        self.containers.find(name.as_str()).ok_or(Failed("store"))
    }

    /// `count` containers that compute at the same time. Returns the longest of their own times.
    fn container_fib(&mut self, count: usize) -> Result<u64, Failed> {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let names = names.get(..count).ok_or(Failed("too many"))?;
        for name in names {
            let slot = self.store(name, FIB)?;
            self.containers.start(slot)?;
        }
        while self.containers.run_one() {}
        let mut longest = 0;
        for name in names {
            let slot = self.containers.find(name).ok_or(Failed("find"))?;
            let ended = self.containers.get(slot).map(|container| container.state());
            let Some(State::Exited { code }) = ended else {
                return Err(Failed("fib in a container"));
            };
            longest = longest.max(u64::from(code.unsigned_abs()));
            self.containers.remove(slot)?;
        }
        Ok(longest)
    }

    /// One operation, `ROUNDS` times: `before` brings the container where it can be done.
    fn operation(
        &mut self,
        mut before: impl FnMut(&mut Containers<P>) -> Result<(), Refused>,
        mut operation: impl FnMut(&mut Containers<P>) -> Result<(), Refused>,
    ) -> Result<u64, Failed> {
        let mut sum = 0;
        for _ in 0..ROUNDS {
            before(&mut self.containers)?;
            let (time, done) = self.time(|bench| operation(&mut bench.containers));
            done?;
            sum += time;
        }
        Ok(sum)
    }

    fn lifecycle(&mut self, tell: &mut impl FnMut(&str, u64, u32)) -> Result<(), Failed> {
        let slot = self.store("driver", DRIVER)?;
        let started = |containers: &mut Containers<P>| {
            let _ = containers.kill(slot);
            containers.start(slot)?;
            containers.run_one();
            Ok(())
        };
        let start = self.operation(
            |containers| {
                let _ = containers.kill(slot);
                Ok(())
            },
            |containers| containers.start(slot),
        )?;
        tell("lifecycle.start", start, ROUNDS);
        let stop = self.operation(started, |containers| containers.stop(slot))?;
        tell("lifecycle.stop", stop, ROUNDS);
        let kill = self.operation(started, |containers| containers.kill(slot))?;
        tell("lifecycle.kill", kill, ROUNDS);
        let pause = self.operation(started, |containers| containers.pause(slot))?;
        tell("lifecycle.pause", pause, ROUNDS);
        let resume = self.operation(
            |containers| {
                started(containers)?;
                containers.pause(slot)
            },
            |containers| containers.resume(slot),
        )?;
        tell("lifecycle.resume", resume, ROUNDS);
        let _ = self.containers.kill(slot);
        self.containers.remove(slot)?;
        tell("lifecycle.live_update", self.live_update()?, ROUNDS);
        // What a request may have to wait for, and what `stop` may add.
        let slot = self.store("spin", SPIN)?;
        self.containers.start(slot)?;
        let slice = self.operation(
            |_| Ok(()),
            |containers| {
                containers.run_one();
                Ok(())
            },
        )?;
        tell("lifecycle.slice", slice, ROUNDS);
        let stop = self.operation(
            |containers| {
                let _ = containers.kill(slot);
                containers.start(slot)?;
                containers.run_one();
                Ok(())
            },
            |containers| containers.stop(slot),
        )?;
        tell("lifecycle.stop_computing", stop, ROUNDS);
        self.containers.remove(slot)?;
        Ok(())
    }
}

impl<P: Platform + 'static> Bench<P> {
    /// An image arrives.
    fn upload(&mut self, name: Name, image: &[u8]) -> Result<ImageHash, Failed> {
        let hash = ImageHash::of(image);
        let meta = Meta::new(name, Parameters::default(), Belongings::default());
        let images = self.containers.images_mut();
        images.begin(image.len() as u32, hash, meta.bytes())?;
        images.write(0, image)?;
        Ok(hash)
    }

    /// Replace a driver by another one with the same claims, from the commit until the new one is on trial.
    fn live_update(&mut self) -> Result<u64, Failed> {
        let mut other = DRIVER.to_vec();
        // A custom section: another image that does the same.
        other.extend_from_slice(&[0, 2, 1, b'x']);
        let name = Name::new("driver").ok_or(Failed("a name"))?;
        let parameters = Parameters::default();
        let hash = self.upload(name, DRIVER)?;
        self.containers
            .store_uploaded(name, hash, (parameters, Belongings::default()), false)?;
        let slot = self.containers.find(name.as_str()).ok_or(Failed("find"))?;
        self.containers.start(slot)?;
        self.containers.run_one();
        let mut sum = 0;
        for round in 0..ROUNDS {
            let image = if round % 2 == 0 { &other[..] } else { DRIVER };
            let hash = self.upload(name, image)?;
            let (time, updated) = self.time(|bench| {
                bench.containers.update_uploaded(
                    slot,
                    hash,
                    (parameters, Belongings::default()),
                    0,
                    Commit::default(),
                )
            });
            if !matches!(
                updated?,
                Update::Trial {
                    stopped_first: false,
                    ..
                }
            ) {
                return Err(Failed("a live update"));
            }
            sum += time;
            // The trial is over at once, and the new one runs.
            self.containers.run_one();
            self.containers.run_one();
            if !matches!(self.containers.update_status(slot), Update::Kept { .. }) {
                return Err(Failed("the end of a trial"));
            }
        }
        self.containers.kill(slot)?;
        self.containers.remove(slot)?;
        Ok(sum)
    }
}

/// Compile and instantiate with wasmi alone, with the settings of a container. Host functions
/// do nothing.
fn load(image: &[u8], fuel: bool) -> Option<(Store<()>, Instance)> {
    let mut settings: Config = config::config(config::STACK_MAX_BYTES);
    settings.consume_fuel(fuel);
    let engine = Engine::new(&settings);
    let module = Module::new(&engine, image).ok()?;
    let mut store = Store::new(&engine, ());
    if fuel {
        store.set_fuel(u64::MAX >> 1).ok()?;
    }
    let mut externs = Vec::new();
    for import in module.imports() {
        externs.push(Extern::Func(match import.name() {
            "claim" => Func::wrap(&mut store, || 0u32),
            "now_us" => Func::wrap(&mut store, || 0u64),
            "exit" => Func::wrap(&mut store, |_: u32| ()),
            "sleep_us" => Func::wrap(&mut store, |_: u64| ()),
            "log" => Func::wrap(&mut store, |_: u32, _: u32, _: u32| ()),
            _ => Func::wrap(
                &mut store,
                |_: Caller<'_, ()>, _: u32, _: u32, _: u32, _: u32| (),
            ),
        }));
    }
    let instance = Instance::new(&mut store, &module, &externs).ok()?;
    Some((store, instance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_supervisor::fake::Fake;

    #[test]
    fn the_assembled_guests_are_the_ones_that_are_written_down() {
        for (wat, image) in [
            (include_str!("guests/fib.wat"), FIB),
            (include_str!("guests/driver.wat"), DRIVER),
            (include_str!("guests/spin.wat"), SPIN),
        ] {
            assert_eq!(wat::parse_str(wat).unwrap(), image, "{wat}");
        }
    }

    #[test]
    fn everything_that_is_measured_is_done() {
        let mut told = std::vec::Vec::new();
        Bench::new(Fake::default())
            .run(|key, _, times| told.push((std::string::String::from(key), times)))
            .unwrap();
        assert_eq!(told.len(), 14);
        assert!(told.iter().all(|(_, times)| *times > 0));
        assert_eq!(Bench::new(Fake::default()).leak(100), Ok(0));
    }
}
