//! What the supervisor needs of the system for interrupts of containers.
//!
//! The kernel records interrupts in words that it shares with this process, so looking
//! whether one waits costs no system call: host functions do it at every call.

pub use berth_exposure::interrupt::{CAPTURES_MAX, Capture, Counters, Registered};

/// The part of the [`Platform`](crate::platform::Platform) that knows interrupts. Nothing here allocates.
pub trait Interrupts {
    /// From now on, [`waiting`](Self::waiting) tells of these bits only.
    fn watch(&self, bits: u32);

    /// The bits of interrupts that are watched and wait for their handler.
    fn waiting(&self) -> u32;

    /// The bits of all interrupts that wait for their handler.
    fn recorded(&self) -> u32;

    /// Have interrupt `number` of a claimed block recorded.
    ///
    /// # Errors
    ///
    /// A Tock error code.
    fn register(
        &self,
        handle: u16,
        number: u16,
        priority: u8,
        captures: &[Capture],
    ) -> Result<Registered, u8>;

    /// Have it recorded no more. [`open_line`](Self::open_line) is to be called for others, which may be on its line.
    fn unregister(&self, handle: u16, number: u16, bit: u32);

    /// Returns how many interrupts a record stands for.
    fn count(&self, record: u32) -> u32;

    /// Captured register `place` of a record.
    fn value(&self, record: u32, place: usize) -> u32;

    /// The interrupt of this bit is handled. Microseconds until its line opens; if not 0,
    /// [`open_line`](Self::open_line) is to be called then.
    fn acknowledge(&self, bit: u32) -> u32;

    /// The line of this bit's interrupt is to open, unless something on it waits for its handler. Microseconds until it
    /// does; if not 0, to be called again then.
    fn open_line(&self, bit: u32) -> u32;

    /// What was counted of an interrupt since its registration.
    fn counters(&self, handle: u16, number: u16) -> Counters;
}
