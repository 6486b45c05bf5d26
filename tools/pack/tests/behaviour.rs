//! What a module does is what its package does.

mod support;

use arbitrary::Unstructured;
use berth_pack::{Options, PackError, pack};
use proptest::prelude::*;
use wasm_smith::{Config, Module as Smith};
use wasmi::{Engine, Extern, Linker, Module, Store, TrapCode, Val};

/// How a run ended, and what it left.
#[derive(Debug, PartialEq)]
struct Run {
    end: Result<(), Option<TrapCode>>,
    fuel_left: u64,
    memory: Vec<u8>,
}

const FUEL: u64 = 200_000;

fn engine() -> Engine {
    let mut config = wasmi::Config::default();
    config.consume_fuel(true).wasm_custom_page_sizes(true);
    Engine::new(&config)
}

/// Run `_start` of an image that imports nothing.
fn run(image: &[u8]) -> Run {
    let engine = engine();
    let module = Module::new(&engine, image).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_fuel(FUEL).unwrap();
    let (end, memory) = support::execute(&Linker::new(&engine), &mut store, &module);
    Run {
        end,
        fuel_left: store.get_fuel().unwrap(),
        memory,
    }
}

/// Bytes of memory at the start; `None` without one.
fn memory_bytes(image: &[u8]) -> Option<u32> {
    let engine = engine();
    let module = Module::new(&engine, image).unwrap();
    module.exports().find_map(|export| match export.ty() {
        wasmi::ExternType::Memory(memory) => Some((memory.minimum() as u32) << 16),
        _ => None,
    })
}

/// What the generator makes its choices from (xorshift64).
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(500).flatten().collect()
}

fn config() -> Config {
    let required =
        wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#)
            .unwrap();
    Config {
        exports: Some(required),
        max_imports: 0,
        min_globals: 3,
        // Beside the one that has to be exported.
        max_memories: 0,
        max_memory32_bytes: 4 << 16,
        memory64_enabled: false,
        gc_enabled: false,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        reference_types_enabled: true,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        allow_floats: true,
        canonicalize_nans: false,
        max_instructions: 300,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    /// With the memory as linked nothing at all changes, not even the fuel.
    #[test]
    fn generated_modules_do_the_same(seed: u64) {
        let module = Smith::new(config(), &mut Unstructured::new(&noise(seed))).unwrap();
        let module = module.to_bytes();
        let options = Options {
            name: "smith".to_owned(),
            memory: memory_bytes(&module),
            ..Options::default()
        };
        match pack(&module, &options) {
            Ok(package) => prop_assert_eq!(run(&module), run(&package.image)),
            // Its segments lie outside its memory: it could never start.
            Err(PackError::MemoryTooSmall { .. }) => {
                prop_assert_eq!(run(&module).end, Err(Some(TrapCode::MemoryOutOfBounds)));
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }

    #[test]
    fn no_bytes_make_packing_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let options = Options { name: "x".to_owned(), ..Options::default() };
        let _ = pack(&bytes, &options);
        bytes.splice(0..0, *b"\0asm\x01\0\0\0");
        let _ = pack(&bytes, &options);
    }
}

/// A module that reads and writes all of what the linker gave it.
const TOUCHES_ALL: &str = r#"(module (memory (export "memory") 1)
    (global $sp (mut i32) (i32.const 256)) (data (i32.const 256) "abcdefgh")
    (global (export "__heap_base") i32 (i32.const 288))
    (func (export "_start") (local $i i32)
      (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
      (loop $next
        (i32.store8 (local.get $i) (i32.add (i32.load8_u (local.get $i)) (local.get $i)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const END))))))"#;

#[test]
fn a_shrunk_memory_holds_all_that_is_the_modules_and_nothing_more() {
    let touch = |end: &str| {
        let module = wat::parse_str(TOUCHES_ALL.replace("END", end)).unwrap();
        let options = Options {
            name: "x".to_owned(),
            ..Options::default()
        };
        (run(&module), run(&pack(&module, &options).unwrap().image))
    };
    let (before, after) = touch("288");
    assert_eq!((before.end, after.end), (Ok(()), Ok(())));
    assert_eq!(after.memory.len(), 288);
    assert_eq!(after.memory[..], before.memory[..288]);
    let (_, beyond) = touch("289");
    assert_eq!(beyond.end, Err(Some(TrapCode::MemoryOutOfBounds)));
}

#[test]
fn a_command_with_small_pages_is_told_whole_pages_and_gets_no_more() {
    let call = |bytes: u32, body: &str| {
        let module = wat::parse_str(format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
               (memory (export "memory") {bytes} (pagesize 1))
               (func (export "_start") (drop (call $ask (i32.const 0))))
               (func $ask (export "ask") (param i32) (result i32) {body}))"#
        ))
        .unwrap();
        let options = Options {
            name: "x".to_owned(),
            ..Options::default()
        };
        let image = pack(&module, &options).unwrap().image;
        let engine = engine();
        let module = Module::new(&engine, &image).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_fuel(FUEL).unwrap();
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("wasi_snapshot_preview1", "proc_exit", |_: i32| {})
            .unwrap();
        let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
        let ask = instance
            .get_export(&store, "ask")
            .and_then(Extern::into_func)
            .unwrap();
        move |argument: i32| {
            let mut answer = [Val::I32(99)];
            ask.call(&mut store, &[Val::I32(argument)], &mut answer)
                .unwrap();
            answer[0].i32().unwrap()
        }
    };
    assert_eq!(call(20_000, "(memory.size)")(0), 0);
    assert_eq!(call(140_000, "(memory.size)")(0), 2);
    let mut grow = call(140_000, "(memory.grow (local.get 0))");
    assert_eq!(grow(0), 2);
    for more in [1, 2, 65535, i32::MIN, -1] {
        assert_eq!(grow(more), -1, "{more}");
    }
}
