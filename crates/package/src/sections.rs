//! The custom sections of a module.
//!
//! Source: WebAssembly core specification 5.5.3 (custom section).

use berth_admission::reader::Reader;

use super::ManifestError;

/// Number of a custom section.
const CUSTOM: u8 = 0;

/// The contents of the first custom section called `name`, without the name.
///
/// # Errors
///
/// If `image` is not a sequence of sections.
pub fn custom_section<'a>(image: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, ManifestError> {
    let mut sections = Reader::module(image).map_err(|_| ManifestError::NotAModule)?;
    while !sections.is_empty() {
        let (number, mut contents) = sections.section().map_err(|_| ManifestError::NotAModule)?;
        if number == CUSTOM && contents.name() == Ok(name) {
            return Ok(Some(contents.rest()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn module(parts: &[&[u8]]) -> Vec<u8> {
        [b"\0asm\x01\0\0\0", &parts.concat()[..]].concat()
    }

    #[test]
    fn a_section_is_found_by_its_name() {
        let image = module(&[
            b"\0\x03\x01ax",
            b"\x01\x01\0",
            b"\0\x02\x01\xff",
            b"\0\x07\x05berth!",
            b"\0\x07\x05berth?",
        ]);
        assert_eq!(custom_section(&image, "berth"), Ok(Some(&b"!"[..])));
        assert_eq!(custom_section(&image, "a"), Ok(Some(&b"x"[..])));
        assert_eq!(custom_section(&image, "b"), Ok(None));
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
