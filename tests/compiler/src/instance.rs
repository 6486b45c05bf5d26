//! A module laid out as the program on the board wants it: code, and what is in memory at the beginning.

use std::collections::BTreeMap;

use berth_admission::Module as Admitted;
use berth_compiler::entry::{SLACK, context};
use berth_compiler::{Full, Report, Sink};
use berth_instance::{Error, Layout, Most};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef, ValType};

use crate::judge::MEMORY_BYTES;
use crate::room;

/// Where code is executed on the board.
pub const CODE: u32 = 0x0010_0000;
/// Where the stack and all that is writable begins, and how much there is.
const BASE: u32 = 0x2180_0000;
const BASE_BYTES: u32 = 8 << 20;
/// Where the table of helpers is.
const HELPERS: u32 = 0x104;
/// Bytes of stack that helpers and interrupts take.
const RESERVE: u32 = 512;
/// Elements that a table can have.
const TABLE_MOST: u32 = 1_200;

/// A compiled module.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The object.
    pub code: Vec<u8>,
    /// What the compiler says of it.
    pub report: Report,
    /// Where [`blob`](Self::blob) goes.
    pub blob_at: u32,
    /// Words in front of the memory and at its beginning.
    pub blob: Vec<u32>,
    /// Where the memory ends.
    pub end: u32,
    /// Where it begins: r9.
    pub memory: u32,
    /// Words of the context.
    pub context: u32,
    /// The end of the stack.
    pub stack: u32,
    /// Exported functions: name, number, type.
    pub functions: Vec<(String, u32, Vec<ValType>, Vec<ValType>)>,
    /// Exported globals in the order of their names: kind, and where the value is, in bytes below r9.
    pub globals: Vec<(ValType, u32)>,
    /// The memory is exported.
    pub exports_memory: bool,
    /// The start function.
    pub start: Option<u32>,
}

/// An object in the making.
#[derive(Default)]
struct Object {
    code: Vec<u8>,
    table: Vec<u8>,
}

impl Sink for Object {
    fn put(&mut self, halfwords: &[u16]) -> Result<(), Full> {
        self.code
            .extend(halfwords.iter().flat_map(|h| h.to_le_bytes()));
        Ok(())
    }

    fn entry(&mut self, index: u32, words: [u32; 2]) -> Result<(), Full> {
        assert_eq!(self.table.len() as u32, 8 * index);
        self.table
            .extend(words.iter().flat_map(|w| w.to_le_bytes()));
        Ok(())
    }
}

/// Why a module is not one that the board runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlike {
    /// The scan or the validator refuses it.
    Invalid(String),
    /// The compiler does not do it.
    Refused(String),
    /// It traps while it is laid out: the segments do not fit.
    Segments(bool),
}

/// Compiles a module.
///
/// # Errors
///
/// See [`Unlike`].
pub fn compile(image: &[u8]) -> Result<(Vec<u8>, Report), Unlike> {
    let admitted = Admitted::scan(image).map_err(|error| Unlike::Invalid(format!("{error:?}")))?;
    let mut object = Object::default();
    let mut room = room::large();
    let memory = u32::try_from(admitted.memory_bytes).unwrap_or(u32::MAX);
    let report = berth_compiler::compile(image, room.room(), memory, admitted.grows, &mut object);
    let report = report.map_err(|error| match error {
        berth_compiler::Error::Invalid(what) => Unlike::Invalid(format!("{what:?}")),
        other => Unlike::Refused(format!("{other:?}")),
    })?;
    let mut code = object.table;
    code.extend(object.code);
    assert_eq!(code.len() as u32, report.bytes);
    code.resize(code.len().next_multiple_of(4), 0);
    Ok((code, report))
}

/// Lays a module out with a stack of so many bytes.
///
/// # Errors
///
/// See [`Unlike`].
pub fn instance(image: &[u8], stack_bytes: u32) -> Result<Instance, Unlike> {
    let (code, report) = compile(image)?;
    let stack = BASE + stack_bytes;
    let most = Most {
        elements: TABLE_MOST,
        memory: MEMORY_BYTES as u32,
    };
    let unlike = |error| match error {
        Error::Table => Unlike::Segments(true),
        Error::Memory => Unlike::Segments(false),
        other => Unlike::Refused(format!("{other:?}")),
    };
    let layout = Layout::of(image, most).map_err(unlike)?;
    let memory = stack + 4 * layout.words() as u32;
    if u64::from(memory) + u64::from(layout.memory) + (64 << 10) > u64::from(BASE + BASE_BYTES) {
        return Err(Unlike::Refused("a memory larger than the board's".into()));
    }
    let mut blob = vec![0; layout.words()];
    let mut bytes = vec![0; layout.memory as usize];
    layout
        .fill(&mut blob, &mut bytes, stack, CODE)
        .map_err(unlike)?;
    let end = blob.len();
    let mut set = |distance: u32, value: u32| blob[end - distance as usize / 4] = value;
    set(context::HELPERS, HELPERS);
    set(context::STACK_LIMIT, BASE + SLACK + RESERVE);
    // The memory, as far as there is something in it.
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let words = bytes.as_chunks().0.iter();
    blob.extend(words.map(|word| u32::from_le_bytes(*word)));
    let exported = exports(image);
    // In the order of their names, as the engine tells them.
    let globals = exported.globals.into_values();
    let place = |(index, kind)| (kind, layout.global(index).unwrap().0);
    let globals: Vec<_> = globals.map(place).collect();
    let in_context = globals.iter().map(|(_, distance)| *distance).max();
    Ok(Instance {
        code,
        report,
        blob_at: stack,
        blob,
        end: memory + layout.memory.next_multiple_of(4),
        memory,
        context: in_context.unwrap_or(0).max(context::OWN) / 4,
        stack,
        functions: exported.functions,
        globals,
        exports_memory: exported.memory,
        start: layout.start,
    })
}

/// What a module exports.
#[derive(Default)]
struct Exports {
    functions: Vec<(String, u32, Vec<ValType>, Vec<ValType>)>,
    globals: BTreeMap<String, (u32, ValType)>,
    memory: bool,
}

fn exports(image: &[u8]) -> Exports {
    let mut all = Exports::default();
    let (mut types, mut functions, mut globals) = (vec![], vec![], vec![]);
    for payload in Parser::new(0).parse_all(image) {
        match payload.unwrap() {
            Payload::TypeSection(section) => {
                types.extend(section.into_iter_err_on_gc_types().map(Result::unwrap));
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    if let TypeRef::Func(index) = import.unwrap().ty {
                        functions.push(index);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                functions.extend(section.into_iter().map(Result::unwrap));
            }
            Payload::GlobalSection(section) => {
                globals.extend(section.into_iter().map(|global| global.unwrap().ty));
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.unwrap();
                    let (name, index) = (export.name.to_owned(), export.index);
                    match export.kind {
                        ExternalKind::Func => {
                            let ty = &types[functions[index as usize] as usize];
                            let (takes, gives) = (ty.params().to_vec(), ty.results().to_vec());
                            all.functions.push((name, index, takes, gives));
                        }
                        ExternalKind::Global => {
                            let kind = globals[index as usize].content_type;
                            all.globals.insert(name, (index, kind));
                        }
                        ExternalKind::Memory => all.memory = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    all
}
