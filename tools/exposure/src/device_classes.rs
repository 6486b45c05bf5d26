//! The kernel's drivers whose devices can be exposed by class and index.

/// One of them.
pub(crate) struct Class {
    /// What `device` says.
    pub(crate) name: &'static str,
    /// The driver's number.
    pub(crate) driver: u32,
    /// Its commands that come with a device, as bits.
    pub(crate) commands: u64,
    /// Those of them whose first argument is an index.
    pub(crate) indexed: u64,
    /// Largest index: 0 for a driver of one device, which is not told one. A filter keeps indices as bits of 64.
    pub(crate) last_index: u32,
    /// Those of its commands that drive a device, as bits: it is theirs to bring to rest who gave one last.
    pub(crate) drives: u64,
    /// The states that a device can rest in, by name; none of a driver whose devices are at rest when nobody uses them.
    pub(crate) rests: &'static [(&'static str, Commands)],
}

/// Commands and their second arguments, in order.
pub(crate) type Commands = &'static [(u32, u32)];

/// The word for a device that stays as it is.
pub(crate) const NONE: &str = "none";

const LED_RESTS: &[(&str, Commands)] = &[(NONE, &[]), ("off", &[(2, 0)]), ("on", &[(1, 0)])];

// Interrupts end first. The level of an output is set before it drives the pin, and again when it does, since hardware may keep no level of
// an input.
const GPIO_RESTS: &[(&str, Commands)] = &[
    (NONE, &[]),
    ("low", &[(8, 0), (3, 0), (1, 0), (3, 0)]),
    ("high", &[(8, 0), (2, 0), (1, 0), (2, 0)]),
    ("input", &[(8, 0), (5, 0)]),
    ("input-pull-up", &[(8, 0), (5, 1)]),
    ("input-pull-down", &[(8, 0), (5, 2)]),
];

impl Class {
    /// Its commands that come with devices of which one has a safe state, or none has.
    pub(crate) fn commands(&self, rests: bool) -> (u64, u64) {
        let let_go = u64::from(rests) << berth_exposure::rest::LET_GO;
        (self.commands | let_go, self.indexed | let_go)
    }

    /// What brings one of its devices to the state of that name.
    pub(crate) fn rest(&self, state: &str) -> Option<Commands> {
        let found = self.rests.iter().find(|(name, _)| *name == state);
        found.map(|(_, commands)| *commands)
    }
}

/// All of them, with the commands of their pages in `docs/syscalls`.
pub(crate) const CLASSES: [Class; 6] = [
    // 0 counts the LEDs; on, off, toggle and read take an index.
    Class {
        name: "led",
        driver: 0x2,
        commands: 0b1_1111,
        indexed: 0b1_1110,
        last_index: 63,
        drives: 0b1110,
        rests: LED_RESTS,
    },
    // 10 counts the pins.
    Class {
        name: "gpio",
        driver: 0x4,
        commands: 0b111_1111_1111,
        indexed: 0b011_1111_1110,
        last_index: 63,
        drives: 0b011_1011_1110,
        rests: GPIO_RESTS,
    },
    // All but 4, which is no command any more.
    Class {
        name: "alarm",
        driver: 0x0,
        commands: 0b110_1111,
        indexed: 0,
        last_index: 0,
        drives: 0,
        rests: &[],
    },
    Class {
        name: "uart",
        driver: 0x2_0000,
        commands: 0b1_1111,
        indexed: 0,
        last_index: 0,
        drives: 0,
        rests: &[],
    },
    // Not 1, 3 and 4, which would choose a chip select.
    Class {
        name: "spi",
        driver: 0x2_0001,
        commands: 0b1111_1110_0101,
        indexed: 0,
        last_index: 0,
        drives: 0,
        rests: &[],
    },
    Class {
        name: "i2c",
        driver: 0x2_0003,
        commands: 0b1111,
        indexed: 0,
        last_index: 0,
        drives: 0,
        rests: &[],
    },
];

/// The class with this driver.
pub(crate) fn of_driver(driver: u32) -> Option<&'static Class> {
    CLASSES.iter().find(|class| class.driver == driver)
}
