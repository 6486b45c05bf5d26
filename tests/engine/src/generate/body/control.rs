//! Blocks, branches and calls.

use wasm_encoder::Instruction;

use super::{Body, Frame, Kind};
use crate::generate::{CALLED_BY_TABLE, TABLE_ELEMENTS, Type, Type::I32, Typed};

impl Body<'_> {
    pub(super) fn open(&mut self) {
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
    pub(super) fn close(&mut self) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        if frame.kind == Kind::Function && self.steps > 0 {
            return;
        }
        let (height, results) = (frame.height, frame.results.clone());
        self.settle(&results);
        let frame = self.frames.last_mut().expect("a function has a frame");
        if frame.kind == Kind::If
            && (frame.parameters != frame.results || self.random.below(2) == 0)
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
    pub(super) fn settle(&mut self, types: &[Type]) {
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

    pub(super) fn target(&mut self) -> (u32, Vec<Type>) {
        let depth = self.random.below(self.frames.len() as u64) as usize;
        let frame = &self.frames[self.frames.len() - 1 - depth];
        (depth as u32, frame.branch_types())
    }

    pub(super) fn branch_if(&mut self) {
        let (depth, types) = self.target();
        self.need(&types);
        self.condition();
        self.stack.pop();
        self.emit(&Instruction::BrIf(depth));
    }

    pub(super) fn branch(&mut self) {
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

    pub(super) fn branch_by_table(&mut self) {
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
            .map(|_| self.random.pick(&depths))
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
    pub(super) fn unreachable(&mut self) {
        let height = self.frames.last().map_or(0, |frame| frame.height);
        self.stack.truncate(height);
        if !self.one_in(4) {
            self.close();
        }
    }

    pub(super) fn call(&mut self) {
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
}
