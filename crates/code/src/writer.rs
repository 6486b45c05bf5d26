//! An object on its way into the flash.

use berth_compiler::{Full, Report, Sink};
use berth_flash::Flash;

use crate::directory::put;
use crate::object::{self, Object};
use crate::{CodeStore, Error, Key, Row};

/// Bytes that are programmed at once.
const ROW_BYTES: usize = 128;

/// An object that is being written: give it to the compiler, and then [finish](Self::finish) it. One that is dropped
/// before leaves nothing behind.
#[derive(Debug)]
pub struct Writer<'s, F> {
    store: &'s mut CodeStore<F>,
    key: Key,
    row: Row,
    /// Pages of the row that are erased.
    erased: usize,
    /// What comes next goes here, in bytes from the row's beginning, when what is held was programmed.
    place: usize,
    /// Bytes that wait for more.
    held: [u8; ROW_BYTES],
    length: usize,
    /// The entry table is being written.
    in_table: bool,
    /// Functions, each of which has two words in the table.
    functions: u32,
    /// Where the code ends.
    end: usize,
    failed: Option<Error>,
}

impl<'s, F: Flash> Writer<'s, F> {
    pub(crate) const fn new(
        store: &'s mut CodeStore<F>,
        key: Key,
        functions: u32,
        row: Row,
    ) -> Self {
        Self {
            store,
            key,
            row,
            erased: 0,
            place: 8 * functions as usize,
            held: [0; ROW_BYTES],
            length: 0,
            in_table: false,
            functions,
            end: 0,
            failed: None,
        }
    }

    /// Bytes that were written, the table included.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.place + self.length
    }

    /// Why it takes no more.
    #[must_use]
    pub const fn failed(&self) -> Option<Error> {
        self.failed
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for byte in bytes {
            if let Some(place) = self.held.get_mut(self.length) {
                *place = *byte;
                self.length += 1;
            }
            if self.length == ROW_BYTES {
                self.program()?;
            }
        }
        Ok(())
    }

    /// Programs what is held, up to a whole word.
    fn program(&mut self) -> Result<(), Error> {
        while !self.length.is_multiple_of(4) {
            if let Some(place) = self.held.get_mut(self.length) {
                *place = 0;
                self.length += 1;
            }
        }
        let end = self.place + self.length;
        if end > self.row.pages * F::PAGE_BYTES {
            return Err(Error::Full);
        }
        while self.erased * F::PAGE_BYTES < end {
            self.store.flash.erase(self.row.first + self.erased)?;
            self.erased += 1;
        }
        let at = self.row.first * F::PAGE_BYTES + self.place;
        let held = self.held.get(..self.length).unwrap_or_default();
        put(&mut self.store.flash, at, held)?;
        (self.place, self.length) = (end, 0);
        Ok(())
    }

    /// The code is over: the table comes.
    fn turn(&mut self) -> Result<(), Error> {
        self.program()?;
        self.end = self.place;
        (self.place, self.in_table) = (0, true);
        Ok(())
    }

    /// Notes why it takes no more.
    fn noted(&mut self, result: Result<(), Error>) -> Result<(), Full> {
        result.map_err(|error| {
            self.failed = self.failed.or(Some(error));
            Full
        })
    }

    /// Returns whether it takes more, which `is_announced`.
    fn takes(&mut self, is_announced: bool) -> Result<(), Full> {
        let failed = self.failed.or((!is_announced).then_some(Error::Full));
        self.noted(failed.map_or(Ok(()), Err))
    }

    /// All of it was given: from now on there is this object. Returns it.
    ///
    /// # Errors
    ///
    /// See [`Error`]; there is no object then.
    pub fn finish(mut self, report: &Report) -> Result<Object, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if !self.in_table {
            self.turn()?;
        }
        self.program()?;
        let bytes = report.bytes;
        if self.place != 8 * self.functions as usize
            || self.end != bytes.next_multiple_of(4) as usize
        {
            // Not the module that was announced.
            return Err(Error::Full);
        }
        let mut object = Object {
            key: self.key,
            first: self.row.first as u16,
            pages: self.erased as u16,
            bytes,
            longest: report.longest,
            sum: 0,
        };
        let start = object.start::<F>();
        let code = self.store.flash.bytes().get(start..start + bytes as usize);
        object.sum = object::sum(code.unwrap_or_default());
        let store = self.store;
        store.directory.add(&mut store.flash, &object)?;
        Ok(object)
    }
}

impl<F: Flash> Sink for Writer<'_, F> {
    fn put(&mut self, halfwords: &[u16]) -> Result<(), Full> {
        self.takes(!self.in_table)?;
        for halfword in halfwords {
            let result = self.hold(&halfword.to_le_bytes());
            self.noted(result)?;
        }
        Ok(())
    }

    fn entry(&mut self, index: u32, words: [u32; 2]) -> Result<(), Full> {
        self.takes(index < self.functions)?;
        if !self.in_table {
            let result = self.turn();
            self.noted(result)?;
        }
        for word in words {
            let result = self.hold(&word.to_le_bytes());
            self.noted(result)?;
        }
        Ok(())
    }
}
