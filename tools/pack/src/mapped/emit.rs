//! What stands in the package in place of an access.

use berth_exposure::Width;
use wasm_encoder::{
    BlockType, CodeSection, EntityType, Function, FunctionSection, ImportSection, Instruction,
    MemArg, TypeSection, ValType,
};

use super::access::Access;
use super::{Decision, Plan};

/// Accesses of registers: name of the function, width, and whether it writes.
pub(crate) const HELPERS: [(&str, Width, bool); 6] = [
    ("read8", Width::Bits8, false),
    ("read16", Width::Bits16, false),
    ("read32", Width::Bits32, false),
    ("write8", Width::Bits8, true),
    ("write16", Width::Bits16, true),
    ("write32", Width::Bits32, true),
];

fn helper(width: Width, store: bool) -> usize {
    let known = HELPERS
        .iter()
        .position(|(_, w, s)| (*w, *s) == (width, store));
    known.unwrap_or(0)
}

/// Writes what a [`Plan`] has decided.
pub(crate) struct Emitter<'a> {
    plan: &'a Plan,
    /// Which accesses there are as calls, and which as tests.
    called: [bool; 6],
    tested: [bool; 6],
}

impl<'a> Emitter<'a> {
    /// Returns what writes `plan`.
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let mut emitter = Self {
            plan,
            called: [false; 6],
            tested: [false; 6],
        };
        for (access, decision) in plan.decisions.values() {
            if let Some(width) = access.width() {
                let number = helper(width, access.is_store());
                emitter.called[number] = true;
                emitter.tested[number] |= *decision == Decision::Tested;
            }
        }
        emitter
    }

    /// Functions that are imported beside those that the module imports.
    fn new_imports(&self) -> impl Iterator<Item = usize> {
        (0..HELPERS.len())
            .filter(|number| self.called[*number])
            .filter(|number| !self.plan.imported.contains_key(HELPERS[*number].0))
    }

    /// Returns how many functions are imported more.
    pub(crate) fn added(&self) -> u32 {
        (self.plan.claims.len() + self.new_imports().count()) as u32
    }

    /// The number of a function of the module in the package.
    pub(crate) fn function(&self, index: u32) -> u32 {
        if index < self.plan.imports {
            index
        } else {
            index + self.added()
        }
    }

    /// The imported function that makes an access.
    fn access(&self, number: usize) -> u32 {
        let (name, ..) = HELPERS[number];
        match self.plan.imported.get(name) {
            Some(index) => *index,
            None => {
                let place = self.new_imports().take_while(|new| *new != number).count();
                self.plan.imports + (self.plan.claims.len() + place) as u32
            }
        }
    }

    /// The function that tests an address.
    fn test(&self, number: usize) -> u32 {
        let before = self.tested[..number].iter().filter(|tested| **tested);
        self.plan.imports + self.added() + self.plan.functions + before.count() as u32
    }

    /// Types: of a claim, a read and a write.
    pub(crate) fn types(&self, types: &mut TypeSection) {
        let number = ValType::I32;
        types.ty().function([], [number]);
        types.ty().function([number; 2], [number]);
        types.ty().function([number; 3], []);
    }

    const fn type_of(&self, store: bool) -> u32 {
        self.plan.types + 1 + store as u32
    }

    pub(crate) fn imports(&self, imports: &mut ImportSection) {
        for label in &self.plan.claims {
            let claim = EntityType::Function(self.plan.types);
            imports.import(&format!("mmio:{label}"), "claim", claim);
        }
        for number in self.new_imports() {
            let (name, _, store) = HELPERS[number];
            imports.import("mmio", name, EntityType::Function(self.type_of(store)));
        }
    }

    pub(crate) fn functions(&self, functions: &mut FunctionSection) {
        for (number, (.., store)) in HELPERS.iter().enumerate() {
            if self.tested[number] {
                functions.function(self.type_of(*store));
            }
        }
    }

    /// The functions that test: address and offset (and value) come in.
    pub(crate) fn code(&self, code: &mut CodeSection) {
        for (number, (_, width, store)) in HELPERS.iter().enumerate() {
            if self.tested[number] {
                code.function(&self.tester(number, *width, *store));
            }
        }
    }

    fn tester(&self, number: usize, width: Width, store: bool) -> Function {
        use Instruction as I;
        // Address, offset, value.
        let sum = 2 + u32::from(store);
        let mut function = Function::new([(1, ValType::I32)]);
        let mut write = |instructions: &[I<'_>]| {
            for instruction in instructions {
                function.instruction(instruction);
            }
        };
        write(&[
            I::LocalGet(0),
            I::LocalGet(1),
            I::I32Add,
            I::LocalTee(sum),
            I::LocalGet(0),
            I::I32GeU,
            I::If(BlockType::Empty),
        ]);
        for (window, handle) in &self.plan.blocks {
            write(&[
                I::LocalGet(sum),
                I::I32Const(window.start as i32),
                I::I32Sub,
                I::I32Const((window.length - width.bytes()) as i32),
                I::I32LeU,
                I::If(BlockType::Empty),
                I::I32Const(*handle as i32),
                I::LocalGet(sum),
                I::I32Const(window.start as i32),
                I::I32Sub,
            ]);
            if store {
                write(&[I::LocalGet(2)]);
            }
            write(&[I::Call(self.access(number)), I::Return, I::End]);
        }
        write(&[I::End]);
        // It is none, and there is no memory so high up: what the module would have met.
        let place = MemArg {
            offset: 0,
            align: 0,
            memory_index: 0,
        };
        write(&[I::I32Const(-1)]);
        match (width, store) {
            (Width::Bits8 | Width::Bits16, false) => write(&[I::I32Load16U(place)]),
            (Width::Bits32, false) => write(&[I::I32Load(place)]),
            (Width::Bits8 | Width::Bits16, true) => write(&[I::LocalGet(2), I::I32Store16(place)]),
            (Width::Bits32, true) => write(&[I::LocalGet(2), I::I32Store(place)]),
        }
        write(&[I::End]);
        function
    }

    /// Turns the address on the stack into handle and offset.
    pub(crate) fn address(
        &self,
        function: &mut Function,
        access: &Access,
        decision: Decision,
        scratch: u32,
    ) {
        use Instruction as I;
        let Decision::Register {
            handle,
            start,
            offset,
        } = decision
        else {
            return;
        };
        match offset {
            Some(offset) => {
                function
                    .instruction(&I::Drop)
                    .instruction(&I::I32Const(handle as i32))
                    .instruction(&I::I32Const(offset as i32));
            }
            None => {
                function
                    .instruction(&I::LocalSet(scratch))
                    .instruction(&I::I32Const(handle as i32))
                    .instruction(&I::LocalGet(scratch))
                    .instruction(&I::I32Const(start.wrapping_sub(access.offset) as i32))
                    .instruction(&I::I32Sub);
            }
        }
    }

    /// The access itself, where handle, offset and what is stored are on the stack.
    pub(crate) fn call(&self, function: &mut Function, access: &Access) {
        let Some(width) = access.width() else { return };
        let call = Instruction::Call(self.access(helper(width, access.is_store())));
        self.around(function, access, &call);
    }

    fn around(&self, function: &mut Function, access: &Access, call: &Instruction<'_>) {
        let conversion = access.conversion();
        let conversion = conversion.iter().flatten();
        if access.is_store() {
            conversion.for_each(|instruction| {
                function.instruction(instruction);
            });
            function.instruction(call);
        } else {
            function.instruction(call);
            conversion.for_each(|instruction| {
                function.instruction(instruction);
            });
        }
    }

    /// An access whose address is tested. Address and what is stored are on the stack, `plain` is the access as it was.
    pub(crate) fn tested(
        &self,
        function: &mut Function,
        access: &Access,
        plain: &Instruction<'_>,
        scratch: u32,
        value: u32,
    ) {
        use Instruction as I;
        let Some(width) = access.width() else { return };
        let first = self.plan.blocks.first().map_or(u32::MAX, |(w, _)| w.start);
        let below = first.saturating_sub(access.offset);
        if access.is_store() {
            function.instruction(&I::LocalSet(value));
        }
        let result = if access.is_store() {
            BlockType::Empty
        } else {
            BlockType::Result(access.value_type())
        };
        function
            .instruction(&I::LocalTee(scratch))
            .instruction(&I::I32Const(below as i32))
            .instruction(&I::I32LtU)
            .instruction(&I::If(result))
            .instruction(&I::LocalGet(scratch));
        if access.is_store() {
            function.instruction(&I::LocalGet(value));
        }
        function
            .instruction(plain)
            .instruction(&I::Else)
            .instruction(&I::LocalGet(scratch))
            .instruction(&I::I32Const(access.offset as i32));
        if access.is_store() {
            function.instruction(&I::LocalGet(value));
        }
        let call = I::Call(self.test(helper(width, access.is_store())));
        self.around(function, access, &call);
        function.instruction(&I::End);
    }
}
