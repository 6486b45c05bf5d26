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
use super::fused::{Effect, Fusion};
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
/// An instruction that containers cannot have, one that the engine gets wrong, one that is
/// cut off, or what `look` says.
pub fn expression<'a>(
    reader: &mut Reader<'a>,
    mut look: impl FnMut(Reader<'a>) -> Result<(), Malformed>,
) -> Result<Shape, Malformed> {
    let mut walk = Walk::default();
    let mut fusion = Fusion::new();
    loop {
        let start = *reader;
        look(start)?;
        match walk.step(reader)? {
            Some(effect) if fusion.read(effect) => return Err(start.error(UNGUARDED)),
            Some(_) => {}
            None => return Ok(walk.shape),
        }
    }
}

/// An expression being read.
#[derive(Default)]
pub(super) struct Walk {
    shape: Shape,
    depth: u32,
}

impl Walk {
    /// Reads one instruction. Returns what it does to the operand stack, or `None` behind the
    /// last one.
    ///
    /// # Errors
    ///
    /// An instruction that containers cannot have, or that is cut off.
    pub(super) fn step(&mut self, reader: &mut Reader<'_>) -> Result<Option<Effect>, Malformed> {
        let start = *reader;
        // How many numbers follow, and what it does.
        let (numbers, effect) = match reader.byte()? {
            // block, loop, if: a type.
            kind @ 0x02..=0x04 => {
                self.shape.blocks += 1;
                self.depth += 1;
                self.shape.nesting = self.shape.nesting.max(self.depth);
                match kind {
                    0x02 => (1, Effect::Other),
                    0x03 => (1, Effect::Always),
                    _ => (1, Effect::Branch),
                }
            }
            // end
            0x0b => match self.depth.checked_sub(1) {
                Some(outer) => {
                    self.depth = outer;
                    (0, Effect::Other)
                }
                None => return Ok(None),
            },
            // br_table: so many targets, and the default.
            0x0e => {
                let targets = reader.u32()?;
                let all = self.shape.targets.saturating_add(targets);
                self.shape.targets = all.saturating_add(1);
                for _ in 0..targets {
                    reader.leb()?;
                }
                (1, Effect::Always)
            }
            // nop
            0x01 => (0, Effect::Other),
            // unreachable, else, return
            0x00 | 0x05 | 0x0f => (0, Effect::Always),
            // br, call, return_call, global.set
            0x0c | 0x10 | 0x12 | 0x24 => (1, Effect::Always),
            // br_if
            0x0d => (1, Effect::Branch),
            // call_indirect, return_call_indirect
            0x11 | 0x13 => (2, Effect::Always),
            0x1a => (0, Effect::Drop),
            0x1b => (0, Effect::Select),
            // select with types
            0x1c => {
                let types = reader.u32()?;
                reader.slice(types)?;
                (0, Effect::Select)
            }
            0x20 => (1, Effect::LocalGet),
            0x21 => (1, Effect::LocalSet),
            0x22 => (1, Effect::LocalTee),
            // global.get, ref.null, ref.func
            0x23 | 0xd0 | 0xd2 => (1, Effect::Push),
            // table.get, table.set, memory.size, memory.grow
            0x25 | 0x26 | 0x3f | 0x40 => (1, Effect::Other),
            // Loads and stores: alignment, offset. There is one memory, which is not named.
            0x28..=0x35 => (2, Effect::Load),
            0x36..=0x3e => (2, Effect::Always),
            // i32.const, i64.const
            0x41 | 0x42 => (0, Effect::Constant(reader.low_bits()?)),
            0x43 => {
                reader.slice(4)?;
                (0, Effect::Constant(0))
            }
            0x44 => {
                reader.slice(8)?;
                (0, Effect::Constant(0))
            }
            // i32.eqz, ref.is_null
            0x45 | 0xd1 => (0, Effect::IsZero),
            0x46 | 0x47 => (0, Effect::Equal),
            0x50 => (0, Effect::IsZero64),
            0x51 | 0x52 => (0, Effect::Equal64),
            0x73 => (0, Effect::Xor),
            // Shifts and rotations.
            0x74..=0x78 | 0x86..=0x8a => (0, Effect::Shift),
            // Comparisons and arithmetic.
            0x48..=0x4f | 0x53..=0x66 | 0x6a..=0x72 | 0x7c..=0x85 | 0x92..=0x98 | 0xa0..=0xa6 => {
                (0, Effect::Binary)
            }
            // i64.extend_i32_u, reinterpretations
            0xad | 0xbc..=0xbf => (0, Effect::Retype),
            // Counting bits, roots and the like, conversions.
            0x67..=0x69 | 0x79..=0x7b | 0x8b..=0x91 | 0x99..=0x9f | 0xa7..=0xc4 => {
                (0, Effect::Unary)
            }
            0xfc => match reader.u32()? {
                // saturating conversions
                0..=7 => (0, Effect::Unary),
                // data.drop, memory.fill, elem.drop, table.size, table.fill
                9 | 11 | 13 | 16 | 17 => (1, Effect::Other),
                // memory.init, memory.copy, table.init, table.copy
                8 | 10 | 12 | 14 => (2, Effect::Other),
                15 => return Err(start.error(TABLE_GROW)),
                _ => return Err(start.error(UNKNOWN)),
            },
            _ => return Err(start.error(UNKNOWN)),
        };
        for _ in 0..numbers {
            reader.leb()?;
        }
        Ok(Some(effect))
    }
}

const UNKNOWN: &str = "an instruction that containers cannot have";
const TABLE_GROW: &str = "table.grow, which this device's engine gets wrong";
const UNGUARDED: &str =
    "a select that this device's engine gets wrong: pack the module again (pack, berth upload)";

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

    /// Finds the code section without the reader under test.
    fn code(image: &[u8]) -> Option<Vec<u8>> {
        let mut at = 8;
        while at < image.len() {
            let (id, length) = (image[at], usize::from(image[at + 1]));
            assert!(length < 0x80, "sections of these tests are short");
            if id == 10 {
                // Count, length of the body, no locals.
                return Some(image[at + 5..at + 2 + length].to_vec());
            }
            at += 2 + length;
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
            "(drop (table.size))",
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
        let grows = &[0xfc, 15, 0, 0x0b];
        assert_eq!(
            expression(&mut Reader::new(grows, 0), |_| Ok(()))
                .unwrap_err()
                .what,
            TABLE_GROW
        );
        assert!(expression(&mut Reader::new(&[0x41, 0x80], 0), |_| Ok(())).is_err());
        assert!(expression(&mut Reader::new(&[0x02, 0x40, 0x0b], 0), |_| Ok(())).is_err());
    }
}
