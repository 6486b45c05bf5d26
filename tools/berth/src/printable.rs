//! Text from outside as it may stand on a terminal.

/// `text` with its control characters escaped (tabs stay): whatever a container or a module
/// contains, it cannot move the cursor, change colours or forge lines.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\t' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
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
        assert_eq!(printable("grün"), "grün");
    }
}
