//! Writing the package: every section once more, changed where the plan says so.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemoryType, Module,
    SectionId, TypeSection, ValType,
};
use wasmparser::{CustomSectionReader, Export, ExternalKind, FunctionBody, Operator, Parser};

use berth_admission::entries::PLACE;
use berth_package::SECTION;

use crate::PackError;
use crate::mapped::{Access, Decision, Emitter, Plan as Mapped};
use crate::memory::{Counting, Plan};
use crate::places::Plan as Marks;
use crate::survey::{Survey, TABLE};

/// A package as it was written.
pub(crate) struct Written {
    pub(crate) image: Vec<u8>,
    /// How many tail calls of imported functions became calls.
    pub(crate) tail_calls: u32,
    /// How many functions it imports that the module did not.
    pub(crate) added: u32,
}

/// What is known of a module, and planned with it.
#[derive(Clone, Copy)]
pub(crate) struct What<'a> {
    pub(crate) survey: &'a Survey,
    pub(crate) memory: &'a Plan,
    /// Accesses of registers; `None`: there are none.
    pub(crate) mapped: Option<&'a Mapped>,
    /// Where it tells where it is; `None`: nowhere.
    pub(crate) places: Option<&'a Marks>,
}

/// Writes `module` as planned, with a custom section `manifest` at its end.
pub(crate) fn rewrite(
    module: &[u8],
    what: What<'_>,
    manifest: &[u8],
) -> Result<Written, PackError> {
    let mut output = Module::new();
    let registers = what.mapped.map(Emitter::new);
    let mut rewriter = Rewriter {
        survey: what.survey,
        plan: what.memory,
        mapped: what.mapped,
        places: what.places,
        registers,
        has_globals: false,
        function: 0,
        has_imports: false,
        global: 0,
        tail_calls: 0,
    };
    rewriter.parse_core_module(&mut output, Parser::new(0), module)?;
    output.section(&CustomSection {
        name: SECTION.into(),
        data: manifest.into(),
    });
    Ok(Written {
        image: output.finish(),
        tail_calls: rewriter.tail_calls,
        added: rewriter.registers.map_or(0, |registers| registers.added()),
    })
}

struct Rewriter<'a> {
    survey: &'a Survey,
    plan: &'a Plan,
    mapped: Option<&'a Mapped>,
    places: Option<&'a Marks>,
    /// The globals are written.
    has_globals: bool,
    /// What writes accesses of registers; `None`: there are none.
    registers: Option<Emitter<'a>>,
    /// Number of the next body.
    function: usize,
    /// The imports are written.
    has_imports: bool,
    /// Number of the next global definition.
    global: u32,
    /// Tail calls that became calls.
    tail_calls: u32,
}

