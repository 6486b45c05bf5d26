//! Writing the package: every section once more, changed where the plan says so.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, CustomSection, ExportSection, GlobalSection, Instruction, MemoryType, Module,
};
use wasmparser::{CustomSectionReader, Export, ExternalKind, FunctionBody, Operator, Parser};

use crate::PackError;
use crate::memory::{Counting, Plan};
use crate::survey::Survey;

/// Writes `module` as planned, with a custom section `manifest` called `name` at its end. Returns it, and
/// how many tail calls of imported functions became calls.
pub(crate) fn rewrite(
    module: &[u8],
    survey: &Survey,
    plan: &Plan,
    name: &str,
    manifest: &[u8],
) -> Result<(Vec<u8>, u32), PackError> {
    let mut output = Module::new();
    let mut rewriter = Rewriter {
        survey,
        plan,
        global: 0,
        tail_calls: 0,
    };
    rewriter.parse_core_module(&mut output, Parser::new(0), module)?;
    output.section(&CustomSection {
        name: name.into(),
        data: manifest.into(),
    });
    Ok((output.finish(), rewriter.tail_calls))
}

struct Rewriter<'a> {
    survey: &'a Survey,
    plan: &'a Plan,
    /// Number of the next global definition.
    global: u32,
    /// Tail calls that became calls.
    tail_calls: u32,
}

impl Reencode for Rewriter<'_> {
    type Error = Infallible;

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
        let mut function = self.new_function_with_parsed_locals(&body)?;
        for operator in body.get_operators_reader()? {
            match (operator?, pages) {
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
        Ok(())
    }
}
