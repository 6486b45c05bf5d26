//! `wasm_host`: registers that the board's owner exposes (driver 0xA0000).
//!
//! Numbers and records are those of `berth-exposure`; what each call checks and
//! which error it gives stands on the capsule's page
//! (`capsules/wasm_host/README.md`). In short: `NoDevice` not exposed, `Busy`
//! claimed by someone else, `Reserve` not claimed by you, `Invalid` outside the
//! block or not permitted, `NoSupport` not with this access class, `NoMem` no
//! protection region left.

pub mod conveyors;
pub mod interrupts;
pub mod operators;
pub mod programs;
pub mod proofs;

use crate::{ErrorCode, allow, command};
use berth_exposure::command as number;
use berth_exposure::{AccessClass, DESCRIPTION_MAX, DRIVER_NUM, Description, register};

/// A claimed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// What the other calls take to name the block.
    pub handle: u16,
    /// Length of the block in bytes.
    pub length: u32,
    /// Whether [`map`] may open it.
    pub access: AccessClass,
}

/// A block that the kernel has opened to this process: proof that it did, until
/// [`unmap`] or the end of the claim. Using an address after that faults the process.
#[derive(Debug, PartialEq, Eq)]
pub struct Mapping {
    address: usize,
    length: u32,
    widths: u32,
}

impl Mapping {
    /// First address of the block.
    #[must_use]
    pub const fn address(&self) -> usize {
        self.address
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// The access widths it takes: the sum of 1, 2 and 4 bytes.
    #[must_use]
    pub const fn widths(&self) -> u32 {
        self.widths
    }
}

/// Is the driver there?
pub fn exists() -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number::EXISTS, 0, 0).success()
}

/// How many blocks the board exposes.
pub fn count() -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, number::COUNT, 0, 0).success_u32()
}

/// Describe exposure `index`, below [`count`].
///
/// # Errors
///
/// `Invalid` from `count` up, `BadRVal` if the record is malformed.
pub fn describe(
    index: u32,
    buffer: &mut [u8; DESCRIPTION_MAX],
) -> Result<Description<'_>, ErrorCode> {
    let length = allow::with_read_write(
        DRIVER_NUM,
        berth_exposure::allow::RW_DESCRIPTION,
        buffer,
        || command(DRIVER_NUM, number::DESCRIBE, index as usize, 0).success_u32(),
    )??;
    buffer
        .get(..length as usize)
        .and_then(Description::decode)
        .ok_or(ErrorCode::BadRVal)
}

/// Claim the block called `label` for container `tag`.
///
/// # Errors
///
/// `NoDevice` if no such label is exposed, `Busy` if someone has it, `Size` if
/// the label is too long, `NoMem` without room for the claim.
pub fn claim(tag: u32, label: &str) -> Result<Claimed, ErrorCode> {
    let (handle, length, access) = allow::with_read_only(
        DRIVER_NUM,
        berth_exposure::allow::RO_LABEL,
        label.as_bytes(),
        || command(DRIVER_NUM, number::CLAIM, tag as usize, label.len()).success_3_u32(),
    )??;
    Ok(Claimed {
        handle: u16::try_from(handle).map_err(|_| ErrorCode::BadRVal)?,
        length,
        access: match access {
            0 => AccessClass::Mediated,
            1 => AccessClass::Mapped,
            _ => return Err(ErrorCode::BadRVal),
        },
    })
}

/// Give one claimed block back.
pub fn release(handle: u16) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number::RELEASE, usize::from(handle), 0).success()
}

/// Give back all that container `tag` has claimed; returns how many blocks.
pub fn release_all(tag: u32) -> Result<u32, ErrorCode> {
    let (mut all, mut from) = (0, 0);
    loop {
        let answer = command(DRIVER_NUM, number::RELEASE_ALL, tag as usize, from);
        let (released, next) = answer.success_2_u32()?;
        all += released;
        from = next as usize;
        if from == 0 {
            return Ok(all);
        }
    }
}

