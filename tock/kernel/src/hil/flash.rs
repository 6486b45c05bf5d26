//! Flash in pages.
//!
//! ```text
//!   capsule ── Flash ── chip
//! ```
//!
//! Operations are split-phase: a call takes a page's buffer over, and the client gets it back. A call that fails gives it
//! back in its error.

use crate::ErrorCode;

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The hardware failed.
    FlashError,
    /// The page must not be changed.
    FlashMemoryProtectionError,
}

/// What has a client.
pub trait HasClient<'a, C> {
    /// Says who is told when an operation is over.
    fn set_client(&'a self, client: &'a C);
}

/// Flash whose pages are numbered from zero.
pub trait Flash {
    /// A page's buffer, as long as a page.
    type Page: AsMut<[u8]> + Default;

    /// Reads a page into `buf`.
    ///
    /// # Errors
    ///
    /// `BUSY` an operation is under way, `INVAL` there is no such page; the buffer comes back.
    fn read_page(
        &self,
        page_number: usize,
        buf: &'static mut Self::Page,
    ) -> Result<(), (ErrorCode, &'static mut Self::Page)>;

    /// Writes a page, which is erased for it.
    ///
    /// # Errors
    ///
    /// As [`read_page`](Self::read_page).
    fn write_page(
        &self,
        page_number: usize,
        buf: &'static mut Self::Page,
    ) -> Result<(), (ErrorCode, &'static mut Self::Page)>;

    /// Erases a page: all its bits are ones.
    ///
    /// # Errors
    ///
    /// As [`read_page`](Self::read_page).
    fn erase_page(&self, page_number: usize) -> Result<(), ErrorCode>;
}

/// Is told when an operation is over.
pub trait Client<F: Flash> {
    /// A page was read.
    fn read_complete(&self, read_buffer: &'static mut F::Page, result: Result<(), Error>);

    /// A page was written.
    fn write_complete(&self, write_buffer: &'static mut F::Page, result: Result<(), Error>);

    /// A page was erased.
    fn erase_complete(&self, result: Result<(), Error>);
}
