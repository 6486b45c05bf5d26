//! The editor against a terminal: what a person sees is what is in the line.

use super::*;
use core::num::NonZero;
use std::string::String;
use std::vec::Vec;

const ROWS: NonZero<u16> = NonZero::new(24).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();

/// A person at a terminal of 80 columns.
struct Person {
    editor: Editor,
    terminal: vt100::Parser,
}

impl Person {
    fn new() -> Self {
        Self {
            editor: Editor::new(),
            terminal: vt100::Parser::new(ROWS, COLUMNS, 0),
        }
    }

    /// Press keys. Returns the lines that were finished.
    fn press(&mut self, keys: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for key in keys {
            let (finished, drawn) = self.editor.take(*key);
            assert!(!drawn.bytes().contains(&0x1b), "an escape sequence");
            self.terminal.process(drawn.bytes());
            if finished {
                lines.push(self.editor.finished().text().into());
                let drawn = self.editor.begin();
                self.terminal.process(drawn.bytes());
            }
        }
        lines
    }

    /// The terminal's line of the cursor, with `|` where it stands.
    fn sees(&self) -> String {
        let screen = self.terminal.screen();
        let (row, column) = screen.cursor_position();
        let mut text: Vec<char> = screen
            .rows(0, 80)
            .nth(row.into())
            .unwrap()
            .chars()
            .collect();
        let column = usize::from(column);
        while text.len() < column {
            text.push(' ');
        }
        text.insert(column, '|');
        let text: String = text.into_iter().collect();
        // Blanks behind the line are what an erased one leaves.
        text.trim_end().into()
    }
}

/// Keys, one after the other, and what stands on the terminal after each.
#[test]
fn each_key_does_what_it_says() {
    let mut person = Person::new();
    for (keys, sees) in [
        (&b"p"[..], "berth> p|"),
        (b"sx", "berth> psx|"),
        (b"\x7f", "berth> ps|"),
        (b"\x1b[D", "berth> p|s"),
        (b"\x1b[D", "berth> |ps"),
        (b"\x1b[D", "berth> |ps"),
        (b"a", "berth> a|ps"),
        (b"\x1b[C", "berth> ap|s"),
        (b"\x1bOC", "berth> aps|"),
        (b"\x1b[C", "berth> aps|"),
        (b"\x1b[H", "berth> |aps"),
        (b"\x1b[3~", "berth> |ps"),
        (b"\x1b[F", "berth> ps|"),
        (b"\x1b[1~", "berth> |ps"),
        (b"\x05", "berth> ps|"),
        (b"\x01", "berth> |ps"),
        (b"\x04", "berth> |s"),
        (b"\x1b[4~", "berth> s|"),
        (b"\x08", "berth> |"),
        (b"\x08", "berth> |"),
        (b"stop two words", "berth> stop two words|"),
        (b"\x17", "berth> stop two |"),
        (b"\x17", "berth> stop |"),
        (b"\x02\x02", "berth> sto|p"),
        (b"\x0b", "berth> sto|"),
        (b"\x15", "berth> |"),
        (b"half a line\x03", "berth> |"),
        (b"\x1b[1;5Cx", "berth> x|"),
        (b"\x1b[99~", "berth> x|"),
        (b"\x1bq\x07\x00\xff", "berth> xq|"),
        (b"\x0c", "berth> xq|"),
    ] {
        assert!(person.press(keys).is_empty());
        assert_eq!(
            person.sees(),
            sees,
            "after {:?}",
            String::from_utf8_lossy(keys)
        );
    }
}

#[test]
fn history_goes_back_and_forth() {
    let mut person = Person::new();
    let (up, down) = (b"\x1b[A", b"\x1b[B");
    assert!(person.press(up).is_empty());
    assert_eq!(person.sees(), "berth> |");
    assert_eq!(
        person.press(b"one\rtwo\rtwo\rthree\r\r"),
        ["one", "two", "two", "three", ""]
    );
    for (key, sees) in [
        (up, "berth> three|"),
        (up, "berth> two|"),
        (up, "berth> one|"),
        (up, "berth> one|"),
        (down, "berth> two|"),
        (down, "berth> three|"),
        (down, "berth> |"),
        (down, "berth> |"),
        (up, "berth> three|"),
    ] {
        person.press(key);
        assert_eq!(person.sees(), sees);
    }
    // An old line can be changed and becomes the newest.
    assert_eq!(person.press(b"\x7f\x7f\x7f\x7f\x7fhree!\r"), ["hree!"]);
    person.press(up);
    assert_eq!(person.sees(), "berth> hree!|");
    // Only so many are kept.
    person.press(b"\x15a\rb\rc\rd\re\r");
    for _ in 0..2 * HISTORY {
        person.press(up);
    }
    assert_eq!(person.sees(), "berth> b|");
}

