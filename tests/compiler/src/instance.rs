//! A module laid out as the program on the board wants it: code, and what is in memory at the beginning.

use berth_admission::Module as Admitted;
use berth_compiler::entry::{SLACK, context};
use berth_compiler::{Error, Full, Report, Sink};
use wasmparser::{
    ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, GlobalType, Operator, Parser,
    Payload, TypeRef, ValType,
};

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
/// Distance below r9 of what the board's helpers know of a module.
const KNOWN: u32 = 24;
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
        Error::Invalid(what) => Unlike::Invalid(format!("{what:?}")),
        other => Unlike::Refused(format!("{other:?}")),
    })?;
    let mut code = object.table;
    code.extend(object.code);
    assert_eq!(code.len() as u32, report.bytes);
    code.resize(code.len().next_multiple_of(4), 0);
    Ok((code, report))
}

/// An element segment: table and place, if it is active; is it passive? references.
type Elements = (Option<(u32, u32)>, bool, Vec<u32>);

/// The sections that are laid out.
#[derive(Default)]
struct Sections<'a> {
    imported: u32,
    types: Vec<(Vec<ValType>, Vec<ValType>)>,
    functions: Vec<u32>,
    /// Least and most elements.
    tables: Vec<(u32, u32)>,
    /// Bytes, most pages, logarithm of a page.
    memory: Option<(u32, u32, u32)>,
    globals: Vec<(GlobalType, u64)>,
    elements: Vec<Elements>,
    data: Vec<(Option<u32>, &'a [u8])>,
}

/// A reference to a function, as the board has it.
fn reference(function: u32) -> u32 {
    CODE + 8 * function + 5
}

impl Sections<'_> {
    /// The value of a constant expression, as bits.
    fn value(expression: &ConstExpr<'_>) -> u64 {
        let mut stack: Vec<u64> = Vec::new();
        for operator in expression.get_operators_reader() {
            let value = match operator.unwrap() {
                Operator::I32Const { value } => u64::from(value as u32),
                Operator::I64Const { value } => value as u64,
                Operator::F32Const { value } => u64::from(value.bits()),
                Operator::F64Const { value } => value.bits(),
                Operator::RefNull { .. } => 0,
                Operator::RefFunc { function_index } => u64::from(reference(function_index)),
                Operator::End => break,
                other => {
                    let (b, a) = (stack.pop().unwrap(), stack.pop().unwrap());
                    match other {
                        Operator::I32Add => u64::from((a as u32).wrapping_add(b as u32)),
                        Operator::I32Sub => u64::from((a as u32).wrapping_sub(b as u32)),
                        Operator::I32Mul => u64::from((a as u32).wrapping_mul(b as u32)),
                        Operator::I64Add => a.wrapping_add(b),
                        Operator::I64Sub => a.wrapping_sub(b),
                        Operator::I64Mul => a.wrapping_mul(b),
                        other => panic!("{other:?} in a constant expression"),
                    }
                }
            };
            stack.push(value);
        }
        stack[0]
    }
}

/// Lays a module out with a stack of so many bytes.
///
/// # Errors
///
/// See [`Unlike`].
pub fn instance(image: &[u8], stack_bytes: u32) -> Result<Instance, Unlike> {
    let (code, report) = compile(image)?;
    let mut is = Sections::default();
    let mut exports = Vec::new();
    let mut start = None;
    for payload in Parser::new(0).parse_all(image) {
        match payload.unwrap() {
            Payload::TypeSection(types) => {
                for function in types.into_iter_err_on_gc_types() {
                    let function = function.unwrap();
                    is.types
                        .push((function.params().to_vec(), function.results().to_vec()));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    if let TypeRef::Func(index) = import.unwrap().ty {
                        is.functions.push(index);
                        is.imported += 1;
                    }
                }
            }
            Payload::FunctionSection(functions) => {
                is.functions
                    .extend(functions.into_iter().map(Result::unwrap));
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let table = table.unwrap().ty;
                    let most = table.maximum.map_or(TABLE_MOST, |most| most as u32);
                    let least = table.initial as u32;
                    is.tables.push((least, most.min(TABLE_MOST).max(least)));
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let memory = memory.unwrap();
                    let log2 = memory.page_size_log2.unwrap_or(16);
                    let most = memory
                        .maximum
                        .unwrap_or(u64::MAX)
                        .min((MEMORY_BYTES as u64) >> log2);
                    let bytes = u32::try_from(memory.initial << log2).unwrap_or(u32::MAX);
                    is.memory = Some((bytes, most as u32, log2));
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global.unwrap();
                    is.globals
                        .push((global.ty, Sections::value(&global.init_expr)));
                }
            }
            Payload::ExportSection(section) => {
                exports.extend(section.into_iter().map(Result::unwrap));
            }
            Payload::StartSection { func, .. } => start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element.unwrap();
                    let items = match element.items {
                        ElementItems::Functions(functions) => functions
                            .into_iter()
                            .map(|function| reference(function.unwrap()))
                            .collect(),
                        ElementItems::Expressions(_, items) => items
                            .into_iter()
                            .map(|item| Sections::value(&item.unwrap()) as u32)
                            .collect(),
                    };
                    let passive = matches!(element.kind, ElementKind::Passive);
                    let place = match element.kind {
                        ElementKind::Active {
                            table_index,
                            offset_expr,
                        } => Some((
                            table_index.unwrap_or(0),
                            Sections::value(&offset_expr) as u32,
                        )),
                        _ => None,
                    };
                    is.elements.push((place, passive, items));
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data.unwrap();
                    let place = match data.kind {
                        DataKind::Active { offset_expr, .. } => {
                            Some(Sections::value(&offset_expr) as u32)
                        }
                        DataKind::Passive => None,
                    };
                    is.data.push((place, data.data));
                }
            }
            _ => {}
        }
    }
    lay_out(&is, (code, report), stack_bytes, &exports, start)
}

