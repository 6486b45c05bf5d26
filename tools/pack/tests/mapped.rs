//! Loads and stores on windows become accesses of registers, and nothing else changes.

mod support;

use arbitrary::Unstructured;
use berth_pack::mapped::windows::{Window, WindowError};
use berth_pack::mapped::{AccessError, Mapping};
use berth_pack::{Options, PackError, Packed, pack};
use wasm_encoder::reencode::{Reencode, utils};
use wasm_encoder::{
    CodeSection, EntityType, ImportSection, Instruction, MemArg, SectionId, TypeSection, ValType,
};
use wasm_smith::{Config, Module as Smith};
use wasmi::{Caller, Engine, Linker, Module, Store, TrapCode};
use wasmparser::{FunctionBody, Parser, Payload};

fn window(start: u32, label: &str) -> Window {
    Window {
        start,
        length: 0x1000,
        label: label.to_owned(),
    }
}

fn options(dynamic: &[&str]) -> Options {
    Options {
        name: "test".to_owned(),
        mapping: Mapping {
            windows: vec![window(0x4002_8000, "fpgaio"), window(0x4000_5000, "uart1")],
            chip: Vec::new(),
            dynamic: dynamic.iter().map(|name| (*name).to_owned()).collect(),
        },
        ..Options::default()
    }
}

fn packed(body: &str, dynamic: &[&str]) -> Result<Packed, PackError> {
    let module = format!(r#"(module (memory (export "memory") 1) {body})"#);
    pack(&wat::parse_str(module).unwrap(), &options(dynamic))
}

/// An access of a register: width in bytes, handle, offset, and what was written.
type Access = (u32, u32, u32, Option<u32>);

/// What a container has done.
#[derive(Debug, PartialEq)]
struct Run {
    end: Result<(), Option<TrapCode>>,
    accesses: Vec<Access>,
    memory: Vec<u8>,
}

/// What a register reads as.
fn value(width: u32, handle: u32, offset: u32) -> u32 {
    let value = 0x8091_a2b3_u32.rotate_left(offset) ^ handle;
    if width == 4 {
        value
    } else {
        value & ((1 << (8 * width)) - 1)
    }
}

fn run(image: &[u8]) -> Run {
    let mut config = wasmi::Config::default();
    config.consume_fuel(true).wasm_custom_page_sizes(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, image).unwrap();
    let mut store = Store::new(&engine, Vec::<Access>::new());
    store.set_fuel(200_000).unwrap();
    let mut linker = Linker::new(&engine);
    for (width, read, write) in [
        (1, "read8", "write8"),
        (2, "read16", "write16"),
        (4, "read32", "write32"),
    ] {
        let reads = move |mut caller: Caller<'_, Vec<Access>>, handle: u32, offset: u32| {
            caller.data_mut().push((width, handle, offset, None));
            value(width, handle, offset)
        };
        linker.func_wrap("mmio", read, reads).unwrap();
        let writes =
            move |mut caller: Caller<'_, Vec<Access>>, handle: u32, offset: u32, value: u32| {
                let mask = if width == 4 {
                    u32::MAX
                } else {
                    (1 << (8 * width)) - 1
                };
                caller
                    .data_mut()
                    .push((width, handle, offset, Some(value & mask)));
            };
        linker.func_wrap("mmio", write, writes).unwrap();
    }
    for label in ["mmio:fpgaio", "mmio:uart1"] {
        linker.func_wrap(label, "claim", || 0u32).unwrap();
    }
    let (end, memory) = support::execute(&linker, &mut store, &module);
    Run {
        end,
        accesses: store.into_data(),
        memory,
    }
}

/// What the accesses of `_start` with this body are.
fn accesses(body: &str, dynamic: &[&str]) -> Vec<Access> {
    let run = run(&packed(body, dynamic).unwrap().image);
    assert_eq!(run.end, Ok(()), "{body}");
    run.accesses
}

/// Blocks are numbered in the order of their windows' addresses, where the module imports none itself.
const UART: u32 = 0;
const LEDS: u32 = 1;

