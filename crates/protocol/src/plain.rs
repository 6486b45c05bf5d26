//! Which characters of a text from elsewhere may stand on a terminal.
//!
//! A container's text, or a name that its module has, must not change how what stands around it is read: move the
//! cursor, begin a line, turn the direction of writing, or hide. So control characters are out, and
//! with them format characters (marks and overrides of direction, joiners, tags, the byte order mark), separators of
//! lines and paragraphs, what is shown as nothing (fillers, variation selectors),
//! private characters and those that are none.
//!
//! The table is short because it names ranges, not characters: what it leaves out besides, a few reserved places,
//! nobody misses. A test of `berth-pack` compares it with Unicode's own tables.

/// First and last of each range that is left out, below [`END`].
const HIDDEN: [(u32, u32); 28] = [
    (0x00, 0x1f),
    (0x7f, 0x9f),
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x600, 0x605),
    (0x61c, 0x61c),
    (0x6dd, 0x6dd),
    (0x70f, 0x70f),
    (0x890, 0x891),
    (0x8e2, 0x8e2),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xe000, 0xf8ff),
    (0xfdd0, 0xfdef),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0xfffe, 0xffff),
    (0x110bd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
];

/// From here on there are tags, selectors and private characters only.
const END: u32 = 0xe0000;

/// May this character of a text from elsewhere be shown?
#[must_use]
pub fn is_plain(character: char) -> bool {
    // Nearly all of what is said.
    if matches!(character, ' '..='~') {
        return true;
    }
    let code = u32::from(character);
    // The last two of each plane are no characters.
    code < END
        && code & 0xfffe != 0xfffe
        && !HIDDEN
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_how_text_is_read_is_not_plain() {
        for hidden in [
            '\0',
            '\n',
            '\t',
            '\x1b',
            '\x7f',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{fe0f}',
            '\u{e0100}',
            '\u{3164}',
            '\u{1fffe}',
        ] {
            assert!(!is_plain(hidden), "{hidden:?}");
        }
        for shown in [
            'a', ' ', '~', 'ü', '€', 'ж', 'א', 'ع', '中', '한', '🦀', '\u{fffd}', '\u{a0}',
        ] {
            assert!(is_plain(shown), "{shown:?}");
        }
    }
}
