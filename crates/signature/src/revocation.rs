//! What must not run any more: a list that is signed as a package is.
//!
//! ```text
//!   \0asm 01 00 00 00 │ 0, length, 13, "berth-revoked", 1, entries │ 0, length, 9, "berth-sig", claims, signature
//! ```
//!
//! A list is a module of two custom sections and nothing else, so whoever verifies packages verifies lists. It has the name [`NAME`] and
//! the counter of a package's signature: of two lists the one with the higher counter is newer, and replaces the other as a whole.
//!
//! | entry | bytes |
//! | --- | --- |
//! | a key | 0, key id: 8 |
//! | versions of a package | 1, key id: 8, counter: 4, length and name: this version and all before it |
//! | an image | 2, SHA-256 of the file: 32 |

use crate::claims::word;
use crate::search::{MAGIC, leb};
use crate::{Claims, HASH_BYTES, KEY_ID_BYTES, KeyId, NAME_MAX, Search, Signed, Step};

/// Name of the section.
pub const SECTION: &str = "berth-revoked";

/// The name for which a list is signed.
pub const NAME: &str = "berth-revoked";

/// Most bytes of a list, its signature included.
pub const LIST_MAX: usize = 1024;

/// Number of the format, the first byte of the section's contents.
const FORMAT: u8 = 1;

/// Something that must not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked<'a> {
    /// All that this key has signed.
    Key(KeyId),
    /// Versions of a package.
    Package {
        /// The key that signed it.
        key: KeyId,
        /// The last of them: those before it are meant as well.
        counter: u32,
        /// Its name.
        name: &'a str,
    },
    /// A file, signed or not.
    Image(&'a [u8; HASH_BYTES]),
}

impl Revoked<'_> {
    /// Returns whether this is about an image with this signature and this SHA-256.
    #[must_use]
    pub fn covers(
        &self,
        claims: Option<&Claims<'_>>,
        hash: impl FnOnce() -> [u8; HASH_BYTES],
    ) -> bool {
        match (*self, claims) {
            (Self::Image(revoked), _) => *revoked == hash(),
            (_, None) => false,
            (Self::Key(key), Some(claims)) => key == claims.key,
            (Self::Package { key, counter, name }, Some(claims)) => {
                key == claims.key && name == claims.name && claims.counter <= counter
            }
        }
    }
}

/// The entries of a list. Each is well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries<'a> {
    bytes: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Returns the entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = Revoked<'a>> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || entry(&mut rest))
    }
}

/// Takes one entry.
fn entry<'a>(rest: &mut &'a [u8]) -> Option<Revoked<'a>> {
    let (&kind, after) = rest.split_first()?;
    let (found, after) = match kind {
        0 => {
            let (key, after) = after.split_first_chunk()?;
            (Revoked::Key(KeyId(*key)), after)
        }
        1 => {
            let (key, after) = after.split_first_chunk()?;
            let (counter, mut after) = after.split_first_chunk()?;
            let name = word(&mut after, NAME_MAX)?;
            let found = Revoked::Package {
                key: KeyId(*key),
                counter: u32::from_le_bytes(*counter),
                name,
            };
            (found, after)
        }
        2 => {
            let (hash, after) = after.split_first_chunk()?;
            (Revoked::Image(hash), after)
        }
        _ => return None,
    };
    *rest = after;
    Some(found)
}

/// Returns the entries of a list and its signature, which is not verified; `None` if `file` is no list.
#[must_use]
pub fn list(file: &[u8]) -> Option<(Entries<'_>, Signed<'_>)> {
    let mut rest = file.strip_prefix(MAGIC)?.strip_prefix(&[0])?;
    let length = leb(&mut rest)?;
    let mut contents = rest.get(..length)?;
    if leb(&mut contents)? != SECTION.len() {
        return None;
    }
    let contents = contents.strip_prefix(SECTION.as_bytes())?;
    let bytes = contents.strip_prefix(&[FORMAT])?;
    let mut entries = bytes;
    while !entries.is_empty() {
        entry(&mut entries)?;
    }
    // The signature's section follows, and is the last.
    let mut search = Search::new();
    let steps = [search.step(file), search.step(file), search.step(file)];
    match steps {
        [
            Ok(Step::Further),
            Ok(Step::Further),
            Ok(Step::Signed(signed)),
        ] if signed.claims.name == NAME && file.len() <= LIST_MAX => {
            Some((Entries { bytes }, signed))
        }
        _ => None,
    }
}

/// Writes a list without its signature's section into `buffer`. Returns how many bytes it has; `None` if a name is none or it does not fit.
pub fn unsigned(entries: &[Revoked<'_>], buffer: &mut [u8]) -> Option<usize> {
    let bytes_of = |entry: &Revoked<'_>| match entry {
        Revoked::Key(_) => 1 + KEY_ID_BYTES,
        Revoked::Package { name, .. } => 1 + KEY_ID_BYTES + 4 + 1 + name.len(),
        Revoked::Image(_) => 1 + HASH_BYTES,
    };
    let length = 1 + SECTION.len() + 1 + entries.iter().map(bytes_of).sum::<usize>();
    // As LEB128 in two bytes, however short it is.
    if length >= 1 << 14 {
        return None;
    }
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        let end = at + bytes.len();
        buffer.get_mut(at..end)?.copy_from_slice(bytes);
        at = end;
        Some(end)
    };
    put(MAGIC)?;
    put(&[0, length as u8 | 0x80, (length >> 7) as u8])?;
    put(&[SECTION.len() as u8])?;
    put(SECTION.as_bytes())?;
    let mut end = put(&[FORMAT])?;
    for entry in entries {
        end = match entry {
            Revoked::Key(key) => {
                put(&[0])?;
                put(&key.0)?
            }
            Revoked::Package { key, counter, name } => {
                let is_name = (1..=NAME_MAX).contains(&name.len())
                    && name.bytes().all(|byte| byte.is_ascii_graphic());
                if !is_name {
                    return None;
                }
                put(&[1])?;
                put(&key.0)?;
                put(&counter.to_le_bytes())?;
                put(&[name.len() as u8])?;
                put(name.as_bytes())?
            }
            Revoked::Image(hash) => {
                put(&[2])?;
                put(*hash)?
            }
        };
    }
    Some(end)
}
