//! Opening a block to the process that holds it.
//!
//! ```text
//!   driver: which process, which claim
//!   ──────────────────────────────── Mapper: open, close
//!   board: the kernel's process, its memory protection regions
//! ```
//!
//! A trait because kernels differ: ours opens registers to a process through
//! `ProcessMemory::add_peripheral_region`, upstream's has no such method on
//! processes. A board of such a kernel gives no mapper, and every claim is served
//! by commands.

use kernel::process::ProcessId;

/// Opens registers to processes.
pub trait Mapper {
    /// Let `process` read and write exactly the `length` bytes of registers from
    /// address `start`, as device memory that cannot be executed. Returns whether that was
    /// possible; if not, nothing is open that was not before.
    fn open(&self, process: ProcessId, start: usize, length: usize) -> bool;

    /// Take back what [`open`](Self::open) gave, before `process` runs again.
    /// A process that ended or began anew since then has nothing to take back.
    fn close(&self, process: ProcessId, start: usize, length: usize);

    /// Returns whether all that is open to a process goes with its run, before it or its next run executes anything. What a run
    /// leaves need not be closed block by block then.
    fn closes_with_run(&self) -> bool {
        false
    }
}

/// The mapper of a board that maps nothing.
pub(crate) struct Never;

impl Mapper for Never {
    fn open(&self, _process: ProcessId, _start: usize, _length: usize) -> bool {
        false
    }

    fn close(&self, _process: ProcessId, _start: usize, _length: usize) {}
}
