//! Checks the example containers as a device would see them.
//!
//! Reads the modules: valid,
//! small, a page size of one byte, and no import outside the contract.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{
    ExternalKind, FuncType, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures,
};

/// What is read from one module.
#[derive(Default)]
struct Module {
    size: usize,
    /// `module.function` → signature.
    imports: BTreeMap<String, FuncType>,
    functions: BTreeSet<String>,
    memory_bytes: u64,
    page_size_log2: Option<u32>,
    exports_table: bool,
}

fn module(name: &str) -> Module {
    let bytes = common::example(name);
    let features = WasmFeatures::default() | WasmFeatures::CUSTOM_PAGE_SIZES;
    Validator::new_with_features(features)
        .validate_all(&bytes)
        .unwrap();
    let mut module = Module {
        size: bytes.len(),
        ..Module::default()
    };
    let mut types = Vec::new();
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::TypeSection(section) => {
                types.extend(section.into_iter_err_on_gc_types().map(Result::unwrap));
            }
            Payload::ImportSection(section) => {
                for import in section {
                    let import = import.unwrap();
                    let TypeRef::Func(index) = import.ty else {
                        panic!("{name} imports something else than a function");
                    };
                    module.imports.insert(
                        format!("{}.{}", import.module, import.name),
                        types[index as usize].clone(),
                    );
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory.unwrap();
                    module.page_size_log2 = memory.page_size_log2;
                    module.memory_bytes = memory.initial << memory.page_size_log2.unwrap_or(16);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.unwrap();
                    match export.kind {
                        ExternalKind::Func => {
                            module.functions.insert(export.name.to_owned());
                        }
                        ExternalKind::Table => module.exports_table = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    module
}

const EXAMPLES: [&str; 11] = [
    "blink", "counter", "fib", "greedy", "hello", "lamp", "leds", "light", "minimal", "spin",
    "trap",
];

#[test]
fn every_example_has_a_page_size_of_one_byte_and_little_memory() {
    for name in EXAMPLES {
        let module = module(name);
        assert_eq!(module.page_size_log2, Some(0), "{name}");
        assert!(
            module.memory_bytes <= 2048,
            "{name}: {} bytes",
            module.memory_bytes
        );
        assert!(module.size <= 1024, "{name}: {} bytes", module.size);
        assert!(module.functions.contains("_start"), "{name}");
        // A table costs a container 1.5 KiB; only handlers need it.
        assert!(!module.exports_table, "{name}");
    }
}

/// `Vec` and `String` cost a container what its author chose for them, and their code.
#[test]
fn an_allocator_fits_into_a_few_kilobytes() {
    let module = module("words");
    assert_eq!(module.page_size_log2, Some(0));
    assert!(module.memory_bytes < 4096, "{} bytes", module.memory_bytes);
    assert!(module.size < 12 * 1024, "{} bytes", module.size);
    assert!(module.functions.contains("_start"));
}

#[test]
fn a_name_costs_what_its_offset_and_its_mask_cost() {
    let (names, offsets) = (module("cost_names"), module("cost_offsets"));
    assert_eq!(names.size, offsets.size);
}

/// Registers and bits of the board have names there; a number in place of one says nothing to who reads it.
#[test]
fn no_example_accesses_a_register_by_its_offset() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [
        "examples",
        "examples/loopback",
        "published/examples",
        "pac/examples",
        "../tools/berth/templates/rust/src",
        "foreign",
        "../tools/berth/templates/c",
    ];
    let calls = [
        "read8", "read16", "read32", "write8", "write16", "write32", "modify32",
    ];
    let mut texts = Vec::new();
    for folder in folders {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            texts.push((path, text));
        }
    }
    // The programs that guides show, in Rust.
    let guides = std::fs::read_dir(root.join("../docs")).unwrap();
    let guides = guides.map(|file| file.unwrap().path());
    for path in guides.chain(["README.md", "../README.md"].map(|name| root.join(name))) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let blocks = text.split("```rust\n").skip(1);
        let shown = blocks.filter_map(|block| block.split("```").next());
        texts.push((path.with_extension("rs"), shown.collect()));
    }
    for (path, text) in texts {
        for call in calls {
            // In Rust the offset comes first, in C behind the block.
            for (_, rest) in text
                .match_indices(call)
                .map(|(at, _)| text.split_at(at + call.len()))
            {
                let arguments = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
                let Some((arguments, _)) = arguments else {
                    continue;
                };
                let mut arguments = arguments.split(',').map(str::trim);
                let offset = match path.extension().and_then(|ending| ending.to_str()) {
                    Some("rs") => arguments.next(),
                    _ => arguments.nth(1),
                };
                let is_number =
                    offset.is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()));
                assert!(!is_number, "{}: {call}({offset:?}", path.display());
            }
        }
    }
}

#[test]
fn every_import_is_in_the_contract_with_its_signature() {
    use ValType::{I32, I64};
    let contract: BTreeMap<&str, (&[ValType], &[ValType])> = BTreeMap::from([
        ("mmio.read32", (&[I32, I32][..], &[I32][..])),
        ("mmio.write32", (&[I32, I32, I32], &[])),
        ("mmio.modify32", (&[I32, I32, I32, I32], &[])),
        ("berth.log", (&[I32, I32, I32], &[])),
        ("berth.now_us", (&[], &[I64])),
        ("berth.sleep_us", (&[I64], &[])),
        ("berth.exit", (&[I32], &[])),
        ("berth.state_save", (&[I32, I32], &[I32])),
        ("berth.state_load", (&[I32, I32], &[I32])),
        ("berth.config_get", (&[I32, I32, I32, I32], &[I32])),
        ("berth.config_changes", (&[], &[I32])),
        ("berth.value_get", (&[I32, I32, I32, I32], &[I32])),
        ("berth.value_set", (&[I32, I32, I32, I32], &[I32])),
        ("berth.send", (&[I32, I32, I32, I32], &[I32])),
        ("berth.receive", (&[I32, I32, I32], &[I32])),
        ("tock:led.toggle", (&[I32], &[I32])),
        ("tock:led.is_on", (&[I32], &[I32])),
    ]);
    for name in EXAMPLES {
        for (import, signature) in module(name).imports {
            let (parameters, results) = if import.starts_with("mmio:") {
                assert!(import.ends_with(".claim"), "{name}: {import}");
                (&[][..], &[I32][..])
            } else {
                contract[import.as_str()]
            };
            assert_eq!(signature.params(), parameters, "{name}: {import}");
            assert_eq!(signature.results(), results, "{name}: {import}");
        }
    }
}

#[test]
fn a_block_is_required_by_whoever_asks_for_it_and_nobody_else() {
    let claims = |name| -> Vec<String> {
        let imports = module(name).imports.into_keys();
        imports
            .filter(|import| import.starts_with("mmio:"))
            .collect()
    };
    assert_eq!(claims("blink"), ["mmio:fpgaio.claim"]);
    assert_eq!(
        claims("greedy"),
        ["mmio:uart0.claim", "mmio:watchdog.claim"]
    );
    assert!(claims("hello").is_empty());
}

#[test]
fn the_minimal_container_is_the_one_the_figure_is_about() {
    let module = module("minimal");
    assert_eq!(module.memory_bytes, 2048);
    assert!(module.size <= 364, "{} bytes", module.size);
    assert_eq!(module.imports.len(), 2);
}

/// So large they were with offsets in the place of names.
#[test]
fn registers_by_name_cost_no_byte() {
    for (name, bytes) in [("blink", 563), ("leds", 514)] {
        let module = module(name);
        assert!(module.size <= bytes, "{name}: {} bytes", module.size);
    }
}