/// Puts everything to its address.
fn lay_out(
    is: &Sections<'_>,
    (code, report): (Vec<u8>, Report),
    stack_bytes: u32,
    exports: &[wasmparser::Export<'_>],
    start: Option<u32>,
) -> Result<Instance, Unlike> {
    let stack = BASE + stack_bytes;
    let mut blob: Vec<u32> = Vec::new();
    let at = |blob: &[u32]| stack + 4 * blob.len() as u32;
    // Tables.
    let mut tables = Vec::new();
    for (least, most) in &is.tables {
        tables.push((at(&blob), *least, blob.len()));
        blob.resize(blob.len() + *most as usize, 0);
    }
    for (place, _, items) in &is.elements {
        let Some((table, offset)) = *place else {
            continue;
        };
        let (_, least, first) = tables[table as usize];
        if u64::from(offset) + items.len() as u64 > u64::from(least) {
            return Err(Unlike::Segments(true));
        }
        let first = first + offset as usize;
        blob[first..first + items.len()].copy_from_slice(items);
    }
    // Segments: those that are active or declared are dropped.
    let mut data = Vec::new();
    for (place, bytes) in &is.data {
        let length = if place.is_some() { 0 } else { bytes.len() };
        data.extend([at(&blob), length as u32]);
        blob.extend(bytes[..length].chunks(4).map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            u32::from_le_bytes(word)
        }));
    }
    let mut elements = Vec::new();
    for (_, passive, items) in &is.elements {
        let length = if *passive { items.len() } else { 0 };
        elements.extend([at(&blob), length as u32]);
        blob.extend(&items[..length]);
    }
    let data_at = at(&blob);
    blob.extend(&data);
    let elements_at = at(&blob);
    blob.extend(&elements);
    let most_at = at(&blob);
    blob.extend(is.tables.iter().map(|(_, most)| *most));
    let (bytes, most, log2) = is.memory.unwrap_or((0, 0, 16));
    let known_at = at(&blob);
    blob.extend([log2, most, data_at, elements_at, most_at]);
    // The context.
    let mut word = 0;
    let mut globals = Vec::new();
    for (kind, value) in &is.globals {
        let words = match kind.content_type {
            ValType::I64 | ValType::F64 => 2,
            _ => 1,
        };
        globals.push((
            kind.content_type,
            context::global(is.tables.len() as u32, word, words),
            *value,
            words,
        ));
        word += words;
    }
    let context_bytes = context::global(is.tables.len() as u32, word, 0);
    blob.resize(blob.len() + context_bytes as usize / 4, 0);
    while at(&blob) % 16 != 0 {
        // In front of the context, but nobody counts from there.
        blob.push(0);
    }
    let memory = at(&blob);
    if u64::from(memory) + u64::from(bytes) + (64 << 10) > u64::from(BASE + BASE_BYTES) {
        return Err(Unlike::Refused("a memory larger than the board's".into()));
    }
    let end = blob.len();
    let mut set = |distance: u32, value: u32| blob[end - distance as usize / 4] = value;
    set(context::MEMORY_BYTES, bytes);
    set(context::HELPERS, HELPERS);
    set(context::STACK_LIMIT, BASE + SLACK + RESERVE);
    set(context::CODE, CODE);
    set(KNOWN, known_at);
    for (index, (address, length, _)) in tables.iter().enumerate() {
        set(context::table(index as u32), *length);
        set(context::table(index as u32) + 4, *address);
    }
    for (_, distance, value, words) in &globals {
        set(*distance, *value as u32);
        if *words == 2 {
            set(*distance - 4, (*value >> 32) as u32);
        }
    }
    // The memory, as far as there is something in it.
    let mut first = vec![];
    for (place, segment) in &is.data {
        let Some(offset) = *place else { continue };
        let end = u64::from(offset) + segment.len() as u64;
        if end > u64::from(bytes) {
            return Err(Unlike::Segments(false));
        }
        if first.len() < end as usize {
            first.resize((end as usize).next_multiple_of(4), 0);
        }
        first[offset as usize..end as usize].copy_from_slice(segment);
    }
    blob.extend(
        first
            .chunks(4)
            .map(|chunk| u32::from_le_bytes(chunk.try_into().unwrap())),
    );
    let functions = exports
        .iter()
        .filter(|export| export.kind == ExternalKind::Func)
        .map(|export| {
            let function = is.functions[export.index as usize];
            let (parameters, results) = is.types[function as usize].clone();
            (export.name.to_owned(), export.index, parameters, results)
        });
    // In the order of their names, as the engine tells them.
    let mut exports_of_globals: Vec<_> = exports
        .iter()
        .filter(|export| export.kind == ExternalKind::Global)
        .collect();
    exports_of_globals.sort_by_key(|export| export.name);
    let exported = exports_of_globals.iter().map(|export| {
        let (kind, distance, _, _) = globals[export.index as usize];
        (kind, distance)
    });
    Ok(Instance {
        code,
        report,
        blob_at: stack,
        blob,
        end: memory + bytes.next_multiple_of(4),
        memory,
        context: context_bytes / 4,
        stack,
        functions: functions.collect(),
        globals: exported.collect(),
        exports_memory: exports
            .iter()
            .any(|export| export.kind == ExternalKind::Memory),
        start,
    })
}
