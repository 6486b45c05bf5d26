//! Where unsafe code may stand: in the files of a list, and nowhere else.

use crate::{Problems, Repository};

/// Files of the list that are not there any more, or are listed twice.
pub(crate) fn not_listed(allowed: &str, repository: &Repository) -> Problems {
    listed(allowed)
        .filter(|path| !repository.files.contains(*path))
        .map(|path| format!("tools/house/unsafe-files.txt: there is no {path}"))
        .collect()
}

fn listed(allowed: &str) -> impl Iterator<Item = &str> {
    allowed
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What is wrong with the source at `path`.
pub(crate) fn check(path: &str, text: &str, allowed: &str) -> Problems {
    let is_listed = listed(allowed).any(|listed| listed == path);
    let first = without_comments(text)
        .lines()
        .position(has_unsafe)
        .map(|index| index + 1);
    match (first, is_listed) {
        (Some(line), false) => vec![format!(
            "{path}:{line}: unsafe code, and the file is not in tools/house/unsafe-files.txt"
        )],
        (None, true) => vec![format!(
            "{path}: has no unsafe code and need not be in tools/house/unsafe-files.txt"
        )],
        _ => Vec::new(),
    }
}

/// What is wrong with a crate's manifest: it denies unsafe code, by the workspace's lints or its own. Upstream's kernel
/// decides for what is built beside it.
pub(crate) fn manifest(path: &str, text: &str) -> Problems {
    let denies =
        text.contains("[lints]\nworkspace = true") || text.contains("\nunsafe_code = \"deny\"");
    if denies || path.starts_with("kernel-board/upstream-") {
        return Problems::new();
    }
    vec![format!("{path}: does not deny unsafe_code")]
}

/// Does the word stand there, not as a part of another?
fn has_unsafe(line: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices("unsafe").any(|(at, word)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let behind = line
            .get(at + word.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !behind.is_some_and(is_word)
    })
}

/// The text with comments and strings blank, line by line as it was.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.get(3..)
                .and_then(|text| text.find("\"#"))
                .map_or(rest.len(), |end| end + 5)
        } else if character == '"' {
            string(rest)
        } else {
            kept.push(character);
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
            // The one character that would begin a string and does not.
            if character == '\'' && rest.starts_with("\"'") {
                rest = rest.get(2..).unwrap_or_default();
            }
            continue;
        };
        let (blank, behind) = rest.split_at(skipped);
        kept.extend(blank.chars().filter(|character| *character == '\n'));
        rest = behind;
    }
    kept
}

/// Bytes of the string literal at the beginning.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_denies_nothing_is_named() {
        for (text, problems) in [
            ("[package]\n[lints]\nworkspace = true\n", 0),
            ("[lints.rust]\nunsafe_code = \"deny\"\n", 0),
            ("[package]\nname = \"x\"\n", 1),
        ] {
            assert_eq!(manifest("x/Cargo.toml", text).len(), problems, "{text}");
        }
    }

    #[test]
    fn only_code_counts() {
        let harmless = "//! unsafe\n#![forbid(unsafe_code)]\n/* unsafe */ let x = \"unsafe \\\" unsafe\";\nlet y = r#\"unsafe \" \"#; let c = '\"';\nlet unsafely = 1;\n";
        assert_eq!(check("a.rs", harmless, ""), Problems::new());
        assert_eq!(
            check("a.rs", "fn f() {\n    unsafe { g() }\n}", "# these\na.rs\n"),
            Problems::new()
        );
        let found = check(
            "a.rs",
            "// unsafe\nlet s = \"\";\nunsafe impl X for Y {}\n",
            "b.rs",
        );
        assert!(
            matches!(&found[..], [only] if only.starts_with("a.rs:3: ")),
            "{found:?}"
        );
        assert_eq!(check("a.rs", "fn f() {}", "a.rs").len(), 1);
    }
}
