//! A line being typed, in any terminal: cursor keys, history, without memory beyond itself.
//!
//! ```text
//!   keys ──► Editor ──► what the terminal must show ──► serial line
//!               │
//!               └─► a finished line
//! ```
//!
//! The terminal gets `\r`, `\n` and backspace beside text, no escape sequences: terminals that pass
//! none on (`tockloader listen`) show the same. A line with its prompt never fills 80 columns, so
//! nothing wraps.

/// Longest line a person can type, in bytes.
pub const LINE_MAX: usize = 72;

/// What stands before a line; with it a line takes at most 79 columns.
pub const PROMPT: &[u8] = b"berth> ";

/// Lines remembered.
const HISTORY: usize = 4;

/// Most bytes that one key makes the terminal get: the line drawn anew over the old one, with the
/// way back to the cursor.
const DRAWN_MAX: usize = 1 + PROMPT.len() + LINE_MAX + LINE_MAX;

/// A line of text.
#[derive(Clone, Copy)]
pub struct Line {
    bytes: [u8; LINE_MAX],
    length: usize,
}

impl Line {
    const EMPTY: Self = Self {
        bytes: [0; LINE_MAX],
        length: 0,
    };

    fn typed(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        // Only printable ASCII gets in.
        core::str::from_utf8(self.typed()).unwrap_or_default()
    }

    /// Put `byte` at `place`. Returns `false` if the line is full.
    fn insert(&mut self, place: usize, byte: u8) -> bool {
        let Some(tail) = self.bytes.get_mut(place..=self.length) else {
            return false;
        };
        tail.rotate_right(1);
        if let Some(first) = tail.first_mut() {
            *first = byte;
        }
        self.length += 1;
        true
    }

    /// Take out what stands from `from` to `to`.
    fn remove(&mut self, from: usize, to: usize) {
        if let Some(tail) = self.bytes.get_mut(from..self.length)
            && from <= to
            && to <= self.length
        {
            tail.rotate_left(to - from);
            self.length -= to - from;
        }
    }
}

/// How far an escape sequence has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    /// After ESC.
    Begun,
    /// After ESC [ or ESC O, with the number so far.
    Open(u8),
}

/// What a key does, however terminals encode it.
#[derive(Clone, Copy)]
enum Key {
    Type(u8),
    Enter,
    Left,
    Right,
    Home,
    End,
    Up,
    Down,
    Backspace,
    Delete,
    KillLine,
    KillRest,
    KillWord,
    Abandon,
    Redraw,
    Nothing,
}

/// What the terminal must get.
pub struct Drawn {
    bytes: [u8; DRAWN_MAX],
    length: usize,
}

impl Drawn {
    const fn new() -> Self {
        Self {
            bytes: [0; DRAWN_MAX],
            length: 0,
        }
    }

    fn repeat(&mut self, byte: u8, count: usize) {
        for _ in 0..count {
            self.add(&[byte]);
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = *byte;
                self.length += 1;
            }
        }
    }

    /// The bytes to send; may be none.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Line, cursor, history.
pub struct Editor {
    line: Line,
    cursor: usize,
    /// The line typed last is the first.
    history: [Line; HISTORY],
    /// Which of them is shown, counted from 1; 0: the new line.
    shown: usize,
    escape: Escape,
    after_return: bool,
    /// Somebody has typed something: there is a prompt to be kept in order.
    awake: bool,
    /// Characters behind the prompt on the terminal.
    on_terminal: usize,
}

