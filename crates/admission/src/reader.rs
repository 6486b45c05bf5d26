//! Reading the primitive pieces of a module's binary form.
//!
//! Source: WebAssembly core specification, chapter 5 (binary format).

use super::Malformed;

/// A position in a module and what is left of the part being read.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: u32,
}

impl<'a> Reader<'a> {
    /// Read `bytes`, the first of which stands at `offset` in the module.
    #[must_use]
    pub const fn new(bytes: &'a [u8], offset: u32) -> Self {
        Self { bytes, offset }
    }

    /// Read the sections of the module `image`.
    ///
    /// # Errors
    ///
    /// If it does not begin as a core module of version 1.
    pub fn module(image: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Self::new(image, 0);
        let start = reader;
        if reader.slice(4) != Ok(b"\0asm") {
            return Err(start.error("not a WebAssembly module"));
        }
        let version = reader;
        if reader.slice(4)? != [1, 0, 0, 0] {
            return Err(version.error("not a core module of version 1"));
        }
        Ok(reader)
    }

    /// Offset of the next byte in the module.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// What is left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Nothing left?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes left.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.bytes.len() as u32
    }

    /// The error `what` at this place.
    #[must_use]
    pub const fn error(&self, what: &'static str) -> Malformed {
        Malformed {
            offset: self.offset,
            what,
        }
    }

    /// The next byte.
    ///
    /// # Errors
    ///
    /// At the end.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                self.offset += 1;
                Ok(*first)
            }
            None => Err(self.error("unexpected end")),
        }
    }

    /// The next `length` bytes as a part of their own.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    pub fn part(&mut self, length: u32) -> Result<Reader<'a>, Malformed> {
        let offset = self.offset;
        Ok(Reader::new(self.slice(length)?, offset))
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    pub fn slice(&mut self, length: u32) -> Result<&'a [u8], Malformed> {
        match self.bytes.split_at_checked(length as usize) {
            Some((taken, rest)) => {
                self.bytes = rest;
                self.offset += length;
                Ok(taken)
            }
            None => Err(self.error("unexpected end")),
        }
    }

    /// The next section of a module: its number and contents.
    ///
    /// # Errors
    ///
    /// If it is cut off.
    pub fn section(&mut self) -> Result<(u8, Reader<'a>), Malformed> {
        let number = self.byte()?;
        let length = self.u32()?;
        Ok((number, self.part(length)?))
    }

    /// An unsigned LEB128 number of at most 32 bits.
    ///
    /// # Errors
    ///
    /// If it is cut off, longer than five bytes, or does not fit.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        let start = *self;
        let value = self.u64_of(5)?;
        u32::try_from(value).map_err(|_| start.error("number too large"))
    }

    /// An unsigned LEB128 number of at most 64 bits.
    ///
    /// # Errors
    ///
    /// If it is cut off, longer than ten bytes, or does not fit.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.u64_of(10)
    }

    /// Skip a LEB128 number of any kind, at most ten bytes long.
    ///
    /// # Errors
    ///
    /// If it is cut off or longer.
    pub fn leb(&mut self) -> Result<(), Malformed> {
        let start = *self;
        for _ in 0..10 {
            if self.byte()? & 0x80 == 0 {
                return Ok(());
            }
        }
        Err(start.error("number too long"))
    }

    /// A signed LEB128 number of at most 32 bits, if it is not negative.
    #[must_use]
    pub fn natural(&mut self) -> Option<u32> {
        let start = *self;
        let value = self.u32().ok()?;
        let length = self.offset - start.offset;
        // The highest bit of the last group is the sign.
        let sign = 1u64 << (7 * length - 1);
        (u64::from(value) & sign == 0).then_some(value)
    }

    fn u64_of(&mut self, bytes_max: u32) -> Result<u64, Malformed> {
        let start = *self;
        // Nearly all have one byte.
        let first = self.byte()?;
        let mut value = u64::from(first & 0x7f);
        if first & 0x80 == 0 {
            return Ok(value);
        }
        for index in 1..bytes_max {
            let byte = self.byte()?;
            let bits = byte & 0x7f;
            // Above the highest of them there is room for so many in 64.
            if 7 * index > 56 + bits.leading_zeros() {
                return Err(start.error("number too large"));
            }
            value |= u64::from(bits) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(start.error("number too long"))
    }

    /// A name: length and UTF-8.
    ///
    /// # Errors
    ///
    /// If it is cut off or not UTF-8.
    pub fn name(&mut self) -> Result<&'a str, Malformed> {
        let length = self.u32()?;
        let start = *self;
        core::str::from_utf8(self.slice(length)?).map_err(|_| start.error("name is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_value_or_an_error() {
        let read = |bytes: &[u8]| Reader::new(bytes, 0).u32();
        assert_eq!(read(&[0]), Ok(0));
        assert_eq!(read(&[0xe5, 0x8e, 0x26]), Ok(624_485));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX));
        assert!(read(&[0xff, 0xff, 0xff, 0xff, 0x1f]).is_err());
        assert!(read(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]).is_err());
        assert!(read(&[0x80]).is_err());
        assert!(read(&[]).is_err());
        let natural = |bytes: &[u8]| Reader::new(bytes, 0).natural();
        assert_eq!((natural(&[0x3f]), natural(&[0x40])), (Some(63), None));
        assert_eq!(
            (natural(&[0x80, 0x08]), natural(&[0x7f])),
            (Some(1024), None)
        );
        let long = [0xff; 9].iter().chain(&[1]).copied().collect::<Vec<_>>();
        assert_eq!(Reader::new(&long, 0).u64(), Ok(u64::MAX));
        let large = [0xff; 9].iter().chain(&[2]).copied().collect::<Vec<_>>();
        assert!(Reader::new(&large, 0).u64().is_err());
        assert!(Reader::new(&[0x80; 11], 0).u64().is_err());
    }

    #[test]
    fn names_and_parts_end_where_they_say() {
        let mut reader = Reader::new(&[2, b'o', b'k', 1, 0xff], 10);
        assert_eq!(reader.name(), Ok("ok"));
        assert_eq!(reader.offset(), 13);
        assert_eq!(reader.name().unwrap_err().offset, 14);
        assert!(Reader::new(&[1, 2], 0).part(3).is_err());
    }
}
