//! One function's code, made at random along what is on the operand stack.
//!
//! Engines go wrong where they treat several instructions as one, and where operands change
//! their place: so the operands are few and often the same local, the constants those that an
//! engine treats specially, and blocks take and leave several values.

mod control;
mod memory;
mod values;

use wasm_encoder::{BlockType, Function, Instruction};

use super::operations::{binary, compare};
use super::{GLOBALS, Module, Type, Type::F32, Type::F64, Type::I32, Typed};
use berth_random::Random;

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
}
