//! What a module is, found out before anything is changed.

use std::collections::BTreeSet;

use berth_package::SECTION;
use wasmparser::{
    ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, MemoryType, Operator, Parser,
    Payload, TypeRef, ValType, Validator, WasmFeatures,
};

use crate::names::Names;
use crate::{PackError, memory};

/// Name of the function that is a container's main.
const MAIN: &str = "_start";

/// A global that linkers export to tell where the heap may begin.
const HEAP_BASE: &str = "__heap_base";
/// A global that linkers export to tell where the statics end.
const DATA_END: &str = "__data_end";

/// Module under which a command imports from its system.
const WASI: &str = "wasi_snapshot_preview1";

/// What the devices' engine runs.
pub(crate) fn features() -> WasmFeatures {
    (WasmFeatures::WASM2 | WasmFeatures::TAIL_CALL | WasmFeatures::EXTENDED_CONST)
        .difference(WasmFeatures::SIMD)
        .union(WasmFeatures::CUSTOM_PAGE_SIZES)
}

/// What is known of a module.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Its memory.
    pub(crate) memory: Option<MemoryType>,
    /// Globals that anything of the module refers to, or that are exported for the device.
    pub(crate) used_globals: BTreeSet<u32>,
    /// Globals that it defines; none is imported.
    pub(crate) globals: u32,
    /// Values of the globals that are exported for nobody but the linker's user.
    pub(crate) heap_base: Option<u32>,
    pub(crate) data_end: Option<u32>,
    /// First value of the shadow stack's pointer, as far as one can be recognised.
    pub(crate) stack_pointer: Option<u32>,
    /// Lowest and first free address of what the data segments fill.
    pub(crate) data: Option<(u64, u64)>,
    /// First address above everything that a constant in the code could point at.
    pub(crate) highest_constant: u64,
    /// The instruction by which it asks for the size of its memory, or for more.
    pub(crate) counts_pages: Option<&'static str>,
    /// It was linked with wasi-libc.
    pub(crate) is_wasi: bool,
    /// Names of its functions.
    pub(crate) names: Names,
}

impl Survey {
    /// Look at a whole module.
    pub(crate) fn of(module: &[u8]) -> Result<Self, PackError> {
        if Parser::is_component(module) {
            return Err(PackError::Component);
        }
        Validator::new_with_features(features()).validate_all(module)?;
        let mut look = Look::default();
        for payload in Parser::new(0).parse_all(module) {
            look.payload(payload?)?;
        }
        look.finish()
    }
}

/// A global as it is defined.
struct Global {
    mutable: bool,
    is_i32: bool,
    /// Its first value, if it is a plain constant.
    value: Option<u32>,
}

/// State of the pass.
#[derive(Default)]
struct Look {
    survey: Survey,
    defined: Vec<Global>,
    /// Index of the type of each function.
    functions: Vec<u32>,
    /// Has a type neither parameters nor results?
    types: Vec<bool>,
    main: Option<u32>,
    exported_globals: Vec<(String, u32)>,
}

