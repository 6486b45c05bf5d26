//! What a module is, found out before anything is changed.

use std::collections::BTreeSet;

use berth_package::SECTION;
use wasmparser::{
    ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, FunctionBody, MemoryType,
    Operator, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures,
};

use crate::addresses::{self, Addresses, Body, Callee};
use crate::names::Names;
use crate::sections::arities;
use crate::{PackError, memory, printable};

/// Name of the function that is a container's main.
const MAIN: &str = "_start";

/// A global that linkers export to tell where the heap may begin.
const HEAP_BASE: &str = "__heap_base";
/// A global that linkers export to tell where the statics end.
const DATA_END: &str = "__data_end";

/// A table of functions that a device calls handlers through.
pub(crate) const TABLE: &str = "__indirect_function_table";

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
    /// Where code and data may reach.
    pub(crate) addresses: Addresses,
    /// First values of the globals that are used, the stack's pointer apart, and whether each only grows.
    pub(crate) global_values: Vec<(u64, bool)>,
    /// Its code counts pages of 64 KiB: where it asks for memory, or has it asked for by a small function that only does
    /// that, it shifts by 16 or multiplies by 65,536.
    pub(crate) counts_large_pages: bool,
    /// The instruction by which it asks for the size of its memory, or for more.
    pub(crate) counts_pages: Option<&'static str>,
    /// It hands functions to the device, by their numbers in its table.
    pub(crate) has_handlers: bool,
    /// It has a table of functions.
    pub(crate) has_table: bool,
    /// The device sees that table.
    pub(crate) exports_table: bool,
    /// Functions that it imports.
    pub(crate) imported_functions: u32,
    /// How many parameters each function has that it defines.
    parameters: Vec<usize>,
    /// It was linked with wasi-libc.
    pub(crate) is_wasi: bool,
    /// Names of its functions.
    pub(crate) names: Names,
}

