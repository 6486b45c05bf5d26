//! One object, as the directory has it.

use berth_flash::Flash;

/// What an object was made of, and for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// SHA-256 of the image.
    pub image: [u8; 32],
    /// Version of the compiler, and of what its code expects of the software around it.
    pub compiler: u32,
    /// Bytes of the linear memory at the start.
    pub memory: u32,
}

/// An object in the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it was made for.
    pub key: Key,
    /// First of its pages.
    pub(crate) first: u16,
    /// How many it has.
    pub(crate) pages: u16,
    /// Bytes of it.
    pub bytes: u32,
    /// The most fuel that is charged at once.
    pub longest: u32,
    /// [`sum`] of its bytes.
    pub(crate) sum: u32,
}

/// Words of an entry.
pub(crate) const ENTRY_WORDS: usize = 16;
/// Bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = 4 * ENTRY_WORDS;

/// Marks of an entry.
pub(crate) mod mark {
    /// Everything behind it is there.
    pub(crate) const WHOLE: u32 = 0x434f_4445;
    /// The object was given up.
    pub(crate) const GIVEN_UP: u32 = 0;
}

impl Object {
    /// Where its code begins in the part.
    pub(crate) const fn start<F: Flash>(&self) -> usize {
        self.first as usize * F::PAGE_BYTES
    }

    /// Offset of its code from the first byte of the part, whose pages have so many bytes.
    #[must_use]
    pub const fn offset(&self, page_bytes: usize) -> usize {
        self.first as usize * page_bytes
    }

    /// The words of its entry behind the mark.
    pub(crate) fn words(&self) -> [u32; ENTRY_WORDS - 1] {
        let mut words = [0; ENTRY_WORDS - 1];
        let head = [
            0,
            self.key.compiler,
            u32::from(self.first) | u32::from(self.pages) << 16,
            self.bytes,
            self.key.memory,
            self.longest,
            self.sum,
        ];
        for (place, word) in words.iter_mut().zip(head) {
            *place = word;
        }
        for (place, bytes) in words.iter_mut().skip(7).zip(self.key.image.chunks_exact(4)) {
            *place = bytes
                .iter()
                .rev()
                .fold(0, |all, byte| all << 8 | u32::from(*byte));
        }
        let sum = words.iter().fold(SEED, |sum, word| step(sum, *word));
        if let Some(first) = words.first_mut() {
            *first = sum;
        }
        words
    }

    /// Reads an entry; `None` if it is none of an object in a part with `pages` pages of `page` bytes. Also returns whether the object counts.
    pub(crate) fn read(entry: &[u8], pages: usize, page: usize) -> Option<(Self, bool)> {
        let mut words = [0; ENTRY_WORDS];
        for (place, bytes) in words.iter_mut().zip(entry.chunks_exact(4)) {
            *place = word(bytes);
        }
        let [
            mark,
            sum,
            compiler,
            place,
            bytes,
            memory,
            longest,
            of_code,
            ..,
        ] = words;
        let mut image = [0; 32];
        image.copy_from_slice(entry.get(32..ENTRY_BYTES)?);
        let is = Self {
            key: Key {
                image,
                compiler,
                memory,
            },
            first: place as u16,
            pages: (place >> 16) as u16,
            bytes,
            longest,
            sum: of_code,
        };
        let end = usize::from(is.first) + usize::from(is.pages);
        let fits = usize::from(is.first) >= crate::DIRECTORY_PAGES
            && end <= pages
            && bytes as usize <= usize::from(is.pages) * page;
        let is_entry = fits && is.words().first() == Some(&sum);
        is_entry.then_some((is, mark == self::mark::WHOLE))
    }
}

/// A word from its bytes.
pub(crate) fn word(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |all, byte| all << 8 | u32::from(*byte))
}

const SEED: u32 = 0x811c_9dc5;

/// One more word of a sum. For each word it maps different sums to different ones, and for each sum different words: so a change of one word,
/// whichever, changes the sum at the end.
const fn step(sum: u32, word: u32) -> u32 {
    (sum ^ word).wrapping_mul(0x0100_0193).rotate_left(13)
}

/// A number that stands for bytes. Two that differ in one word have different ones.
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(4).map(word);
    words.fold(SEED, step)
}
