//! What a process may do with things that drivers store for processes.
//!
//! A stored thing carries the id under which it was written. The header of a process
//! says which id it writes with and which ids it may read and change; the
//! storage driver asks here.

use core::num::NonZeroU32;

use tock_tbf::types::TbfHeader;

/// The storage permissions of one process, as its header states them.
#[derive(Clone, Copy)]
pub struct StoragePermissions(TbfHeader<'static>);

impl StoragePermissions {
    /// What the header says; `None` if it says nothing about storage.
    pub(crate) fn of(header: TbfHeader<'static>) -> Option<Self> {
        header.has_storage_permissions().then_some(Self(header))
    }

    /// Whether it may read what was stored under `stored_id`; never what carries no id.
    #[must_use]
    pub fn check_read_permission(&self, stored_id: u32) -> bool {
        stored_id != 0 && self.0.storage_read_ids().any(|id| id == stored_id)
    }

    /// Whether it may change what was stored under `stored_id`; never what carries no id.
    #[must_use]
    pub fn check_modify_permission(&self, stored_id: u32) -> bool {
        stored_id != 0 && self.0.storage_modify_ids().any(|id| id == stored_id)
    }

    /// The id that what it stores carries; `None` if it may store nothing.
    #[must_use]
    pub fn get_write_id(&self) -> Option<u32> {
        self.0.get_storage_write_id().map(NonZeroU32::get)
    }
}
