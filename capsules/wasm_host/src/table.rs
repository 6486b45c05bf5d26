//! Is the manufacturer's table sound? Checked once, before any process runs.

use crate::exposure::{Exposure, Registers};
use berth_exposure::{AccessClass, LABEL_MAX, Width};
use core::cell::Cell;
use core::cmp::Ordering;
use core::fmt;

/// Largest block: a register's offset is 16 bits of a system-call argument.
const LENGTH_MAX: u32 = 0x1_0000;
/// Most registers of a block: a description counts them in one byte.
const REGISTERS_MAX: usize = 255;

/// What is wrong with a table of exposures; `exposure` counts from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// The label is empty, too long, or has other than printable ASCII characters.
    Label {
        /// The exposure.
        exposure: usize,
    },
    /// An earlier exposure has the same label.
    Twice {
        /// The exposure.
        exposure: usize,
    },
    /// The block is empty, longer than 65536 bytes, or longer than its window.
    Length {
        /// The exposure.
        exposure: usize,
    },
    /// More than 255 registers.
    TooManyRegisters {
        /// The exposure.
        exposure: usize,
    },
    /// A register is not aligned to its size or leaves the block.
    Place {
        /// The exposure.
        exposure: usize,
        /// Byte offset of the register.
        offset: u16,
    },
    /// A register lies before, or overlaps, the one listed before it.
    Order {
        /// The exposure.
        exposure: usize,
        /// Byte offset of the register.
        offset: u16,
    },
    /// A register's mask has bits that the register has not.
    Mask {
        /// The exposure.
        exposure: usize,
        /// Byte offset of the register.
        offset: u16,
    },
    /// A safe-state write is misaligned, leaves the block, or has a mask or value
    /// wider than the write or a value outside the mask.
    SafeState {
        /// The exposure.
        exposure: usize,
        /// Byte offset of the write.
        offset: u16,
    },
    /// Only a block that is exposed whole can be mapped: the MPU knows no masks.
    MappedWithMasks {
        /// The exposure.
        exposure: usize,
    },
    /// More interrupts than 32, or more than the board's store is made for.
    TooManyInterrupts,
    /// An interrupt belongs to no exposure, or clears what its block does not have.
    Interrupt {
        /// The interrupt, counted from zero.
        interrupt: usize,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Label { exposure } => {
                write!(
                    f,
                    "exposure {exposure}: label must be 1 to {LABEL_MAX} printable ASCII characters without spaces"
                )
            }
            Self::Twice { exposure } => {
                write!(
                    f,
                    "exposure {exposure}: its label is taken by an earlier one"
                )
            }
            Self::Length { exposure } => {
                write!(
                    f,
                    "exposure {exposure}: length must be 1 to 65536 bytes and inside the window"
                )
            }
            Self::TooManyRegisters { exposure } => {
                write!(
                    f,
                    "exposure {exposure}: more than {REGISTERS_MAX} registers"
                )
            }
            Self::Place { exposure, offset } => {
                write!(
                    f,
                    "exposure {exposure}: register {offset:#x} is misaligned or outside the block"
                )
            }
            Self::Order { exposure, offset } => {
                write!(
                    f,
                    "exposure {exposure}: register {offset:#x} is out of order or overlaps"
                )
            }
            Self::Mask { exposure, offset } => {
                write!(
                    f,
                    "exposure {exposure}: mask of register {offset:#x} is wider than the register"
                )
            }
            Self::SafeState { exposure, offset } => {
                write!(
                    f,
                    "exposure {exposure}: safe-state write {offset:#x} does not fit the block or its mask"
                )
            }
            Self::MappedWithMasks { exposure } => {
                write!(
                    f,
                    "exposure {exposure}: a block with listed registers cannot be mapped"
                )
            }
            Self::TooManyInterrupts => f.write_str("too many interrupts"),
            Self::Interrupt { interrupt } => {
                write!(
                    f,
                    "interrupt {interrupt}: no such exposure, or it clears no register of it"
                )
            }
        }
    }
}

/// Returns whether a label may stand in a table, and be asked for.
pub(crate) fn label_is_well_formed(label: &[u8]) -> bool {
    (1..=LABEL_MAX).contains(&label.len()) && label.iter().all(u8::is_ascii_graphic)
}

/// The exposure that has a label, found in nine comparisons at most, of which none looks at what it is known to have in common with
/// the labels around it. Otherwise, which place of `order` it would come to.
pub(crate) fn find(
    exposures: &[Exposure],
    order: &[Cell<u8>],
    label: &[u8],
) -> Result<usize, usize> {
    // It comes to one of the places `from..=to`, and begins as the label before `from` does, and as that at `to`, for so many bytes.
    let (mut from, mut to) = (0, order.len());
    let (mut as_before, mut as_behind) = (0, 0);
    while let Some(place) = order
        .get(from..to)
        .and_then(|left| left.get(left.len() / 2))
    {
        let index = usize::from(place.get());
        let other = exposures.get(index).map_or("", |exposure| exposure.label);
        let other = other.as_bytes();
        let mut alike = as_before.min(as_behind);
        while alike < label.len() && label.get(alike) == other.get(alike) {
            alike += 1;
        }
        let place = from + (to - from) / 2;
        match other.get(alike).cmp(&label.get(alike)) {
            Ordering::Less => (from, as_before) = (place + 1, alike),
            Ordering::Greater => (to, as_behind) = (place, alike),
            Ordering::Equal => return Ok(index),
        }
    }
    Err(from)
}

