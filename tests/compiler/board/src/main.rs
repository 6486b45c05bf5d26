//! Runs a batch of compiled modules, one after the other, and writes what came of them.
//!
//! Each runs as the product would have it: unprivileged, its code read-only and executable, its stack, context and memory
//! writable and never executable, everything else out of reach, with interrupts throughout. The batch is a list of words
//! that the emulator puts into memory (see `../../src/batch.rs`, which is its other end); what came of it goes to
//! the emulator's standard output.

#![no_std]
#![no_main]

mod compile;
mod machine;
mod stubs;

use machine::{Outcome, enter, word};

/// Where the emulator puts the batch.
const BATCH: u32 = 0x2100_0000;
/// In place of the number of modules: one is to be compiled here.
const COMPILE: u32 = u32::MAX;
/// Where code is executed: one MiB.
const CODE: u32 = 0x0010_0000;
/// Where the layout has the address of the function that stands for the host's; the table of helpers is behind it.
const HOST: u32 = 0x100;
/// Where outcomes are gathered: one MiB.
const GATHERED: u32 = 0x2010_0000;
const GATHERED_BYTES: u32 = 0x10_0000;

/// Reads words of the batch.
pub(crate) struct Reader(u32);

impl Reader {
    pub(crate) fn next(&mut self) -> u32 {
        let value = word(self.0);
        self.0 += 4;
        value
    }

    /// Where the next word is.
    pub(crate) const fn place(&self) -> u32 {
        self.0
    }

    /// Copies so many words to `to`.
    fn copy(&mut self, words: u32, to: u32) {
        machine::copy(self.0, to, words);
        self.0 += 4 * words;
    }
}

/// Gathers words for the host.
pub(crate) struct Writer(u32);

impl Writer {
    pub(crate) fn put(&mut self, value: u32) {
        if self.0 == GATHERED + GATHERED_BYTES {
            self.flush();
        }
        machine::set_word(self.0, value);
        self.0 += 4;
    }

    fn flush(&mut self) {
        machine::write(GATHERED, self.0 - GATHERED);
        self.0 = GATHERED;
    }
}

/// Runs everything.
pub(crate) fn run() -> ! {
    machine::protect();
    let mut reader = Reader(BATCH);
    let mut writer = Writer(GATHERED);
    match reader.next() {
        COMPILE => compile::run(&mut reader, &mut writer),
        modules => {
            for _ in 0..modules {
                module(&mut reader, &mut writer);
            }
        }
    }
    writer.flush();
    machine::exit();
}

/// Runs the calls of one module.
fn module(reader: &mut Reader, writer: &mut Writer) {
    let code = reader.next();
    reader.copy(code, CODE);
    // What its memory begins with, from some address on, and up to where there are zeros behind that.
    let (blob, words, end) = (reader.next(), reader.next(), reader.next());
    reader.copy(words, blob);
    machine::clear(blob + 4 * words, end);
    let (mut memory, context) = (reader.next(), reader.next());
    machine::set_word(memory - berth_compiler::entry::context::HOST, word(HOST));
    let (stack, slice, pauses) = (reader.next(), reader.next(), reader.next());
    for _ in 0..reader.next() {
        let entry = reader.next();
        let mut arguments = [0; 4];
        // Words at sp: arguments, and results in their place.
        let at_sp = reader.next();
        let sp = stack - 4 * at_sp;
        for index in 0..reader.next() {
            let value = reader.next();
            match arguments.get_mut(index as usize) {
                Some(place) => *place = value,
                None => machine::set_word(sp + 4 * (index - 4), value),
            }
        }
        let results = reader.next();
        let start = machine::ticks();
        let outcome: Outcome = enter(CODE + entry, arguments, memory, sp, slice, pauses);
        let ticks = machine::ticks().wrapping_sub(start);
        memory = outcome.memory;
        writer.put(outcome.kind);
        writer.put(outcome.reason);
        writer.put(outcome.place);
        writer.put(outcome.pauses);
        writer.put(ticks);
        for index in 0..results {
            writer.put(match outcome.results.get(index as usize) {
                Some(value) => *value,
                None => word(sp + 4 * (index - 4)),
            });
        }
    }
    let bytes = word(memory - 4);
    writer.put(bytes);
    writer.put(machine::hash(memory, bytes));
    for index in 1..=context {
        writer.put(word(memory - 4 * index));
    }
}
