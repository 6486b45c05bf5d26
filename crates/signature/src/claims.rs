//! What the signer of a package says of it.

use crate::{
    FORMAT, HASH_BYTES, KEY_ID_BYTES, LABEL_MAX, LABELS_MAX, Malformed, NAME_MAX, SECTION,
    SIGNATURE_BYTES,
};

/// Names a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; KEY_ID_BYTES]);

impl KeyId {
    /// Returns the id of the public key whose SHA-256 is `hash`.
    #[must_use]
    pub fn of_hash(hash: &[u8; HASH_BYTES]) -> Self {
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&hash[..KEY_ID_BYTES]);
        Self(id)
    }
}

/// In hexadecimal.
impl core::fmt::Display for KeyId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a signature claims, as it stands in a package. It is worth what the signature is: nothing until that is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    /// Which key signed.
    pub key: KeyId,
    /// Which version of the package this is, as its signer counts.
    pub counter: u32,
    /// Name of the package.
    pub name: &'a str,
    /// The labels that it may claim.
    pub labels: Labels<'a>,
}

/// The labels of a signature. Each is well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels<'a> {
    bytes: &'a [u8],
}

impl<'a> Labels<'a> {
    /// Returns the labels in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || word(&mut rest, LABEL_MAX))
    }

    /// Returns how many bytes they are, each with its length in front. They end where the signature begins.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Is this one of them?
    #[must_use]
    pub fn contains(&self, label: &str) -> bool {
        self.iter().any(|own| own == label)
    }
}

/// Takes a length and so many bytes, at most `max`; `None` if they are not a word.
pub(crate) fn word<'a>(rest: &mut &'a [u8], max: usize) -> Option<&'a str> {
    core::str::from_utf8(word_bytes(rest, max)?).ok()
}

/// The same as bytes. Each is ASCII, so they are text; who only passes over a word need not find that out once more.
fn word_bytes<'a>(rest: &mut &'a [u8], max: usize) -> Option<&'a [u8]> {
    let (&length, after) = rest.split_first()?;
    let length = usize::from(length);
    if length == 0 || length > max || length > after.len() {
        return None;
    }
    let (word, after) = after.split_at(length);
    if !word.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    *rest = after;
    Some(word)
}

impl<'a> Claims<'a> {
    /// Read the contents of a section, without its name. Returns the claims and the signature behind them.
    ///
    /// # Errors
    ///
    /// If they are not what [`NewClaims::section`] writes and a signature.
    pub fn decode(section: &'a [u8]) -> Result<(Self, &'a [u8; SIGNATURE_BYTES]), Malformed> {
        match section.split_first() {
            Some((&FORMAT, rest)) => Self::read(rest).ok_or(Malformed::Claims),
            _ => Err(Malformed::Format),
        }
    }

    fn read(mut rest: &'a [u8]) -> Option<(Self, &'a [u8; SIGNATURE_BYTES])> {
        let (key, after) = rest.split_first_chunk()?;
        let (counter, after) = after.split_first_chunk()?;
        rest = after;
        let name = word(&mut rest, NAME_MAX)?;
        let (&count, after) = rest.split_first()?;
        if usize::from(count) > LABELS_MAX {
            return None;
        }
        rest = after;
        for _ in 0..count {
            word_bytes(&mut rest, LABEL_MAX)?;
        }
        let bytes = after.get(..after.len() - rest.len())?;
        let claims = Self {
            key: KeyId(*key),
            counter: u32::from_le_bytes(*counter),
            name,
            labels: Labels { bytes },
        };
        Some((claims, rest.try_into().ok()?))
    }
}

/// Claims that are to be signed.
#[derive(Clone, Copy, Debug)]
pub struct NewClaims<'a> {
    /// As [`Claims::key`].
    pub key: KeyId,
    /// As [`Claims::counter`].
    pub counter: u32,
    /// As [`Claims::name`].
    pub name: &'a str,
    /// As [`Claims::labels`].
    pub labels: &'a [&'a str],
}

impl NewClaims<'_> {
    /// Write a section up to its signature into `buffer`; what is signed is the module with these bytes behind it. Returns how many
    /// they are. `None` if a name or label is not one, there are too many, or it does not fit: [`SECTION_MAX`](crate::SECTION_MAX)
    /// bytes hold every section.
    pub fn section(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut contents = 1 + SECTION.len() + 1 + KEY_ID_BYTES + 4 + 1 + self.name.len() + 1;
        contents += self.labels.iter().map(|l| 1 + l.len()).sum::<usize>() + SIGNATURE_BYTES;
        let labels = u8::try_from(self.labels.len()).ok()?;
        let fits = |word: &str, max| {
            (1..=max).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let is_sound = self.labels.len() <= LABELS_MAX
            && fits(self.name, NAME_MAX)
            && self.labels.iter().all(|label| fits(label, LABEL_MAX));
        if !is_sound {
            return None;
        }
        let mut out = Out { buffer, length: 0 };
        // Number of a custom section, and its length as LEB128: below 2^14 by the limits.
        out.put(&[0])?;
        if contents < 0x80 {
            out.put(&[contents as u8])?;
        } else {
            out.put(&[contents as u8 | 0x80, (contents >> 7) as u8])?;
        }
        out.word(SECTION)?;
        out.put(&[FORMAT])?;
        out.put(&self.key.0)?;
        out.put(&self.counter.to_le_bytes())?;
        out.word(self.name)?;
        out.put(&[labels])?;
        for label in self.labels {
            out.word(label)?;
        }
        Some(out.length)
    }
}

/// A buffer that is filled.
struct Out<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl Out<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.buffer
            .get_mut(self.length..end)?
            .copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.put(&[u8::try_from(word.len()).ok()?])?;
        self.put(word.as_bytes())
    }
}
