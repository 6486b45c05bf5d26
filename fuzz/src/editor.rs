//! Keys of a person: the terminal always shows the line that is typed, and no key does more than it may.

use std::num::NonZero;

use berth_random::Random;
use wasm_supervisor::fake::Fake;
use wasm_supervisor::shell::editor::{Editor, LINE_MAX, PROMPT};
use wasm_supervisor::supervisor::Supervisor;

const ROWS: NonZero<u16> = NonZero::new(24).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();

/// The first byte says whether the keys go to the editor alone or to a whole supervisor. A key of 0 stands for text that
/// comes between.
pub fn body(input: &[u8]) {
    let Some((kind, keys)) = input.split_first() else {
        return;
    };
    if kind % 4 == 0 {
        shell(keys);
    } else {
        editor(keys);
    }
}

/// The terminal shows prompt and line, and gets no escape sequence.
fn editor(keys: &[u8]) {
    let mut editor = Editor::new();
    let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
    for key in keys {
        if *key == 0 {
            terminal.process(editor.hide().bytes());
            terminal.process(b"[blink] on\r\n");
            terminal.process(editor.redraw().bytes());
            continue;
        }
        let (finished, drawn) = editor.take(*key);
        assert!(!drawn.bytes().contains(&0x1b), "an escape sequence");
        terminal.process(drawn.bytes());
        if finished {
            let line = editor.finished();
            assert!(line.text().len() <= LINE_MAX);
            assert!(line.text().bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            terminal.process(editor.begin().bytes());
        }
    }
    let line = editor.finished();
    let prompt = std::str::from_utf8(PROMPT).unwrap();
    let screen = terminal.screen();
    let (row, column) = screen.cursor_position();
    let shown = screen.rows(0, 80).nth(row.into()).unwrap();
    let wanted = format!("{prompt}{}", line.text());
    // Nobody has typed, and so there is no prompt.
    if shown.trim_end().is_empty() && line.text().is_empty() {
        return;
    }
    assert_eq!(shown.trim_end(), wanted.trim_end());
    let column = usize::from(column);
    assert!(column >= prompt.len() && column <= wanted.len());
}

/// The shell answers in text.
fn shell(keys: &[u8]) {
    let fake = Fake::default();
    let mut supervisor = Supervisor::new(fake.clone());
    let typed = keys.iter().copied().filter(|key| *key != 0);
    fake.0.input.borrow_mut().extend(typed);
    for _ in 0..8 + keys.len() {
        supervisor.poll();
    }
    assert!(fake.0.input.borrow().is_empty());
    let said = fake.0.output.borrow();
    let is_text = |byte: &u8| matches!(byte, b'\r' | b'\n' | 8 | 0x20..0x7f);
    assert!(said.iter().all(is_text), "{said:x?}");
}

/// Lines of commands, with keys of all kinds in them.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        "help\rps\rimages\rheap\rexposures\revents\rinfo\r",
        "start blink\rstop blink\rkill blink\rpause blink\rresume blink\rrm blink\rlogs blink\rinspect blink\r",
        "edit blink share 4 restart no\redit blink --share 3\r\x1b[A\x1b[A\x1b[B\r",
        "half\x1b[D\x1b[D\x7f\x1b[3~\x01x\x05y\x0b\x15\x17z\x0c\x03",
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234",
    ];
    let mut random = Random(1);
    let noise: Vec<u8> = (0..200).map(|_| random.number() as u8).collect();
    let lines = lines.map(|line| line.as_bytes().to_vec());
    let both = |keys: Vec<u8>| [0, 1].map(|kind| [&[kind], &keys[..]].concat());
    lines.into_iter().chain([noise]).flat_map(both).collect()
}
