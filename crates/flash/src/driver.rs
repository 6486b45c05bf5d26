//! Numbers of the system-call driver `flash_partition`. They never change.
//!
//! What each call does stands on the driver's page (`capsules/flash_partition/README.md`).

/// The driver's number.
pub const DRIVER_NUM: usize = 0xA0001;

/// Another partition, of code that the process has compiled: with the same calls, and executable while it is open.
pub const CODE_DRIVER_NUM: usize = 0xA0003;

/// Commands.
pub mod command {
    /// Is the driver there, for this process?
    pub const EXISTS: usize = 0;
    /// Address, length, bytes of a page.
    pub const GEOMETRY: usize = 1;
    /// Bytes of a word, programs of a word between erases, most bytes of one program.
    pub const LIMITS: usize = 2;
    /// Open the partition to the process for reading.
    pub const MAP: usize = 3;
    /// Erase a page.
    pub const ERASE: usize = 4;
    /// Program words.
    pub const PROGRAM: usize = 5;
    /// Erases that are left to the page with the fewest, most that a page has, seconds until one more.
    pub const BUDGET: usize = 6;
    /// Erases since the board started, those refused for want of budget, most in a second.
    pub const ERASES: usize = 7;
}

/// Upcalls.
pub mod upcall {
    /// An erase or a program is over.
    pub const DONE: usize = 0;
    /// How many there are.
    pub const COUNT: u8 = 1;
}

/// Buffers that the process lends for reading.
pub mod allow_ro {
    /// What to program.
    pub const PROGRAM: usize = 0;
    /// How many there are.
    pub const COUNT: u8 = 1;
}