#[test]
fn enter_is_one_line_however_it_is_sent() {
    let mut person = Person::new();
    assert_eq!(person.press(b"a\r"), ["a"]);
    assert_eq!(person.press(b"b\n"), ["b"]);
    assert_eq!(person.press(b"c\r\n"), ["c"]);
    assert_eq!(person.press(b"d\n\n"), ["d", ""]);
}

#[test]
fn a_full_line_takes_no_more_and_does_not_wrap() {
    let mut person = Person::new();
    person.press(&[b'x'; LINE_MAX + 20]);
    assert_eq!(person.editor.finished().text().len(), LINE_MAX);
    person.press(b"\x1b[Hy");
    assert_eq!(person.editor.finished().text(), "x".repeat(LINE_MAX));
    assert_eq!(person.terminal.screen().cursor_position(), (0, 7));
    assert_eq!(person.press(b"\r"), ["x".repeat(LINE_MAX)]);
}

#[test]
fn other_text_comes_between_without_harm() {
    let mut person = Person::new();
    assert_eq!(person.editor.hide().bytes(), b"");
    assert_eq!(person.editor.redraw().bytes(), b"");
    person.press(b"sto\x1b[D");
    let hidden = person.editor.hide();
    person.terminal.process(hidden.bytes());
    person.terminal.process(b"[blink] on\r\n");
    let redrawn = person.editor.redraw();
    person.terminal.process(redrawn.bytes());
    assert_eq!(person.sees(), "berth> st|o");
    assert!(
        person
            .terminal
            .screen()
            .contents()
            .starts_with("[blink] on\n")
    );
}

/// A line and a cursor, in the plainest way.
#[derive(Default)]
struct Model {
    text: Vec<u8>,
    cursor: usize,
}

impl Model {
    fn press(&mut self, key: &[u8]) {
        match key {
            b"\x1b[D" => self.cursor = self.cursor.saturating_sub(1),
            b"\x1b[C" => self.cursor = (self.cursor + 1).min(self.text.len()),
            b"\x01" => self.cursor = 0,
            b"\x05" => self.cursor = self.text.len(),
            b"\x7f" if self.cursor > 0 => {
                self.cursor -= 1;
                self.text.remove(self.cursor);
            }
            b"\x1b[3~" if self.cursor < self.text.len() => {
                self.text.remove(self.cursor);
            }
            b"\x0b" => self.text.truncate(self.cursor),
            b"\x15" => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            [byte @ 0x20..=0x7e] if self.text.len() < LINE_MAX => {
                self.text.insert(self.cursor, *byte);
                self.cursor += 1;
            }
            _ => {}
        }
    }
}

#[test]
fn a_hundred_thousand_keys_leave_terminal_line_and_model_alike() {
    const KEYS: [&[u8]; 16] = [
        b"a", b"b", b" ", b"c", b"d", b"e", b"f", b"g", b"\x1b[D", b"\x1b[D", b"\x1b[C", b"\x01",
        b"\x05", b"\x7f", b"\x1b[3~", b"\x0b",
    ];
    let mut person = Person::new();
    let mut model = Model::default();
    // xorshift, so that every run presses the same keys.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for count in 0..100_000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Killing the line is rare, so that it gets long.
        let key = match random >> 32 & 0xff {
            0 => &b"\x15"[..],
            number => KEYS[number as usize % KEYS.len()],
        };
        person.press(key);
        model.press(key);
        assert_eq!(person.editor.finished().text().as_bytes(), model.text);
        if count % 8 == 0 {
            let mut text = String::from("berth> ");
            text.push_str(std::str::from_utf8(&model.text).unwrap());
            let screen = person.terminal.screen();
            assert_eq!(screen.contents().trim_end(), text.trim_end());
            let column = PROMPT.len() + model.cursor;
            assert_eq!(screen.cursor_position(), (0, column as u16));
        }
    }
}
