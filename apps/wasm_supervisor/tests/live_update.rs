//! Live updates, uploads and deletions with the real allocator: what fits, and that nothing is left.

use std::sync::Mutex;

use berth_flash::Simulated;
use berth_protocol::{Fault, ImageHash, Parameters, State, Update};
use wasm_supervisor::arena::{self, ArenaAllocator, ArenaId, Space};
use wasm_supervisor::container::images::Commit;
use wasm_supervisor::container::storage::{Belongings, Meta};
use wasm_supervisor::container::{Containers, Name, Refused, Shared};
use wasm_supervisor::fake::Fake;

#[global_allocator]
static ALLOCATOR: ArenaAllocator = ArenaAllocator;

/// Arenas are shared by all tests of this program: one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const TRIAL_MS: u32 = 100;

struct Bench {
    fake: Fake,
    containers: Containers<Fake>,
}

/// A container with so many bytes of linear memory.
fn program(memory: u32, start: &str, main: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "mmio:fpgaio" "claim" (func $claim (result i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
          (memory (export "memory") {memory} (pagesize 1))
          {start}
          (func (export "_pause") (drop (call $save (i32.const 0) (i32.const 100))))
          (func (export "_start")
            (call $sleep (i64.const 1000))
            {main}
            (loop $a (call $sleep (i64.const 10000)) (br $a))))"#
    );
    wat::parse_str(text).unwrap()
}

impl Bench {
    /// With so many pages of flash for the store; 0: none.
    fn new(pages: usize) -> Self {
        arena::set_installed();
        let fake = Fake::default();
        if pages > 0 {
            fake.0.flash.replace(Some(Simulated::new(pages)));
        }
        let containers = Containers::new(Shared::new(fake.clone()).into());
        Self { fake, containers }
    }

    fn upload(&mut self, name: Name, image: &[u8]) {
        let meta = Meta::new(name, Parameters::default(), Belongings::default());
        let images = self.containers.images_mut();
        images
            .begin(image.len() as u32, ImageHash::of(image), meta.bytes())
            .unwrap();
        images.write(0, image).unwrap();
    }

    fn store(&mut self, name: &str, image: &[u8]) -> usize {
        let (hash, parameters) = (ImageHash::of(image), Parameters::default());
        let name = Name::new(name).unwrap();
        self.upload(name, image);
        self.containers
            .store_uploaded(name, hash, (parameters, Belongings::default()), false)
            .unwrap();
        self.containers.find(name.as_str()).unwrap()
    }

    fn update(&mut self, slot: usize, image: &[u8]) -> Result<Update, Refused> {
        let (hash, parameters) = (ImageHash::of(image), Parameters::default());
        let containers = &mut self.containers;
        let name = Name::new(containers.get(slot).unwrap().name()).unwrap();
        self.upload(name, image);
        let containers = &mut self.containers;
        let answer = containers.update_uploaded(
            slot,
            hash,
            (parameters, Belongings::default()),
            TRIAL_MS,
            Commit::default(),
        );
        containers.forget_refused();
        answer
    }

    /// Let so many milliseconds pass.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            while self.containers.run_one() {}
            self.fake.0.now_us.set(self.fake.0.now_us.get() + 1000);
        }
        while self.containers.run_one() {}
    }

    fn state(&self, slot: usize) -> State {
        self.containers.get(slot).unwrap().state()
    }
}

/// What is free in memory and in the store, to be the same each time.
#[derive(Default)]
struct Free {
    known: Option<(Space, Option<u32>)>,
    changes: u32,
}

impl Free {
    fn check(&mut self, bench: &Bench, round: u32) {
        let store = bench
            .containers
            .images()
            .flash()
            .map(|store| store.space().free);
        let now = (space(), store);
        if self.known.is_some_and(|known| known != now) {
            // Once is allowed for: the test runner allocates when a test takes a minute.
            self.changes += 1;
            assert!(
                self.changes < 2,
                "round {round}: {:?}, now {now:?}",
                self.known
            );
        }
        self.known = Some(now);
    }
}

/// Memory free now, what the supervisor needed for a moment given back.
fn space() -> Space {
    arena::trim(ArenaId::SUPERVISOR);
    arena::space()
}

