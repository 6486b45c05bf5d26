//! What a board implements.

use kernel::ErrorCode;
use kernel::process::ProcessId;
use kernel::utilities::leasable_buffer::SubSliceMut;

/// The shape of a partition. Numbers are what a process is told, and what the driver
/// checks arguments against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Address of its first byte.
    pub start: usize,
    /// Bytes; whole pages.
    pub length: usize,
    /// Bytes that are erased together; a power of two.
    pub page: usize,
    /// Bytes that are programmed together; a power of two.
    pub word: usize,
    /// How often a word may be programmed between two erases of its page.
    pub programs: usize,
}

/// A partition of the flash. One operation at a time; its end is told to the client,
/// never from within the call that begins it.
pub trait Part {
    /// Who is told.
    fn set_client(&self, client: &'static dyn PartClient);

    /// Its shape; always the same.
    fn geometry(&self) -> Geometry;

    /// Begin to erase page number `page`, which is inside the partition.
    ///
    /// # Errors
    ///
    /// `BUSY`, `FAIL`; nothing was done.
    fn erase(&self, page: usize) -> Result<(), ErrorCode>;

    /// Begin to program the active part of `bytes`: whole words, at `offset` of the
    /// partition and inside it. In ascending order.
    ///
    /// # Errors
    ///
    /// `BUSY`, `FAIL`; `ALREADY` if the part does not take that over what is there.
    /// Nothing was done, and the buffer comes back.
    fn program(
        &self,
        offset: usize,
        bytes: SubSliceMut<'static, u8>,
    ) -> Result<(), (ErrorCode, SubSliceMut<'static, u8>)>;
}

/// Who is told when an operation of a [`Part`] is over.
pub trait PartClient {
    /// An erase is over.
    fn erased(&self, result: Result<(), ErrorCode>);

    /// A program is over; the buffer comes back.
    fn programmed(&self, bytes: SubSliceMut<'static, u8>, result: Result<(), ErrorCode>);
}

/// Who is told what of the partition changes, in time.
#[cfg(feature = "watched")]
pub trait Watch {
    /// These bytes are about to be erased or programmed.
    fn changes(&self, offset: usize, length: usize);

    /// That is over, done or not.
    fn changed(&self);
}

/// Which process the partition is for, and its way to read it.
///
/// A trait because kernels differ: what identifies a process is the board's choice,
/// and upstream's processes have no method that opens memory to them for reading only.
pub trait Guard {
    /// Is the partition for this process?
    fn admits(&self, process: ProcessId) -> bool;

    /// Let `process` read the `length` bytes from address `start`, and not write them, until it ends or is
    /// restarted; execute them, if and only if the partition is one for code. Returns whether that was possible.
    fn open(&self, process: ProcessId, start: usize, length: usize) -> bool;
}
