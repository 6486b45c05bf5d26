//! One mediated access: what may it see and change, and what does the hardware get.
//!
//! Nothing here knows of processes or claims; [`crate::driver`] calls it once the
//! caller is known to hold the block. The rules, in the order they are checked:
//!
//! 1. the access is aligned to its width and lies inside the block;
//! 2. a register is exposed there, wholly contains the access, and takes its width;
//! 3. the part of the register's mask that the access covers has a bit.

use crate::exposure::{Exposure, Register, Registers, Rest, SafeWrite};
use crate::window::{BusError, Window};
use berth_exposure::Width;

/// Why an access was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The offset is not a multiple of the access width.
    Misaligned,
    /// The access ends behind the block.
    OutsideBlock,
    /// The register there does not take this width, or the access leaves it.
    Width,
    /// No register is exposed there, or not for this direction.
    NoPermission,
    /// It was allowed and made, and the bus answered with an error.
    Bus,
}

impl From<BusError> for Refusal {
    fn from(_: BusError) -> Self {
        Self::Bus
    }
}

/// What an access at one place of a block may do.
struct Permission {
    read: u32,
    write: u32,
    rest: Rest,
}

/// Read what the exposure lets be seen.
pub(crate) fn read(exposure: &Exposure, offset: u16, width: Width) -> Result<u32, Refusal> {
    let mask = may_read(exposure, offset, width)?;
    Ok(exposure.window.load(offset, width)? & mask)
}

/// The bits that a read would see, at least one.
pub(crate) fn may_read(exposure: &Exposure, offset: u16, width: Width) -> Result<u32, Refusal> {
    match permission(exposure, offset, width)?.read {
        0 => Err(Refusal::NoPermission),
        mask => Ok(mask),
    }
}

/// Change what the exposure lets be changed. As with a store instruction, only
/// the low bits of `value` that fit the width count.
pub(crate) fn write(
    exposure: &Exposure,
    offset: u16,
    width: Width,
    value: u32,
) -> Result<(), Refusal> {
    let change = may_write(exposure, offset, width)?;
    Ok(change.apply(exposure.window, offset, width, value)?)
}

/// What a write changes, at least one bit.
pub(crate) fn may_write(exposure: &Exposure, offset: u16, width: Width) -> Result<Change, Refusal> {
    let permission = permission(exposure, offset, width)?;
    if permission.write == 0 {
        return Err(Refusal::NoPermission);
    }
    Ok(Change::new(width, permission.write, permission.rest))
}

/// Change the bits of `mask` among those the exposure lets be changed, and no
/// other. Needs a register whose rest can be kept; a mask without any changeable
/// bit touches no hardware.
pub(crate) fn modify(
    exposure: &Exposure,
    offset: u16,
    width: Width,
    mask: u32,
    value: u32,
) -> Result<(), Refusal> {
    match may_modify(exposure, offset, width, mask)? {
        Some(change) => Ok(change.apply(exposure.window, offset, width, value)?),
        None => Ok(()),
    }
}

/// What a modify with this mask changes. `None`: nothing, and no hardware is touched.
pub(crate) fn may_modify(
    exposure: &Exposure,
    offset: u16,
    width: Width,
    mask: u32,
) -> Result<Option<Change>, Refusal> {
    let permission = permission(exposure, offset, width)?;
    if permission.write == 0 || permission.rest == Rest::Zero {
        return Err(Refusal::NoPermission);
    }
    let mask = mask & permission.write;
    Ok((mask != 0).then(|| Change::new(width, mask, Rest::Kept)))
}

/// How a change of a register reaches the hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Bits that change.
    mask: u32,
    /// Bits that are loaded and stored back. None: nothing is loaded, a load might have an effect of its own.
    kept: u32,
}

impl Change {
    /// Of no bit.
    #[cfg(feature = "programs")]
    pub(crate) const NONE: Self = Self { mask: 0, kept: 0 };

    fn new(width: Width, mask: u32, rest: Rest) -> Self {
        Self {
            mask,
            kept: match rest {
                Rest::Kept => width.mask() & !mask,
                Rest::Zero => 0,
            },
        }
    }

    /// Returns whether nothing has to be loaded for it.
    #[cfg(feature = "programs")]
    pub(crate) const fn is_plain(self) -> bool {
        self.kept == 0
    }

    /// What of `value` is stored, if the register is not loaded for it.
    #[cfg(feature = "programs")]
    #[inline(always)]
    pub(crate) fn stored(self, value: u32) -> Option<u32> {
        self.is_plain().then_some(value & self.mask)
    }

    /// Store the bits of `value` that change.
    pub(crate) fn apply(
        self,
        window: &(impl Window + ?Sized),
        offset: u16,
        width: Width,
        value: u32,
    ) -> Result<(), BusError> {
        let kept = match self.kept {
            0 => 0,
            kept => window.load(offset, width)? & kept,
        };
        window.store(offset, width, kept | (value & self.mask))
    }
}

/// Write one line of a safe state. It was checked against the block when the
/// table was, and is not subject to the masks: it is the manufacturer's own.
///
/// # Errors
/// The bus answered with an error. The block is then without clock or power, which is as much at rest as it
/// gets; what it does when it comes back is its reset state's business.
pub(crate) fn make_safe(exposure: &Exposure, safe: &SafeWrite) -> Result<(), BusError> {
    let offset = safe.offset;
    let rest = match exposure.registers {
        Registers::Whole(_) => Rest::Kept,
        Registers::List(list) => {
            find(list, offset.into()).map_or(Rest::Kept, |register| register.rest)
        }
    };
    Change::new(safe.width, safe.mask, rest).apply(exposure.window, offset, safe.width, safe.value)
}

fn permission(exposure: &Exposure, offset: u16, width: Width) -> Result<Permission, Refusal> {
    let (bytes, offset) = (width.bytes(), u32::from(offset));
    // A power of two, so the remainder is a mask.
    if offset & (bytes - 1) != 0 {
        return Err(Refusal::Misaligned);
    }
    if offset >= exposure.length || exposure.length - offset < bytes {
        return Err(Refusal::OutsideBlock);
    }
    match exposure.registers {
        Registers::Whole(widths) if widths.contains(width) => Ok(Permission {
            read: width.mask(),
            write: width.mask(),
            rest: Rest::Kept,
        }),
        Registers::Whole(_) => Err(Refusal::Width),
        Registers::List(list) => {
            let register = find(list, offset).ok_or(Refusal::NoPermission)?;
            if !register.widths.contains(width) || register.end() - offset < bytes {
                return Err(Refusal::Width);
            }
            // At most 24: the access lies inside the register.
            let shift = 8 * (offset - u32::from(register.offset));
            Ok(Permission {
                read: (register.read >> shift) & width.mask(),
                write: (register.write >> shift) & width.mask(),
                rest: register.rest,
            })
        }
    }
}

/// The register that an offset lies in. The list is sorted and without overlap,
/// so the cost grows with the logarithm of one block's registers only.
fn find(list: &[Register], offset: u32) -> Option<&Register> {
    let behind = list.partition_point(|register| u32::from(register.offset) <= offset);
    list.get(behind.checked_sub(1)?)
        .filter(|register| offset < register.end())
}