impl Editor {
    /// Nothing typed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            line: Line::EMPTY,
            cursor: 0,
            history: [Line::EMPTY; HISTORY],
            shown: 0,
            escape: Escape::None,
            after_return: false,
            awake: false,
            on_terminal: 0,
        }
    }

    /// The line being typed, or the one just finished.
    #[must_use]
    pub const fn finished(&self) -> Line {
        self.line
    }

    /// Take a byte of a person. Returns whether the line is finished ([`finished`](Self::finished)), and
    /// what the terminal must get. After a finished line [`begin`](Self::begin) is due.
    // Inlined it would be copied into the loop of the process.
    #[inline(never)]
    pub fn take(&mut self, byte: u8) -> (bool, Drawn) {
        let mut drawn = Drawn::new();
        let key = self.key(byte);
        match key {
            Key::Nothing => {}
            Key::Enter => {
                self.awake = true;
                self.remember();
                drawn.add(b"\r\n");
                return (true, drawn);
            }
            // The frequent case: the terminal need only show this one.
            Key::Type(byte) if self.awake && self.cursor == self.line.length => {
                if self.line.insert(self.cursor, byte) {
                    self.cursor += 1;
                    self.on_terminal += 1;
                    drawn.add(&[byte]);
                }
            }
            key => {
                self.edit(key);
                self.awake = true;
                self.draw(&mut drawn);
            }
        }
        (false, drawn)
    }

    /// A new line, with its prompt.
    pub fn begin(&mut self) -> Drawn {
        self.line = Line::EMPTY;
        self.cursor = 0;
        self.shown = 0;
        self.on_terminal = 0;
        self.redraw()
    }

    /// What makes room for a line of other text. Nothing, as long as nobody has typed anything.
    pub fn hide(&mut self) -> Drawn {
        let mut drawn = Drawn::new();
        if self.awake {
            drawn.add(b"\r");
            drawn.repeat(b' ', PROMPT.len() + self.on_terminal);
            drawn.add(b"\r");
            self.on_terminal = 0;
        }
        drawn
    }

    /// What brings prompt and line back after other text.
    pub fn redraw(&mut self) -> Drawn {
        let mut drawn = Drawn::new();
        if self.awake {
            self.draw(&mut drawn);
        }
        drawn
    }

    /// The line over what stands there, and back to the cursor.
    fn draw(&mut self, drawn: &mut Drawn) {
        let left_over = self.on_terminal.saturating_sub(self.line.length);
        drawn.add(b"\r");
        drawn.add(PROMPT);
        drawn.add(self.line.typed());
        drawn.repeat(b' ', left_over);
        drawn.repeat(0x08, left_over + self.line.length - self.cursor);
        self.on_terminal = self.line.length;
    }

    /// From bytes to keys: control characters, and the sequences of ANSI terminals.
    fn key(&mut self, byte: u8) -> Key {
        let escape = core::mem::replace(&mut self.escape, Escape::None);
        let after_return = core::mem::replace(&mut self.after_return, byte == b'\r');
        match (escape, byte) {
            (_, 0x1b) => self.escape = Escape::Begun,
            (Escape::Begun, b'[' | b'O') => self.escape = Escape::Open(0),
            (Escape::Open(number), b'0'..=b'9') => {
                let number = number.saturating_mul(10).saturating_add(byte - b'0');
                self.escape = Escape::Open(number);
            }
            // Ctrl-arrow and the like carry more numbers.
            (Escape::Open(_), b';') => self.escape = Escape::Open(0),
            (Escape::Open(number), _) => {
                return match (byte, number) {
                    (b'A', _) => Key::Up,
                    (b'B', _) => Key::Down,
                    (b'C', _) => Key::Right,
                    (b'D', _) => Key::Left,
                    (b'H', _) | (b'~', 1 | 7) => Key::Home,
                    (b'F', _) | (b'~', 4 | 8) => Key::End,
                    (b'~', 3) => Key::Delete,
                    _ => Key::Nothing,
                };
            }
            // Enter may be both; the second of them is not a second line.
            (_, b'\n') if after_return => {}
            (_, b'\r' | b'\n') => return Key::Enter,
            (_, 0x20..=0x7e) => return Key::Type(byte),
            (_, 0x08 | 0x7f) => return Key::Backspace,
            (_, control) => {
                return match control | 0x40 {
                    b'A' => Key::Home,
                    b'B' => Key::Left,
                    b'C' => Key::Abandon,
                    b'D' => Key::Delete,
                    b'E' => Key::End,
                    b'F' => Key::Right,
                    b'K' => Key::KillRest,
                    b'L' => Key::Redraw,
                    b'N' => Key::Down,
                    b'P' => Key::Up,
                    b'U' => Key::KillLine,
                    b'W' => Key::KillWord,
                    _ => Key::Nothing,
                };
            }
        }
        Key::Nothing
    }

    fn edit(&mut self, key: Key) {
        let end = self.line.length;
        match key {
            Key::Type(byte) => {
                if self.line.insert(self.cursor, byte) {
                    self.cursor += 1;
                }
            }
            Key::Left => self.cursor = self.cursor.saturating_sub(1),
            Key::Right => self.cursor = (self.cursor + 1).min(end),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = end,
            Key::Up if self.shown < HISTORY => self.show(self.shown + 1),
            Key::Down if self.shown > 0 => self.show(self.shown - 1),
            Key::Backspace => self.kill_from(self.cursor.saturating_sub(1)),
            Key::Delete => self.line.remove(self.cursor, (self.cursor + 1).min(end)),
            Key::KillLine => self.kill_from(0),
            Key::KillRest => self.line.remove(self.cursor, end),
            Key::KillWord => {
                let before = self.line.bytes.get(..self.cursor).unwrap_or_default();
                let word = before
                    .iter()
                    .rposition(|byte| *byte != b' ')
                    .and_then(|last| before.get(..last))
                    .and_then(|word| word.iter().rposition(|byte| *byte == b' '))
                    .map_or(0, |space| space + 1);
                self.kill_from(word);
            }
            Key::Abandon => {
                self.line.length = 0;
                self.cursor = 0;
                self.shown = 0;
            }
            Key::Up | Key::Down | Key::Enter | Key::Redraw | Key::Nothing => {}
        }
    }

    /// Take out what stands between `from` and the cursor.
    fn kill_from(&mut self, from: usize) {
        self.line.remove(from, self.cursor);
        self.cursor = from;
    }

    /// Show the line typed so many lines ago; 0: an empty one.
    fn show(&mut self, ago: usize) {
        let line = match ago.checked_sub(1) {
            None => Line::EMPTY,
            Some(index) => match self.history.get(index) {
                Some(line) if line.length > 0 => *line,
                _ => return,
            },
        };
        self.line = line;
        self.cursor = line.length;
        self.shown = ago;
    }

    /// Keep the finished line, unless it is empty or the one kept last.
    fn remember(&mut self) {
        let is_new = self
            .history
            .first()
            .is_some_and(|last| last.typed() != self.line.typed());
        if is_new && self.line.length > 0 {
            self.history.rotate_right(1);
            if let Some(first) = self.history.first_mut() {
                *first = self.line;
            }
        }
    }
}

impl Default for Editor {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[path = "editor_tests.rs"]
mod tests;
