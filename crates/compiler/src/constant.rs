//! Constant expressions: what globals, elements and data segments begin with.
//!
//! Source: WebAssembly core specification 3.3.10, extended constant expressions.

use berth_admission::Malformed;
use berth_admission::reader::Reader;

use crate::instruction::{Instruction, code};
use crate::kind::Kind;

/// What of a module a constant expression can name.
pub(crate) trait Constants {
    /// The kind of a global that may stand in one.
    fn constant_global(&self, index: u32) -> Option<Kind>;
    /// Notes that function `index` is referred to. Returns whether there is such a function.
    fn refer(&mut self, index: u32) -> bool;
}

/// Values that one expression has at most at once.
const DEPTH: usize = 64;

/// Reads an expression that gives a value of this kind (the mutability beside it does not count).
pub(crate) fn expression(
    reader: &mut Reader<'_>,
    (kind, _): (Kind, bool),
    module: &mut impl Constants,
) -> Result<(), crate::Error> {
    let start = *reader;
    let mut stack = [Kind::Any; DEPTH];
    let mut depth = 0;
    let wrong = |what| -> Result<(), crate::Error> { Err(Malformed::into(start.error(what))) };
    loop {
        let is = Instruction::read(reader)?;
        let (pops, pushed) = match is.code {
            code::END => break,
            code::I32_CONST => (0, Kind::I32),
            code::I64_CONST => (0, Kind::I64),
            code::F32_CONST => (0, Kind::F32),
            code::F64_CONST => (0, Kind::F64),
            code::REF_NULL if is.kind.is_reference() => (0, is.kind),
            code::REF_FUNC if module.refer(is.index) => (0, Kind::Function),
            code::GLOBAL_GET => match module.constant_global(is.index) {
                Some(kind) => (0, kind),
                None => return wrong("a global that is no constant"),
            },
            // add, sub, mul
            0x6a..=0x6c => (2, Kind::I32),
            0x7c..=0x7e => (2, Kind::I64),
            _ => return wrong("not a constant expression"),
        };
        for _ in 0..pops {
            if depth == 0 || stack[depth - 1] != pushed {
                return wrong("a constant expression of other kinds");
            }
            depth -= 1;
        }
        match stack.get_mut(depth) {
            Some(place) => *place = pushed,
            None => return Err(crate::Error::refused("a long constant expression")),
        }
        depth += 1;
    }
    if depth != 1 || stack[0] != kind {
        return wrong("a constant expression of another kind");
    }
    Ok(())
}

/// The same for the place of a data segment.
pub(crate) fn expression_of_data(
    reader: &mut Reader<'_>,
    module: &mut impl Constants,
) -> Result<(), crate::Error> {
    expression(reader, (Kind::I32, false), module)
}
