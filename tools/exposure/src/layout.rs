//! Where processes and the kernel are, from the memory map `layout.ld`.
//!
//! Read as a linker reads it: words, not lines. Of the script only the `MEMORY` commands mean something here:
//! `NAME [(flags)] : ORIGIN = number, LENGTH = number`, with the short names of both, and sums, products and shifts of
//! numbers and of the ends of regions that stand before. What stands in a `MEMORY` command and cannot be read is a
//! mistake: it would keep nobody out.

use std::fs;
use std::path::Path;

use crate::address::Range;
use crate::problem::{Place, Problem};
use crate::report::Report;

/// One region of the memory map.
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) range: Range,
}

/// All regions of the memory map.
pub(crate) fn regions(path: &Path, report: &mut Report) -> Vec<Region> {
    let place = |line| Place {
        file: path.to_owned(),
        line,
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            report.add(&place(1), Problem::Layout(error.to_string()));
            return Vec::new();
        }
    };
    let words = words(&text);
    let mut script = Script {
        words: &words,
        known: Vec::new(),
    };
    while let Some((line, word)) = script.next() {
        match word {
            "INCLUDE" => report.add(&place(line), Problem::Region),
            "MEMORY" if script.take("{") => {
                while !script.take("}") {
                    let line = script.line().unwrap_or(line);
                    if script.region().is_none() {
                        report.add(&place(line), Problem::Region);
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    script.known
}

/// Words and signs, each with its line; comments and white space separate.
fn words(text: &str) -> Vec<(u32, &str)> {
    let mut words = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => rest
                .get(1..)
                .and_then(|behind| behind.find('"'))
                .map_or(rest.len(), |end| end + 2),
            _ if rest.starts_with("<<") || rest.starts_with(">>") => 2,
            _ if is_of_word(first) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (word, behind) = rest.split_at(length);
        if !first.is_whitespace() && !word.starts_with("/*") {
            words.push((line, word));
        }
        line += word.matches('\n').count() as u32;
        rest = behind;
    }
    words
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.$".contains(character)
}

/// The words that have not been read, and the regions that have.
struct Script<'a> {
    words: &'a [(u32, &'a str)],
    known: Vec<Region>,
}

impl<'a> Script<'a> {
    fn next(&mut self) -> Option<(u32, &'a str)> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(*first)
    }

    fn line(&self) -> Option<u32> {
        self.words.first().map(|(line, _)| *line)
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.first().map(|(_, word)| *word)
    }

    fn take(&mut self, word: &str) -> bool {
        let is = self.peek() == Some(word);
        if is {
            let _ = self.next();
        }
        is
    }

    /// Reads a region; `None`, and nothing is known of what stands behind, if that is none.
    fn region(&mut self) -> Option<()> {
        let (_, name) = self.next()?;
        let name = name.trim_matches('"');
        if name == "INCLUDE" || !name.chars().all(is_of_word) {
            return None;
        }
        if self.take("(") {
            while !self.take(")") {
                // Flags are letters, and signs that turn them round.
                let (_, flags) = self.next()?;
                (flags == "!" || flags.chars().all(is_of_word)).then_some(())?;
            }
        }
        self.take(":").then_some(())?;
        let base = self.value(&["ORIGIN", "org", "o"])?;
        // A linker takes it without, too.
        self.take(",");
        let length = self.value(&["LENGTH", "len", "l"])?;
        self.known.push(Region {
            name: name.to_owned(),
            range: Range { base, length },
        });
        Some(())
    }

    fn value(&mut self, names: &[&str]) -> Option<u64> {
        let (_, name) = self.next()?;
        names.contains(&name).then_some(())?;
        self.take("=").then_some(())?;
        self.expression(0)
    }

    /// Operators bind as in C; those of `least` and above are read.
    fn expression(&mut self, least: usize) -> Option<u64> {
        const LEVELS: [&[&str]; 5] = [&["|"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "/"]];
        let Some(operators) = LEVELS.get(least) else {
            return self.operand();
        };
        let mut value = self.expression(least + 1)?;
        while let Some(operator) = self.peek().filter(|word| operators.contains(word)) {
            let _ = self.next();
            let other = self.expression(least + 1)?;
            let bits = u32::try_from(other).ok();
            value = match operator {
                "|" => value | other,
                "&" => value & other,
                "<<" => bits
                    .filter(|bits| value.leading_zeros() >= *bits)
                    .and_then(|bits| value.checked_shl(bits))?,
                ">>" => value.checked_shr(bits?)?,
                "+" => value.checked_add(other)?,
                "-" => value.checked_sub(other)?,
                "*" => value.checked_mul(other)?,
                _ => value.checked_div(other)?,
            };
        }
        Some(value)
    }

    fn operand(&mut self) -> Option<u64> {
        let (_, word) = self.next()?;
        if word == "(" {
            let value = self.expression(0)?;
            return self.take(")").then_some(value);
        }
        if !["ORIGIN", "LENGTH"].contains(&word) {
            return number(word);
        }
        self.take("(").then_some(())?;
        let (_, name) = self.next()?;
        let region = self.known.iter().find(|region| region.name == name)?;
        let range = region.range;
        let value = if word == "ORIGIN" {
            range.base
        } else {
            range.length
        };
        self.take(")").then_some(value)
    }
}

/// A number as linker scripts have it: decimal, `0x`, octal behind a zero; `K` and `M` behind it multiply.
fn number(text: &str) -> Option<u64> {
    let (digits, scale) = match text.as_bytes().last()? {
        b'k' | b'K' => (text.get(..text.len() - 1)?, 1 << 10),
        b'm' | b'M' => (text.get(..text.len() - 1)?, 1 << 20),
        _ => (text, 1_u64),
    };
    let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, digits.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (digits, 10),
    };
    u64::from_str_radix(digits, radix).ok()?.checked_mul(scale)
}