impl Reencode for Rewriter<'_> {
    type Error = Infallible;

    /// Functions that are imported more come before those that the module defines.
    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(match &self.registers {
            Some(registers) => registers.function(function),
            None => function,
        })
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_type_section(self, types, section)?;
        if let Some(registers) = &self.registers {
            registers.types(types);
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_import_section(self, imports, section)?;
        self.has_imports = true;
        if let Some(registers) = &self.registers {
            registers.imports(imports);
        }
        Ok(())
    }

    /// A module without imports gets some, behind its types, and one without globals that of the place.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error> {
        // The sections that come before globals.
        let is_before_globals = matches!(
            before,
            Some(
                SectionId::Type
                    | SectionId::Import
                    | SectionId::Function
                    | SectionId::Table
                    | SectionId::Memory
                    | SectionId::Tag
                    | SectionId::Global
            )
        );
        if self.places.is_some() && !self.has_globals && !is_before_globals {
            let mut globals = GlobalSection::new();
            place(&mut globals);
            module.section(&globals);
            self.has_globals = true;
        }
        let is_early = matches!(before, Some(SectionId::Type | SectionId::Import));
        if let Some(registers) = &self.registers
            && !self.has_imports
            && !is_early
        {
            let mut imports = ImportSection::new();
            registers.imports(&mut imports);
            module.section(&imports);
            self.has_imports = true;
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_function_section(self, functions, section)?;
        if let Some(registers) = &self.registers {
            registers.functions(functions);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_code_section(self, code, section)?;
        if let Some(registers) = &self.registers {
            registers.code(code);
        }
        Ok(())
    }

    /// Globals that nobody uses are left out, so those behind them move up.
    fn global_index(&mut self, global: u32) -> Result<u32, Error> {
        Ok(self.survey.used_globals.range(..global).count() as u32)
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_global_section(self, globals, section)?;
        self.has_globals = true;
        if self.places.is_some() {
            place(globals);
        }
        Ok(())
    }

    fn parse_global(
        &mut self,
        globals: &mut GlobalSection,
        global: wasmparser::Global<'_>,
    ) -> Result<(), Error> {
        let number = self.global;
        self.global += 1;
        if self.survey.used_globals.contains(&number) {
            utils::parse_global(self, globals, global)?;
        }
        Ok(())
    }

    /// What a device calls handlers through, where the linker was not told that it has to be seen.
    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_export_section(self, exports, section)?;
        if self.survey.lacks_table() {
            exports.export(TABLE, ExportKind::Table, 0);
        }
        if self.places.is_some() {
            exports.export(PLACE, ExportKind::Global, self.place());
        }
        Ok(())
    }

    /// A device looks at functions, the memory and the table.
    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: Export<'_>,
    ) -> Result<(), Error> {
        if export.kind == ExternalKind::Global {
            return Ok(());
        }
        utils::parse_export(self, exports, export)
    }

    fn memory_type(&mut self, memory: wasmparser::MemoryType) -> Result<MemoryType, Error> {
        let memory = self.plan.memory.unwrap_or(memory);
        Ok(utils::memory_type(self, memory))
    }

    /// Names, debugging information and the like: the device would store them for nothing.
    fn parse_custom_section(
        &mut self,
        _: &mut Module,
        _: CustomSectionReader<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error> {
        let pages = match self.plan.counting {
            Counting::Fixed { pages } => Some(pages),
            _ => None,
        };
        let (mut function, scratch) = self.function_with_scratch(&body)?;
        let operators: Vec<_> = body
            .get_operators_reader()?
            .into_iter()
            .collect::<Result<_, _>>()?;
        let mut around = self.begin(&mut function, scratch);
        for (place, operator) in operators.iter().enumerate() {
            self.mark(&mut function, place);
            if let Some(around) = &mut around
                && around.leaves(&mut function, operator)
            {
                continue;
            }
            if self.register(&mut function, &operators, place, scratch)? {
                continue;
            }
            match (operator.clone(), pages) {
                (Operator::MemorySize { .. }, Some(pages)) => {
                    function.instruction(&Instruction::I32Const(pages as i32));
                }
                // No more for 0 more pages, else -1: (n == 0) * (pages + 1) - 1.
                (Operator::MemoryGrow { .. }, Some(pages)) => {
                    function
                        .instruction(&Instruction::I32Eqz)
                        .instruction(&Instruction::I32Const(pages as i32 + 1))
                        .instruction(&Instruction::I32Mul)
                        .instruction(&Instruction::I32Const(1))
                        .instruction(&Instruction::I32Sub);
                }
                // The engine cannot go on behind a function of the device that has nobody to return to.
                (Operator::ReturnCall { function_index }, _)
                    if function_index < self.survey.imported_functions =>
                {
                    self.tail_calls += 1;
                    // One of the imported ones, whose numbers stay.
                    function
                        .instruction(&Instruction::Call(function_index))
                        .instruction(&Instruction::Return);
                }
                (other, _) => {
                    function.instruction(&self.instruction(other)?);
                }
            }
        }
        code.function(&function);
        self.function += 1;
        Ok(())
    }
}

/// The global of the place.
fn place(globals: &mut GlobalSection) {
    let ty = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(ty, &ConstExpr::i32_const(0));
}

/// A function that puts the place back which it found: it is called between two instructions of main.
struct Around {
    /// The variable with what it found.
    found: u32,
    /// The global of the place.
    place: u32,
    /// Blocks of it that are open.
    depth: u32,
}

impl Around {
    /// Writes what stands in place of an instruction that leaves the function. Returns whether it is one.
    fn leaves(&mut self, function: &mut Function, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.depth += 1,
            Operator::End if self.depth > 0 => self.depth -= 1,
            Operator::End => {
                function.instruction(&Instruction::End);
                self.put_back(function);
                function.instruction(&Instruction::End);
                return true;
            }
            Operator::Return => {
                function.instruction(&Instruction::Br(self.depth));
                return true;
            }
            // What is called in its place returns to whom it was called by.
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
                self.put_back(function);
            }
            _ => {}
        }
        false
    }

    fn put_back(&self, function: &mut Function) {
        function
            .instruction(&Instruction::LocalGet(self.found))
            .instruction(&Instruction::GlobalSet(self.place));
    }
}

/// Numbers of the variables that are written beside the function's own.
#[derive(Clone, Copy)]
struct Scratch {
    /// Those that accesses of registers use: an address, and a value of each type.
    first: u32,
    /// The place that a function has found.
    found: u32,
}

/// The types of [`Scratch`].
const SCRATCH: [ValType; 5] = [
    ValType::I32,
    ValType::I32,
    ValType::I64,
    ValType::F32,
    ValType::F64,
];

