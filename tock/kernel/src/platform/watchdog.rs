//! The timer that resets a system which hangs.

/// A watchdog; the kernel tickles it once a pass of its loop.
pub trait WatchDog {
    /// Start it.
    fn setup(&self) {}
    /// Tell it that all is well.
    fn tickle(&self) {}
    /// Stop it before sleeping.
    fn suspend(&self) {}
    /// Start it again after sleeping.
    fn resume(&self) {
        self.tickle();
    }
}

/// No watchdog.
impl WatchDog for () {}
