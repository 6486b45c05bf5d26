//! An image that arrives in parts.

use berth_flash::{Flash, WORD_BYTES};
use sha2::{Digest, Sha256};

use crate::record::{Buffer, NO_KEY};
use crate::{Error, HASH_BYTES, Key, META_MAX, Store};

/// The upload in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload<'a> {
    /// Bytes of the image.
    pub length: u32,
    /// SHA-256 that it will have.
    pub hash: &'a [u8; HASH_BYTES],
    /// What belongs to it.
    pub meta: &'a [u8],
    /// First byte that is not there yet.
    pub offset: u32,
}

impl<F: Flash, const PAGES: usize, const KEYS: usize> Store<F, PAGES, KEYS> {
    /// The upload in progress; it outlives resets.
    #[must_use]
    pub fn upload(&self) -> Option<Upload<'_>> {
        let object = self.object(Self::UPLOAD)?;
        Some(Upload {
            length: object.bytes.len() as u32,
            hash: object.hash?,
            meta: object.meta,
            offset: self.written,
        })
    }

    /// The bytes of the upload in progress, to be looked at before [`commit`](Self::commit). What has
    /// not arrived yet reads as anything.
    #[must_use]
    pub fn received(&self) -> Option<&[u8]> {
        self.object(Self::UPLOAD).map(|object| object.bytes)
    }

    /// Begin an upload, or continue the one of this length and hash; any other in progress is
    /// forgotten. Returns the offset at which to go on.
    ///
    /// # Errors
    ///
    /// [`Error::Directory`], [`Error::Full`], [`Error::Worn`]. The upload before is forgotten then, too.
    pub fn begin(
        &mut self,
        length: u32,
        hash: &[u8; HASH_BYTES],
        meta: &[u8],
    ) -> Result<u32, Error> {
        if meta.len() > META_MAX {
            return Err(Error::Directory);
        }
        if let Some(upload) = self.upload()
            && upload.length == length
            && upload.hash == hash
        {
            if upload.meta != meta {
                let start = usize::from(self.slot(Self::UPLOAD).start);
                self.append_object(Self::UPLOAD, start, length, Some(hash), meta)?;
            }
            return Ok(self.written);
        }
        self.abort()?;
        let pages = (length as usize).div_ceil(F::PAGE_BYTES);
        let start = self.allocate(pages)?;
        self.hold = (start, pages);
        let begun = self.append_object(Self::UPLOAD, start, length, Some(hash), meta);
        self.hold = (0, 0);
        self.written = 0;
        begun.map(|()| 0)
    }

    /// Write the part of the image that begins at `offset`. Words are written whole: unless the part
    /// reaches the image's end, up to three bytes of it may be left over. Bytes that are there
    /// already are passed over. Where the next part must begin.
    ///
    /// # Errors
    ///
    /// [`Error::NoUpload`], [`Error::Offset`], [`Error::Full`], [`Error::Worn`].
    pub fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<u32, Error> {
        let length = self.upload().ok_or(Error::NoUpload)?.length;
        let expected = self.written;
        let end = u64::from(offset) + bytes.len() as u64;
        if end <= u64::from(expected) {
            return Ok(expected);
        }
        if offset > expected || end > u64::from(length) {
            return Err(Error::Offset { expected });
        }
        let mut rest = bytes
            .get((expected - offset) as usize..)
            .unwrap_or_default();
        while !rest.is_empty() {
            match self.write_some(rest, length) {
                Ok(0) => break,
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(worn) => {
                    let _ = self.abort();
                    return Err(worn);
                }
            }
        }
        Ok(self.written)
    }

    /// Write what fits into the page where the upload stands. Returns the number of bytes.
    fn write_some(&mut self, bytes: &[u8], length: u32) -> Result<usize, Error> {
        let within = self.written as usize % F::PAGE_BYTES;
        let page =
            usize::from(self.slot(Self::UPLOAD).start) + self.written as usize / F::PAGE_BYTES;
        let part = bytes
            .get(..bytes.len().min(F::PAGE_BYTES - within))
            .unwrap_or_default();
        let words = part
            .get(..part.len() & !(WORD_BYTES - 1))
            .unwrap_or_default();
        let ends = self.written as usize + part.len() == length as usize;
        if words.is_empty() && !ends {
            return Ok(0);
        }
        if within == 0 {
            self.open_page(page)?;
        }
        let taken = if words.is_empty() {
            let mut last = Buffer::new();
            last.append(part);
            self.program_page(page, within, last.bytes())?;
            part.len()
        } else {
            self.program_page(page, within, words)?;
            words.len()
        };
        self.written += taken as u32;
        Ok(taken)
    }

    /// The page where the upload stands or would go on.
    pub(crate) fn upload_page(&self) -> Option<usize> {
        let (start, pages) = self.extent(Self::UPLOAD);
        let page = (self.written as usize / F::PAGE_BYTES).min(pages.checked_sub(1)?);
        Some(start + page)
    }

    /// The image is complete: read it back, compare its hash, and give it the key `to`; remove the object of
    /// `drop`. What `to` was is gone. All at once.
    ///
    /// # Errors
    ///
    /// [`Error::NoUpload`], [`Error::NoObject`], [`Error::Incomplete`], [`Error::Hash`], [`Error::Full`], [`Error::Worn`].
    pub fn commit(&mut self, to: Key, drop: Option<Key>) -> Result<(), Error> {
        let upload = self.object(Self::UPLOAD).ok_or(Error::NoUpload)?;
        self.check_target(to, &[])?;
        if (self.written as usize) < upload.bytes.len() {
            return Err(Error::Incomplete {
                expected: self.written,
            });
        }
        let found: [u8; HASH_BYTES] = Sha256::digest(upload.bytes).into();
        if upload.hash != Some(&found) {
            self.abort()?;
            return Err(Error::Hash);
        }
        self.append_rename(Self::UPLOAD, to, drop)
    }

    /// Forget the upload in progress, if any.
    ///
    /// # Errors
    ///
    /// [`Error::Full`], [`Error::Worn`].
    pub fn abort(&mut self) -> Result<(), Error> {
        match self.slot(Self::UPLOAD).record {
            0 => Ok(()),
            _ => self.append_remove(Self::UPLOAD, NO_KEY),
        }
    }
}
