//! Modules on the device: what the scan says of one is what the engine finds, and loading one disturbs nobody.

use std::cell::RefCell;

use berth_compiler_tests::smith;
use berth_engine_tests::generate;
use berth_protocol::{ImageHash, Parameters, State};
use wasm_supervisor::admission::Module;
use wasm_supervisor::arena::{self, ArenaId, Usage};
use wasm_supervisor::container::{Containers, Name, Refused, Shared};
use wasm_supervisor::fake::Fake;
use wasmparser::{ExternalKind, Parser, Payload};

/// A device without containers.
struct Device {
    fake: Fake,
    containers: Containers<Fake>,
    /// What containers hold, while there are none.
    free: u32,
}

thread_local! {
    static DEVICE: RefCell<Option<Device>> = const { RefCell::new(None) };
}

/// Free bytes of the pool and what the supervisor holds: what containers do not.
fn free_for_containers() -> u32 {
    arena::space().free_bytes + arena::usage(ArenaId::SUPERVISOR).held_bytes
}

impl Device {
    fn new() -> Self {
        let fake = Fake::default();
        let containers = Containers::new(Shared::new(fake.clone()).into());
        let free = free_for_containers();
        Self {
            fake,
            containers,
            free,
        }
    }

    /// Stores a module, starts it and lets it run for a moment; afterwards all is as it was.
    fn load(&mut self, image: &[u8]) {
        let hash = ImageHash::of(image);
        let name = Name::new("m").unwrap();
        let stored = self
            .containers
            .store(name, image, hash, Parameters::default());
        match stored {
            Ok(()) => {}
            Err(Refused::Invalid(_)) => return,
            Err(other) => panic!("{other:?}"),
        }
        let slot = self.containers.find("m").unwrap();
        match self.containers.start(slot) {
            Ok(()) => {
                for _ in 0..3 {
                    self.containers.run_one();
                    let now = self.fake.0.now_us.get();
                    self.fake.0.now_us.set(now + 1000);
                }
                let _ = self.containers.kill(slot);
            }
            Err(
                Refused::Memory { .. }
                | Refused::Invalid(_)
                | Refused::Missing(_)
                | Refused::State(State::Faulted { .. }),
            ) => {}
            Err(other) => panic!("{other:?}"),
        }
        let id = ArenaId::of_container(slot).unwrap();
        assert_eq!(arena::usage(id), Usage::default());
        self.containers.remove(slot).unwrap();
        assert_eq!(free_for_containers(), self.free);
        let holders = self.fake.0.holders.borrow();
        assert!(holders.iter().all(Option::is_none));
        drop(holders);
        self.fake.0.writes.borrow_mut().clear();
        self.fake.0.output.borrow_mut().clear();
    }
}

/// The first byte says whether the others are a module, or what one is made of.
pub fn body(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    match kind % 4 {
        0 => module(rest),
        kind => {
            let made = arena::of_the_test(|| smith::made_of(rest, u64::from(kind)));
            if let Some(image) = made {
                module(&image);
            }
        }
    }
}

fn module(image: &[u8]) {
    if let Ok(scanned) = Module::scan(image) {
        arena::of_the_test(|| compare(image, &scanned));
    }
    DEVICE.with_borrow_mut(|device| device.get_or_insert_with(Device::new).load(image));
}

/// What another reader finds in a module.
#[derive(Default)]
struct Found {
    functions: u32,
    code_bytes: usize,
    memory_bytes: u64,
    start: bool,
}

/// The scan finds in a module what another reader finds there, if that takes it.
fn compare(image: &[u8], scanned: &Module<'_>) {
    let Ok(found) = found(image) else { return };
    assert_eq!(scanned.functions, found.functions);
    assert_eq!(scanned.memory_bytes, found.memory_bytes);
    assert!(scanned.code_bytes as usize >= found.code_bytes);
    assert!(found.start, "a module without _start is taken");
}

fn found(image: &[u8]) -> wasmparser::Result<Found> {
    let mut found = Found::default();
    for payload in Parser::new(0).parse_all(image) {
        match payload? {
            Payload::FunctionSection(section) => found.functions = section.count(),
            Payload::CodeSectionEntry(body) => found.code_bytes += body.range().len(),
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    let page = 1_u64 << memory.page_size_log2.unwrap_or(16);
                    found.memory_bytes = memory.initial.saturating_mul(page);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let is_function = export.kind == ExternalKind::Func;
                    found.start |= is_function && export.name == "_start";
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Modules that use what containers can import, of the generators, and what one of these makes modules of.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"(module
          (import "mmio:fpgaio" "claim" (func $claim (result i32)))
          (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (memory (export "memory") 64 (pagesize 1))
          (data (i32.const 0) "toggled")
          (func (export "_start") (local $handle i32)
            (local.set $handle (call $claim))
            (loop $again
              (call $modify (local.get $handle) (i32.const 0) (i32.const 2) (i32.const 2))
              (call $log (i32.const 2) (i32.const 0) (i32.const 7))
              (call $sleep (i64.const 100))
              (br $again))))"#,
        r#"(module (memory 1) (func (export "_start") (loop $a (drop (memory.grow (i32.const 1))) (br $a))))"#,
        r#"(module (table 4 funcref) (elem (i32.const 0) $f $f) (global (mut i64) (i64.const 3)) (type $t (func))
          (func $f (export "_start") (call_indirect (type $t) (i32.const 1))))"#,
        r#"(module (func $s (loop $a (br $a))) (start $s) (func (export "_start")))"#,
    ];
    let texts = texts.iter().map(|text| wat::parse_str(text).unwrap());
    let generated = (1..4).map(generate::module);
    let smith = (1..6).filter_map(smith::module);
    texts
        .chain(generated)
        .chain(smith)
        .map(|image| [&[0], &image[..]].concat())
        .chain((1..4).map(|kind| vec![kind; 1500]))
        .collect()
}
