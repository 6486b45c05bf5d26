//! Commands that a document shows its reader: do they parse today?

use std::path::Path;

use clap::CommandFactory;

use crate::Problems;

/// What there is to be called.
pub(crate) struct Programs<'a> {
    /// The Makefile's text.
    pub(crate) makefile: &'a str,
    /// Returns whether the repository has a file.
    pub(crate) has: &'a dyn Fn(&str) -> bool,
}

/// What is wrong with the commands in the document at `path`.
pub(crate) fn check(path: &str, text: &str, programs: &Programs<'_>) -> Problems {
    let mut problems = Problems::new();
    for (number, command) in shown(text) {
        if let Err(why) = parses(&command, programs) {
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

/// The commands of a line, each as its words, without what stands before its program and without what becomes of its input
/// and output. A line that is none, or that a shell makes into another, has none.
fn commands(line: &str) -> Vec<Vec<String>> {
    let line = line.split(" #").next().unwrap_or_default().trim();
    // What stands for something else, and a drawing: more blanks behind the name.
    let is_form = line.contains(['…', '`']) || line.contains("<(") || line.contains("[-");
    let name = line.split(' ').next().unwrap_or_default();
    if is_form || line.starts_with(&format!("{name}  ")) {
        return Vec::new();
    }
    // A semicolon behind a word is one by itself.
    let Some(words) = shlex::split(&line.replace("; ", " ; ")) else {
        return Vec::new();
    };
    let ends = |word: &String| ["|", "||", "&&", "&", ";"].contains(&word.as_str());
    words.split(ends).map(command).collect()
}

/// The words of one command.
fn command(words: &[String]) -> Vec<String> {
    let is_setting = |word: &&String| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let mut rest = words.iter().skip_while(is_setting).peekable();
    let mut command = Vec::new();
    while let Some(word) = rest.next() {
        let digits = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let stands_for_one = word.starts_with('<') && word.ends_with('>');
        if !digits.starts_with(['>', '<']) || stands_for_one {
            command.push(word.clone());
        } else if matches!(digits, ">" | ">>" | "<") {
            rest.next();
        }
    }
    command
}

fn parses(line: &str, programs: &Programs<'_>) -> Result<(), String> {
    for mut words in commands(line) {
        let Some(first) = words.first_mut() else {
            continue;
        };
        // What has been built is called by its path, or installed.
        let path = first.strip_prefix("./").unwrap_or(first);
        let built = path.strip_prefix("target/").map(Path::new);
        let name = built
            .and_then(Path::file_name)
            .and_then(|name| name.to_str());
        if name.is_none() && path.contains('/') && !path.starts_with(['/', '~', '$', '<']) {
            if !(programs.has)(path) {
                return Err(format!("there is no {path}"));
            }
            continue;
        }
        let name = name.unwrap_or(path).to_owned();
        first.clone_from(&name);
        match name.as_str() {
            "berth" => understood(berth::cli::Cli::command(), &words)?,
            "pack" => understood(berth_pack::cli::Cli::command(), &words)?,
            "exposure" => understood(berth_exposure_compiler::cli::Cli::command(), &words)?,
            "berth-emulator" => understood(berth_emulator::cli::Cli::command(), &words)?,
            "make" => {
                for target in words.iter().skip(1).filter(|word| !word.contains('=')) {
                    let head = format!("{target}:");
                    if !programs
                        .makefile
                        .lines()
                        .any(|line| line.starts_with(&head))
                    {
                        return Err(format!("the Makefile has no {target}"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn understood(program: clap::Command, words: &[String]) -> Result<(), String> {
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

    const PROGRAMS: Programs<'_> = Programs {
        makefile: "build: tools\ntest: build\n",
        has: &|path| path == "tools/there.sh",
    };

    #[test]
    fn commands_of_today_pass_and_others_are_named_with_their_line() {
        let text = "```\nberth ps --json   # all\nmake test EXPOSURE=x\nberth run x.wasm \\\n    --share 3\nFOO=1 target/debug/berth ps > x 2>&1\nls /x; berth ps && berth heap\ntools/there.sh\nberth logs \"$NAME\" | less\nberth-emulator set tmp105 temperature=1\n/opt/own x\n```\n```rust\nberth nonsense\n```\n";
        assert_eq!(check("a.md", text, &PROGRAMS), Problems::new());
        for (line, expected) in [
            ("berth fly", "unrecognized subcommand"),
            ("berth ps --colour", "unexpected argument"),
            ("berth logs x -n many | tail", "invalid value"),
            ("pack x.wasm --memroy 3", "unexpected argument"),
            ("make supper", "the Makefile has no supper"),
            ("target/debug/berth fly", "unrecognized subcommand"),
            ("A=1 B=2 berth fly", "unrecognized subcommand"),
            ("berth ps && berth fly", "unrecognized subcommand"),
            ("cd x; berth fly", "unrecognized subcommand"),
            ("berth logs \"$NAME\" --nope", "unexpected argument"),
            ("berth ps > x --nope", "unexpected argument"),
            ("exposure x.dts --jsn y", "unexpected argument"),
            ("target/debug/berth-emulator rum", "unrecognized subcommand"),
            ("tools/gone.sh x", "there is no tools/gone.sh"),
        ] {
            let found = check("a.md", &format!("text\n```sh\n{line}\n```\n"), &PROGRAMS);
            assert!(
                matches!(&found[..], [only] if only.starts_with("a.md:3: ") && only.contains(expected)),
                "{line}: {found:?}"
            );
        }
    }
}
