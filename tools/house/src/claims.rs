//! Claims of a document and the tests of them: each row of a table with the columns `claim` and `where` names a test.

use anyhow::Result;

use crate::documents::functions;
use crate::{Problems, Repository};

/// The head of such a table.
const HEAD: &str = "| claim | where |";

/// What is wrong with the claims in the document at `path`.
pub(crate) fn check(
    path: &str,
    text: &str,
    repository: &Repository,
    read: &dyn Fn(&str) -> Result<String>,
) -> Problems {
    let mut problems = Problems::new();
    let mut lines = (1..).zip(text.lines()).peekable();
    while let Some((_, line)) = lines.next() {
        if line != HEAD {
            continue;
        }
        // The ruler.
        lines.next();
        while let Some((number, row)) = lines.next_if(|(_, line)| line.starts_with('|')) {
            let mut say = |what: String| problems.push(format!("{path}:{number}: {what}"));
            let tests = row.rsplit(" | ").next().unwrap_or_default();
            if functions(tests).next().is_none() {
                say("a claim without a test, as `tests/a.rs::name`".to_owned());
            }
            for (file, name) in functions(tests) {
                let is_one = |path: &&String| {
                    path.ends_with(file) && read(path).is_ok_and(|text| is_test(&text, name))
                };
                if repository.files.iter().find(is_one).is_none() {
                    say(format!("{file} has no test {name}"));
                }
            }
        }
    }
    problems
}

/// Returns whether a source has a function of this name that is a test. A test of the workspace's macros (`proptest!`) has the
/// same attribute.
fn is_test(source: &str, name: &str) -> bool {
    let begins = format!("fn {name}(");
    source.match_indices(&begins).any(|(at, _)| {
        let before = source.get(..at).unwrap_or_default();
        // Attributes and comments stand on the lines before it, up to an empty one or the end of something else.
        let above = before.split('\n').rev().skip(1).map(str::trim);
        let mut above = above.take_while(|line| !line.is_empty() && !line.ends_with('}'));
        above.any(|line| line == "#[test]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(row: &str) -> Problems {
        let repository = Repository {
            files: ["tests/a.rs"].map(str::to_owned).into(),
        };
        let read = |_: &str| {
            Ok(
                "fn help() {\n}\n#[test]\n#[cfg(unix)]\nfn it_holds() {\n}\nfn other() {\n}\n"
                    .to_owned(),
            )
        };
        let text = format!("{HEAD}\n| --- | --- |\n{row}\n\n| a | b |\n| - | - |\n| c | d |\n");
        check("docs/x.md", &text, &repository, &read)
    }

    #[test]
    fn a_claim_has_a_test_that_exists() {
        assert_eq!(
            problems("| it `x|y` holds | `tests/a.rs::it_holds` |"),
            Problems::new()
        );
        for (row, expected) in [
            ("| it | `tests/a.rs` |", "a claim without a test"),
            (
                "| it | `tests/a.rs::it_hold` |",
                "tests/a.rs has no test it_hold",
            ),
            (
                "| it | `tests/a.rs::other` |",
                "tests/a.rs has no test other",
            ),
            (
                "| it | `tests/b.rs::it_holds` |",
                "tests/b.rs has no test it_holds",
            ),
        ] {
            let found = problems(row);
            let wanted = format!("docs/x.md:3: {expected}");
            assert!(
                matches!(&found[..], [only] if only.starts_with(&wanted)),
                "{row}: {found:?}"
            );
        }
    }
}
