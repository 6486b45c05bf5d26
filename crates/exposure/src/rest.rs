//! How a device behind a driver of the kernel comes to rest: the safe state of an LED or a pin as data.
//!
//! The exposure compiler writes it from `exposure.dts`. The capsule `resting` gives the commands.

/// The command that lets go of a device, in the range that Tock's own drivers do not use: `(index)`. If the caller's run drove the device
/// last, it comes to rest; else nothing happens. Of devices with a safe state only.
pub const LET_GO: usize = 63;

/// The safe state of one device.
#[derive(Debug)]
pub struct Rest {
    /// Which of its driver's devices: the first argument of its commands.
    pub index: usize,
    /// The commands after which it is the caller's to bring to rest, one bit each.
    pub drives: u64,
    /// What brings it to rest: commands and their second arguments, given in this order.
    pub commands: &'static [(usize, usize)],
}

impl Rest {
    /// Returns whether command `command` with first argument `index` drives this device.
    #[must_use]
    pub const fn is_driven_by(&self, command: usize, index: usize) -> bool {
        index == self.index && command < 64 && self.drives >> command & 1 != 0
    }
}
