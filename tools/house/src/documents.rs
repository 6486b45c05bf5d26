//! Links, paths and tables of a document.

use anyhow::Result;

use crate::{Problems, Repository};

/// Endings of what is a file of this repository where it stands in backticks with a folder before it.
const FILES: [&str; 13] = [
    ".rs", ".md", ".toml", ".sh", ".txt", ".dts", ".dtsi", ".svd", ".ld", ".c", ".cpp", ".h",
    ".svg",
];

/// What is wrong with the document at `path`.
pub(crate) fn check(
    path: &str,
    text: &str,
    repository: &Repository,
    read: &dyn Fn(&str) -> Result<String>,
) -> Problems {
    let mut problems = Problems::new();
    let mut fence = false;
    let mut columns = None;
    let mut previous = "";
    for (number, line) in text.lines().enumerate() {
        let mut say = |what: String| problems.push(format!("{path}:{}: {what}", number + 1));
        if line.trim_start().starts_with("```") {
            fence = !fence;
        } else if !fence {
            for target in links(line) {
                if let Some(what) = broken(path, text, target, repository, read) {
                    say(what);
                }
            }
            for (file, function) in functions(line) {
                let there = repository.files.iter().any(|path| {
                    path.ends_with(file)
                        && read(path).is_ok_and(|text| text.contains(&format!("fn {function}(")))
                });
                if !there {
                    say(format!("{file} has no function {function}"));
                }
            }
            for part in tests(line) {
                let is_one = |path: &String| {
                    path.ends_with(".rs")
                        && read(path)
                            .is_ok_and(|text| test_names(&text).any(|name| name.contains(part)))
                };
                if !repository.files.iter().any(is_one) {
                    say(format!("there is no test {part}"));
                }
            }
            for named in paths(line) {
                if !repository.has(named) && !repository.has(&beside(path, named)) {
                    say(format!("there is no {named}"));
                }
            }
            if line.starts_with('|') {
                let count = cells(line);
                match columns {
                    None if !is_ruler(line) && !previous.starts_with('|') => {
                        columns = Some(count);
                        // A table begins with names and a ruler below them.
                        let next = text.lines().nth(number + 1).unwrap_or_default();
                        if !is_ruler(next) {
                            say("a row of a table that has no head".to_owned());
                        }
                    }
                    Some(expected) if count != expected => {
                        say(format!("{count} cells, {expected} above"));
                    }
                    _ => {}
                }
            } else {
                columns = None;
            }
        }
        previous = line;
    }
    problems
}

/// Targets of the links in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

/// Why a link leads nowhere.
fn broken(
    path: &str,
    text: &str,
    target: &str,
    repository: &Repository,
    read: &dyn Fn(&str) -> Result<String>,
) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let there = match file {
        "" => path.to_owned(),
        file => beside(path, file),
    };
    let is_there = repository.files.contains(there.trim_end_matches('/'))
        || repository
            .files
            .iter()
            .any(|file| file.starts_with(&format!("{}/", there.trim_end_matches('/'))));
    if !is_there {
        return Some(format!("the link to {target} leads nowhere"));
    }
    if heading.is_empty() {
        return None;
    }
    let other = if file.is_empty() {
        text.to_owned()
    } else {
        read(&there).unwrap_or_default()
    };
    let has = other
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line) == heading);
    (!has).then(|| format!("{there} has no heading for {target}"))
}

/// A path from the folder of `document`, as one from the root.
fn beside(document: &str, path: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            other => other.is_alphanumeric().then_some(other),
        })
        .collect()
}

/// What stands in backticks and is meant as a file or folder of this repository.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|text| {
        let plain = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let folder = text.split('/').next().unwrap_or_default();
        plain
            && text.contains('/')
            && !matches!(folder, "" | "~" | "target" | "..")
            && (FILES.iter().any(|ending| text.ends_with(ending)) || text.ends_with('/'))
    })
}

/// Functions that are named with their file, as `tests/a.rs::one`.
pub(crate) fn functions(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|text| {
            text.split_once(".rs::")
                .map(|(file, name)| (text, file, name))
        })
        .map(|(text, file, name)| (&text[..file.len() + ".rs".len()], name))
}

/// What stands for tests in the runner's expressions: `test(part_of_a_name)`.
fn tests(line: &str) -> impl Iterator<Item = &str> {
    line.split("test(")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(part, _)| part)
        .filter(|part| {
            let mut characters = part.chars();
            !part.is_empty()
                && characters.all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c))
        })
}

/// The names of a source's tests: of the functions that stand below `#[test]`, those in the workspace's macros (`proptest!`) included.
pub(crate) fn test_names(source: &str) -> impl Iterator<Item = &str> {
    let tests = source.split("#[test]").skip(1);
    tests.filter_map(|rest| Some(rest.split_once("fn ")?.1.split_once('(')?.0))
}

/// Cells of a row of a table; a bar that is escaped or stands in backticks is text.
fn cells(line: &str) -> usize {
    let mut count = 0;
    let mut code = false;
    let mut escaped = false;
    for character in line.trim_end().chars() {
        match character {
            '`' if !escaped => code = !code,
            '|' if !escaped && !code => count += 1,
            _ => {}
        }
        escaped = character == '\\';
    }
    count - 1
}

fn is_ruler(line: &str) -> bool {
    line.starts_with('|') && line.chars().all(|c| "|-: ".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Problems {
        let repository = Repository {
            files: ["docs/a.md", "docs/b.md", "tools/x/src/main.rs"]
                .map(str::to_owned)
                .into(),
        };
        let read = |path: &str| {
            Ok(match path {
                "docs/b.md" => "## Its head".into(),
                "tools/x/src/main.rs" => "fn help() {}\n#[test]\nfn it_works_well() {}".into(),
                _ => String::new(),
            })
        };
        check("docs/a.md", text, &repository, &read)
    }

    #[test]
    fn what_is_there_is_no_problem() {
        let text = "[b](b.md) [h](b.md#its-head) [web](https://example.org/x)\n`tools/x/` `x/src/main.rs` `target/x.rs`\n\
                    `x/src/main.rs::it_works_well` and `-E 'test(works)'`\n\
                    | a | b |\n| --- | --- |\n| `x|y` | z \\| |\n\n# Here\n[own](#here) [up](../tools/x)\n";
        assert_eq!(problems(text), Problems::new());
    }

    #[test]
    fn what_is_not_there_is_named_with_its_line() {
        for (text, expected) in [
            (
                "\n[x](none.md)",
                "docs/a.md:2: the link to none.md leads nowhere",
            ),
            (
                "[x](b.md#other)",
                "docs/a.md:1: docs/b.md has no heading for b.md#other",
            ),
            ("[x](#nothing)", "docs/a.md:1: docs/a.md has no heading"),
            (
                "`tools/x/src/other.rs`",
                "docs/a.md:1: there is no tools/x/src/other.rs",
            ),
            (
                "`tools/x/src/main.rs::it_works`",
                "docs/a.md:1: tools/x/src/main.rs has no function it_works",
            ),
            (
                "run `-E 'test(help)'`",
                "docs/a.md:1: there is no test help",
            ),
            ("`crates/none/`", "docs/a.md:1: there is no crates/none/"),
            (
                "| a | b |\n| - | - |\n| c |",
                "docs/a.md:3: 1 cells, 2 above",
            ),
            (
                "| a | b |\n| - | - |\n\n| c | d |",
                "docs/a.md:4: a row of a table that has no head",
            ),
        ] {
            let found = problems(text);
            assert!(
                matches!(&found[..], [only] if only.starts_with(expected)),
                "{text}: {found:?}"
            );
        }
    }
}
