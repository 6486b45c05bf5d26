//! What a process may call: the board's system-call filter as data.
//!
//! The exposure compiler writes these tables from `exposure.dts`; the board's
//! `SyscallFilter` asks them. A driver that is not listed, and a command or index
//! that is not, fails as an absent driver does.

/// What one process may call.
#[derive(Debug)]
pub struct ProcessRule {
    /// Address of the process's image in flash: how the kernel knows the process.
    pub flash_start: usize,
    /// The drivers it may use.
    pub drivers: &'static [DriverRule],
}

/// What a process may do with one driver. Sets hold the numbers 0 to 63, one bit
/// each; greater numbers are in no set, not even in that of all bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverRule {
    /// The driver's number.
    pub driver: usize,
    /// The commands it may give.
    pub commands: u64,
    /// Those of them whose first argument is an index.
    pub indexed: u64,
    /// The indices that may be named.
    pub indices: u64,
}

impl ProcessRule {
    /// The rule for a driver; `None`: there is no such driver for this process.
    #[must_use]
    pub fn driver(&self, number: usize) -> Option<&'static DriverRule> {
        self.drivers.iter().find(|rule| rule.driver == number)
    }
}

impl DriverRule {
    /// Returns whether command `command` may be given with first argument `argument`.
    #[must_use]
    pub const fn allows(&self, command: usize, argument: usize) -> bool {
        contains(self.commands, command)
            && (self.indexed == 0
                || !contains(self.indexed, command)
                || contains(self.indices, argument))
    }
}

const fn contains(set: u64, number: usize) -> bool {
    // In halves: a shift of 64 bits by a variable is a dozen instructions on the board.
    match number {
        0..32 => set as u32 >> number & 1 != 0,
        32..64 => (set >> 32) as u32 >> (number - 32) & 1 != 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LED: DriverRule = DriverRule {
        driver: 2,
        commands: 0b1111,
        indexed: 0b1110,
        indices: 0b0101,
    };

    #[test]
    fn commands_and_indices_are_allowed_one_by_one() {
        for command in (0..130).chain([usize::MAX]) {
            for index in (0..130).chain([usize::MAX]) {
                let expected = match command {
                    0 => true,
                    1..=3 => index == 0 || index == 2,
                    _ => false,
                };
                assert_eq!(LED.allows(command, index), expected, "{command} {index}");
            }
        }
    }

    #[test]
    fn the_set_of_all_bits_ends_where_every_set_does() {
        let all = DriverRule {
            commands: u64::MAX,
            indexed: 0,
            ..LED
        };
        assert!(all.allows(0, usize::MAX) && all.allows(63, 64));
        assert!(!all.allows(64, 0) && !all.allows(usize::MAX, 0));
        let first_pins = DriverRule {
            indexed: 0b1110,
            indices: u64::MAX,
            ..all
        };
        assert!(first_pins.allows(1, 63) && !first_pins.allows(1, 64));
        assert!(!first_pins.allows(1, usize::MAX) && first_pins.allows(0, 64));
        let none = DriverRule { commands: 0, ..LED };
        assert!(!none.allows(0, 0) && !none.allows(64, 0));
    }

    #[test]
    fn an_unlisted_driver_has_no_rule() {
        const RULE: ProcessRule = ProcessRule {
            flash_start: 0,
            drivers: &[LED],
        };
        assert_eq!(RULE.driver(2), Some(&LED));
        assert_eq!(RULE.driver(0), None);
        assert_eq!(RULE.driver(3), None);
    }
}
