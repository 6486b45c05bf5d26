//! Modules made at random, of the forms in which engines go wrong.
//!
//! [`module`] makes the module of a seed. It is valid, ends by itself (a global counts its steps
//! down), and depends on nothing that two right engines may do differently: bits of floats that
//! are not numbers are never looked at.

mod body;
mod operations;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, Instruction,
    MemorySection, MemoryType, RefType, TableSection, TableType, TypeSection, ValType,
};

use crate::outcome::Value;
use berth_random::Random;

/// A type of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// A float of 32 bits.
    F32,
    /// A float of 64 bits.
    F64,
}

use Type::{F32, F64, I32, I64};

impl Type {
    fn encoded(self) -> ValType {
        match self {
            I32 => ValType::I32,
            I64 => ValType::I64,
            F32 => ValType::F32,
            F64 => ValType::F64,
        }
    }
}

/// Types made up at random.
trait Typed {
    /// Returns a type; the commoner it is in programs, the likelier.
    fn value_type(&mut self) -> Type;
    /// Returns up to `most` types.
    fn types(&mut self, most: u64) -> Vec<Type>;
}

impl Typed for Random {
    fn value_type(&mut self) -> Type {
        match self.below(10) {
            0..=5 => I32,
            6 | 7 => I64,
            8 => F32,
            _ => F64,
        }
    }

    fn types(&mut self, most: u64) -> Vec<Type> {
        (0..self.below(most + 1))
            .map(|_| self.value_type())
            .collect()
    }
}

/// Globals of each module, and whether they can be set. One more counts steps down.
const GLOBALS: &[(Type, bool)] = &[
    (I32, true),
    (I32, false),
    (I64, true),
    (I64, false),
    (F32, true),
    (F32, false),
    (F64, true),
    (F64, false),
];
/// Types of the functions that can be called by the table; they are the first of a module.
const CALLED_BY_TABLE: &[(&[Type], &[Type])] = &[
    (&[I32], &[I32]),
    (&[I32, I32], &[I32, I32]),
    (&[I64, F64], &[F64, I64, I32]),
    (&[], &[]),
];
/// Elements of the table, of which some are null: a power of two.
const TABLE_ELEMENTS: u64 = 8;
/// Steps of a run: entries of functions and rounds of loops.
const STEPS: i32 = 300;
/// Parameters of the function `run`.
pub const RUN: &[Type] = &[I32, I64, F32, F64, I32];

/// The parts of a module that grow while it is made.
struct Module {
    types: Vec<(Vec<Type>, Vec<Type>)>,
    functions: Vec<(Vec<Type>, Vec<Type>)>,
}

impl Module {
    fn type_index(&mut self, parameters: &[Type], results: &[Type]) -> u32 {
        let known = self
            .types
            .iter()
            .position(|(p, r)| p == parameters && r == results);
        known.unwrap_or_else(|| {
            self.types.push((parameters.to_vec(), results.to_vec()));
            self.types.len() - 1
        }) as u32
    }

    fn block_type(&mut self, parameters: &[Type], results: &[Type]) -> BlockType {
        match (parameters, results) {
            ([], []) => BlockType::Empty,
            ([], [one]) => BlockType::Result(one.encoded()),
            _ => BlockType::FunctionType(self.type_index(parameters, results)),
        }
    }
}

/// Returns the module of a seed. It exports the function `run`, its globals and its memory.
#[must_use]
pub fn module(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut module = Module {
        types: Vec::new(),
        functions: CALLED_BY_TABLE
            .iter()
            .map(|(parameters, results)| (parameters.to_vec(), results.to_vec()))
            .collect(),
    };
    for _ in 0..random.below(3) {
        let signature = (random.types(4), random.types(3));
        module.functions.push(signature);
    }
    let results = random.types(4);
    module.functions.push((RUN.to_vec(), results));
    let bodies: Vec<Function> = (0..module.functions.len())
        .map(|number| {
            let signature = module.functions[number].clone();
            let steps = match number + 1 == module.functions.len() {
                true => 30 + random.below(90),
                false => 5 + random.below(25),
            };
            body::body(&mut random, &mut module, number, signature, steps as u32)
        })
        .collect();
    assemble(&mut random, module, bodies)
}

/// Puts the sections together.
fn assemble(random: &mut Random, mut module: Module, mut bodies: Vec<Function>) -> Vec<u8> {
    // What every container has.
    let mut start = Function::new([]);
    start.instruction(&Instruction::End);
    bodies.push(start);
    module.functions.push((Vec::new(), Vec::new()));

    let mut functions = FunctionSection::new();
    for (parameters, results) in module.functions.clone() {
        functions.function(module.type_index(&parameters, &results));
    }
    let mut types = TypeSection::new();
    for (parameters, results) in &module.types {
        let encoded = |all: &[Type]| all.iter().map(|kind| kind.encoded()).collect::<Vec<_>>();
        types.ty().function(encoded(parameters), encoded(results));
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: TABLE_ELEMENTS,
        maximum: Some(TABLE_ELEMENTS),
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 2,
        maximum: (random.below(2) == 0).then_some(3),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let mut exports = ExportSection::new();
    for (number, &(kind, mutable)) in GLOBALS.iter().enumerate() {
        let value = match kind {
            I32 => ConstExpr::i32_const(random.below(3) as i32),
            I64 => ConstExpr::i64_const(random.below(3) as i64),
            F32 => ConstExpr::f32_const((random.below(3) as f32).into()),
            F64 => ConstExpr::f64_const((random.below(3) as f64).into()),
        };
        globals.global(global_type(kind, mutable), &value);
        exports.export(&format!("g{number}"), ExportKind::Global, number as u32);
    }
    globals.global(global_type(I32, true), &ConstExpr::i32_const(STEPS));
    exports.export("steps", ExportKind::Global, GLOBALS.len() as u32);
    let last = module.functions.len() as u32 - 1;
    exports.export("_start", ExportKind::Func, last);
    exports.export("run", ExportKind::Func, last - 1);
    exports.export("memory", ExportKind::Memory, 0);
    let mut elements = ElementSection::new();
    let called: Vec<u32> = (0..CALLED_BY_TABLE.len() as u32).collect();
    let offset = ConstExpr::i32_const(1);
    elements.active(None, &offset, Elements::Functions(called.into()));
    let mut data = DataSection::new();
    let bytes: Vec<u8> = (0..64).map(|_| random.number() as u8).collect();
    data.active(0, &ConstExpr::i32_const(0), bytes);
    let mut code = CodeSection::new();
    for body in &bodies {
        code.function(body);
    }
    let mut image = wasm_encoder::Module::new();
    image
        .section(&types)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&elements)
        .section(&code)
        .section(&data);
    image.finish()
}

fn global_type(kind: Type, mutable: bool) -> GlobalType {
    GlobalType {
        val_type: kind.encoded(),
        mutable,
        shared: false,
    }
}

/// Returns the arguments of the calls of `run` for a seed.
#[must_use]
pub fn calls(seed: u64) -> Vec<Vec<Value>> {
    let mut random = Random(!seed);
    (0..4)
        .map(|_| {
            RUN.iter()
                .map(|kind| {
                    let whole = match random.below(4) {
                        0 => 0,
                        1 => 1,
                        2 => random.below(8) as i64 - 2,
                        _ => random.number() as i64,
                    };
                    match kind {
                        I32 => Value::I32(whole as i32),
                        I64 => Value::I64(whole),
                        F32 => Value::F32((whole as f32).to_bits()),
                        F64 => Value::F64((whole as f64).to_bits()),
                    }
                })
                .collect()
        })
        .collect()
}
