//! Writing the package: every section once more, changed where the plan says so.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, CustomSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, ImportSection, Instruction, MemoryType, Module, SectionId, TypeSection, ValType,
};
use wasmparser::{CustomSectionReader, Export, ExternalKind, FunctionBody, Operator, Parser};

use berth_package::SECTION;

use crate::PackError;
use crate::mapped::{Access, Decision, Emitter, Plan as Mapped};
use crate::memory::{Counting, Plan};
use crate::survey::{Survey, TABLE};

/// A package as it was written.
pub(crate) struct Written {
    pub(crate) image: Vec<u8>,
    /// How many tail calls of imported functions became calls.
    pub(crate) tail_calls: u32,
    /// How many functions it imports that the module did not.
    pub(crate) added: u32,
}

/// Writes `module` as planned, with a custom section `manifest` at its end.
pub(crate) fn rewrite(
    module: &[u8],
    survey: &Survey,
    plan: &Plan,
    mapped: Option<&Mapped>,
    manifest: &[u8],
) -> Result<Written, PackError> {
    let mut output = Module::new();
    let registers = mapped.map(Emitter::new);
    let mut rewriter = Rewriter {
        survey,
        plan,
        mapped,
        registers,
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

    /// A module without imports gets some, behind its types.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error> {
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
        for (place, operator) in operators.iter().enumerate() {
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

/// Numbers of the variables that accesses of registers use: an address, and a value of each type.
#[derive(Clone, Copy)]
struct Scratch {
    first: u32,
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
        if accesses {
            locals.extend(SCRATCH.map(|ty| (1, ty)));
        }
        Ok((Function::new(locals), Scratch { first: count }))
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
