//! Ranges of addresses, and what a Cortex-M has where.

/// Bytes of the address space. 64 bits wide, so that nothing wraps around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) base: u64,
    /// Bytes.
    pub(crate) length: u64,
}

impl Range {
    /// The first address behind it.
    pub(crate) fn end(self) -> u64 {
        self.base.saturating_add(self.length)
    }

    /// Returns whether a byte belongs to both.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.common(other).is_some()
    }

    /// Returns whether all of it belongs to `other`.
    pub(crate) fn lies_in(self, other: Self) -> bool {
        other.base <= self.base && self.end() <= other.end()
    }

    /// The bytes that belong to both, if there are any.
    pub(crate) fn common(self, other: Self) -> Option<Self> {
        let base = self.base.max(other.base);
        let length = self.end().min(other.end()).checked_sub(base)?;
        (length > 0).then_some(Self { base, length })
    }
}

/// What the processor has at an address (Armv7-M and Armv8-M, "The system address map").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    /// Code, SRAM and external RAM: `0x00000000` to `0x3FFFFFFF` and `0x60000000` to `0x9FFFFFFF`.
    Memory,
    /// Peripherals and external devices.
    Device,
    /// The private peripheral bus and what chip vendors put behind it: interrupt controller, MPU,
    /// SysTick, debug, trace.
    System,
}

/// Largest address of a 32-bit processor, and one.
const END: u64 = 1 << 32;

const DEVICES: [Range; 2] = [
    Range {
        base: 0x4000_0000,
        length: 0x2000_0000,
    },
    Range {
        base: 0xA000_0000,
        length: 0x4000_0000,
    },
];

const SYSTEM: Range = Range {
    base: 0xE000_0000,
    length: 0x2000_0000,
};

/// The area that a range reaches into: a device only if all of it is.
pub(crate) fn area(range: Range) -> Area {
    if range.overlaps(SYSTEM) {
        Area::System
    } else if DEVICES.iter().any(|devices| range.lies_in(*devices)) {
        Area::Device
    } else {
        Area::Memory
    }
}

/// Returns whether the processor can address all of it.
pub(crate) fn addressable(range: Range) -> bool {
    range.base < END && range.length <= END - range.base
}
