//! An ordinary WASI command in Rust: prints, sleeps, uses the heap, exits with a code.
//! Compiled as docs/wasi.md shows. It does without `println!`, whose formatting takes 16 KB,
//! and `Instant`, which takes as much.

use std::io::Write;
use std::time::Duration;

fn main() {
    say("hello from Rust");
    std::thread::sleep(Duration::from_millis(20));
    say("slept");
    std::process::exit(4)
}

fn say(text: &str) {
    let line: Vec<u8> = text.bytes().chain([b'\n']).collect();
    // Standard output is the container's log, which takes everything.
    let _ = std::io::stdout().write_all(&line);
}
