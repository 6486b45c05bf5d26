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
    },
    // 10 counts the pins.
    Class {
        name: "gpio",
        driver: 0x4,
        commands: 0b111_1111_1111,
        indexed: 0b011_1111_1110,
        last_index: 63,
    },
    // All but 4, which is no command any more.
    Class {
        name: "alarm",
        driver: 0x0,
        commands: 0b110_1111,
        indexed: 0,
        last_index: 0,
    },
    Class {
        name: "uart",
        driver: 0x2_0000,
        commands: 0b1_1111,
        indexed: 0,
        last_index: 0,
    },
    // Not 1, 3 and 4, which would choose a chip select.
    Class {
        name: "spi",
        driver: 0x2_0001,
        commands: 0b1111_1110_0101,
        indexed: 0,
        last_index: 0,
    },
    Class {
        name: "i2c",
        driver: 0x2_0003,
        commands: 0b1111,
        indexed: 0,
        last_index: 0,
    },
];

/// The class with this driver.
pub(crate) fn of_driver(driver: u32) -> Option<&'static Class> {
    CLASSES.iter().find(|class| class.driver == driver)
}
