//! The shell in a terminal, keystroke by keystroke: a pseudo-terminal between a person's terminal of
//! 80 columns and the supervisor on a fake platform.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;

use berth_protocol::{
    CHUNK_MAX, Event, FRAME_MAX, FrameDecoder, ImageHash, Op, Parameters, Request, encode_frame,
};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use wasm_supervisor::fake::Fake;
use wasm_supervisor::supervisor::Supervisor;

const ROWS: NonZero<u16> = NonZero::new(40).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();

/// A person's terminal at one end, the device at the other.
struct Terminal {
    person: File,
    line: File,
    fake: Fake,
    supervisor: Supervisor<Fake>,
    screen: vt100::Parser,
    next_id: u32,
}

impl Terminal {
    fn new() -> Self {
        let person =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let line = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        // As every serial terminal does: keys go through as they are.
        let mut raw = tcgetattr(&line).unwrap();
        raw.make_raw();
        tcsetattr(&line, OptionalActions::Now, &raw).unwrap();
        let fake = Fake::default();
        Self {
            person: person.into(),
            line: line.into(),
            supervisor: Supervisor::new(fake.clone()),
            fake,
            screen: vt100::Parser::new(ROWS, COLUMNS, 0),
            next_id: 1,
        }
    }

    /// Press one key after the other; each is answered before the next.
    fn press(&mut self, keys: &str) {
        for key in keys.bytes() {
            self.person.write_all(&[key]).unwrap();
            let mut byte = [0];
            self.line.read_exact(&mut byte).unwrap();
            self.fake.0.input.borrow_mut().extend(byte);
            self.live();
        }
    }

    /// Let the device run for a moment, and show what it says.
    fn live(&mut self) {
        for _ in 0..8 {
            self.supervisor.poll();
        }
        let mut said = std::mem::take(&mut *self.fake.0.output.borrow_mut());
        // A pseudo-terminal holds 4 KiB.
        while !said.is_empty() {
            let rest = said.split_off(said.len().min(1024));
            self.line.write_all(&said).unwrap();
            let mut shown = vec![0; said.len()];
            self.person.read_exact(&mut shown).unwrap();
            self.screen.process(&shown);
            said = rest;
        }
    }

    /// A request as `berth` sends it, between the person's keys; its answer is not text.
    fn request(&mut self, op: Op<'_>) {
        let mut frame = [0; FRAME_MAX];
        let id = self.next_id;
        self.next_id += 1;
        let frame = encode_frame(&Request { id, op }, &mut frame).unwrap();
        self.fake.0.input.borrow_mut().extend(frame.iter());
        while !self.fake.0.input.borrow().is_empty() {
            self.supervisor.poll();
        }
        let mut said = self.fake.0.output.borrow_mut();
        let mut decoder = FrameDecoder::new();
        let mut answers = 0;
        // What is text stays, and is shown with what comes next.
        said.retain(|byte| match decoder.push(*byte) {
            Event::Text(_) => true,
            Event::Message(_) => {
                answers += 1;
                false
            }
            _ => false,
        });
        assert_eq!(answers, 1);
    }

    fn upload(&mut self, name: &str, wat: &str) {
        let image = wat::parse_str(wat).unwrap();
        self.request(Op::UploadBegin {
            upload: 0,
            name,
            length: image.len() as u32,
            hash: ImageHash::of(&image),
            parameters: Parameters::default(),
        });
        for (index, bytes) in image.chunks(CHUNK_MAX).enumerate() {
            let offset = (index * CHUNK_MAX) as u32;
            self.request(Op::UploadChunk {
                upload: 0,
                offset,
                bytes,
            });
        }
        self.request(Op::UploadCommit { upload: 0 });
    }

    /// What stands on the screen, without empty lines.
    fn sees(&self) -> String {
        let text = self.screen.screen().contents();
        text.trim_end().to_owned()
    }

    fn clear(&mut self) {
        self.screen.process(b"\x1b[2J\x1b[H");
    }

    /// Type a line. Returns the answer, between the line and the next prompt.
    fn says(&mut self, line: &str) -> String {
        self.clear();
        self.press(line);
        self.press("\r");
        let screen = self.sees();
        let after = screen.split_once('\n').unwrap().1;
        after.strip_suffix("berth>").unwrap().trim_end().to_owned()
    }
}

const BLINK: &str = r#"(module
    (import "mmio:fpgaio" "claim" (func $claim (result i32)))
    (import "berth" "log" (func $log (param i32 i32 i32)))
    (import "berth" "sleep_us" (func $sleep (param i64)))
    (memory (export "memory") 1)
    (data (i32.const 0) "toggled")
    (func (export "_start")
        (drop (call $claim))
        (call $log (i32.const 2) (i32.const 0) (i32.const 7))
        (call $sleep (i64.const 10000000))))"#;