impl Scratch {
    fn value(self, ty: ValType) -> u32 {
        let place = SCRATCH.iter().skip(1).position(|known| *known == ty);
        self.first + 1 + place.unwrap_or(0) as u32
    }
}

impl Rewriter<'_> {
    fn decision(&self, place: usize) -> Option<Decision> {
        let decisions = &self.mapped?.decisions;
        decisions
            .get(&(self.function, place))
            .map(|(_, decision)| *decision)
    }

    /// The function's own variables, and, where it accesses registers, some more.
    fn function_with_scratch(
        &mut self,
        body: &FunctionBody<'_>,
    ) -> Result<(Function, Scratch), Error> {
        let number = self.function;
        let accesses = self.mapped.is_some_and(|m| {
            m.decisions
                .range((number, 0)..(number + 1, 0))
                .next()
                .is_some()
        });
        let mut count = self.survey.parameters(number) as u32;
        let mut locals = Vec::new();
        for group in body.get_locals_reader()? {
            let (more, ty) = group?;
            count += more;
            locals.push((more, self.val_type(ty)?));
        }
        let mut scratch = Scratch {
            first: count,
            found: count,
        };
        if accesses {
            locals.extend(SCRATCH.map(|ty| (1, ty)));
            scratch.found += SCRATCH.len() as u32;
        }
        if self.restores() {
            locals.push((1, ValType::I32));
        }
        Ok((Function::new(locals), scratch))
    }

    /// The global of the place: behind those that the module uses.
    fn place(&self) -> u32 {
        self.survey.used_globals.len() as u32
    }

    /// Does this function put back the place that it finds?
    fn restores(&self) -> bool {
        self.places
            .is_some_and(|places| places.restoring.contains(&self.function))
    }

    /// Begins a function that puts back the place which it finds; `None`: it does not.
    fn begin(&self, function: &mut Function, scratch: Scratch) -> Option<Around> {
        let around = Around {
            found: scratch.found,
            place: self.place(),
            depth: 0,
        };
        self.restores().then(|| {
            function
                .instruction(&Instruction::GlobalGet(around.place))
                .instruction(&Instruction::LocalSet(around.found))
                .instruction(&Instruction::Block(BlockType::Empty));
            around
        })
    }

    /// Writes that the instruction at `index` is at another place, if it is.
    fn mark(&self, function: &mut Function, index: usize) {
        let marks = self.places.map(|places| &places.marks);
        if let Some(place) = marks.and_then(|marks| marks.get(&(self.function, index))) {
            function
                .instruction(&Instruction::I32Const(*place as i32))
                .instruction(&Instruction::GlobalSet(self.place()));
        }
    }

    /// Writes the instruction at `place` if it accesses a register. Returns whether it did.
    fn register(
        &mut self,
        function: &mut Function,
        operators: &[Operator<'_>],
        place: usize,
        scratch: Scratch,
    ) -> Result<bool, Error> {
        let Some(operator) = operators.get(place) else {
            return Ok(false);
        };
        let plain = self.instruction(operator.clone())?;
        let Some(registers) = &self.registers else {
            return Ok(false);
        };
        // What is stored is often a constant or a variable: the address is made ready before it is put above it.
        if is_simple(operator)
            && let Some(access) = operators.get(place + 1).and_then(Access::of)
            && access.is_store()
            && let Some(decision @ Decision::Register { .. }) = self.decision(place + 1)
        {
            registers.address(function, &access, decision, scratch.first);
            function.instruction(&plain);
            return Ok(true);
        }
        let (Some(access), Some(decision)) = (Access::of(operator), self.decision(place)) else {
            return Ok(false);
        };
        let value = scratch.value(access.value_type());
        let is_ready = place
            .checked_sub(1)
            .and_then(|before| operators.get(before))
            .is_some_and(is_simple);
        match decision {
            Decision::Tested => {
                registers.tested(function, &access, &plain, scratch.first, value);
            }
            Decision::Register { .. } if access.is_store() && is_ready => {
                registers.call(function, &access);
            }
            Decision::Register { .. } if access.is_store() => {
                function.instruction(&Instruction::LocalSet(value));
                registers.address(function, &access, decision, scratch.first);
                function.instruction(&Instruction::LocalGet(value));
                registers.call(function, &access);
            }
            Decision::Register { .. } => {
                registers.address(function, &access, decision, scratch.first);
                registers.call(function, &access);
            }
        }
        Ok(true)
    }
}

/// Does it do nothing but put something on the stack?
fn is_simple(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. }
            | Operator::LocalGet { .. }
            | Operator::GlobalGet { .. }
    )
}
