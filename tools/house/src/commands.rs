//! Commands that a document shows its reader: do they parse today?

use clap::CommandFactory;

use crate::Problems;

/// What is wrong with the commands in the document at `path`.
pub(crate) fn check(path: &str, text: &str, makefile: &str) -> Problems {
    let mut problems = Problems::new();
    for (number, command) in shown(text) {
        if let Err(why) = parses(&command, makefile) {
            problems.push(format!("{path}:{number}: `{command}`: {why}"));
        }
    }
    problems
}

/// Commands in fenced blocks, with their lines; a line that ends in a backslash goes on.
pub(crate) fn shown(text: &str) -> Vec<(usize, String)> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    let mut fence = None;
    let mut goes_on = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = match fence {
                None => Some(matches!(language.trim(), "" | "sh" | "console")),
                Some(_) => None,
            };
            continue;
        }
        if fence != Some(true) {
            continue;
        }
        let words = line.trim_start().trim_start_matches("$ ");
        let (part, more) = match words.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (words, false),
        };
        match commands.last_mut() {
            Some((_, command)) if goes_on => command.push_str(part),
            _ => commands.push((number + 1, part.to_owned())),
        }
        goes_on = more;
    }
    commands
}

/// The words of a command, without its comment; `None` if it is not one of ours, or more than words.
fn words(command: &str) -> Option<Vec<&str>> {
    let command = command.split(" #").next().unwrap_or_default().trim();
    let words: Vec<_> = command.split_ascii_whitespace().collect();
    let program = words.first()?;
    let plain = !command.contains(['\'', '"', '`', '$', ';', '&', '<', '>', '…', '[']);
    // More blanks behind the name are those of a drawing.
    let is_drawn = command.starts_with(&format!("{program}  "));
    (matches!(*program, "berth" | "pack" | "make") && plain && !is_drawn).then_some(words)
}

fn parses(command: &str, makefile: &str) -> Result<(), String> {
    for part in command.split(" | ") {
        let Some(words) = words(part) else { continue };
        match words.split_first() {
            Some((&"berth", _)) => understood(berth::cli::Cli::command(), &words)?,
            Some((&"pack", _)) => understood(berth_pack::cli::Cli::command(), &words)?,
            Some((_, targets)) => {
                for target in targets.iter().filter(|word| !word.contains('=')) {
                    let head = format!("{target}:");
                    if !makefile.lines().any(|line| line.starts_with(&head)) {
                        return Err(format!("the Makefile has no {target}"));
                    }
                }
            }
            None => {}
        }
    }
    Ok(())
}

fn understood(program: clap::Command, words: &[&str]) -> Result<(), String> {
    match program.try_get_matches_from(words) {
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            Err(text.lines().next().unwrap_or_default().to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = "build: tools\ntest: build\n";

    #[test]
    fn commands_of_today_pass_and_others_are_named_with_their_line() {
        let text = "```\nberth ps --json   # all\nmake test EXPOSURE=x\nberth run x.wasm \\\n    --share 3\n```\n```rust\nberth nonsense\n```\n";
        assert_eq!(check("a.md", text, MAKEFILE), Problems::new());
        for (line, expected) in [
            ("berth fly", "unrecognized subcommand"),
            ("berth ps --colour", "unexpected argument"),
            ("berth logs x -n many | tail", "invalid value"),
            ("pack x.wasm --memroy 3", "unexpected argument"),
            ("make supper", "the Makefile has no supper"),
        ] {
            let found = check("a.md", &format!("text\n```sh\n{line}\n```\n"), MAKEFILE);
            assert!(
                matches!(&found[..], [only] if only.starts_with("a.md:3: ") && only.contains(expected)),
                "{line}: {found:?}"
            );
        }
    }
}
