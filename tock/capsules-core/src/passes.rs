//! What a driver needs of its board to share time and line fairly.
//!
//! A driver that works on something as long as a process likes (a long write, many lines) does a bounded piece
//! and asks for another pass. The board has the kernel call the driver's `pass` when that process
//! would run, so that interrupts and more important processes come between two pieces and the work counts
//! against the process's own time. A board whose kernel cannot do that gives drivers no [`Passes`]; then they go on from
//! the callbacks of their hardware, as upstream's do.

use kernel::deferred_call::DeferredCall;
use kernel::process::ProcessId;

/// Has the kernel call a driver when a process would run.
pub trait Passes {
    /// Have the driver do one more pass for this process. Returns whether that comes for certain: not where the process has ended, or
    /// runs only when others leave time. A driver asks one after the other of those who wait, until one is certain.
    fn request(&self, process: ProcessId) -> bool;

    /// Set `call`, which begins the next piece of somebody's work: where a kernel has calls that come after the turns of
    /// processes, as one of these.
    fn put_off(&self, call: &DeferredCall) {
        call.set();
    }
}

/// Set `call` as the board's passes [put it off](Passes::put_off); on a board without them it is made before any process.
pub(crate) fn put_off(passes: Option<&dyn Passes>, call: &DeferredCall) {
    match passes {
        Some(passes) => passes.put_off(call),
        None => call.set(),
    }
}

/// A line that several devices share, and that one of them can keep between two of its buffers.
pub trait SharedLine {
    /// Say, after a buffer was given to the line, whether nobody else may send between it and the next one of
    /// this device. `false` gives up a line that is kept.
    fn keep(&self, keep: bool);
}