#[test]
fn each_access_is_one_of_its_width_in_its_place() {
    let start = r#"(func (export "_start") (local i32)"#;
    let body = format!(
        r#"{start} (local.set 0 (i32.const 0x40028000))
          (i32.store8 offset=4 (local.get 0) (i32.const 0x1ff))
          (i32.store16 (i32.const 0x40005010) (i32.load16_s (i32.const 0x4000500e)))
          (i64.store32 offset=0x40005000 (i32.const 0) (i64.load8_s offset=0x40028001 (i32.const 0)))
          (f32.store offset=8 (local.get 0) (f32.load offset=0xc (local.get 0)))
          (i32.store (i32.const 16) (i32.load offset=0x40005004 (i32.const 0)))
          (i32.store (local.get 0) (i32.or (i32.load (local.get 0)) (i32.const 2))))"#
    );
    let half = value(2, UART, 0xe);
    let byte = (value(1, LEDS, 1) as u8).cast_signed();
    let expected = [
        (1, LEDS, 4, Some(0xff)),
        (2, UART, 0xe, None),
        (2, UART, 0x10, Some(half)),
        (1, LEDS, 1, None),
        (4, UART, 0, Some(i32::from(byte).cast_unsigned())),
        (4, LEDS, 0xc, None),
        (4, LEDS, 8, Some(value(4, LEDS, 0xc))),
        (4, UART, 4, None),
        (4, LEDS, 0, None),
        (4, LEDS, 0, Some(value(4, LEDS, 0) | 2)),
    ];
    assert_eq!(accesses(&body, &[]), expected);
}

#[test]
fn addresses_that_lie_in_one_window_for_certain_need_no_test() {
    // Through a parameter, a result, a global, a loop, and an index with bounds.
    let body = r#"(global $g (mut i32) (i32.const 0x40028000))
      (func $set (param i32 i32) (i32.store offset=4 (local.get 0) (local.get 1)))
      (func $where (result i32) (i32.const 0x40005000))
      (func (export "_start") (local i32)
        (call $set (call $where) (i32.const 1))
        (call $set (i32.const 0x40005100) (i32.const 2))
        (i32.store (global.get $g) (i32.const 3))
        (loop $again
          (i32.store8 offset=0x20
            (i32.add (i32.const 0x40028000) (i32.and (local.get 0) (i32.const 3)))
            (local.get 0))
          (br_if $again
            (i32.ne (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 2)))))"#;
    let expected = [
        (4, UART, 4, Some(1)),
        (4, UART, 0x104, Some(2)),
        (4, LEDS, 0, Some(3)),
        (1, LEDS, 0x20, Some(0)),
        (1, LEDS, 0x21, Some(1)),
    ];
    assert_eq!(accesses(body, &[]), expected);
}

/// Through memory nobody follows an address.
const KEPT: &str = r#"(func $poke (param i32 i32) (i32.store8 offset=1 (local.get 0) (local.get 1)))
  (func (export "_start")
    (i32.store (i32.const 64) (i32.const 0x40028000))
    (call $poke (i32.load (i32.const 64)) (i32.const 5))
    (call $poke (i32.const 99) (i32.const 6)))"#;

#[test]
fn what_is_not_known_is_refused_with_function_and_remedy_or_tested() {
    let error = packed(KEPT, &[]).unwrap_err();
    let unknown = AccessError::Unknown { function: 0 };
    assert!(
        matches!(&error, PackError::Access { function: 0, error, .. } if *error == unknown),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.starts_with("function 0 (poke) at byte 0x"), "{text}");
    assert!(text.ends_with("--dynamic 0"), "{text}");
    for named in ["0", "poke", "all"] {
        let run = run(&packed(KEPT, &[named]).unwrap().image);
        assert_eq!(run.end, Ok(()));
        assert_eq!(run.accesses, [(1, LEDS, 1, Some(5))]);
        assert_eq!(run.memory[100], 6);
    }
    let error = packed(KEPT, &["nobody"]).unwrap_err();
    assert!(matches!(error, PackError::NoFunction(_)), "{error}");
}

