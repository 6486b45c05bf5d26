//! Reading small texts: words, numbers, ranges, and dtc's value syntax.

use crate::devicetree::Value;

/// A decimal or `0x` number.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `N` or `N-M`, in order; both ends belong to it.
pub(crate) fn range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

/// Returns whether a string, as dtc prints it, has something in it to read: more than spaces and bytes that are no letters.
pub(crate) fn says_something(printed: &str) -> bool {
    let mut rest = printed.chars();
    while let Some(character) = rest.next() {
        match character {
            // A byte as two hexadecimal digits, or one of the names that bytes have.
            '\\' => match rest.next() {
                Some('x') => _ = rest.nth(1),
                Some('"' | '\\') => return true,
                _ => {}
            },
            character if character.is_whitespace() => {}
            _ => return true,
        }
    }
    false
}

/// The words inside brackets, without the labels that stand at them.
fn unlabelled(inside: &str) -> impl Iterator<Item = &str> {
    let words = inside.split_whitespace();
    let bare = words.map(|word| word.rsplit_once(':').map_or(word, |(_, bare)| bare));
    bare.filter(|word| !word.is_empty())
}

/// Walks over one line of dtc's print.
pub(crate) struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    /// Up to the next space.
    pub(crate) fn word(&mut self) -> &'a str {
        let text = self.rest.trim_start();
        let end = text.find(' ').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        word
    }

    /// Read `token` if it comes next.
    pub(crate) fn take(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Values separated by commas, up to and with the semicolon.
    pub(crate) fn values(&mut self) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            self.labels();
            if self.take("\"") {
                values.extend(self.strings()?.into_iter().map(Value::Text));
            } else {
                values.push(self.value()?);
            }
            self.labels();
            if self.take(";") {
                return Some(values);
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    /// Labels that stand before or behind a value.
    fn labels(&mut self) {
        let is_label = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        while let Some((word, rest)) = self.rest.trim_start().split_once(':') {
            if word.is_empty() || !is_label(word) {
                break;
            }
            self.rest = rest;
        }
    }

    fn value(&mut self) -> Option<Value> {
        if self.take("[") {
            let (inside, rest) = self.rest.split_once(']')?;
            self.rest = rest;
            let bytes = |byte| u8::from_str_radix(byte, 16).ok();
            let bytes: Option<_> = unlabelled(inside).map(bytes).collect();
            return Some(bytes.map_or(Value::Other, Value::Bytes));
        }
        // A cell has 32 bits unless the print says otherwise.
        let mut bits = 32;
        if self.take("/bits/") {
            bits = number(self.word())?;
        }
        if self.take("<") {
            let (inside, rest) = self.rest.split_once('>')?;
            self.rest = rest;
            let width = usize::try_from(bits / 8).ok()?;
            let mut bytes = Vec::new();
            for cell in unlabelled(inside) {
                // A reference that dtc printed as such is none of the numbers we read.
                let Some(cell) = number(cell) else {
                    return Some(Value::Other);
                };
                bytes.extend(cell.to_be_bytes().get(8usize.checked_sub(width)?..)?);
            }
            return Some(Value::Bytes(bytes));
        }
        let end = self.rest.find([';', ','])?;
        self.rest = self.rest.get(end..)?;
        Some(Value::Other)
    }

    /// The strings of a pair of quotes whose first is read. Bytes of 0 end them, as dtc prints a list where its source or the blob that it read had
    /// it so; what else is escaped stays as it is.
    fn strings(&mut self) -> Option<Vec<String>> {
        let (mut strings, mut text) = (Vec::new(), String::new());
        loop {
            let end = self.rest.find(['"', '\\'])?;
            let (plain, escaped) = self.rest.split_at(end);
            text.push_str(plain);
            let zero = { ["\\x00", "\\0"].iter() }.find_map(|zero| escaped.strip_prefix(zero));
            if let Some(rest) = zero {
                self.rest = rest;
                strings.push(core::mem::take(&mut text));
            } else if let Some(rest) = escaped.strip_prefix('"') {
                self.rest = rest;
                // The quote ends the last one itself.
                if strings.is_empty() || !text.is_empty() {
                    strings.push(text);
                }
                return Some(strings);
            } else {
                let next = escaped.chars().nth(1)?.len_utf8();
                let (kept, rest) = escaped.split_at(1 + next);
                text.push_str(kept);
                self.rest = rest;
            }
        }
    }
}
