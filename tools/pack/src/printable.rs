//! Text from outside as it may stand on a terminal.

use berth_protocol::is_plain;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Returns `text` with all escaped that is not plain text (tabs stay): whatever a container or a module
/// contains, it cannot move the cursor, change colours, forge lines, hide, or turn the direction of writing.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\t' || (is_plain(character) && is_visible(character)) {
            shown.push(character);
        } else {
            shown.extend(character.escape_default());
        }
    }
    shown
}

/// Is it, by Unicode's tables, neither a control, format, separating or private character, nor unassigned?
fn is_visible(character: char) -> bool {
    !matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_container_controls_the_terminal() {
        assert_eq!(
            printable("a\x1b[31m\tb\u{9b}\n"),
            "a\\u{1b}[31m\tb\\u{9b}\\n"
        );
        assert_eq!(printable("ab\u{202e}cd\u{2028}"), "ab\\u{202e}cd\\u{2028}");
        assert_eq!(printable("grün"), "grün");
    }

    #[test]
    fn the_devices_rule_leaves_nothing_out_that_unicodes_tables_name() {
        let missed: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| is_plain(*c) && !is_visible(*c))
            .filter(|c| c.general_category() != GeneralCategory::Unassigned)
            .collect();
        assert_eq!(missed, []);
        // And hides little besides: characters that are shown as nothing.
        let besides = ('\0'..=char::MAX)
            .filter(|c| !is_plain(*c) && is_visible(*c))
            .count();
        assert!(besides < 300, "{besides}");
    }
}
