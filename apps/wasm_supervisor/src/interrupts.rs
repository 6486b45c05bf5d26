//! What the supervisor needs of the system for interrupts of containers.
//!
//! The kernel records interrupts in words that it shares with this process, so looking
//! whether one waits costs no system call: host functions do it at every call.

pub use berth_exposure::interrupt::Capture;

/// Most registers captured for one interrupt.
pub const CAPTURES_MAX: usize = 16;

/// An interrupt that the kernel records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its bit among all interrupts.
    pub bit: u32,
    /// Names its record.
    pub record: u32,
    /// Microseconds until its line opens; if not 0, it is to be acknowledged then.
    pub opens_us: u32,
}

/// What the kernel counted of an interrupt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Taken.
    pub taken: u32,
    /// Of these, dropped.
    pub dropped: u32,
    /// How often its line had been raised again while it was handled.
    pub merged: u32,
}

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

    /// Have it recorded no more.
    fn unregister(&self, handle: u16, number: u16, bit: u32);

    /// How many interrupts a record stands for.
    fn count(&self, record: u32) -> u32;

    /// Captured register `place` of a record.
    fn value(&self, record: u32, place: usize) -> u32;

    /// The interrupt of this bit is handled. Microseconds until its line opens; if not 0,
    /// to be called again then.
    fn acknowledge(&self, bit: u32) -> u32;

    /// What was counted of an interrupt since its registration.
    fn counters(&self, handle: u16, number: u16) -> Counters;
}