/// What compilers make of drivers without optimisation: all goes through memory, and what becomes an address is no
/// address before.
const COMPUTED: [(&str, &str); 6] = [
    (
        "a bus and an offset",
        r#"(i32.store (i32.const 64) (i32.const 0x40000000))
           (i32.store offset=4 (i32.add (i32.load (i32.const 64)) (i32.const 0x28000)) (i32.const 5))"#,
    ),
    (
        "the block before, and its length",
        r#"(i32.store (i32.const 64) (i32.const 0x40027000))
           (i32.store offset=0x1004 (i32.load (i32.const 64)) (i32.const 5))"#,
    ),
    (
        "a page, shifted",
        r#"(i32.store (i32.const 64) (i32.const 0x40028))
           (i32.store offset=4 (i32.shl (i32.load (i32.const 64)) (i32.const 12)) (i32.const 5))"#,
    ),
    (
        "a page, multiplied",
        r#"(i32.store (i32.const 64) (i32.const 0x40028))
           (i32.store offset=4 (i32.mul (i32.load (i32.const 64)) (i32.const 4096)) (i32.const 5))"#,
    ),
    (
        "two halves",
        r#"(i32.store (i32.const 64) (i32.const 0x4002)) (i32.store (i32.const 68) (i32.const 0x8004))
           (i32.store (i32.or (i32.shl (i32.load (i32.const 64)) (i32.const 16)) (i32.load (i32.const 68)))
             (i32.const 5))"#,
    ),
    (
        "constants that are summed and kept",
        r#"(i32.store (i32.const 64) (i32.add (i32.const 0x3fffffff) (i32.const 0x28005)))
           (i32.store (i32.load (i32.const 64)) (i32.const 5))"#,
    ),
];

#[test]
fn a_computed_address_is_refused_or_tested_and_never_taken_for_memory() {
    for (what, body) in COMPUTED {
        // Beside an access that is known.
        for known in ["", "(drop (i32.load (i32.const 0x40005000)))"] {
            let body = format!(r#"(func (export "_start") {known} {body})"#);
            let error = packed(&body, &[]).unwrap_err();
            let unknown = AccessError::Unknown { function: 0 };
            assert!(
                matches!(&error, PackError::Access { error, .. } if *error == unknown),
                "{what}: {error}"
            );
            let run = run(&packed(&body, &["all"]).unwrap().image);
            assert_eq!(run.end, Ok(()), "{what}");
            let written = (4, LEDS, 4, Some(5));
            assert_eq!(run.accesses.last(), Some(&written), "{what}");
        }
    }
}

#[test]
fn a_chips_addresses_that_no_access_is_known_to_have_are_refused() {
    // As of a table: none of its words is where a register is.
    let module = r#"(module (memory (export "memory") 1) (data (i32.const 64) "\00\00\00\40\00\80\02\00")
      (func (export "_start")
        (i32.store offset=4 (i32.add (i32.load (i32.const 64)) (i32.load (i32.const 68))) (i32.const 5))))"#;
    let module = wat::parse_str(module).unwrap();
    let error = pack(&module, &options(&[])).unwrap_err();
    assert!(
        matches!(
            &error,
            PackError::Overlooked {
                start: 0x4002_8000,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("--dynamic all"), "{error}");
    let run = run(&pack(&module, &options(&["all"])).unwrap().image);
    assert_eq!(
        (run.end, run.accesses),
        (Ok(()), vec![(4, LEDS, 4, Some(5))])
    );
    // Memory alone, of which everything is known: nothing is overlooked.
    packed(
        r#"(func (export "_start") (i32.store (i32.const 64) (i32.const 1)))"#,
        &[],
    )
    .unwrap();
}

#[test]
fn a_tested_address_of_nothing_is_the_fault_that_it_was() {
    for address in ["0x40028fff", "0x3fffffff", "0x40006000", "-1", "-3"] {
        let body = format!(
            r#"(func (export "_start") (i32.store (i32.const 64) (i32.const {address}))
                (drop (i32.load16_u (i32.load (i32.const 64)))))"#
        );
        let run = run(&packed(&body, &["all"]).unwrap().image);
        assert_eq!(run.end, Err(Some(TrapCode::MemoryOutOfBounds)), "{address}");
        assert_eq!(run.accesses, []);
    }
}

/// Such an access is memory's or a fault, so there is nothing to test. Formatting, which unoptimised programs have in them
/// for their panics, is full of them.
#[test]
fn an_access_of_64_bits_is_memorys_where_addresses_are_tested() {
    let body = |address: &str| {
        format!(
            r#"(func (export "_start") (i32.store (i32.const 64) (i32.const {address}))
                (i64.store (i32.load (i32.const 64)) (i64.const 7))
                (drop (i64.load (i32.load (i32.const 64))))
                (i32.store (i32.const 0x40028004) (i32.const 5)))"#
        )
    };
    let error = packed(&body("0x40028000"), &[]).unwrap_err();
    let unknown = AccessError::Unknown { function: 0 };
    assert!(
        matches!(&error, PackError::Access { error, .. } if *error == unknown),
        "{error}"
    );
    let register = run(&packed(&body("0x40028000"), &["all"]).unwrap().image);
    assert_eq!(register.end, Err(Some(TrapCode::MemoryOutOfBounds)));
    assert_eq!(register.accesses, []);
    let memory = run(&packed(&body("128"), &["all"]).unwrap().image);
    assert_eq!(memory.end, Ok(()));
    assert_eq!(memory.accesses, [(4, LEDS, 4, Some(5))]);
    assert_eq!(memory.memory[128..136], 7_u64.to_le_bytes());
}

