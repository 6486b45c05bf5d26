//! One function's code, made at random along what is on the operand stack.
//!
//! Engines go wrong where they treat several instructions as one, and where operands change
//! their place: so the operands are few and often the same local, the constants those that an
//! engine treats specially, and blocks take and leave several values.

use wasm_encoder::{BlockType, Function, Instruction, MemArg};

use super::operations::{binary, compare, unary};
use super::{
    CALLED_BY_TABLE, GLOBALS, Module, TABLE_ELEMENTS, Type, Type::F32, Type::F64, Type::I32,
    Type::I64,
};
use crate::random::Random;

/// The kind of a block that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    Block,
    Loop,
    If,
    Else,
}

/// A block that is open.
struct Frame {
    kind: Kind,
    /// Operands below it.
    height: usize,
    parameters: Vec<Type>,
    results: Vec<Type>,
}

impl Frame {
    /// Types that a branch to it takes.
    fn branch_types(&self) -> Vec<Type> {
        if self.kind == Kind::Loop {
            self.parameters.clone()
        } else {
            self.results.clone()
        }
    }
}

/// A function being made.
pub(super) struct Body<'a> {
    random: &'a mut Random,
    module: &'a mut Module,
    /// Its number among the functions that the module defines: it calls those before.
    number: usize,
    locals: Vec<Type>,
    stack: Vec<Type>,
    frames: Vec<Frame>,
    code: Function,
    /// Steps left.
    steps: u32,
}

/// Makes the code of function `number` with these parameters and results.
pub(super) fn body(
    random: &mut Random,
    module: &mut Module,
    number: usize,
    (parameters, results): (Vec<Type>, Vec<Type>),
    steps: u32,
) -> Function {
    let mut locals = parameters;
    let declared: Vec<Type> = (0..2 + random.below(4))
        .map(|_| random.value_type())
        .chain([I32, F32, F64])
        .collect();
    locals.extend(&declared);
    let code = Function::new_with_locals_types(declared.iter().map(|kind| kind.encoded()));
    let mut body = Body {
        random,
        module,
        number,
        locals,
        stack: Vec::new(),
        frames: vec![Frame {
            kind: Kind::Function,
            height: 0,
            parameters: Vec::new(),
            results,
        }],
        code,
        steps,
    };
    body.walk();
    body.code
}

