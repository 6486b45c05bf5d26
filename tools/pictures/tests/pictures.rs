//! Are the pictures of the documentation still what the commands in them say, and can they be read?

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use berth_e2e::root;
use berth_pictures::{GOES_ON, folder, run};

/// What is the same in every run: no numbers, no blanks that columns of numbers need.
fn skeleton(text: &str) -> BTreeSet<String> {
    let line = |line: &str| {
        let mut kept = String::new();
        for character in line.chars().filter(|c| !c.is_whitespace()) {
            let character = if character.is_ascii_digit() || character == '.' {
                '0'
            } else {
                character
            };
            if !(character == '0' && kept.ends_with('0')) {
                kept.push(character);
            }
        }
        // Milliseconds today, seconds tomorrow, on a busy computer.
        let kept = kept
            .replace("0ms", "0s")
            .replace("0k", "0")
            .replace("0M", "0");
        // A line of a container may come between prompt and words.
        kept.trim_start_matches("berth>").to_owned()
    };
    text.lines()
        .map(line)
        .filter(|line| !line.is_empty())
        .collect()
}

/// Text with its escape sequences left out.
fn plain(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic());
        kept.push_str(end.and_then(|end| part.get(end + 1..)).unwrap_or_default());
    }
    kept
}

/// The text in a picture.
fn drawn(svg: &str) -> Result<String> {
    let (_, text) = svg.split_once("<text").context("no text")?;
    let mut kept = String::new();
    for part in text.split('<').skip(1) {
        let (_, words) = part.split_once('>').unwrap_or_default();
        kept.push_str(words);
    }
    // What did not fit a line is part of it.
    let mut whole = String::new();
    for line in kept
        .lines()
        .filter(|line| !line.trim_matches(' ').is_empty())
    {
        if !line.trim_matches(' ').starts_with(GOES_ON) {
            whole.push('\n');
        }
        whole.push_str(line);
    }
    Ok(whole
        .replace("&#160;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&"))
}

#[test]
fn the_pictures_show_what_the_commands_say_today() -> Result<()> {
    for (name, text) in run()? {
        let path = folder().join(name).with_extension("svg");
        let svg = fs::read_to_string(&path)?;
        let (then, now) = (skeleton(&drawn(&svg)?), skeleton(&plain(&text)));
        let gone: Vec<_> = then.difference(&now).collect();
        let new: Vec<_> = now.difference(&then).collect();
        ensure!(
            gone.is_empty() && new.is_empty(),
            "{name} is stale, `make pictures` draws it anew; gone: {gone:#?}, new: {new:#?}"
        );
    }
    Ok(())
}

/// Returns how bright a colour is, `#rrggbb`, as WCAG 2 has it.
fn luminance(colour: &str) -> Option<f64> {
    let channel = |at: usize| {
        let value = u8::from_str_radix(colour.get(at..at + 2)?, 16).ok()?;
        let value = f64::from(value) / 255.0;
        Some(if value <= 0.03928 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        })
    };
    Some(0.2126 * channel(1)? + 0.7152 * channel(3)? + 0.0722 * channel(5)?)
}

#[test]
fn every_colour_of_the_pictures_can_be_read() -> Result<()> {
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let svg = fs::read_to_string(&path)?;
        let colours: Vec<_> = svg
            .lines()
            .filter_map(|line| {
                let (class, rule) = line.trim().strip_prefix('.')?.split_once(" { fill: ")?;
                Some((class, luminance(rule.get(..7)?)?))
            })
            .collect();
        let (_, ground) = colours
            .iter()
            .find(|(class, _)| *class == "bg")
            .context("no ground")?;
        for (class, colour) in colours.iter().filter(|(class, _)| class.starts_with("fg")) {
            let contrast = (colour.max(*ground) + 0.05) / (colour.min(*ground) + 0.05);
            ensure!(
                contrast >= 4.5,
                "{}: {class} has {contrast:.1}",
                path.display()
            );
        }
    }
    Ok(())
}

/// A number behind the first of these words, up to a unit.
fn number(text: &str, word: &str) -> Option<f64> {
    let (_, behind) = text.split_once(word)?;
    let end = behind.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    behind.get(..end)?.parse().ok()
}

#[test]
fn every_picture_can_be_read_on_a_telephone() -> Result<()> {
    // Pixels of its width, and of the smallest letters that are read without effort.
    const TELEPHONE: f64 = 360.0;
    const LETTERS: f64 = 10.0;
    let mut pictures = vec![root().join("docs/architecture.svg")];
    for entry in fs::read_dir(folder())? {
        pictures.push(entry?.path());
    }
    for path in pictures {
        let svg = fs::read_to_string(&path)?;
        let width = number(&svg, " width=\"").context("no width")?;
        let sizes = ["font: ", "font-size: ", "font-size=\""].into_iter();
        let letters: Vec<_> = sizes
            .flat_map(|word| svg.match_indices(word))
            .filter_map(|(at, word)| number(svg.get(at..)?, word))
            .collect();
        let smallest = letters
            .iter()
            .copied()
            .reduce(f64::min)
            .context("no letters")?;
        let seen = smallest * (TELEPHONE / width).min(1.0);
        ensure!(seen >= LETTERS, "{}: {seen:.1} pixels", path.display());
    }
    Ok(())
}