#[test]
fn accesses_that_no_register_has_are_refused() {
    let refused = |access: &str| match packed(&format!(r#"(func (export "_start") {access})"#), &[])
        .unwrap_err()
    {
        PackError::Access { error, .. } => error,
        other => panic!("{other}"),
    };
    let at = 0x4002_8004;
    assert_eq!(
        refused("(drop (i64.load (i32.const 0x40028004)))"),
        AccessError::Wide { at }
    );
    assert_eq!(
        refused("(i32.store (i32.const 0x40028006) (i32.const 1))"),
        AccessError::Misaligned {
            at: at + 2,
            bytes: 4
        }
    );
    assert_eq!(
        refused("(drop (i32.load (i32.const 0x40028ffe)))"),
        AccessError::Nowhere {
            at: 0x4002_8ffe,
            bytes: 4
        }
    );
    assert_eq!(
        refused("(drop (i32.load (i32.const 0xf0120000)))"),
        AccessError::Nowhere {
            at: 0xf012_0000,
            bytes: 4
        }
    );
}

#[test]
fn windows_do_not_share_addresses_and_keep_away_from_memory() {
    let module = |section: &str| {
        wat::parse_str(format!(
            r#"(module (func (export "_start")) (@custom "berth.windows" "{section}"))"#
        ))
        .unwrap()
    };
    let refused = |section: &str, windows: &[Window]| {
        let mut options = options(&[]);
        options.mapping.windows = windows.to_vec();
        match pack(&module(section), &options).unwrap_err() {
            PackError::Window(error) => error,
            other => panic!("{other}"),
        }
    };
    let shared = |error| {
        matches!(
            error,
            WindowError::Shared {
                at: 0xf003_0000,
                ..
            }
        )
    };
    assert!(shared(refused(r"\00\00\03\f0\01a\00\00\03\f0\01b", &[])));
    assert!(shared(refused(
        r"\00\00\03\f0\01a",
        &[window(0xf003_0000, "a")]
    )));
    assert!(matches!(
        refused("", &[window(0x4000_0000, "a"), window(0x4000_0fff, "b")]),
        WindowError::Shared {
            at: 0x4000_0fff,
            ..
        }
    ));
    assert!(matches!(
        refused("", &[window(0x8000, "a")]),
        WindowError::Place { .. }
    ));
    assert!(matches!(
        refused("", &[window(0xffff_ff00, "a")]),
        WindowError::Place { .. }
    ));
    assert!(matches!(
        refused("", &[window(0x4000_0000, "")]),
        WindowError::Label(_)
    ));
    for damaged in [r"\00", r"\00\00\03\f0", r"\00\00\03\f0\02a"] {
        assert_eq!(refused(damaged, &[]), WindowError::Damaged);
    }
    // The same, said twice, is one: two files of a program ask for it.
    let twice = module(r"\00\00\03\f0\01a\00\00\03\f0\01a");
    pack(&twice, &options(&[])).unwrap();
}

#[test]
fn blocks_have_the_numbers_that_devices_give_them() {
    let body = r#"(import "mmio" "read32" (func $read (param i32 i32) (result i32)))
      (import "irq:fpgaio" "unregister" (func))
      (func (export "_start") (drop (call $read (i32.const 7) (i32.const 8)))
        (drop (i32.load (i32.const 0x40028000))) (drop (i32.load (i32.const 0x40005000))))"#;
    let packed = pack(
        &wat::parse_str(format!(r#"(module {body} (memory 1))"#)).unwrap(),
        &options(&[]),
    );
    let text = format!(
        "{:?}",
        berth_admission::Module::scan(&packed.unwrap().image)
            .unwrap()
            .imports()
            .flatten()
            .map(|i| format!("{}.{}", i.module, i.name))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        text,
        r#"["mmio.read32", "irq:fpgaio.unregister", "mmio:uart1.claim", "mmio:fpgaio.claim"]"#
    );
}

/// The labels that a module claims which is packed with the windows of a chip.
fn claimed(body: &str, mapped: &[Window], dynamic: &[&str]) -> Result<Vec<String>, PackError> {
    let chip = vec![
        window(0x4000_4000, "uart0"),
        window(0x4000_5000, "uart1"),
        window(0x4002_8000, "fpgaio"),
    ];
    let options = Options {
        mapping: Mapping {
            windows: mapped.to_vec(),
            chip,
            ..options(dynamic).mapping
        },
        ..options(&[])
    };
    let module = format!(r#"(module (memory (export "memory") 1) {body})"#);
    let packed = pack(&wat::parse_str(module).unwrap(), &options)?;
    let module = berth_admission::Module::scan(&packed.image).unwrap();
    let labels = module.imports().flatten().filter_map(|import| {
        let label = import.module.strip_prefix("mmio:")?;
        Some(label.to_owned())
    });
    Ok(labels.collect())
}

#[test]
fn of_all_that_a_chip_has_only_what_is_used_is_claimed() {
    let start = r#"(func (export "_start") (param) (local i32)"#;
    let one = format!("{start} (drop (i32.load offset=4 (i32.const 0x40005000))))");
    assert_eq!(claimed(&one, &[], &[]).unwrap(), ["uart1"]);
    let none = format!("{start} (drop (i32.load (i32.const 16))))");
    assert_eq!(claimed(&none, &[], &[]).unwrap(), [""; 0]);
    // What is tested when it runs may be any that a number of the module leads to.
    let any = r#"(func (export "_start") (call $poke (i32.const 0x40028000)) (call $poke (i32.const 0x40005000)))
      (table 1 funcref) (elem (i32.const 0) $poke)
      (func $poke (param i32) (i32.store (local.get 0) (i32.const 1)))"#;
    assert!(matches!(
        claimed(any, &[], &[]),
        Err(PackError::Access { .. })
    ));
    let tested = claimed(any, &[], &["all"]).unwrap();
    assert!(
        tested.contains(&"uart1".to_owned()) && tested.contains(&"fpgaio".to_owned()),
        "{tested:?}"
    );
    // What is said with --map goes before what the chip's file says, by label and by address.
    for said in [window(0x5000_0000, "uart1"), window(0x4000_5000, "other")] {
        let packed = claimed(&one, std::slice::from_ref(&said), &[]);
        match said.label.as_str() {
            "uart1" => assert!(
                matches!(packed, Ok(ref labels) if labels == &["uart1"]),
                "{packed:?}"
            ),
            _ => assert_eq!(packed.unwrap(), ["other"]),
        }
    }
}

/// Puts an access of a register before the body of every function: as a load or store, or as a call.
struct Inject {
    /// Types that the module has.
    types: u32,
    has_imports: bool,
    as_calls: bool,
    seed: u64,
    functions: u32,
}

/// The functions that are imported for calls, in this order.
const NAMES: [&str; 6] = ["read8", "write8", "read16", "write16", "read32", "write32"];

impl Inject {
    fn import(&mut self, imports: &mut ImportSection) {
        for (number, name) in NAMES.iter().enumerate() {
            let ty = self.types + number as u32 % 2;
            imports.import("mmio", name, EntityType::Function(ty));
        }
        self.has_imports = true;
    }
}

impl Reencode for Inject {
    type Error = core::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, wasm_encoder::reencode::Error> {
        Ok(function + NAMES.len() as u32)
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), wasm_encoder::reencode::Error> {
        self.types = section.count();
        utils::parse_type_section(self, types, section)?;
        types.ty().function([ValType::I32; 2], [ValType::I32]);
        types.ty().function([ValType::I32; 3], []);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut wasm_encoder::Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), wasm_encoder::reencode::Error> {
        let is_early = matches!(before, Some(SectionId::Type | SectionId::Import));
        if !is_early && !self.has_imports {
            let mut imports = ImportSection::new();
            self.import(&mut imports);
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), wasm_encoder::reencode::Error> {
        utils::parse_import_section(self, imports, section)?;
        self.import(imports);
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), wasm_encoder::reencode::Error> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        self.functions += 1;
        let choice = self.seed.rotate_left(self.functions * 7) ^ u64::from(self.functions);
        let (kind, block) = (choice % 6, (choice >> 8) % 2);
        let bytes = 1 << (kind / 2);
        let offset = (choice >> 16) as u32 % 0x400 * bytes;
        let start = if block == 0 { 0x4000_5000 } else { 0x4002_8000 };
        let split = (choice >> 32) as u32 % (offset + 1);
        let memarg = MemArg {
            offset: u64::from(offset - split) + start,
            align: 0,
            memory_index: 0,
        };
        let written = (choice >> 40) as i32;
        let mut put = |instruction: Instruction<'_>| {
            function.instruction(&instruction);
        };
        let is_store = kind % 2 == 1;
        if self.as_calls {
            put(Instruction::I32Const(block as i32));
            put(Instruction::I32Const(offset as i32));
            if is_store {
                put(Instruction::I32Const(written));
            }
            put(Instruction::Call(kind as u32));
        } else {
            put(Instruction::I32Const(split as i32));
            if is_store {
                put(Instruction::I32Const(written));
            }
            put(match kind {
                0 => Instruction::I32Load8U(memarg),
                1 => Instruction::I32Store8(memarg),
                2 => Instruction::I32Load16U(memarg),
                3 => Instruction::I32Store16(memarg),
                4 => Instruction::I32Load(memarg),
                _ => Instruction::I32Store(memarg),
            });
        }
        if !is_store {
            put(Instruction::Drop);
        }
        for operator in body.get_operators_reader()? {
            function.instruction(&utils::instruction(self, operator?)?);
        }
        code.function(&function);
        Ok(())
    }
}

fn injected(module: &[u8], seed: u64, as_calls: bool) -> Vec<u8> {
    let mut output = wasm_encoder::Module::new();
    let mut inject = Inject {
        types: 0,
        has_imports: false,
        as_calls,
        seed,
        functions: 0,
    };
    inject
        .parse_core_module(&mut output, Parser::new(0), module)
        .unwrap();
    output.finish()
}

fn config() -> Config {
    let required =
        wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#)
            .unwrap();
    Config {
        exports: Some(required),
        max_imports: 0,
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
        max_instructions: 200,
        ..Config::default()
    }
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

/// Was it ended for what it took, and not for what it did?
fn is_cut_off(run: &Run) -> bool {
    matches!(
        run.end,
        Err(Some(TrapCode::OutOfFuel | TrapCode::StackOverflow))
    )
}

/// A module whose functions begin with a load or store of a register does what the same module does that calls.
#[test]
fn generated_modules_do_the_same_with_loads_as_with_calls() {
    let (mut compared, mut accesses) = (0, 0);
    for seed in 0..500 {
        let noise = noise(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed + 1));
        let module = Smith::new(config(), &mut Unstructured::new(&noise)).unwrap();
        let module = module.to_bytes();
        let mut options = options(&[]);
        // With the memory as linked.
        options.memory =
            Parser::new(0)
                .parse_all(&module)
                .find_map(|payload| match payload.unwrap() {
                    Payload::MemorySection(section) => {
                        Some((section.into_iter().next()?.unwrap().initial as u32) << 16)
                    }
                    _ => None,
                });
        let package = match pack(&injected(&module, seed, false), &options) {
            Ok(package) => package.image,
            // It could never start; or a window's address came about by chance.
            Err(PackError::MemoryTooSmall { .. } | PackError::Access { .. }) => continue,
            Err(error) => panic!("{seed}: {error}"),
        };
        let (mapped, called) = (run(&package), run(&injected(&module, seed, true)));
        accesses += called.accesses.len();
        if is_cut_off(&mapped) || is_cut_off(&called) {
            // Both cost a little different fuel: as far as both came.
            let both = mapped.accesses.iter().zip(&called.accesses);
            assert!(both.clone().all(|(one, other)| one == other), "{seed}");
        } else {
            assert_eq!(mapped, called, "{seed}");
            compared += 1;
        }
    }
    println!("{compared} modules run to their end, {accesses} accesses");
    assert!(compared > 200 && accesses > 500, "{compared}, {accesses}");
}