impl Survey {
    /// Look at a whole module.
    pub(crate) fn of(module: &[u8]) -> Result<Self, PackError> {
        if !module.starts_with(b"\0asm") {
            return Err(PackError::NoModule);
        }
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

impl Survey {
    /// Is its table to be exported, which it is not?
    pub(crate) fn lacks_table(&self) -> bool {
        self.has_handlers && !self.exports_table
    }

    /// Parameters of a function, by its number among those defined.
    pub(crate) fn parameters(&self, number: usize) -> usize {
        self.parameters.get(number).copied().unwrap_or(0)
    }
}

/// A global as it is defined.
struct Global {
    mutable: bool,
    is_i32: bool,
    /// Its first value, if it is a plain constant.
    value: Option<u32>,
}

/// What a function has to do with the size of the memory.
#[derive(Default)]
struct Asking {
    /// It asks for it, or for more.
    asks: bool,
    counts_large_pages: bool,
    /// It has few instructions.
    is_small: bool,
    /// Functions that it calls.
    calls: BTreeSet<u32>,
}

/// Most instructions of a function that does nothing but ask for memory, without optimisation.
const SMALL: usize = 24;

/// State of the pass.
#[derive(Default)]
struct Look {
    survey: Survey,
    defined: Vec<Global>,
    /// Index of the type of each function.
    functions: Vec<u32>,
    /// Parameters and results of each type.
    types: Vec<(usize, usize)>,
    /// Of each imported function: are its parameters numbers?
    imported: Vec<bool>,
    main: Option<u32>,
    bodies: Vec<Asking>,
    exported_globals: Vec<(String, u32)>,
}

impl Look {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), PackError> {
        match payload {
            Payload::TypeSection(section) => self.types = arities(section)?,
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
                        ExternalKind::Table => self.survey.exports_table |= export.name == TABLE,
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
                    self.survey.has_table = true;
                    if let wasmparser::TableInit::Expr(expression) = table?.init {
                        self.expression(&expression)?;
                    }
                }
            }
            Payload::DataSection(section) => {
                let mut placed = Vec::new();
                for data in section {
                    let data = data?;
                    let start = match &data.kind {
                        DataKind::Active { offset_expr, .. } => {
                            self.expression(offset_expr)?;
                            let start = constant(offset_expr);
                            self.segment(start, data.data.len() as u64);
                            start
                        }
                        DataKind::Passive => None,
                    };
                    match start {
                        Some(start) => placed.push((start, data.data)),
                        // Wherever it comes to, pointers are aligned in it.
                        None => {
                            let found = &mut self.survey.addresses;
                            addresses::in_segments(&[(0, data.data)], found);
                        }
                    }
                }
                addresses::in_segments(&placed, &mut self.survey.addresses);
            }
            Payload::CodeSectionEntry(body) => self.body(&body)?,
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
        /// As object files do (WebAssembly's conventions for linking).
        const OF_AN_OBJECT: &str = "__linear_memory";
        const UNLINKED: &str = "; this is an object file: link it (the compiler without -c)";
        const OWN_MEMORY: &str = "; link without --import-memory, so that the module has its own";
        let (kind, remedy) = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                self.imported
                    .push(addresses::takes_numbers(import.module, import.name));
                self.survey.is_wasi |= import.module == WASI;
                self.survey.has_handlers |=
                    import.module.starts_with("irq:") && import.name == "register";
                return Ok(());
            }
            TypeRef::Global(_) => ("the global", ""),
            TypeRef::Memory(_) if import.name == OF_AN_OBJECT => ("the memory", UNLINKED),
            TypeRef::Memory(_) => ("the memory", OWN_MEMORY),
            TypeRef::Table(_) => ("the table", "; link without --import-table"),
            TypeRef::Tag(_) => ("the tag", ""),
        };
        Err(PackError::Import {
            kind,
            module: printable(import.module),
            name: printable(import.name),
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

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), PackError> {
        // A look of its own, so that the functions can be asked for meanwhile.
        let mut found = std::mem::take(&mut self.survey.addresses);
        let types = |index: u32| {
            let (parameters, results) = *self.types.get(index as usize)?;
            Some(Callee {
                parameters,
                results,
                takes_numbers: false,
            })
        };
        let functions = |index: u32| {
            let callee = types(*self.functions.get(index as usize)?)?;
            let takes_numbers = self.imported.get(index as usize) == Some(&true);
            Some(Callee {
                takes_numbers,
                ..callee
            })
        };
        let mut addresses = Body::new(&mut found, &functions, &types);
        for operator in body.get_operators_reader()?.into_iter_with_offsets() {
            let (operator, _) = operator?;
            addresses.operator(&operator);
        }
        let mut asking = Asking {
            counts_large_pages: addresses.counts_large_pages(),
            ..Asking::default()
        };
        addresses.finish();
        self.survey.addresses = found;
        let (mut scales, mut length) = (false, 0);
        let mut last = None;
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            self.operator(&operator);
            length += 1;
            match operator {
                Operator::MemorySize { .. } | Operator::MemoryGrow { .. } => asking.asks = true,
                Operator::Call { function_index } => {
                    asking.calls.insert(function_index);
                }
                _ => {}
            }
            scales |= match (last, &operator) {
                (Some(16), Operator::I32Shl | Operator::I32ShrU | Operator::I32ShrS) => true,
                (_, Operator::I32Const { value }) => matches!(value, 65_535 | 65_536 | -65_536),
                _ => false,
            };
            last = match operator {
                Operator::I32Const { value } => Some(value),
                _ => None,
            };
        }
        self.survey.counts_large_pages |= asking.asks && scales;
        asking.is_small = length <= SMALL;
        self.bodies.push(asking);
        Ok(())
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
            _ => {}
        }
    }

    /// Does a function count pages of 64 KiB that has a small one ask for them? Such may be called by others such:
    /// unoptimised code has each intrinsic in a function of its own.
    fn has_large_pages_asked_for(&self) -> bool {
        let mut asking = BTreeSet::new();
        loop {
            let more: BTreeSet<u32> = (self.imported.len() as u32..)
                .zip(&self.bodies)
                .filter(|(index, body)| !asking.contains(index) && body.is_small)
                .filter(|(_, body)| body.asks || !body.calls.is_disjoint(&asking))
                .map(|(index, _)| index)
                .collect();
            if more.is_empty() {
                break;
            }
            asking.extend(more);
        }
        let mut counting = self.bodies.iter().filter(|body| body.counts_large_pages);
        counting.any(|body| !body.calls.is_disjoint(&asking))
    }

    fn finish(mut self) -> Result<Survey, PackError> {
        self.survey.counts_large_pages |= self.has_large_pages_asked_for();
        // A function of the device is no beginning: the engine begins with one of the module's own.
        let main_type = self
            .main
            .filter(|main| *main as usize >= self.imported.len())
            .and_then(|main| self.functions.get(main as usize))
            .and_then(|index| self.types.get(*index as usize));
        if main_type != Some(&(0, 0)) {
            return Err(PackError::NoStart);
        }
        if self.survey.has_handlers && !self.survey.has_table {
            return Err(PackError::NoTable);
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
        self.survey.imported_functions = self.imported.len() as u32;
        let defined = self.functions.iter().skip(self.imported.len());
        self.survey.parameters = defined
            .map(|index| self.types.get(*index as usize).map_or(0, |ty| ty.0))
            .collect();
        let stack_pointer = self.stack_pointer();
        self.survey.stack_pointer = stack_pointer
            .and_then(|index| self.defined.get(index))
            .and_then(|global| global.value);
        let found = &self.survey.addresses;
        self.survey.global_values = (0..self.defined.len())
            .filter(|index| Some(*index) != stack_pointer)
            .filter(|index| self.survey.used_globals.contains(&(*index as u32)))
            .filter_map(|index| {
                let value = self.defined.get(index)?.value?;
                let grows = found.ascending.contains(&(index as u32));
                Some((value.into(), grows))
            })
            .collect();
        self.survey.globals = self.defined.len() as u32;
        Ok(self.survey)
    }

    /// The pointer of the shadow stack: LLVM's linker makes it the first mutable i32. What is used otherwise than such a
    /// pointer, whose functions take their frames from it, is none.
    fn stack_pointer(&self) -> Option<usize> {
        let index = self
            .defined
            .iter()
            .position(|global| global.mutable && global.is_i32)?;
        let number = index as u32;
        let found = &self.survey.addresses;
        let is_used = self.survey.used_globals.contains(&number);
        if is_used && (!found.descending.contains(&number) || found.ascending.contains(&number)) {
            return None;
        }
        let top = self.defined.get(index)?.value?;
        let end = self.survey.memory.as_ref().map_or(0, memory::bytes);
        (top > 0 && top.is_multiple_of(memory::STACK_ALIGN) && u64::from(top) <= end)
            .then_some(index)
    }
}

/// The value of a plain `i32.const`.
pub(crate) fn constant(expression: &ConstExpr<'_>) -> Option<u32> {
    let mut operators = expression.get_operators_reader();
    match (operators.read(), operators.read()) {
        (Ok(Operator::I32Const { value }), Ok(Operator::End)) => Some(value as u32),
        _ => None,
    }
}
