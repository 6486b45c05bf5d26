//! What the fault status registers say, in words.

use core::fmt;

/// The fault status and address registers, as read after a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultStatus {
    /// Configurable fault status: memory, bus and usage faults.
    pub cfsr: u32,
    /// HardFault status.
    pub hfsr: u32,
    /// Address of a memory fault, if `cfsr` says that it is valid.
    pub mmfar: u32,
    /// Address of a bus fault, if `cfsr` says that it is valid.
    pub bfar: u32,
}

const MMARVALID: u32 = 1 << 7;
const BFARVALID: u32 = 1 << 15;

/// (bit of CFSR, what it means)
const CFSR: [(u32, &str); 17] = [
    (1 << 0, "instruction fetch where the MPU forbids it"),
    (1 << 1, "data access where the MPU forbids it"),
    (1 << 3, "MPU fault on exception return"),
    (
        1 << 4,
        "stack pointer outside the process on exception entry",
    ),
    (1 << 5, "MPU fault while saving floating-point state"),
    (1 << 8, "bus error on instruction fetch"),
    (1 << 9, "bus error on data access"),
    (1 << 10, "bus error on an earlier write"),
    (1 << 11, "bus error on exception return"),
    (1 << 12, "bus error on exception entry"),
    (1 << 13, "bus error while saving floating-point state"),
    (1 << 16, "undefined instruction"),
    (1 << 17, "jump to an address without the Thumb bit"),
    (1 << 18, "invalid exception return"),
    (1 << 19, "floating-point instruction, and the unit is off"),
    (1 << 24, "unaligned access"),
    (1 << 25, "division by zero"),
];

/// (bit of HFSR, what it means)
const HFSR: [(u32, &str); 3] = [
    (1 << 1, "bus error on vector table read"),
    (1 << 30, "fault that could not be handled as what it was"),
    (1 << 31, "breakpoint or semihosting call"),
];

impl FaultStatus {
    /// The data address that faulted, if the hardware recorded one.
    #[must_use]
    pub fn address(&self) -> Option<u32> {
        if self.cfsr & MMARVALID != 0 {
            Some(self.mmfar)
        } else if self.cfsr & BFARVALID != 0 {
            Some(self.bfar)
        } else {
            None
        }
    }
}

impl fmt::Display for FaultStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (value, table) in [(self.cfsr, &CFSR[..]), (self.hfsr, &HFSR[..])] {
            for (bit, meaning) in table {
                if value & bit != 0 {
                    write!(f, "{separator}{meaning}")?;
                    separator = ", ";
                }
            }
        }
        if separator.is_empty() {
            f.write_str("no fault recorded")?;
        }
        if let Some(address) = self.address() {
            write!(f, ", at {address:#010x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::FaultStatus;

    fn text(cfsr: u32, hfsr: u32) -> String {
        let status = FaultStatus {
            cfsr,
            hfsr,
            mmfar: 0x2000_0000,
            bfar: 0xE000_E010,
        };
        status.to_string()
    }

    #[test]
    fn the_recorded_address_belongs_to_the_kind_of_fault() {
        assert_eq!(
            text(0x82, 0),
            "data access where the MPU forbids it, at 0x20000000"
        );
        assert_eq!(text(0x8200, 0), "bus error on data access, at 0xe000e010");
        assert_eq!(text(0x1, 0), "instruction fetch where the MPU forbids it");
    }

    #[test]
    fn several_causes_are_all_named() {
        assert_eq!(
            text(0x0001_0000, 0x4000_0000),
            "undefined instruction, fault that could not be handled as what it was"
        );
        assert_eq!(text(0, 0), "no fault recorded");
    }
}
