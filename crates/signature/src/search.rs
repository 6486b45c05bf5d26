//! Where the signature of a package is.
//!
//! Source: WebAssembly core specification 5.5.2 and 5.5.3 (sections, custom section).

use crate::{Claims, Malformed, SECTION, SIGNATURE_BYTES};

/// How every module of version 1 begins.
pub(crate) const MAGIC: &[u8; 8] = b"\0asm\x01\0\0\0";

/// Number of a custom section.
const CUSTOM: u8 = 0;

/// A package that has a signature. Whether it is a right one is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// What is claimed.
    pub claims: Claims<'a>,
    /// The signature.
    pub signature: &'a [u8; SIGNATURE_BYTES],
    /// How many bytes of the file are signed, from its first one on: all that come before the signature.
    pub covered: usize,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// There are further sections.
    Further,
    /// There is no signature.
    Unsigned,
    /// There is one.
    Signed(Signed<'a>),
}

/// A search for a signature, a section at a time. Between two steps the file stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search {
    /// Where the next section begins; 0: not begun.
    at: usize,
}

impl Search {
    /// One that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self { at: 0 }
    }

    /// Look at the beginning of `image`, or at its next section. The time that takes has a bound, whatever stands there.
    ///
    /// # Errors
    ///
    /// If this is no module so far, or a signature that cannot be read.
    pub fn step<'a>(&mut self, image: &'a [u8]) -> Result<Step<'a>, Malformed> {
        if self.at == 0 {
            if !image.starts_with(MAGIC) {
                return Err(Malformed::Module);
            }
            self.at = MAGIC.len();
            return Ok(Step::Further);
        }
        let rest = image.get(self.at..).ok_or(Malformed::Module)?;
        let Some((&number, mut rest)) = rest.split_first() else {
            return Ok(Step::Unsigned);
        };
        let length = leb(&mut rest).ok_or(Malformed::Module)?;
        let contents = rest.get(..length).ok_or(Malformed::Module)?;
        self.at = image.len() - (rest.len() - length);
        let Some(section) = signature_in(number, contents) else {
            return Ok(Step::Further);
        };
        if self.at != image.len() {
            return Err(Malformed::NotLast);
        }
        let (claims, signature) = Claims::decode(section)?;
        Ok(Step::Signed(Signed {
            claims,
            signature,
            covered: image.len() - SIGNATURE_BYTES,
        }))
    }
}

/// Returns what follows the name in a section, if it is the one of a signature.
fn signature_in(number: u8, mut contents: &[u8]) -> Option<&[u8]> {
    if number != CUSTOM || leb(&mut contents)? != SECTION.len() {
        return None;
    }
    contents.strip_prefix(SECTION.as_bytes())
}

/// Takes an unsigned LEB128 number of at most 32 bits.
pub(crate) fn leb(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for index in 0..5 {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return usize::try_from(u32::try_from(value).ok()?).ok();
        }
    }
    None
}

/// Returns the signature of `image`, if it has one, after all steps of a [`Search`].
///
/// # Errors
///
/// If `image` is no module, or its signature cannot be read.
pub fn find(image: &[u8]) -> Result<Option<Signed<'_>>, Malformed> {
    let mut search = Search::new();
    loop {
        match search.step(image)? {
            Step::Further => (),
            Step::Unsigned => return Ok(None),
            Step::Signed(signed) => return Ok(Some(signed)),
        }
    }
}
