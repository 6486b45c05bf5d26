//! Claims of a document and the tests of them: each row of a table with the columns `claim` and `where` names a test.

use anyhow::Result;

use crate::documents::{functions, test_names};
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
                    path.ends_with(file)
                        && read(path).is_ok_and(|text| test_names(&text).any(|test| test == name))
                };
                if repository.files.iter().find(is_one).is_none() {
                    say(format!("{file} has no test {name}"));
                }
            }
        }
    }
    problems
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
