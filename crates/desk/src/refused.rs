//! Why an access is refused, in words. The kernel says only that it is.

use crate::{Block, Width};

/// What is wrong with an access whose offset is no multiple of its width. `function` is one of the module `mmio`, whose name ends
/// with the width. `None`: nothing, or it is no such function.
#[must_use]
pub fn misaligned(function: &str, offset: u32) -> Option<String> {
    let bytes = width(function)?.bytes();
    let bits = 8 * bytes;
    (!offset.is_multiple_of(bytes)).then(|| {
        format!("misaligned: {bits} bits at offset {offset:#x}, which is no multiple of {bytes}")
    })
}

fn width(function: &str) -> Option<Width> {
    let bits: u32 = function
        .trim_start_matches(char::is_alphabetic)
        .parse()
        .ok()?;
    Width::of_bytes(bits / 8)
}

impl Block {
    /// Why this access is refused. `function` is one of the module `mmio`: `read8`, `write32`, `modify32`. `None`: it is not, or it
    /// is no such function.
    #[must_use]
    pub fn why_refused(&self, function: &str, offset: u32) -> Option<String> {
        let width = width(function)?;
        let named = self.name_at(offset);
        let register = match named {
            Some(name) => name.to_owned(),
            None => format!("the register at {offset:#x}"),
        };
        if let Some((read, write, zero_rest)) = self.permission(offset, width) {
            return match function.trim_end_matches(|c: char| c.is_ascii_digit()) {
                "read" if read == 0 => Some(format!("{register} is write-only")),
                "write" | "modify" if write == 0 => Some(format!("{register} is read-only")),
                "modify" if zero_rest => Some(format!(
                    "{register} has no bits that could be kept: it is written as a whole"
                )),
                _ => None,
            };
        }
        if offset >= self.length {
            return Some(format!(
                "offset {offset:#x} is behind the block, which has {} bytes",
                self.length
            ));
        }
        let Some(registers) = &self.registers else {
            return Some(match misaligned(function, offset) {
                Some(why) if width == Width::Bits32 => why,
                _ => format!("{register} is 32 bits wide, as all of this block"),
            });
        };
        let mut others = registers.iter().filter(|other| other.offset == offset);
        if let Some(other) = others.next() {
            return Some(format!("{register} is {} bits wide", other.size));
        }
        misaligned(function, offset).or_else(|| Some(format!("{register} is not exposed")))
    }
}

#[cfg(test)]
mod tests {
    use crate::Board;

    fn why(label: &str, function: &str, offset: u32) -> Option<String> {
        let board = Board::reference();
        let mut blocks = board.exposures.iter();
        let block = blocks.find(|block| block.label == label).unwrap();
        block.why_refused(function, offset)
    }

    #[test]
    fn the_cause_is_width_direction_place_or_alignment() {
        for (label, function, offset, said) in [
            ("fpgaio", "read32", 0x0, None),
            ("fpgaio", "modify32", 0x0, None),
            ("fpgaio", "write8", 0x0, Some("LED0 is 32 bits wide")),
            ("fpgaio", "read32", 0x8, Some("BUTTON is not exposed")),
            (
                "fpgaio",
                "read32",
                0xc,
                Some("the register at 0xc is not exposed"),
            ),
            (
                "fpgaio",
                "read32",
                0x12,
                Some("misaligned: 32 bits at offset 0x12, which is no multiple of 4"),
            ),
            (
                "fpgaio",
                "read32",
                0x18,
                Some("offset 0x18 is behind the block, which has 24 bytes"),
            ),
            ("i2c_shield1", "write32", 0x0, None),
            ("i2c_shield1", "read32", 0x4, Some("CONTROLC is write-only")),
            (
                "i2c_shield1",
                "modify32",
                0x0,
                Some("CONTROL has no bits that could be kept: it is written as a whole"),
            ),
            ("timer0", "write32", 0x4, None),
            (
                "timer0",
                "read8",
                0x4,
                Some("VALUE is 32 bits wide, as all of this block"),
            ),
            ("fpgaio", "sleep_us", 0x8, None),
        ] {
            assert_eq!(
                why(label, function, offset).as_deref(),
                said,
                "{label} {function} {offset:#x}"
            );
        }
    }

    /// The words agree with the rule, for every access.
    #[test]
    fn who_is_refused_is_told_why_and_nobody_else() {
        let board = Board::reference();
        for block in &board.exposures {
            for offset in 0..block.length.min(0x80) + 8 {
                for (bits, width) in [
                    (8, crate::Width::Bits8),
                    (16, crate::Width::Bits16),
                    (32, crate::Width::Bits32),
                ] {
                    let may = block.permission(offset, width);
                    let why = |kind| {
                        block
                            .why_refused(&format!("{kind}{bits}"), offset)
                            .is_none()
                    };
                    let label = &block.label;
                    assert_eq!(
                        why("read"),
                        may.is_some_and(|(read, ..)| read != 0),
                        "{label} {offset:#x}"
                    );
                    assert_eq!(
                        why("write"),
                        may.is_some_and(|(_, write, _)| write != 0),
                        "{label} {offset:#x}"
                    );
                }
            }
        }
    }
}
