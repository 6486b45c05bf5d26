//! Memory that a process lends to a driver.
//!
//! A buffer stays in the process's memory. The process may lend overlapping
//! buffers and, when it runs again, change what it lent, so a driver never gets
//! `&[u8]` or `&mut [u8]` but slices of byte cells
//! ([`ReadableProcessSlice`], [`WriteableProcessSlice`]), and only while it is
//! inside `enter` or `mut_enter`, which fail once the process has ended.

mod slice;

pub use self::slice::{
    ProcessSliceIndex, ReadableProcessByte, ReadableProcessSlice, WriteableProcessSlice,
};

use core::marker::PhantomData;
use core::ops::Deref;

use crate::process::{Error, ProcessId};

/// A lent buffer that can be read.
pub trait ReadableProcessBuffer {
    /// Length in bytes; 0 once the process has ended.
    fn len(&self) -> usize;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Address, as the process gave it; null once the process has ended.
    fn ptr(&self) -> *const u8;

    /// Use the bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchApp`] the process has ended.
    fn enter<F, R>(&self, fun: F) -> Result<R, Error>
    where
        F: FnOnce(&ReadableProcessSlice) -> R;
}

/// A lent buffer that can be written as well.
pub trait WriteableProcessBuffer: ReadableProcessBuffer {
    /// Address, as the process gave it; null once the process has ended.
    fn mut_ptr(&self) -> *mut u8;

    /// Use the bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchApp`] the process has ended.
    fn mut_enter<F, R>(&self, fun: F) -> Result<R, Error>
    where
        F: FnOnce(&WriteableProcessSlice) -> R;
}

/// Address, length and owner; what all buffers are inside.
#[derive(Clone, Copy, Debug)]
struct Lent {
    address: usize,
    length: usize,
    /// `None`: the empty default buffer, which belongs to nobody.
    process: Option<ProcessId>,
}

impl Lent {
    const EMPTY: Self = Self {
        address: 0,
        length: 0,
        process: None,
    };

    fn is_alive(&self) -> bool {
        self.process.is_some_and(|id| id.kernel.is_alive(id))
    }

    /// The range to use now; an empty one has no address.
    fn checked(&self) -> Result<(usize, usize), Error> {
        match self.process {
            Some(_) if !self.is_alive() => Err(Error::NoSuchApp),
            Some(_) => Ok((self.address, self.length)),
            None => Ok((0, 0)),
        }
    }

    fn len(&self) -> usize {
        if self.is_alive() { self.length } else { 0 }
    }

    fn address(&self) -> usize {
        if self.is_alive() { self.address } else { 0 }
    }
}

macro_rules! buffer {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            lent: Lent,
        }

        impl $name {
            /// Name a range that was checked to belong to `process`.
            ///
            /// # Safety
            ///
            /// The whole range is memory of `process` that it may read (and,
            /// for a writeable buffer, write), or its length is 0; no Rust
            /// reference covers any of it while the process lives.
            #[allow(unsafe_code)]
            pub(crate) unsafe fn new(address: usize, length: usize, process: ProcessId) -> Self {
                Self {
                    lent: Lent {
                        address,
                        length,
                        process: Some(process),
                    },
                }
            }

            /// Address and length, given back to the process.
            #[must_use]
            pub fn consume(self) -> (usize, usize) {
                (self.lent.address, self.lent.length)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { lent: Lent::EMPTY }
            }
        }

        impl ReadableProcessBuffer for $name {
            fn len(&self) -> usize {
                self.lent.len()
            }

            fn ptr(&self) -> *const u8 {
                core::ptr::with_exposed_provenance(self.lent.address())
            }

            fn enter<F, R>(&self, fun: F) -> Result<R, Error>
            where
                F: FnOnce(&ReadableProcessSlice) -> R,
            {
                let (address, length) = self.lent.checked()?;
                // SAFETY: `new` was promised that the range is the process's and
                // unreferenced, and `checked` just saw that the process lives.
                #[allow(unsafe_code)]
                let slice = unsafe { slice::readable(address, length) };
                Ok(fun(slice))
            }
        }
    };
}

macro_rules! writeable {
    ($name:ty) => {
        impl WriteableProcessBuffer for $name {
            fn mut_ptr(&self) -> *mut u8 {
                core::ptr::with_exposed_provenance_mut(self.lent.address())
            }

            fn mut_enter<F, R>(&self, fun: F) -> Result<R, Error>
            where
                F: FnOnce(&WriteableProcessSlice) -> R,
            {
                let (address, length) = self.lent.checked()?;
                // SAFETY: as in `enter`, and the range is writeable.
                #[allow(unsafe_code)]
                let slice = unsafe { slice::writeable(address, length) };
                Ok(fun(slice))
            }
        }
    };
}

buffer! {
    /// A buffer lent for reading.
    ReadOnlyProcessBuffer
}
buffer! {
    /// A buffer lent for writing.
    ReadWriteProcessBuffer
}
buffer! {
    /// A buffer lent for writing that the process goes on reading.
    UserspaceReadableProcessBuffer
}
writeable!(ReadWriteProcessBuffer);
writeable!(UserspaceReadableProcessBuffer);

/// A [`ReadOnlyProcessBuffer`] that the kernel keeps in a grant; usable while
/// the grant is entered.
#[derive(Debug)]
pub struct ReadOnlyProcessBufferRef<'a> {
    buffer: ReadOnlyProcessBuffer,
    _entered: PhantomData<&'a ()>,
}

impl ReadOnlyProcessBufferRef<'_> {
    pub(crate) fn new(buffer: ReadOnlyProcessBuffer) -> Self {
        Self {
            buffer,
            _entered: PhantomData,
        }
    }
}

impl Deref for ReadOnlyProcessBufferRef<'_> {
    type Target = ReadOnlyProcessBuffer;
    fn deref(&self) -> &ReadOnlyProcessBuffer {
        &self.buffer
    }
}

/// A [`ReadWriteProcessBuffer`] that the kernel keeps in a grant; usable while
/// the grant is entered.
#[derive(Debug)]
pub struct ReadWriteProcessBufferRef<'a> {
    buffer: ReadWriteProcessBuffer,
    _entered: PhantomData<&'a ()>,
}

impl ReadWriteProcessBufferRef<'_> {
    pub(crate) fn new(buffer: ReadWriteProcessBuffer) -> Self {
        Self {
            buffer,
            _entered: PhantomData,
        }
    }
}

impl Deref for ReadWriteProcessBufferRef<'_> {
    type Target = ReadWriteProcessBuffer;
    fn deref(&self) -> &ReadWriteProcessBuffer {
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_buffer_is_empty_and_usable() {
        let buffer = ReadWriteProcessBuffer::default();
        assert_eq!(buffer.len(), 0);
        assert_eq!(buffer.mut_enter(|bytes| bytes.len()), Ok(0));
        assert_eq!(buffer.enter(|bytes| bytes.len()), Ok(0));
    }
}
