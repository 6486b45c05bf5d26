//! What the analysis needs of a module: its functions step by step, and who may call them.

use std::collections::BTreeSet;

use wasmparser::{
    ElementItems, ExternalKind, Operator, Parser, Payload, TypeRef, ValidPayload, Validator,
};

use super::access::Access;
use super::windows::{SECTION, Window, Windows};
use crate::sections::arities;
use crate::{PackError, survey};

/// An instruction, where it stands, and how many operands it takes and gives.
pub(crate) struct Step<'a> {
    pub(crate) operator: Operator<'a>,
    pub(crate) offset: usize,
    pub(crate) takes: usize,
    pub(crate) gives: usize,
}

/// A function that the module defines.
pub(crate) struct Function<'a> {
    pub(crate) steps: Vec<Step<'a>>,
    pub(crate) parameters: usize,
    pub(crate) results: usize,
    /// Parameters and variables.
    pub(crate) locals: usize,
}

/// A function that it imports.
pub(crate) struct Imported<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Facts<'a> {
    /// The section that names its windows, in parts.
    pub(crate) windows: Vec<u8>,
    /// Parameters and results of its types.
    pub(crate) types: Vec<(usize, usize)>,
    pub(crate) imports: Vec<Imported<'a>>,
    /// The type of each function, imported ones first.
    pub(crate) function_types: Vec<u32>,
    pub(crate) functions: Vec<Function<'a>>,
    /// Functions that may be called by others than this code: exported, in tables, or used as values.
    pub(crate) known_outside: BTreeSet<u32>,
    pub(crate) globals: Vec<Option<u32>>,
    /// Words of its data.
    pub(crate) words: BTreeSet<u32>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(module: &'a [u8]) -> Result<Self, PackError> {
        let mut facts = Self::default();
        let mut validator = Validator::new_with_features(survey::features());
        let mut allocations = wasmparser::FuncValidatorAllocations::default();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                let (parameters, results) = facts.type_of(function.index).unwrap_or((0, 0));
                let mut checked = function.into_validator(allocations);
                let mut locals = parameters;
                let mut reader = body.get_locals_reader()?;
                for _ in 0..reader.get_count() {
                    let offset = reader.original_position();
                    let (count, ty) = reader.read()?;
                    checked.define_locals(offset, count, ty)?;
                    locals += count as usize;
                }
                let mut steps = Vec::new();
                for operator in body.get_operators_reader()?.into_iter_with_offsets() {
                    let (operator, offset) = operator?;
                    let (takes, gives) = operator.operator_arity(&checked).unwrap_or((0, 0));
                    checked.op(offset, &operator)?;
                    if let Operator::RefFunc { function_index } = operator {
                        facts.known_outside.insert(function_index);
                    }
                    steps.push(Step {
                        operator,
                        offset,
                        takes: takes as usize,
                        gives: gives as usize,
                    });
                }
                allocations = checked.into_allocations();
                facts.functions.push(Function {
                    steps,
                    parameters,
                    results,
                    locals,
                });
            }
            facts.payload(payload)?;
        }
        Ok(facts)
    }

    fn payload(&mut self, payload: Payload<'a>) -> Result<(), PackError> {
        match payload {
            Payload::TypeSection(section) => self.types = arities(section)?,
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    if let TypeRef::Func(index) | TypeRef::FuncExact(index) = import.ty {
                        self.function_types.push(index);
                        self.imports.push(Imported {
                            module: import.module,
                            name: import.name,
                        });
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for function in section {
                    self.function_types.push(function?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(survey::constant(&global?.init_expr));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact) {
                        self.known_outside.insert(export.index);
                    }
                }
            }
            Payload::StartSection { func, .. } => {
                self.known_outside.insert(func);
            }
            Payload::ElementSection(section) => {
                for element in section {
                    match element?.items {
                        ElementItems::Functions(items) => {
                            for item in items {
                                self.known_outside.insert(item?);
                            }
                        }
                        ElementItems::Expressions(_, items) => {
                            for item in items {
                                for operator in item?.get_operators_reader() {
                                    if let Operator::RefFunc { function_index } = operator? {
                                        self.known_outside.insert(function_index);
                                    }
                                }
                            }
                        }
                    }
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    for bytes in data?.data.windows(4) {
                        if let &[a, b, c, d] = bytes {
                            self.words.insert(u32::from_le_bytes([a, b, c, d]));
                        }
                    }
                }
            }
            Payload::CustomSection(section) if section.name() == SECTION => {
                self.windows.extend(section.data());
            }
            _ => {}
        }
        Ok(())
    }

    /// Is there a number in the module from which the address of a register of a chip's window may be computed, as
    /// [`Windows::lead`] knows them?
    pub(crate) fn leads_to(&self, window: &Window) -> bool {
        let Ok(windows) = Windows::of(&[], std::slice::from_ref(window)) else {
            return false;
        };
        let steps = self.functions.iter().flat_map(|function| &function.steps);
        let constants = steps.filter_map(|step| match step.operator {
            Operator::I32Const { value } => Some(value.cast_unsigned()),
            _ => Access::of(&step.operator).map(|access| access.offset),
        });
        let globals = self.globals.iter().flatten().copied();
        let words = self.words.iter().copied();
        constants
            .chain(globals)
            .chain(words)
            .any(|number| windows.lead(number) || windows.shifts(number).next().is_some())
    }

    /// Parameters and results of a function.
    pub(crate) fn type_of(&self, function: u32) -> Option<(usize, usize)> {
        let index = *self.function_types.get(function as usize)?;
        self.types.get(index as usize).copied()
    }

    pub(crate) fn imported(&self) -> u32 {
        self.imports.len() as u32
    }
}
