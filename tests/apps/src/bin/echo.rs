//! `echo`: prints what is typed.
//!
//! Waits for one byte, takes whatever has come with it, and prints the count and
//! the bytes. A full stop ends it.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::console::Reader;
use libtock::{ErrorCode, EventSlot, StaticBuffer};
use test_apps::Line;

libtock::main!(main);

/// Where completed reads are noted down.
static RECEIVED: EventSlot = EventSlot::new();
static BUFFER: StaticBuffer<64> = StaticBuffer::new();

fn main() {
    if let Err(code) = run() {
        Line::new().text("echo: failed: ").text(code.name()).print();
        libtock::terminate(code as u32);
    }
}

fn run() -> Result<(), ErrorCode> {
    let buffer = BUFFER.take().ok_or(ErrorCode::NoMem)?;
    let mut reader = Reader::new(buffer, &RECEIVED)?;
    // Before it says so: who reads first has the console.
    reader.start(1)?;
    Line::new().text("echo: ready").print();
    loop {
        let first = loop {
            libtock::yield_wait();
            if let Some(outcome) = reader.poll() {
                outcome.status?;
                break outcome.bytes.first().copied().unwrap_or(b'?');
            }
        };
        let rest = reader.read_available()?;
        let mut line = Line::new();
        line.text("echo: ").decimal(1 + rest.len() as u32).text(" ");
        for byte in core::iter::once(&first).chain(rest) {
            line.text(printable(byte));
        }
        line.print();
        if first == b'.' || rest.contains(&b'.') {
            return Ok(());
        }
        reader.start(1)?;
    }
}

/// A byte as text; `?` for what is not printable ASCII.
fn printable(byte: &u8) -> &str {
    match byte {
        b' '..=b'~' => core::str::from_utf8(core::slice::from_ref(byte)).unwrap_or("?"),
        _ => "?",
    }
}
