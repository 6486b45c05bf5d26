//! Names of processes.

use core::fmt;
use core::num::NonZeroU32;

use crate::kernel::Kernel;
use crate::storage_permissions::StoragePermissions;

/// Names one run of one process.
///
/// A restarted process has a new id; the old one then names nothing and every
/// use of it fails with [`Error::NoSuchApp`](super::Error::NoSuchApp).
#[derive(Clone, Copy)]
pub struct ProcessId {
    pub(crate) kernel: &'static Kernel,
    pub(crate) index: usize,
    identifier: usize,
}

impl ProcessId {
    pub(crate) fn new(kernel: &'static Kernel, index: usize, identifier: usize) -> Self {
        Self {
            kernel,
            index,
            identifier,
        }
    }

    /// The number that names the run; never used twice between two boots.
    #[must_use]
    pub fn id(&self) -> usize {
        self.identifier
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
        self.identifier == other.identifier
    }
}

impl Eq for ProcessId {}

impl fmt::Debug for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessId({})", self.identifier)
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