impl Body<'_> {
    fn walk(&mut self) {
        self.count_down();
        while !self.frames.is_empty() {
            if self.steps == 0 {
                self.close();
            } else {
                self.steps -= 1;
                self.step();
            }
        }
    }

    fn emit(&mut self, instruction: &Instruction<'_>) {
        self.code.instruction(instruction);
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.random.below(n) == 0
    }

    /// Operands of the innermost block.
    fn operands(&self) -> &[Type] {
        &self.stack[self.frames.last().map_or(0, |frame| frame.height)..]
    }

    /// One instruction or a few that belong together.
    fn step(&mut self) {
        match self.random.below(100) {
            0..=17 => {
                let kind = self.random.value_type();
                self.push(kind);
            }
            18..=29 => self.operate(binary),
            30..=36 => self.operate(compare),
            37..=46 => self.operate_on_one(),
            47..=56 => self.set_local(),
            57..=58 => self.drop_one(),
            59..=66 => self.select(),
            67..=70 => self.load(),
            71..=74 => self.store(),
            75..=82 => self.open(),
            83..=86 => self.close(),
            87..=91 => self.branch_if(),
            92 => self.branch(),
            93 => self.branch_by_table(),
            94..=95 => self.call(),
            96 => self.global(),
            97 => self.observe_float(),
            98 => self.whole_memory(),
            _ => self.set_global(),
        }
    }

    /// Takes one step of the whole run, and ends the run if none is left.
    fn count_down(&mut self) {
        self.emit(&Instruction::GlobalGet(GLOBALS.len() as u32));
        self.emit(&Instruction::I32Eqz);
        self.emit(&Instruction::If(BlockType::Empty));
        self.emit(&Instruction::Unreachable);
        self.emit(&Instruction::End);
        self.emit(&Instruction::GlobalGet(GLOBALS.len() as u32));
        self.emit(&Instruction::I32Const(1));
        self.emit(&Instruction::I32Sub);
        self.emit(&Instruction::GlobalSet(GLOBALS.len() as u32));
    }

    fn local_of(&mut self, kind: Type) -> Option<u32> {
        let of_kind: Vec<usize> = (0..self.locals.len())
            .filter(|&local| self.locals[local] == kind)
            .collect();
        (!of_kind.is_empty()).then(|| of_kind[self.random.below(of_kind.len() as u64) as usize] as u32)
    }

    /// Pushes a value without popping any.
    fn push(&mut self, kind: Type) {
        match self.random.below(10) {
            0..=6 => match self.local_of(kind) {
                Some(local) => self.emit(&Instruction::LocalGet(local)),
                None => self.constant(kind),
            },
            7 => {
                let global = GLOBALS.iter().position(|&(of, _)| of == kind);
                match global {
                    Some(first) => {
                        let constant = first + 1;
                        let pick = if self.one_in(2) { first } else { constant };
                        self.emit(&Instruction::GlobalGet(pick as u32));
                    }
                    None => self.constant(kind),
                }
            }
            _ => self.constant(kind),
        }
        self.stack.push(kind);
    }

    fn constant(&mut self, kind: Type) {
        let special = [0, 0, 1, -1, 2, 7, 31, 32, 33, 63, 64, 255, 65_535, 65_536];
        let whole = match self.random.below(12) {
            0..=9 => special[self.random.below(special.len() as u64) as usize],
            10 => i64::from(self.random.next() as i32),
            _ => self.random.next() as i64,
        };
        let extreme = self.one_in(12);
        let instruction = match kind {
            I32 if extreme => Instruction::I32Const(i32::MIN),
            I32 => Instruction::I32Const(whole as i32),
            I64 if extreme => Instruction::I64Const(i64::MIN),
            I64 => Instruction::I64Const(whole),
            F32 => {
                let special = [0.0, -0.0, 1.0, 0.5, -1.5, 3e9, f32::INFINITY, f32::NAN, 1e-40];
                let pick = special[self.random.below(special.len() as u64) as usize];
                Instruction::F32Const(pick.into())
            }
            F64 => {
                let special = [0.0, -0.0, 1.0, 0.5, -1.5, 1e19, f64::INFINITY, f64::NAN, 5e-324];
                let pick = special[self.random.below(special.len() as u64) as usize];
                Instruction::F64Const(pick.into())
            }
        };
        self.emit(&instruction);
    }

    /// Makes sure that these types are on top.
    fn need(&mut self, types: &[Type]) {
        if self.operands().ends_with(types) && !self.one_in(4) {
            return;
        }
        // As many as match from the left are used.
        let most = (0..types.len())
            .rev()
            .find(|&many| self.operands().ends_with(&types[..many]))
            .unwrap_or(0);
        let from = if self.one_in(3) { 0 } else { most };
        for &kind in &types[from..] {
            self.value(kind);
        }
    }

    /// Pushes a value, perhaps a computed one.
    fn value(&mut self, kind: Type) {
        match self.random.below(4) {
            0 => {
                self.push(kind);
                self.push(kind);
                let operations: Vec<_> = binary(kind)
                    .iter()
                    .filter(|(operation, _)| !may_trap(operation))
                    .collect();
                let pick = self.random.below(operations.len() as u64) as usize;
                self.emit(&operations[pick].0);
                self.stack.pop();
            }
            1 => {
                self.push(kind);
                if let Some(local) = self.local_of(kind) {
                    self.emit(&Instruction::LocalTee(local));
                }
            }
            _ => self.push(kind),
        }
    }

    /// Pushes a condition of one of the forms that engines treat specially.
    fn condition(&mut self) {
        match self.random.below(8) {
            0 => self.value(I32),
            1 => {
                self.value(I32);
                self.emit(&Instruction::I32Eqz);
            }
            2 => {
                self.value(I64);
                self.stack.pop();
                self.emit(&Instruction::I64Eqz);
                self.stack.push(I32);
            }
            _ => {
                let kind = match self.random.below(6) {
                    0..=2 => I32,
                    3 => I64,
                    4 => F32,
                    _ => F64,
                };
                self.value(kind);
                self.value(kind);
                self.pick(compare(kind), 2);
            }
        }
        match self.random.below(6) {
            0 => self.emit(&Instruction::I32Eqz),
            1 => {
                if let Some(local) = self.local_of(I32) {
                    self.emit(&Instruction::LocalTee(local));
                }
            }
            2 => {
                self.emit(&Instruction::I32Const(0));
                self.emit(&Instruction::I32Ne);
            }
            _ => {}
        }
    }

    /// Emits one of these, which pop `operands` and push a result.
    fn pick(&mut self, operations: &[super::operations::Operation], operands: usize) {
        let (instruction, result) =
            operations[self.random.below(operations.len() as u64) as usize].clone();
        self.emit(&instruction);
        self.stack.truncate(self.stack.len() - operands);
        self.stack.push(result);
    }

    fn operate(&mut self, operations: fn(Type) -> &'static [super::operations::Operation]) {
        let kind = match self.operands() {
            [.., first, second] if first == second => *first,
            [.., one] => {
                let kind = *one;
                self.push(kind);
                kind
            }
            [] => {
                let kind = self.random.value_type();
                self.push(kind);
                self.push(kind);
                kind
            }
        };
        let mut all = operations(kind);
        // Divisions end most runs, so there are few.
        let mut safe = Vec::new();
        if !self.one_in(8) {
            safe.extend(all.iter().filter(|(operation, _)| !may_trap(operation)).cloned());
            all = &[];
        }
        let all = if all.is_empty() { &safe } else { all };
        self.pick(all, 2);
    }

    fn operate_on_one(&mut self) {
        let Some(&kind) = self.operands().last() else {
            let kind = self.random.value_type();
            return self.push(kind);
        };
        let all: Vec<_> = if self.one_in(8) {
            unary(kind).to_vec()
        } else {
            let safe = |operation: &Instruction<'_>| !may_trap(operation);
            unary(kind).iter().filter(|(operation, _)| safe(operation)).cloned().collect()
        };
        self.pick(&all, 1);
    }

    fn set_local(&mut self) {
        let Some(&kind) = self.operands().last() else {
            return;
        };
        let Some(local) = self.local_of(kind) else {
            return;
        };
        if self.one_in(2) {
            self.emit(&Instruction::LocalTee(local));
        } else {
            self.emit(&Instruction::LocalSet(local));
            self.stack.pop();
        }
    }

    fn drop_one(&mut self) {
        if !self.operands().is_empty() {
            self.emit(&Instruction::Drop);
            self.stack.pop();
        }
    }

    fn select(&mut self) {
        let kind = match self.operands() {
            [.., first, second] if first == second => *first,
            [.., one] => {
                let kind = *one;
                self.value(kind);
                kind
            }
            [] => {
                let kind = self.random.value_type();
                self.value(kind);
                self.value(kind);
                kind
            }
        };
        self.condition();
        self.stack.truncate(self.stack.len() - 3);
        if self.one_in(4) {
            self.emit(&Instruction::TypedSelect(kind.encoded()));
        } else {
            self.emit(&Instruction::Select);
        }
        self.stack.push(kind);
    }

    /// Leaves an address on top, mostly one inside the memory.
    fn address(&mut self) {
        self.need(&[I32]);
        if !self.one_in(40) {
            self.emit(&Instruction::I32Const(0x3fff));
            self.emit(&Instruction::I32And);
        }
        if self.one_in(3) && let Some(local) = self.local_of(I32) {
            self.emit(&Instruction::LocalTee(local));
        }
    }

    fn memarg(&mut self) -> MemArg {
        let offset = match self.random.below(16) {
            0 => 65_535,
            1 => 65_536,
            2 => 70_000,
            3 if self.one_in(8) => 131_072,
            4 if self.one_in(40) => u64::from(u32::MAX),
            _ => self.random.below(64),
        };
        MemArg {
            offset,
            align: 0,
            memory_index: 0,
        }
    }

    fn load(&mut self) {
        self.address();
        self.stack.pop();
        let at = self.memarg();
        let (instruction, kind) = match self.random.below(14) {
            0 | 1 => (Instruction::I32Load(at), I32),
            2 => (Instruction::I32Load8S(at), I32),
            3 => (Instruction::I32Load8U(at), I32),
            4 => (Instruction::I32Load16S(at), I32),
            5 => (Instruction::I32Load16U(at), I32),
            6 => (Instruction::I64Load(at), I64),
            7 => (Instruction::I64Load8S(at), I64),
            8 => (Instruction::I64Load16U(at), I64),
            9 => (Instruction::I64Load32S(at), I64),
            10 => (Instruction::I64Load32U(at), I64),
            11 => (Instruction::F32Load(at), F32),
            12 => (Instruction::F64Load(at), F64),
            _ => (Instruction::I64Load8U(at), I64),
        };
        self.emit(&instruction);
        self.stack.push(kind);
        // Bits that come from memory are the same everywhere.
        if self.one_in(3) {
            match kind {
                F32 => {
                    self.emit(&Instruction::I32ReinterpretF32);
                    *self.stack.last_mut().unwrap() = I32;
                }
                F64 => {
                    self.emit(&Instruction::I64ReinterpretF64);
                    *self.stack.last_mut().unwrap() = I64;
                }
                I32 | I64 => {}
            }
        }
    }

    fn store(&mut self) {
        self.address();
        let kind = self.random.value_type();
        if kind == I32 && self.one_in(3) {
            // The address itself.
            let local = self.local_of(I32).unwrap_or(0);
            self.emit(&Instruction::LocalTee(local));
            self.emit(&Instruction::LocalGet(local));
            self.stack.push(I32);
        } else {
            self.value(kind);
        }
        self.canonical();
        self.stack.truncate(self.stack.len() - 2);
        let at = self.memarg();
        let instruction = match (kind, self.random.below(6)) {
            (I32, 0) => Instruction::I32Store8(at),
            (I32, 1) => Instruction::I32Store16(at),
            (I32, _) => Instruction::I32Store(at),
            (I64, 0) => Instruction::I64Store8(at),
            (I64, 1) => Instruction::I64Store16(at),
            (I64, 2) => Instruction::I64Store32(at),
            (I64, _) => Instruction::I64Store(at),
            (F32, _) => Instruction::F32Store(at),
            (F64, _) => Instruction::F64Store(at),
        };
        self.emit(&instruction);
    }

    /// Makes all that are no numbers the same one, if a float is on top.
    fn canonical(&mut self) {
        let Some(&kind) = self.operands().last() else {
            return;
        };
        let (nan, equal) = match kind {
            F32 => (Instruction::F32Const(f32::NAN.into()), Instruction::F32Eq),
            F64 => (Instruction::F64Const(f64::NAN.into()), Instruction::F64Eq),
            I32 | I64 => return,
        };
        let Some(local) = self.local_of(kind) else {
            return;
        };
        self.emit(&Instruction::LocalTee(local));
        self.emit(&nan);
        self.emit(&Instruction::LocalGet(local));
        self.emit(&Instruction::LocalGet(local));
        self.emit(&equal);
        self.emit(&Instruction::Select);
    }

    /// Looks at the bits of a float.
    fn observe_float(&mut self) {
        let kind = if self.one_in(2) { F32 } else { F64 };
        if self.one_in(2) {
            self.value(kind);
            self.value(kind);
            self.canonical();
            self.emit(&if kind == F32 {
                Instruction::F32Copysign
            } else {
                Instruction::F64Copysign
            });
            self.stack.pop();
            return;
        }
        self.value(kind);
        self.canonical();
        self.stack.pop();
        self.emit(&if kind == F32 {
            Instruction::I32ReinterpretF32
        } else {
            Instruction::I64ReinterpretF64
        });
        self.stack.push(if kind == F32 { I32 } else { I64 });
    }

    fn open(&mut self) {
        if self.frames.len() > 8 {
            return;
        }
        let many = self.operands().len().min(self.random.below(4) as usize);
        let parameters = if self.one_in(2) {
            Vec::new()
        } else {
            self.operands()[self.operands().len() - many..].to_vec()
        };
        let results = if self.one_in(4) {
            parameters.clone()
        } else {
            self.random.types(3)
        };
        let kind = match self.random.below(5) {
            0 | 1 => Kind::Block,
            2 => Kind::Loop,
            _ => Kind::If,
        };
        if kind == Kind::If {
            self.condition();
            self.stack.pop();
        }
        let block_type = self.module.block_type(&parameters, &results);
        let height = self.stack.len() - parameters.len();
        self.emit(&match kind {
            Kind::Loop => Instruction::Loop(block_type),
            Kind::If => Instruction::If(block_type),
            _ => Instruction::Block(block_type),
        });
        self.frames.push(Frame {
            kind,
            height,
            parameters,
            results,
        });
        if kind == Kind::Loop {
            self.count_down();
        }
    }

    /// Ends the innermost block, or turns to its other half.
    fn close(&mut self) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        if frame.kind == Kind::Function && self.steps > 0 {
            return;
        }
        let (height, results) = (frame.height, frame.results.clone());
        self.settle(&results);
        let frame = self.frames.last_mut().unwrap();
        if frame.kind == Kind::If && (frame.parameters != frame.results || self.random.below(2) == 0)
        {
            frame.kind = Kind::Else;
            let parameters = frame.parameters.clone();
            self.emit(&Instruction::Else);
            self.stack.truncate(height);
            self.stack.extend(parameters);
            return;
        }
        self.emit(&Instruction::End);
        self.stack.truncate(height);
        self.stack.extend(results);
        self.frames.pop();
    }

    /// Leaves exactly these operands in the innermost block.
    fn settle(&mut self, types: &[Type]) {
        let same = self
            .operands()
            .iter()
            .zip(types)
            .take_while(|(have, want)| have == want)
            .count();
        while self.operands().len() > same {
            self.emit(&Instruction::Drop);
            self.stack.pop();
        }
        for &kind in &types[same..] {
            self.value(kind);
        }
    }

    fn target(&mut self) -> (u32, Vec<Type>) {
        let depth = self.random.below(self.frames.len() as u64) as usize;
        let frame = &self.frames[self.frames.len() - 1 - depth];
        (depth as u32, frame.branch_types())
    }

    fn branch_if(&mut self) {
        let (depth, types) = self.target();
        self.need(&types);
        self.condition();
        self.stack.pop();
        self.emit(&Instruction::BrIf(depth));
    }

    fn branch(&mut self) {
        if self.frames.len() == 1 && self.steps > 20 {
            return;
        }
        if self.one_in(3) {
            let results = self.frames[0].results.clone();
            self.need(&results);
            self.emit(&Instruction::Return);
        } else {
            let (depth, types) = self.target();
            self.need(&types);
            self.emit(&Instruction::Br(depth));
        }
        self.unreachable();
    }

    fn branch_by_table(&mut self) {
        if self.frames.len() == 1 && self.steps > 20 {
            return;
        }
        let (default, types) = self.target();
        let mut depths = vec![];
        for depth in 0..self.frames.len() {
            let frame = &self.frames[self.frames.len() - 1 - depth];
            if frame.branch_types() == types {
                depths.push(depth as u32);
            }
        }
        let targets: Vec<u32> = (0..self.random.below(4))
            .map(|_| depths[self.random.below(depths.len() as u64) as usize])
            .collect();
        self.need(&types);
        self.value(I32);
        if !self.one_in(4) {
            self.emit(&Instruction::I32Const(3));
            self.emit(&Instruction::I32And);
        }
        self.stack.pop();
        self.emit(&Instruction::BrTable(targets.into(), default));
        self.unreachable();
    }

    /// Nothing comes here: the block ends soon.
    fn unreachable(&mut self) {
        let height = self.frames.last().map_or(0, |frame| frame.height);
        self.stack.truncate(height);
        if !self.one_in(4) {
            self.close();
        }
    }

    fn call(&mut self) {
        if self.one_in(3) {
            let called = self.random.below(CALLED_BY_TABLE.len() as u64) as usize;
            let (parameters, results) = CALLED_BY_TABLE[called];
            let type_index = self.module.type_index(parameters, results);
            self.need(parameters);
            self.value(I32);
            self.emit(&Instruction::I32Const(TABLE_ELEMENTS as i32 - 1));
            self.emit(&Instruction::I32And);
            self.stack.pop();
            self.emit(&Instruction::CallIndirect {
                type_index,
                table_index: 0,
            });
            self.stack.truncate(self.stack.len() - parameters.len());
            self.stack.extend(results);
            return;
        }
        if self.number == 0 {
            return;
        }
        let called = self.random.below(self.number as u64) as usize;
        let (parameters, results) = self.module.functions[called].clone();
        self.need(&parameters);
        self.emit(&Instruction::Call(called as u32));
        self.stack.truncate(self.stack.len() - parameters.len());
        self.stack.extend(results);
    }

    fn global(&mut self) {
        let global = self.random.below(GLOBALS.len() as u64) as usize;
        self.emit(&Instruction::GlobalGet(global as u32));
        self.stack.push(GLOBALS[global].0);
    }

    fn set_global(&mut self) {
        let Some(&kind) = self.operands().last() else {
            return;
        };
        let Some(global) = GLOBALS.iter().position(|&of| of == (kind, true)) else {
            return;
        };
        self.emit(&Instruction::GlobalSet(global as u32));
        self.stack.pop();
    }

    /// What works on many bytes at once, or on the memory's size.
    fn whole_memory(&mut self) {
        match self.random.below(4) {
            0 => {
                self.emit(&Instruction::MemorySize(0));
                self.stack.push(I32);
            }
            1 => {
                self.value(I32);
                self.emit(&Instruction::I32Const(1));
                self.emit(&Instruction::I32And);
                self.emit(&Instruction::MemoryGrow(0));
            }
            pick => {
                for _ in 0..3 {
                    self.value(I32);
                    self.emit(&Instruction::I32Const(0xfff));
                    self.emit(&Instruction::I32And);
                }
                self.stack.truncate(self.stack.len() - 3);
                self.emit(&if pick == 2 {
                    Instruction::MemoryFill(0)
                } else {
                    Instruction::MemoryCopy {
                        src_mem: 0,
                        dst_mem: 0,
                    }
                });
            }
        }
    }
}

/// Can it end a run?
fn may_trap(operation: &Instruction<'_>) -> bool {
    use Instruction as I;
    matches!(
        operation,
        I::I32DivS
            | I::I32DivU
            | I::I32RemS
            | I::I32RemU
            | I::I64DivS
            | I::I64DivU
            | I::I64RemS
            | I::I64RemU
            | I::I32TruncF32S
            | I::I32TruncF32U
            | I::I64TruncF32S
            | I::I64TruncF32U
            | I::I32TruncF64S
            | I::I32TruncF64U
            | I::I64TruncF64S
            | I::I64TruncF64U
    )
}