/// Open a claimed block to this process.
///
/// # Errors
///
/// `NoSupport` if it is reached by commands only, `NoMem` if no protection
/// region is free, `Reserve` if it is not claimed.
pub fn map(handle: u16) -> Result<Mapping, ErrorCode> {
    let (address, length, widths) =
        command(DRIVER_NUM, number::MAP, usize::from(handle), 0).success_3_u32()?;
    Ok(Mapping {
        address: address as usize,
        length,
        widths,
    })
}

/// Close a block that [`map`] opened; the claim stays.
///
/// # Errors
///
/// `Already` if it is not mapped, `Reserve` if it is not claimed.
pub fn unmap(handle: u16) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number::UNMAP, usize::from(handle), 0).success()
}

/// Read 8 bits at byte `offset` of the block.
pub fn read8(handle: u16, offset: u16) -> Result<u8, ErrorCode> {
    read(number::READ8, handle, offset).map(|value| value as u8)
}

/// Read 16 bits at byte `offset` of the block.
pub fn read16(handle: u16, offset: u16) -> Result<u16, ErrorCode> {
    read(number::READ16, handle, offset).map(|value| value as u16)
}

/// Read 32 bits at byte `offset` of the block.
pub fn read32(handle: u16, offset: u16) -> Result<u32, ErrorCode> {
    read(number::READ32, handle, offset)
}

/// Write 8 bits at byte `offset` of the block.
pub fn write8(handle: u16, offset: u16, value: u8) -> Result<(), ErrorCode> {
    write(number::WRITE8, handle, offset, u32::from(value))
}

/// Write 16 bits at byte `offset` of the block.
pub fn write16(handle: u16, offset: u16, value: u16) -> Result<(), ErrorCode> {
    write(number::WRITE16, handle, offset, u32::from(value))
}

/// Write 32 bits at byte `offset` of the block.
pub fn write32(handle: u16, offset: u16, value: u32) -> Result<(), ErrorCode> {
    write(number::WRITE32, handle, offset, value)
}

/// Change the bits of `mask` in the 32-bit register at `offset` to those of
/// `value`. Two system calls, one access to the register as far as others see.
pub fn modify32(handle: u16, offset: u16, mask: u32, value: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number::SET_MODIFY_MASK, mask as usize, 0).success()?;
    write(number::MODIFY32, handle, offset, value)
}

// One access is a few instructions, whose number and width the caller knows: wherever it is called.
#[inline(always)]
fn read(number: usize, handle: u16, offset: u16) -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, number, register(handle, offset), 0).success_u32()
}

#[inline(always)]
fn write(number: usize, handle: u16, offset: u16, value: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number, register(handle, offset), value as usize).success()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{class, variant};
    use std::rc::Rc;
    use std::{cell::RefCell, vec, vec::Vec};

    #[test]
    fn modify_sends_the_mask_then_the_value() {
        let calls = Rc::new(RefCell::new(Vec::new()));
        let log = calls.clone();
        crate::host::install(move |_, registers| {
            log.borrow_mut().push(registers);
            [variant::SUCCESS, 0, 0, 0]
        });
        assert_eq!(modify32(2, 0x18, 0xf0, 0x50), Ok(()));
        assert_eq!(
            *calls.borrow(),
            vec![
                [DRIVER_NUM, number::SET_MODIFY_MASK, 0xf0, 0],
                [DRIVER_NUM, number::MODIFY32, 0x2_0018, 0x50],
            ]
        );
    }

    #[test]
    fn a_claim_lends_the_label_and_takes_it_back() {
        let lent = Rc::new(RefCell::new(Vec::new()));
        let log = lent.clone();
        crate::host::install(move |class, [_, _, r2, r3]| match class {
            class::ALLOW_READ_ONLY => {
                log.borrow_mut().push(r3);
                [variant::SUCCESS_2_U32, 0, 0, r3]
            }
            _ => {
                assert_eq!((r2, r3), (7, 6));
                [variant::SUCCESS_3_U32, 1, 0x1000, 0]
            }
        });
        assert_eq!(
            claim(7, "fpgaio"),
            Ok(Claimed {
                handle: 1,
                length: 0x1000,
                access: AccessClass::Mediated
            })
        );
        assert_eq!(*lent.borrow(), vec![6, 0]);
    }
}
