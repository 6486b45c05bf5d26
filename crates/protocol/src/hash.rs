//! The hash that names an image.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[cfg(test)]
use postcard_schema::Schema;

/// SHA-256 of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct ImageHash(pub [u8; 32]);

impl ImageHash {
    /// Hash a whole image.
    #[must_use]
    pub fn of(image: &[u8]) -> Self {
        let mut hasher = ImageHasher::default();
        hasher.update(image);
        hasher.finish()
    }
}

/// Hashes an image that arrives in parts.
#[derive(Clone, Debug, Default)]
pub struct ImageHasher(Sha256);

impl ImageHasher {
    /// The next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The hash of all parts.
    #[must_use]
    pub fn finish(self) -> ImageHash {
        ImageHash(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_whole_agree_with_the_published_example() {
        // FIPS 180-4 example "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hex = |h: ImageHash| {
            h.0.iter()
                .map(|b| std::format!("{b:02x}"))
                .collect::<std::string::String>()
        };
        assert_eq!(hex(ImageHash::of(b"abc")), expected);
        let mut parts = ImageHasher::default();
        parts.update(b"a");
        parts.update(b"");
        parts.update(b"bc");
        assert_eq!(hex(parts.finish()), expected);
    }
}
