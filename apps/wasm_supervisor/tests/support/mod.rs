//! What the tests with the arenas as global allocator share.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "not every test program uses all of it"
)]

use std::sync::Mutex;

use berth_protocol::{ImageHash, Parameters, State};
use wasm_supervisor::arena::{self, ArenaAllocator, ArenaId, Usage};
use wasm_supervisor::container::{Containers, Name, Shared};
use wasm_supervisor::fake::Fake;

#[global_allocator]
static ALLOCATOR: ArenaAllocator = ArenaAllocator;

/// Arenas are shared by all tests of this program: one at a time.
pub static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub struct Bench {
    pub fake: Fake,
    pub containers: Containers<Fake>,
}

impl Bench {
    pub fn new() -> Self {
        arena::set_installed();
        let fake = Fake::default();
        let containers = Containers::new(Shared::new(fake.clone()).into());
        Self { fake, containers }
    }

    pub fn store(&mut self, name: &str, wat: &str, limit: Option<u32>) -> usize {
        let image = wat::parse_str(wat).unwrap();
        let parameters = Parameters {
            limit,
            ..Parameters::default()
        };
        let hash = ImageHash::of(&image);
        self.containers
            .store(Name::new(name).unwrap(), image, hash, parameters)
            .unwrap();
        self.containers.find(name).unwrap()
    }

    pub fn run(&mut self, slices: usize) {
        for _ in 0..slices {
            self.containers.run_one();
            self.fake.0.now_us.set(self.fake.0.now_us.get() + 1000);
        }
    }

    pub fn state(&self, slot: usize) -> State {
        self.containers.get(slot).unwrap().state()
    }
}

pub fn usage(slot: usize) -> Usage {
    arena::usage(ArenaId::of_container(slot).unwrap())
}

/// Claims, logs, sleeps for ever: what a driver does.
pub const DRIVER: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "mmio" "write32" (func $write (param i32 i32 i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 2048 (pagesize 1))
  (func (export "_start")
    (loop $again
      (call $write (call $claim) (i32.const 0) (i32.const 1))
      (call $log (i32.const 2) (i32.const 0) (i32.const 16))
      (call $sleep (i64.const 1000))
      (br $again))))"#;

/// Grows its memory until it is told no, then exits with the number of times.
pub const GROWER: &str = r#"(module
  (import "berth" "exit" (func $exit (param i32)))
  (memory (export "memory") 1024 (pagesize 1))
  (func (export "_start") (local $times i32)
    (loop $again
      (if (i32.ne (memory.grow (i32.const 1024)) (i32.const -1))
        (then
          (local.set $times (i32.add (local.get $times) (i32.const 1)))
          (br $again))))
    (call $exit (local.get $times))))"#;

pub const ENDLESS: &str =
    r#"(module (memory 64 (pagesize 1)) (func (export "_start") (loop $a (br $a))))"#;

pub mod hostile;
pub mod operations;
pub mod smith;
