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

/// The strings that one pair of quotes holds: bytes of 0 end them, and dtc prints a list so where its source or the blob that it read did.
fn strings(printed: &str) -> impl Iterator<Item = String> {
    let mut strings = vec![String::new()];
    let mut rest = printed;
    while let Some((before, behind)) = rest.split_once('\\') {
        let last = strings.last_mut().into_iter();
        last.for_each(|text| text.push_str(before));
        let zero = { ["x00", "0"].iter() }.find_map(|zero| behind.strip_prefix(zero));
        if let Some(behind) = zero {
            strings.push(String::new());
            rest = behind;
            continue;
        }
        // What is escaped is no end of anything.
        let length = behind.chars().next().map_or(0, char::len_utf8);
        let (escaped, behind) = behind.split_at(length);
        if let Some(text) = strings.last_mut() {
            text.push('\\');
            text.push_str(escaped);
        }
        rest = behind;
    }
    if let Some(text) = strings.last_mut() {
        text.push_str(rest);
    }
    // The quotes end the last one themselves.
    if strings.len() > 1 && strings.last().is_some_and(String::is_empty) {
        strings.pop();
    }
    strings.into_iter()
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
                let string = self.string()?;
                values.extend(strings(&string).map(Value::Text));
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

    /// The rest of a string whose opening quote is read.
    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((place, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = self.rest.get(place + 1..)?;
                    return Some(text);
                }
                '\\' => {
                    text.push('\\');
                    text.push(characters.next()?.1);
                }
                character => text.push(character),
            }
        }
        None
    }
}