/// The first fault of a table, if it has one. Writes down the order of its labels.
pub(crate) fn check(exposures: &[Exposure], order: &[Cell<u8>]) -> Result<(), TableError> {
    for (index, exposure) in exposures.iter().enumerate() {
        if !label_is_well_formed(exposure.label.as_bytes()) {
            return Err(TableError::Label { exposure: index });
        }
        let before = order.get(..index).unwrap_or_default();
        let Err(place) = find(exposures, before, exposure.label.as_bytes()) else {
            return Err(TableError::Twice { exposure: index });
        };
        // A table has at most 256.
        let mut moved = index as u8;
        for place in order.iter().take(index + 1).skip(place) {
            moved = place.replace(moved);
        }
        let length = exposure.length;
        if !(1..=LENGTH_MAX).contains(&length) || length as usize > exposure.window.len() {
            return Err(TableError::Length { exposure: index });
        }
        check_registers(index, exposure)?;
        check_safe_state(index, exposure)?;
    }
    Ok(())
}

fn check_registers(index: usize, exposure: &Exposure) -> Result<(), TableError> {
    let Registers::List(list) = exposure.registers else {
        return Ok(());
    };
    if exposure.access == AccessClass::Mapped {
        return Err(TableError::MappedWithMasks { exposure: index });
    }
    if list.len() > REGISTERS_MAX {
        return Err(TableError::TooManyRegisters { exposure: index });
    }
    let mut free_from = 0;
    for register in list {
        let offset = register.offset;
        if !fits(exposure, offset, register.size) {
            return Err(TableError::Place {
                exposure: index,
                offset,
            });
        }
        if u32::from(offset) < free_from {
            return Err(TableError::Order {
                exposure: index,
                offset,
            });
        }
        if (register.read | register.write) & !register.size.mask() != 0 {
            return Err(TableError::Mask {
                exposure: index,
                offset,
            });
        }
        free_from = register.end();
    }
    Ok(())
}

fn check_safe_state(index: usize, exposure: &Exposure) -> Result<(), TableError> {
    for safe in exposure.safe {
        let sound = fits(exposure, safe.offset, safe.width)
            && safe.mask & !safe.width.mask() == 0
            && safe.value & !safe.mask == 0;
        if !sound {
            return Err(TableError::SafeState {
                exposure: index,
                offset: safe.offset,
            });
        }
    }
    Ok(())
}