#[test]
fn two_that_do_not_fit_together_take_turns() {
    let _guard = ONE_AT_A_TIME.lock();
    for pages in [0, 14] {
        let mut bench = Bench::new(pages);
        let total = space().free_bytes;
        let large = total * 47 / 100;
        let first = program(large, "", "");
        let slot = bench.store("it", &first);
        bench.containers.start(slot).unwrap();
        bench.run(5);
        // One that fits beside it is loaded beside it.
        let small = program(2048, "", "");
        let beside = Update::Trial {
            left_ms: TRIAL_MS,
            stopped_first: false,
        };
        assert_eq!(bench.update(slot, &small), Ok(beside));
        bench.containers.kill(slot).unwrap();
        bench.containers.remove(slot).unwrap();
        // Another large one does not.
        let slot = bench.store("it", &first);
        bench.containers.start(slot).unwrap();
        bench.run(5);
        let second = program(large + 8, "", "");
        let claims = bench.fake.0.claims.get();
        let stopped_first = true;
        let answer = bench.update(slot, &second);
        let left_ms = TRIAL_MS;
        assert_eq!(
            answer,
            Ok(Update::Trial {
                left_ms,
                stopped_first
            })
        );
        assert_eq!(
            bench.fake.0.claims.get(),
            claims,
            "the claim was kept all the time"
        );
        bench.run(u64::from(TRIAL_MS) + 1);
        assert_eq!(
            bench.containers.update_status(slot),
            Update::Kept { stopped_first }
        );
        assert_eq!(bench.containers.image(slot), second);
        // One that would fit an empty device but not this one: the old one comes back.
        bench.containers.kill(slot).unwrap();
        bench.containers.remove(slot).unwrap();
        let third = program(total * 3 / 10, "", "");
        let slot = bench.store("it", &third);
        bench.containers.start(slot).unwrap();
        bench.run(5);
        let claims = bench.fake.0.claims.get();
        let other = format!(
            r#"(module (import "berth" "sleep_us" (func $sleep (param i64)))
              (memory {} (pagesize 1))
              (func (export "_start") (loop $a (call $sleep (i64.const 9000)) (br $a))))"#,
            total / 8
        );
        let other = bench.store("other", &wat::parse_str(other).unwrap());
        bench.containers.start(other).unwrap();
        let fourth = program(total * 9 / 10, "", "");
        let outcome = Update::RolledBack { fault: None };
        assert_eq!(bench.update(slot, &fourth), Ok(outcome));
        assert_eq!(bench.containers.update_status(slot), outcome);
        assert_eq!(bench.state(slot), State::Running);
        assert_eq!(bench.containers.image(slot), third);
        // And so it does for one that faults while it is loaded in its place.
        bench.containers.kill(other).unwrap();
        let traps = program(total * 3 / 4, "(func $s unreachable) (start $s)", "");
        let fault = Some(Fault::Unreachable);
        assert_eq!(bench.update(slot, &traps), Ok(Update::RolledBack { fault }));
        assert_eq!(bench.fake.0.claims.get(), claims, "and all through that");
        bench.run(5);
        assert_eq!(bench.state(slot), State::Running);
    }
}

#[test]
fn a_thousand_live_updates_in_memory_leave_nothing_behind() {
    live_updates(0);
}

#[test]
fn a_thousand_live_updates_in_flash_leave_nothing_behind() {
    live_updates(14);
}

/// Every way an update can end, a thousand times.
fn live_updates(pages: usize) {
    let _guard = ONE_AT_A_TIME.lock();
    let mut bench = Bench::new(pages);
    let images = [
        program(2048, "", ""),
        program(9000, "", ""),
        program(2048, "", "unreachable"),
        program(2048, "(func $s unreachable) (start $s)", ""),
    ];
    let unknown =
        wat::parse_str(r#"(module (import "no" "such" (func)) (func (export "_start")))"#);
    let unknown = unknown.unwrap();
    let slot = bench.store("it", &images[0]);
    bench.containers.start(slot).unwrap();
    let mut outcomes = [0; 4];
    let mut free = Free::default();
    for round in 0..1_010u32 {
        let image = match round % 5 {
            4 => &unknown,
            other => &images[(other as usize + 1) % 4],
        };
        let place = match bench.update(slot, image) {
            Ok(Update::Trial { .. }) => 0,
            Ok(Update::RolledBack { .. }) => 1,
            Err(_) => 2,
            other => panic!("{other:?}"),
        };
        outcomes[place] += 1;
        bench.run(u64::from(TRIAL_MS) + 10);
        if let Update::RolledBack { .. } = bench.containers.update_status(slot) {
            outcomes[3] += 1;
        }
        assert_eq!(bench.state(slot), State::Running, "round {round}");
        // The first rounds find the sizes of what is kept: log, events, saved state.
        if round % 10 == 9 {
            free.check(&bench, round);
        }
    }
    println!(
        "live updates: {outcomes:?} on trial, not started, refused, rolled back; 0 bytes left behind"
    );
    assert!(outcomes.iter().all(|count| *count >= 200), "{outcomes:?}");
}

#[test]
fn uploads_and_deletions_in_memory_leave_nothing_behind() {
    uploads(0);
}

#[test]
fn uploads_and_deletions_in_flash_leave_nothing_behind() {
    uploads(14);
}

/// Ten thousand.
fn uploads(pages: usize) {
    let _guard = ONE_AT_A_TIME.lock();
    let rounds = 10_000;
    let mut bench = Bench::new(pages);
    let images: Vec<_> = (0..8).map(|n| program(2048 + n, "", "")).collect();
    let mut free = Free::default();
    for round in 0..rounds {
        let slot = bench.store("it", &images[round as usize % 8]);
        if round % 16 == 0 {
            bench.containers.start(slot).unwrap();
            bench.run(3);
            bench.containers.kill(slot).unwrap();
        }
        bench.containers.remove(slot).unwrap();
        if round >= 16 {
            free.check(&bench, round);
        }
    }
    if let Some(store) = bench.containers.images().flash() {
        let wear = store.wear();
        println!("uploads and deletions: {rounds} on {pages} pages, {wear:?}");
        assert!(wear.most <= 2 * wear.mean());
    }
}
