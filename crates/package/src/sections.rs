//! The sections of a module, one after the other.
//!
//! Source: WebAssembly core specification 5.5.2 (sections), 5.5.3 (custom section).

use super::ManifestError;

/// Magic and version of a core module.
const HEAD: [u8; 8] = *b"\0asm\x01\0\0\0";

/// Number of a custom section.
const CUSTOM: u8 = 0;

/// Sections of a module as `(number, contents)`, in order.
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Sections<'a> {
    /// Walk through `image`.
    ///
    /// # Errors
    ///
    /// If it does not begin as a core module of version 1.
    pub fn of(image: &'a [u8]) -> Result<Self, ManifestError> {
        match image.strip_prefix(&HEAD) {
            Some(rest) => Ok(Self { rest }),
            None => Err(ManifestError::NotAModule),
        }
    }

    fn section(&mut self) -> Option<(u8, &'a [u8])> {
        let (number, rest) = self.rest.split_first()?;
        let (length, rest) = number_of(rest)?;
        let (contents, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some((*number, contents))
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<(u8, &'a [u8]), ManifestError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let section = self.section();
        if section.is_none() {
            // Nothing behind a broken section can be found.
            self.rest = &[];
        }
        Some(section.ok_or(ManifestError::NotAModule))
    }
}

/// The contents of the first custom section called `name`, without the name.
///
/// # Errors
///
/// If `image` is not a sequence of sections.
pub fn custom_section<'a>(image: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, ManifestError> {
    for section in Sections::of(image)? {
        let (number, contents) = section?;
        if number == CUSTOM
            && let Some((length, rest)) = number_of(contents)
            && let Some((found, rest)) = rest.split_at_checked(length)
            && found == name.as_bytes()
        {
            return Ok(Some(rest));
        }
    }
    Ok(None)
}

/// An unsigned LEB128 number of at most five bytes, and what follows it.
fn number_of(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok()?;
            return Some((value as usize, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn module(parts: &[&[u8]]) -> Vec<u8> {
        [&HEAD[..], &parts.concat()].concat()
    }

    #[test]
    fn a_section_is_found_by_its_name() {
        let image = module(&[
            b"\0\x03\x01ax",
            b"\x01\x01\0",
            b"\0\x07\x05berth!",
            b"\0\x07\x05berth?",
        ]);
        assert_eq!(custom_section(&image, "berth"), Ok(Some(&b"!"[..])));
        assert_eq!(custom_section(&image, "a"), Ok(Some(&b"x"[..])));
        assert_eq!(custom_section(&image, "b"), Ok(None));
        assert_eq!(Sections::of(&image).unwrap().count(), 4);
    }

    #[test]
    fn what_is_no_module_or_ends_early_is_an_error() {
        assert_eq!(
            custom_section(b"hello", "x"),
            Err(ManifestError::NotAModule)
        );
        assert_eq!(custom_section(&module(&[]), "x"), Ok(None));
        for broken in [&b"\0"[..], b"\0\x05ab", b"\x01\x80\x80\x80\x80\x80\x01"] {
            assert_eq!(
                custom_section(&module(&[broken]), "x"),
                Err(ManifestError::NotAModule)
            );
        }
    }
}
