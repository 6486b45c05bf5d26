//! Names of processes.

use core::fmt;
use core::num::{NonZeroU32, NonZeroU64};

use crate::kernel::Kernel;
use crate::storage_permissions::StoragePermissions;

/// The number of one run, of all since boot.
///
/// None is used twice: at a million runs a second the numbers last half a million years, and what
/// would come after the last does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunNumber(NonZeroU64);

impl RunNumber {
    /// The number of the first run.
    pub(crate) const FIRST: Self = Self(NonZeroU64::MIN);

    /// The number after this one; `None` after the last.
    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    #[cfg(test)]
    pub(crate) fn of(number: u64) -> Self {
        Self(NonZeroU64::new(number).expect("a number"))
    }
}

/// Names one run of one process.
///
/// A restarted process has a new id; the old one then names nothing and every
/// use of it fails with [`Error::NoSuchApp`](super::Error::NoSuchApp).
#[derive(Clone, Copy)]
pub struct ProcessId {
    pub(crate) kernel: &'static Kernel,
    pub(crate) index: usize,
    run: RunNumber,
}

impl ProcessId {
    pub(crate) fn new(kernel: &'static Kernel, index: usize, run: RunNumber) -> Self {
        Self { kernel, index, run }
    }

    /// The lower bits of the run's number, for people and for system calls: two ids are compared with `==`.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub fn id(&self) -> usize {
        self.run.0.get() as usize
    }

    /// The number of the run.
    #[inline]
    pub(crate) fn run(&self) -> RunNumber {
        self.run
    }

    /// The slot in the board's process array; `None` if the process is gone.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.kernel.is_alive(*self).then_some(self.index)
    }

    /// The short id its header gives it.
    #[must_use]
    pub fn short_app_id(&self) -> ShortId {
        self.kernel
            .process_map_or(ShortId::LocallyUnique, *self, |p| p.short_app_id())
    }

    /// Where the process's own flash after its header begins and ends; (0, 0)
    /// if the process is gone.
    #[must_use]
    pub fn get_editable_flash_range(&self) -> (usize, usize) {
        self.kernel.process_map_or((0, 0), *self, |p| {
            let a = p.get_addresses();
            (a.flash_non_protected_start, a.flash_end)
        })
    }

    /// What its header lets it do with stored things; `None` if it says nothing, or
    /// the process is gone.
    #[must_use]
    pub fn get_storage_permissions(&self) -> Option<StoragePermissions> {
        self.kernel
            .process_map_or(None, *self, |p| p.get_storage_permissions())
    }
}

impl PartialEq for ProcessId {
    fn eq(&self, other: &Self) -> bool {
        self.run == other.run
    }
}

impl Eq for ProcessId {}

impl fmt::Debug for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessId({})", self.run.0)
    }
}

/// The number a process's header gives it, to keep things for it over boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortId {
    /// None; the process is told apart from others only while the system runs.
    LocallyUnique,
    /// This one.
    Fixed(NonZeroU32),
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShortId::LocallyUnique => f.write_str("unique"),
            ShortId::Fixed(id) => write!(f, "{id:#x}"),
        }
    }
}
