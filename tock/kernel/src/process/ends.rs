//! The end of a run: who is told, and when the next may begin.

use super::Process;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// By a fault.
    Faulted,
    /// For good or to begin again, as somebody asked: the process itself or another one.
    Asked,
}

/// Is told of the end of every run, whoever ends it.
///
/// The kernel knows one such client ([`Kernel::set_run_end_client`](crate::Kernel::set_run_end_client)); a board's
/// client passes the word on to the drivers that hold something for processes. Upstream tells of faults only.
pub trait RunEndClient {
    /// The present run of `process` is about to end. Once a run, before anything else happens: its id, grants, buffers
    /// and regions are still there, and no other process has run.
    fn run_ends(&self, process: &dyn Process, end: RunEnd);

    /// Do a bounded piece of what an end left to do. Returns whether any is left.
    ///
    /// How much an end leaves, the process chose that ended. Another one that asked for the end waits until nothing is left: each
    /// time it would run, a piece is done, and then all others that are ready have their turns.
    fn end_pass(&self) -> bool {
        false
    }
}

/// Bounds how fast runs follow each other. A process that may not begin again yet waits and disturbs
/// nobody; the kernel asks again at least every 10 ms.
pub trait RestartPace {
    /// Returns whether another run may begin now.
    fn is_due(&self) -> bool {
        true
    }

    /// Counts a run that begins again.
    fn restarted(&self) {}
}

/// At once, always.
impl RestartPace for () {}