const GREEDY: &str = r#"(module
    (import "mmio:flash" "claim" (func $claim (result i32)))
    (import "env" "malloc" (func $malloc (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")))"#;

#[test]
fn a_line_is_edited_and_repeated() {
    let mut terminal = Terminal::new();
    terminal.supervisor.greet();
    terminal.live();
    assert!(terminal.sees().ends_with("type help"));
    terminal.clear();
    for (keys, sees) in [
        ("h", "berth> h"),
        ("epl", "berth> hepl"),
        ("\x1b[D", "berth> hepl"),
        ("\x7f", "berth> hel"),
        ("\x1b[C", "berth> hel"),
        ("p", "berth> help"),
        ("\x15", "berth>"),
        ("heap", "berth> heap"),
    ] {
        terminal.press(keys);
        assert_eq!(terminal.sees(), sees, "after {keys:?}");
    }
    terminal.press("\r");
    let screen = terminal.sees();
    assert!(screen.starts_with("berth> heap\n"), "{screen}");
    assert!(
        screen.contains("bytes") && screen.ends_with("\nberth>"),
        "{screen}"
    );
    terminal.clear();
    terminal.press("\x1b[A");
    assert_eq!(terminal.sees(), "berth> heap");
}

#[test]
fn every_verb_works_from_a_terminal() {
    let mut terminal = Terminal::new();
    terminal.upload("blink", BLINK);
    terminal.upload("greedy", GREEDY);
    let help = terminal.says("help");
    for verb in [
        "ps",
        "images",
        "heap",
        "exposures",
        "events",
        "info",
        "start",
        "stop",
        "kill",
        "pause",
        "resume",
        "rm",
        "logs",
        "inspect",
        "edit",
    ] {
        assert!(help.contains(verb), "{verb}: {help}");
    }
    let table = terminal.says("ps");
    assert!(
        table.contains("NAME") && table.contains("greedy       stored"),
        "{table}"
    );
    // Another line may come between: what the container says.
    assert!(terminal.says("start blink").contains("ok"));
    let table = terminal.says("ps");
    assert!(table.contains("blink        running"), "{table}");
    let exposures = terminal.says("exposures");
    assert!(
        exposures.contains("fpgaio") && exposures.contains("blink"),
        "{exposures}"
    );
    assert!(terminal.says("logs blink").ends_with("info  toggled"));
    assert_eq!(
        terminal.says("start greedy"),
        "error: 2 imports are not available on this device\n  \
         mmio:flash.claim: not exposed by this board\n  env.malloc: no such module"
    );
    assert_eq!(terminal.says("rm blink"), "error: the container is running");
    assert_eq!(terminal.says("stop blink"), "ok");
    assert_eq!(terminal.says("delete blink"), "ok");
    assert_eq!(
        terminal.says("start blink"),
        "error: no container of this name"
    );
    assert!(terminal.says("info").contains("kernel fake kernel"));
    assert!(terminal.says("edit").contains("type help"));
    assert!(terminal.says("edit greedy share").contains("edit NAME"));
    assert!(
        terminal
            .says("edit greedy share many")
            .contains("edit NAME")
    );
    assert_eq!(terminal.says(""), "");
    assert!(terminal.says("fly").contains("type help"));
}

#[test]
fn what_berth_and_wasmico_call_things_is_understood() {
    let mut terminal = Terminal::new();
    terminal.upload("blink", BLINK);
    for (line, has) in [
        ("showactive", "blink        stored"),
        ("stats", "blink        stored"),
        ("details", "SHA-256"),
        ("heapinfo", "in one piece"),
        ("doctor", "longest stall"),
        ("unpause blink", "error: the container is stored"),
        ("edit blink --share 3 --restart no", "ok"),
        ("images", "share 3"),
        ("edit blink share 4", "ok"),
        ("images", "share 4"),
        ("delete blink", "ok"),
    ] {
        let said = terminal.says(line);
        assert!(said.contains(has), "{line}: {said}");
    }
}

#[test]
fn a_container_that_speaks_leaves_the_line_as_it_is() {
    let mut terminal = Terminal::new();
    terminal.upload("blink", BLINK);
    terminal.press("sto\x1b[D");
    // A script starts it, in the middle of the person's line.
    terminal.request(Op::Start { name: "blink" });
    terminal.live();
    assert_eq!(terminal.sees(), "[blink] toggled\nberth> sto");
    assert_eq!(terminal.screen.screen().cursor_position(), (1, 9));
    terminal.press("\x05p blink\r");
    assert!(terminal.sees().contains("berth> stop blink\nok\nberth>"));
}

#[test]
fn nobody_who_types_nothing_sees_a_prompt() {
    let mut terminal = Terminal::new();
    terminal.upload("blink", BLINK);
    terminal.request(Op::Start { name: "blink" });
    terminal.live();
    assert_eq!(terminal.sees(), "[blink] toggled");
}
