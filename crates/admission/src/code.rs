//! Instructions, as far as memory depends on them.
//!
//! The engine keeps an entry for every open block, every target of a branch table
//! and every local while it translates a function, so a few bytes of code can ask
//! for much memory. This pass reads the instructions of a body once, without
//! knowing types, and counts. It knows the instructions that containers may have;
//! others (vectors, threads, exceptions, garbage collection) are refused here.
//!
//! Source: WebAssembly core specification 5.4 (instructions), 2.0 with tail calls.

use super::Malformed;
use super::reader::Reader;

/// What one expression asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Blocks, loops and ifs.
    pub blocks: u32,
    /// Deepest nesting of them.
    pub nesting: u32,
    /// Targets of branch tables, defaults included.
    pub targets: u32,
}

impl Shape {
    /// The larger of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            blocks: self.blocks.max(other.blocks),
            nesting: self.nesting.max(other.nesting),
            targets: self.targets.max(other.targets),
        }
    }
}

/// Reads one expression up to the `end` that closes it. `look` sees every instruction, too, before
/// it is read.
///
/// # Errors
///
/// An instruction that containers cannot have, one that is cut off, or what `look` says.
pub fn expression<'a>(
    reader: &mut Reader<'a>,
    mut look: impl FnMut(Reader<'a>) -> Result<(), Malformed>,
) -> Result<Shape, Malformed> {
    let mut shape = Shape::default();
    let mut depth = 0u32;
    loop {
        let start = *reader;
        look(start)?;
        let numbers = match reader.byte()? {
            // block, loop, if: a type.
            0x02..=0x04 => {
                shape.blocks += 1;
                depth += 1;
                shape.nesting = shape.nesting.max(depth);
                1
            }
            // end
            0x0b => match depth.checked_sub(1) {
                Some(outer) => {
                    depth = outer;
                    0
                }
                None => return Ok(shape),
            },
            // br_table: so many targets, and the default.
            0x0e => {
                let targets = reader.u32()?;
                shape.targets = shape.targets.saturating_add(targets).saturating_add(1);
                for _ in 0..targets {
                    reader.leb()?;
                }
                1
            }
            // select with types
            0x1c => {
                let types = reader.u32()?;
                reader.slice(types)?;
                0
            }
            0x43 => skip(reader, 4)?,
            0x44 => skip(reader, 8)?,
            0xfc => match reader.u32()? {
                // saturating conversions
                0..=7 => 0,
                // data.drop, memory.fill, elem.drop, table.grow, table.size, table.fill
                9 | 11 | 13 | 15..=17 => 1,
                // memory.init, memory.copy, table.init, table.copy
                8 | 10 | 12 | 14 => 2,
                _ => return Err(start.error(UNKNOWN)),
            },
            opcode => numbers(opcode).ok_or(start.error(UNKNOWN))?,
        };
        for _ in 0..numbers {
            reader.leb()?;
        }
    }
}

/// Returns how many numbers follow an opcode, if containers may have it and nothing else follows.
const fn numbers(opcode: u8) -> Option<u8> {
    match opcode {
        // unreachable, nop, else, return, drop, select, ref.is_null; comparisons, arithmetic and
        // conversions
        0x00 | 0x01 | 0x05 | 0x0f | 0x1a | 0x1b | 0xd1 | 0x45..=0xc4 => Some(0),
        // br, br_if, call, return_call; locals, globals, elements of tables; memory.size,
        // memory.grow, i32.const, i64.const, ref.null, ref.func
        0x0c | 0x0d | 0x10 | 0x12 | 0x20..=0x26 | 0x3f..=0x42 | 0xd0 | 0xd2 => Some(1),
        // call_indirect, return_call_indirect; loads and stores: alignment, offset. There is one
        // memory, which is not named.
        0x11 | 0x13 | 0x28..=0x3e => Some(2),
        _ => None,
    }
}

