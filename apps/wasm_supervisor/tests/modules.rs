//! Hostile and generated modules: none takes more memory to load than admission
//! computed, none disturbs the others, none leaves anything behind; and if one took more, its load
//! would end and nothing else.
//!
//! `BERTH_MODULES` is the number of generated modules of each test (`make soak`
//! sets it), `BERTH_SEED` the first of them.

mod support;

use berth_admission::bound::bound;
use berth_protocol::{Fault, ImageHash, Parameters, State};
use support::hostile::hostile;
use support::{Bench, DRIVER, ONE_AT_A_TIME, smith, usage};
use wasm_supervisor::admission::Module;
use wasm_supervisor::arena::{self, ArenaId, Usage};
use wasm_supervisor::container::{Name, Refused};

/// How the modules of a run fared.
#[derive(Debug, Default)]
struct Tally {
    modules: u64,
    /// By the scan or the engine's validation.
    invalid: u64,
    /// Would need more memory than there is.
    too_large: u64,
    /// Failed or trapped while loading.
    faulted: u64,
    started: u64,
    /// Of those, loads that were ended by an allocation that failed.
    starved: u64,
    /// Largest share of its estimate that a load used, in percent.
    tightest: u64,
    /// Loads that took more than their estimate: the device does not rely on it, `pack --check` says
    /// that it is one.
    beyond: u64,
}

/// A device with a driver at work, which every module must leave alone.
struct Scene {
    bench: Bench,
    driver: usize,
    free: u32,
    /// What the supervisor uses for itself between two modules.
    own: u32,
    /// Modules done.
    settled: u32,
}

impl Scene {
    fn new() -> Self {
        let mut bench = Bench::new();
        let driver = bench.store("driver", DRIVER, None);
        bench.containers.start(driver).unwrap();
        bench.run(3);
        let mut scene = Self {
            bench,
            driver,
            free: 0,
            own: 0,
            settled: 0,
        };
        scene.free = scene.free_for_containers();
        scene
    }

    /// Free bytes of the pool and what the supervisor holds: what containers do not.
    fn free_for_containers(&self) -> u32 {
        arena::space().free_bytes + arena::usage(ArenaId::SUPERVISOR).held_bytes
    }

    fn try_module(&mut self, name: &str, image: &[u8], tally: &mut Tally) {
        tally.modules += 1;
        let hash = ImageHash::of(image);
        let stored = self.bench.containers.store(
            Name::new(name).unwrap(),
            image,
            hash,
            Parameters::default(),
        );
        match stored {
            Ok(()) => {}
            Err(Refused::Invalid(_)) => {
                tally.invalid += 1;
                return self.undisturbed(name);
            }
            Err(other) => panic!("{name}: {other:?}"),
        }
        let slot = self.bench.containers.find(name).unwrap();
        let bound = bound(&Module::scan(image).unwrap());
        let started = self.bench.containers.start(slot);
        match started {
            Ok(()) => {
                tally.started += 1;
                let peak = usage(slot).peak_bytes;
                tally.beyond += u64::from(peak > bound);
                tally.tightest = tally.tightest.max(u64::from(peak) * 100 / u64::from(bound));
                self.bench.run(4);
                let _ = self.bench.containers.stop(slot);
                if tally.started.is_multiple_of(4) {
                    self.starve(slot, name, tally);
                }
            }
            Err(Refused::Memory { needed, room }) => {
                assert!(
                    needed == 0 || needed > room,
                    "{name}: {needed} bytes do not suffice"
                );
                tally.too_large += 1;
            }
            Err(Refused::Invalid(_) | Refused::Missing(_)) => tally.invalid += 1,
            Err(Refused::State(State::Faulted { .. })) => tally.faulted += 1,
            Err(other) => panic!("{name}: {other:?}"),
        }
        assert_eq!(usage(slot), Usage::default(), "{name}");
        self.bench.containers.remove(slot).unwrap();
        self.undisturbed(name);
    }

    /// The same again, and one of its allocations fails: what happens if the computed bound is
    /// too low, by however much. That load ends with an error which says so.
    fn starve(&mut self, slot: usize, name: &str, tally: &mut Tally) {
        arena::fail_after(tally.started / 4 % 150, ArenaId::SUPERVISOR);
        let started = self.bench.containers.start(slot);
        let failed = arena::has_failed();
        let out_of_memory = State::Faulted {
            fault: Fault::OutOfMemory,
        };
        match started {
            Ok(()) => drop(self.bench.containers.kill(slot)),
            Err(Refused::Memory { .. }) if failed => tally.starved += 1,
            Err(Refused::State(state)) if failed && state == out_of_memory => tally.starved += 1,
            Err(other) => panic!("{name}: {other:?}"),
        }
    }

    /// The driver goes on, and containers hold what they held.
    fn undisturbed(&mut self, name: &str) {
        let fuel = |scene: &Self| {
            let driver = scene.bench.containers.get(scene.driver).unwrap();
            driver.fuel_used()
        };
        let before = fuel(self);
        self.bench.run(2);
        assert_eq!(self.bench.state(self.driver), State::Running, "{name}");
        assert!(fuel(self) > before, "{name}: the driver stands still");
        self.bench.fake.0.writes.borrow_mut().clear();
        assert_eq!(self.free_for_containers(), self.free, "{name}");
        arena::trim(ArenaId::SUPERVISOR);
        let own = arena::usage(ArenaId::SUPERVISOR).used_bytes;
        self.settled += 1;
        // Buffers of the supervisor and of the fake have found their sizes by then.
        if self.settled == 20 {
            self.own = own;
        }
        assert!(self.settled < 20 || self.own == own, "{name}: {own} bytes");
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Generated modules, `of` interleaved runs of which this is the `part`-th: the
/// test runner runs them beside each other.
fn generated(part: u64, of: u64) {
    let _guard = ONE_AT_A_TIME.lock();
    let mut scene = Scene::new();
    let mut tally = Tally::default();
    let first = number("BERTH_SEED", 1);
    for index in 0..number("BERTH_MODULES", 25_000) {
        let seed = first + index * of + part;
        let made = arena::of_the_test(|| Some((format!("seed{seed}"), smith::module(seed)?)));
        if let Some((name, image)) = made {
            scene.try_module(&name, &image, &mut tally);
        }
    }
    println!("{tally:?}");
    assert!(tally.started > tally.modules / 4, "{tally:?}");
    assert!(tally.invalid > tally.modules / 40, "{tally:?}");
    assert!(tally.starved > tally.started / 16, "{tally:?}");
    // What the estimate is worth: one in a thousand takes more.
    assert!(tally.beyond * 1_000 <= tally.started, "{tally:?}");
}

#[test]
fn generated_modules_disturb_nobody_1() {
    generated(0, 4);
}

#[test]
fn generated_modules_disturb_nobody_2() {
    generated(1, 4);
}

#[test]
fn generated_modules_disturb_nobody_3() {
    generated(2, 4);
}

#[test]
fn generated_modules_disturb_nobody_4() {
    generated(3, 4);
}

#[test]
fn hostile_modules_keep_within_their_bound_or_are_refused() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut scene = Scene::new();
    let mut tally = Tally::default();
    for (name, wat, by_the_scan) in arena::of_the_test(hostile) {
        let image = arena::of_the_test(|| wat::parse_str(&wat).unwrap());
        let refused = tally.invalid;
        scene.try_module(name, &image, &mut tally);
        if by_the_scan {
            assert_eq!(tally.invalid, refused + 1, "{name}");
        }
    }
    assert_eq!(tally.beyond, 0, "{tally:?}");
    println!("{tally:?}");
}