impl Look {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), PackError> {
        match payload {
            Payload::TypeSection(section) => {
                for function in section.into_iter_err_on_gc_types() {
                    let function = function?;
                    self.types
                        .push(function.params().is_empty() && function.results().is_empty());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    self.import(&import)?;
                }
            }
            Payload::FunctionSection(section) => {
                for function in section {
                    self.functions.push(function?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.survey.memory = Some(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    if self.expression(&global.init_expr)? {
                        let number = self.defined.len() as u32;
                        self.survey.used_globals.insert(number);
                    }
                    self.defined.push(Global {
                        mutable: global.ty.mutable,
                        is_i32: global.ty.content_type == ValType::I32,
                        value: constant(&global.init_expr),
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact if export.name == MAIN => {
                            self.main = Some(export.index);
                        }
                        ExternalKind::Global => {
                            let name = export.name.to_owned();
                            self.exported_globals.push((name, export.index));
                        }
                        _ => {}
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element?;
                    if let ElementKind::Active { offset_expr, .. } = &element.kind {
                        self.expression(offset_expr)?;
                    }
                    if let ElementItems::Expressions(_, items) = element.items {
                        for item in items {
                            self.expression(&item?)?;
                        }
                    }
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    if let wasmparser::TableInit::Expr(expression) = table?.init {
                        self.expression(&expression)?;
                    }
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    if let DataKind::Active { offset_expr, .. } = &data.kind {
                        self.expression(offset_expr)?;
                        self.segment(constant(offset_expr), data.data.len() as u64);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()?.into_iter_with_offsets() {
                    match operator? {
                        (Operator::TableGrow { .. }, offset) => {
                            return Err(PackError::TableGrow { offset });
                        }
                        (operator, _) => self.operator(&operator),
                    }
                }
            }
            Payload::CustomSection(section) if section.name() == SECTION => {
                return Err(PackError::AlreadyPacked);
            }
            Payload::CustomSection(section) => {
                if let wasmparser::KnownCustom::Name(names) = section.as_known() {
                    self.survey.names = Names::read(names);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) -> Result<(), PackError> {
        const OWN_MEMORY: &str = "; link without --import-memory, so that the module has its own";
        let (kind, remedy) = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                self.survey.is_wasi |= import.module == WASI;
                return Ok(());
            }
            TypeRef::Global(_) => ("the global", ""),
            TypeRef::Memory(_) => ("the memory", OWN_MEMORY),
            TypeRef::Table(_) => ("the table", "; link without --import-table"),
            TypeRef::Tag(_) => ("the tag", ""),
        };
        Err(PackError::Import {
            kind,
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            remedy,
        })
    }

    /// Does it name a function? That declares the function for the code as well.
    fn expression(&mut self, expression: &ConstExpr<'_>) -> Result<bool, PackError> {
        let mut names_function = false;
        for operator in expression.get_operators_reader() {
            match operator? {
                Operator::GlobalGet { global_index } => {
                    self.survey.used_globals.insert(global_index);
                }
                Operator::RefFunc { .. } => names_function = true,
                _ => {}
            }
        }
        Ok(names_function)
    }

    /// A segment at `offset`; one at an unknown place could be anywhere.
    fn segment(&mut self, offset: Option<u32>, length: u64) {
        let start = offset.map_or(u64::from(u32::MAX), u64::from);
        let (first, end) = self.survey.data.unwrap_or((start, 0));
        self.survey.data = Some((first.min(start), end.max(start + length)));
    }

    fn operator(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                self.survey.used_globals.insert(*global_index);
            }
            Operator::MemorySize { .. } => {
                self.survey.counts_pages.get_or_insert("memory.size");
            }
            Operator::MemoryGrow { .. } => self.survey.counts_pages = Some("memory.grow"),
            Operator::I32Const { value } => self.constant(i64::from(*value)),
            other => {
                if let Some(offset) = offset_of(other) {
                    self.constant(i64::try_from(offset).unwrap_or(i64::MAX));
                }
            }
        }
    }

    /// A constant that may be an address: room for the widest access behind it.
    fn constant(&mut self, value: i64) {
        let declared = self
            .survey
            .memory
            .map_or(0, |memory| memory::bytes(&memory));
        if let Ok(value) = u64::try_from(value)
            && value < declared
        {
            let highest = &mut self.survey.highest_constant;
            *highest = (*highest).max(value + 8);
        }
    }

    fn finish(mut self) -> Result<Survey, PackError> {
        let main_type = self
            .main
            .and_then(|main| self.functions.get(main as usize))
            .and_then(|index| self.types.get(*index as usize));
        if main_type != Some(&true) {
            return Err(PackError::NoStart);
        }
        // None is imported, so indices are those of the definitions.
        for (name, index) in &self.exported_globals {
            let value = self
                .defined
                .get(*index as usize)
                .filter(|global| !global.mutable)
                .and_then(|global| global.value);
            match name.as_str() {
                HEAP_BASE => self.survey.heap_base = value,
                DATA_END => self.survey.data_end = value,
                _ => {}
            }
        }
        // LLVM's linker makes the stack's pointer its first mutable i32, and never exports it
        // by default.
        self.survey.stack_pointer = self
            .defined
            .iter()
            .find(|global| global.mutable && global.is_i32)
            .and_then(|global| global.value)
            .filter(|value| *value > 0 && value.is_multiple_of(memory::STACK_ALIGN))
            .filter(|value| {
                u64::from(*value) <= self.survey.memory.as_ref().map_or(0, memory::bytes)
            });
        self.survey.globals = self.defined.len() as u32;
        Ok(self.survey)
    }
}

/// The value of a plain `i32.const`.
fn constant(expression: &ConstExpr<'_>) -> Option<u32> {
    let mut operators = expression.get_operators_reader();
    match (operators.read(), operators.read()) {
        (Ok(Operator::I32Const { value }), Ok(Operator::End)) => Some(value as u32),
        _ => None,
    }
}

/// The constant part of the address of a load or store.
fn offset_of(operator: &Operator<'_>) -> Option<u64> {
    use Operator as O;
    match operator {
        O::I32Load { memarg }
        | O::I64Load { memarg }
        | O::F32Load { memarg }
        | O::F64Load { memarg }
        | O::I32Load8S { memarg }
        | O::I32Load8U { memarg }
        | O::I32Load16S { memarg }
        | O::I32Load16U { memarg }
        | O::I64Load8S { memarg }
        | O::I64Load8U { memarg }
        | O::I64Load16S { memarg }
        | O::I64Load16U { memarg }
        | O::I64Load32S { memarg }
        | O::I64Load32U { memarg }
        | O::I32Store { memarg }
        | O::I64Store { memarg }
        | O::F32Store { memarg }
        | O::F64Store { memarg }
        | O::I32Store8 { memarg }
        | O::I32Store16 { memarg }
        | O::I64Store8 { memarg }
        | O::I64Store16 { memarg }
        | O::I64Store32 { memarg } => Some(memarg.offset),
        _ => None,
    }
}