/// Skips the bytes of a constant, behind which no number follows.
fn skip(reader: &mut Reader<'_>, length: u32) -> Result<u8, Malformed> {
    reader.slice(length).map(|_| 0)
}

const UNKNOWN: &str = "an instruction that containers cannot have";

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    /// The expression of the only function of a module that consists of `body`.
    fn body(body: &str) -> Vec<u8> {
        let image = wat::parse_str(format!(
            "(module (memory 1) (table 1 funcref) (elem func) (data \"\") (type $t (func)) (func {body}))"
        ))
        .unwrap();
        code(&image).unwrap()
    }

    /// The code of the only body, behind its number of locals, none.
    fn code(image: &[u8]) -> Option<Vec<u8>> {
        let mut sections = Reader::module(image).ok()?;
        while let Ok((number, mut body)) = sections.section() {
            if number == 10 {
                let (bodies, _, locals) = (body.u32(), body.u32(), body.u32());
                assert_eq!((bodies, locals), (Ok(1), Ok(0)));
                return Some(body.rest().to_vec());
            }
        }
        None
    }

    fn shape(text: &str) -> (u32, u32, u32) {
        let code = body(text);
        let mut reader = Reader::new(&code, 0);
        let shape = expression(&mut reader, |_| Ok(())).unwrap();
        assert!(reader.is_empty(), "{text}: {} bytes left", reader.left());
        (shape.blocks, shape.nesting, shape.targets)
    }

    #[test]
    fn blocks_nesting_and_targets_are_counted() {
        assert_eq!(shape(""), (0, 0, 0));
        assert_eq!(shape("(block) (loop (block)) (block)"), (4, 2, 0));
        assert_eq!(shape("(block (br_table 0 0 0 (i32.const 1)))"), (1, 1, 3));
        assert_eq!(
            shape("(if (i32.const 1) (then (nop)) (else (nop)))"),
            (1, 1, 0)
        );
    }

    #[test]
    fn every_kind_of_instruction_is_read_to_its_end() {
        for text in [
            "(drop (i64.const -9223372036854775808))",
            "(drop (f32.const 1)) (drop (f64.const 1))",
            "(i32.store offset=4000000000 (i32.const 0) (i32.load8_u (i32.const 0)))",
            "(drop (select (result i32) (i32.const 1) (i32.const 2) (i32.const 3)))",
            "(call_indirect (type $t) (i32.const 0)) (return_call 0)",
            "(memory.copy (i32.const 0) (i32.const 0) (i32.const 0))",
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))",
            "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop 0)",
            "(table.init 0 (i32.const 0) (i32.const 0) (i32.const 0)) (elem.drop 0)",
            "(table.copy (i32.const 0) (i32.const 0) (i32.const 0))",
            "(table.set (i32.const 0) (ref.null func)) (drop (ref.is_null (table.get (i32.const 0))))",
            "(drop (table.size)) (drop (table.grow (ref.null func) (i32.const 1)))",
            "(drop (memory.grow (memory.size)))",
            "(drop (i32.trunc_sat_f64_u (f64.const 1)))",
        ] {
            shape(text);
        }
    }

    #[test]
    fn what_containers_cannot_have_is_refused() {
        for code in [
            &[0xfd, 0x0c, 0x0b][..],
            &[0xfe, 0, 0x0b],
            &[0xfb, 0, 0x0b],
            &[0xfc, 18, 0x0b],
            &[0xfc, 19, 0x0b],
            &[0x06, 0x40, 0x0b],
        ] {
            assert_eq!(
                expression(&mut Reader::new(code, 0), |_| Ok(()))
                    .unwrap_err()
                    .what,
                UNKNOWN
            );
        }
        assert!(expression(&mut Reader::new(&[0x41, 0x80], 0), |_| Ok(())).is_err());
        assert!(expression(&mut Reader::new(&[0x02, 0x40, 0x0b], 0), |_| Ok(())).is_err());
    }
}