fn fits(exposure: &Exposure, offset: u16, width: Width) -> bool {
    let offset = u32::from(offset);
    offset % width.bytes() == 0 && offset + width.bytes() <= exposure.length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::{Register, SafeWrite, Widths};
    use crate::test_window::Memory;
    use std::string::{String, ToString};
    use std::vec;
    use std::vec::Vec;

    fn block(registers: &'static [Register]) -> Exposure {
        Exposure::new("block", Memory::leak(16), 16, Registers::List(registers))
    }

    fn check(exposures: &[Exposure]) -> Result<(), TableError> {
        super::check(exposures, &vec![Cell::new(0); exposures.len()])
    }

    fn fault(exposure: Exposure) -> TableError {
        check(&[exposure]).unwrap_err()
    }

    #[test]
    fn a_sound_table_passes() {
        const REGISTERS: &[Register] = &[
            Register::new(0, 0x3, 0x3),
            Register::new(4, 0xff, 0).size(Width::Bits8),
            Register::new(12, 0, u32::MAX),
        ];
        const SAFE: &[SafeWrite] = &[SafeWrite::new(12, 0x1, 0x3)];
        let mapped = Exposure::new("m", Memory::leak(4), 4, Registers::Whole(Widths::ALL))
            .access(AccessClass::Mapped);
        assert_eq!(check(&[block(REGISTERS).safe_state(SAFE), mapped]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
    }

    /// Every word of up to `length` letters of two.
    fn words(length: usize) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut from = 0;
        for _ in 0..length {
            let to = words.len();
            for at in from..to {
                for letter in ["a", "b"] {
                    words.push(words[at].clone() + letter);
                }
            }
            from = to;
        }
        words.split_off(1)
    }

    #[test]
    fn labels_that_begin_alike_are_told_apart() {
        let all = words(6);
        // Not all of them are in the table, and not in their order.
        for leave_out in 2..7 {
            let mut labels: Vec<&str> = all.iter().map(String::as_str).collect();
            labels.reverse();
            let mut count = 0;
            labels.retain(|_| {
                count += 1;
                count % leave_out != 0
            });
            let table: Vec<Exposure> = { labels.iter() }
                .map(|label| {
                    let label = String::from(*label).leak();
                    Exposure::new(label, Memory::leak(4), 4, Registers::Whole(Widths::ALL))
                })
                .collect();
            let order = vec![Cell::new(0); table.len()];
            assert_eq!(super::check(&table, &order), Ok(()));
            let mut sorted = labels.clone();
            sorted.sort_unstable();
            for word in words(7) {
                let place = sorted.binary_search(&word.as_str());
                let expected =
                    place.map(|place| { labels.iter() }.position(|l| *l == sorted[place]));
                let found = find(&table, &order, word.as_bytes());
                assert_eq!(found.map(Some), expected, "{word}");
            }
        }
    }

    #[test]
    fn labels_are_printable_short_and_unique() {
        let window = Memory::leak(4);
        let named = |label| Exposure::new(label, window, 4, Registers::List(&[]));
        let long: &'static str = String::leak("x".repeat(LABEL_MAX + 1));
        for bad in ["", "a b", "a\n", "\u{e4}", long] {
            assert_eq!(fault(named(bad)), TableError::Label { exposure: 0 });
        }
        assert_eq!(check(&[named(&long[1..])]), Ok(()));
        assert_eq!(
            check(&[named("a"), named("b"), named("a")]),
            Err(TableError::Twice { exposure: 2 })
        );
    }

    #[test]
    fn a_block_lies_in_its_window() {
        let window = Memory::leak(0x1_0004);
        for (length, sound) in [(0, false), (1, true), (0x1_0000, true), (0x1_0001, false)] {
            let result = check(&[Exposure::new("b", window, length, Registers::List(&[]))]);
            assert_eq!(result.is_ok(), sound, "{length}");
        }
        let longer = Exposure::new("b", Memory::leak(4), 5, Registers::List(&[]));
        assert_eq!(fault(longer), TableError::Length { exposure: 0 });
    }

    #[test]
    fn registers_are_aligned_inside_in_order_and_no_narrower_than_their_masks() {
        let place = |offset| TableError::Place {
            exposure: 0,
            offset,
        };
        let order = |offset| TableError::Order {
            exposure: 0,
            offset,
        };
        const R: Register = Register::new(0, 1, 1);
        const MISALIGNED: &[Register] = &[Register::new(2, 1, 1)];
        const OUTSIDE: &[Register] = &[Register::new(16, 1, 1)];
        const UNORDERED: &[Register] = &[Register::new(8, 1, 1), Register::new(4, 1, 1)];
        const OVERLAP: &[Register] = &[R, Register::new(2, 1, 1).size(Width::Bits16)];
        const WIDE: &[Register] = &[Register::new(4, 0x100, 0).size(Width::Bits8)];
        assert_eq!(fault(block(MISALIGNED)), place(2));
        assert_eq!(fault(block(OUTSIDE)), place(16));
        assert_eq!(fault(block(UNORDERED)), order(4));
        assert_eq!(fault(block(OVERLAP)), order(2));
        assert_eq!(
            fault(block(WIDE)),
            TableError::Mask {
                exposure: 0,
                offset: 4
            }
        );
        assert_eq!(
            fault(block(&[R]).access(AccessClass::Mapped)),
            TableError::MappedWithMasks { exposure: 0 }
        );
        let many = (0..256).map(|i| Register::new(i, 1, 1).size(Width::Bits8));
        let many = many.collect::<vec::Vec<_>>().leak();
        let window = Memory::leak(256);
        assert_eq!(
            fault(Exposure::new("b", window, 256, Registers::List(many))),
            TableError::TooManyRegisters { exposure: 0 }
        );
    }

    #[test]
    fn a_safe_state_fits_its_block_and_its_mask() {
        const BAD: [SafeWrite; 5] = [
            SafeWrite::new(2, 0, 1),
            SafeWrite::new(16, 0, 1),
            SafeWrite::new(0, 2, 1),
            SafeWrite::new(0, 0, 0x100).width(Width::Bits8),
            SafeWrite::new(1, 0, 1).width(Width::Bits16),
        ];
        for bad in &BAD {
            let error = fault(block(&[]).safe_state(core::slice::from_ref(bad)));
            let offset = bad.offset;
            assert_eq!(
                error,
                TableError::SafeState {
                    exposure: 0,
                    offset
                }
            );
        }
    }

    #[test]
    fn an_error_names_the_exposure_and_the_place() {
        let error = TableError::Place {
            exposure: 3,
            offset: 0x24,
        };
        assert_eq!(
            error.to_string(),
            "exposure 3: register 0x24 is misaligned or outside the block"
        );
    }
}
