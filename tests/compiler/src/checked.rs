//! Objects and the checker.

use berth_admission::Module as Admitted;
use berth_checker::{Refusal, check, room_words};
use wasmparser::{Parser, Payload, TypeRef, ValType};

use crate::instance::{Unlike, compile};

/// A module and the object that was made of it.
#[derive(Clone, Debug)]
pub struct Object {
    /// The module.
    pub image: Vec<u8>,
    /// The object, as long as the compiler says.
    pub bytes: Vec<u8>,
    /// Bytes of the memory at least.
    pub memory: u32,
    /// Of each function, bytes at sp that it shares with its caller.
    pub shared: Vec<u32>,
    /// How many of them are imported.
    pub imported: u32,
    /// Of each table, has it functions?
    pub tables: Vec<bool>,
    /// Words of global variables.
    pub global_words: u32,
}

/// Words of values of these kinds.
fn words(kinds: &[ValType]) -> u32 {
    let is_wide = |kind: &&ValType| matches!(kind, ValType::I64 | ValType::F64);
    (kinds.len() + kinds.iter().filter(is_wide).count()) as u32
}

impl Object {
    /// Compiles a module.
    ///
    /// # Errors
    ///
    /// See [`Unlike`].
    pub fn of(image: &[u8]) -> Result<Self, Unlike> {
        let (mut bytes, report) = compile(image)?;
        bytes.truncate(report.bytes as usize);
        let admitted = Admitted::scan(image).map_err(|error| Unlike::Invalid(error.what.into()))?;
        let mut is = Self {
            image: image.to_vec(),
            bytes,
            memory: admitted.memory_bytes as u32,
            shared: Vec::new(),
            imported: 0,
            tables: Vec::new(),
            global_words: 0,
        };
        let mut types = Vec::new();
        for payload in Parser::new(0).parse_all(image) {
            match payload.unwrap() {
                Payload::TypeSection(section) => {
                    types.extend(section.into_iter_err_on_gc_types().map(|function| {
                        let function = function.unwrap();
                        let most = words(function.params()).max(words(function.results()));
                        4 * most.saturating_sub(4)
                    }));
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        if let TypeRef::Func(index) = import.unwrap().ty {
                            is.shared.push(types[index as usize]);
                            is.imported += 1;
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    let functions = functions.into_iter().map(Result::unwrap);
                    is.shared
                        .extend(functions.map(|index| types[index as usize]));
                }
                Payload::TableSection(tables) => {
                    let tables = tables.into_iter().map(Result::unwrap);
                    is.tables
                        .extend(tables.map(|table| table.ty.element_type.is_func_ref()));
                }
                Payload::GlobalSection(globals) => {
                    let globals = globals.into_iter().map(Result::unwrap);
                    let kinds: Vec<ValType> =
                        globals.map(|global| global.ty.content_type).collect();
                    is.global_words = words(&kinds);
                }
                _ => {}
            }
        }
        Ok(is)
    }

    /// What the checker says.
    ///
    /// # Errors
    ///
    /// Its refusal.
    pub fn check(&self) -> Result<(), Refusal> {
        self.check_instead(&self.bytes)
    }

    /// What the checker says of other bytes in place of the object.
    ///
    /// # Errors
    ///
    /// Its refusal.
    pub fn check_instead(&self, bytes: &[u8]) -> Result<(), Refusal> {
        let words = room_words(&self.image, bytes.len() as u32)?;
        let mut room = vec![u32::MAX; words as usize];
        check(bytes, &self.image, self.memory, &mut room)
    }
}
