//! The compiler itself on the board: does it make the same code there, does the checker take it, and what do both take?

use berth_compiler::{Error, Full, Sink, Storage};

use crate::machine;
use crate::{Reader, Writer};

/// As much room as the largest of the published drivers takes, and the examples.
type Room<'a> = Storage<'a, 96, 64, 64, 32, 1_536>;

/// Where the object is put together; the entry table is put there last.
const OBJECT: u32 = 0x2180_0000;

/// Writes to memory, halfword by halfword, as to flash.
struct Memory {
    at: u32,
    pending: Option<u16>,
}

impl Sink for Memory {
    fn put(&mut self, halfwords: &[u16]) -> Result<(), Full> {
        for halfword in halfwords {
            match self.pending.take() {
                Some(first) => {
                    machine::set_word(self.at, u32::from(first) | u32::from(*halfword) << 16);
                    self.at += 4;
                }
                None => self.pending = Some(*halfword),
            }
        }
        Ok(())
    }

    fn entry(&mut self, index: u32, words: [u32; 2]) -> Result<(), Full> {
        for (number, word) in words.into_iter().enumerate() {
            machine::set_word(OBJECT + 8 * index + 4 * number as u32, word);
        }
        Ok(())
    }
}

/// Words of room of the checker.
const CHECK_WORDS: usize = 400;

/// Apart, so that its stack and size can be told.
#[inline(never)]
fn check(object: &[u8], image: &[u8], memory: u32, room: &mut [u32]) -> bool {
    berth_checker::check(object, image, memory, room).is_ok()
}

/// Compiles one module and tells: 0 or that it failed, ticks of 40 ns, bytes of stack, bytes of room, bytes of the object; of
/// the check whether it is taken, ticks, bytes of stack; the object.
pub(crate) fn run(reader: &mut Reader, writer: &mut Writer) {
    let (memory, grows, functions) = (reader.next(), reader.next(), reader.next());
    let bytes = reader.next();
    let image = machine::bytes(reader.place(), bytes);
    let mut room = Room::new();
    let mut sink = Memory {
        at: OBJECT + 8 * functions,
        pending: None,
    };
    let before = machine::paint_stack();
    let start = machine::ticks();
    let compiled = berth_compiler::compile(image, room.room(), memory, grows != 0, &mut sink);
    let ticks = machine::ticks().wrapping_sub(start);
    let stack = machine::stack_used(before);
    let (failed, length) = match compiled {
        Ok(report) => (0, report.bytes),
        Err(Error::Refused { function, .. }) => (1, function),
        Err(_) => (2, 0),
    };
    if let Some(last) = sink.pending {
        machine::set_word(sink.at, u32::from(last));
    }
    for word in [failed, ticks, stack, size_of::<Room<'_>>() as u32, length] {
        writer.put(word);
    }
    let object = machine::bytes(OBJECT, if failed == 0 { length } else { 0 });
    let mut room = [0; CHECK_WORDS];
    let before = machine::paint_stack();
    let start = machine::ticks();
    let taken = check(object, image, memory, &mut room);
    let ticks = machine::ticks().wrapping_sub(start);
    let stack = machine::stack_used(before);
    for word in [u32::from(taken), ticks, stack] {
        writer.put(word);
    }
    if failed == 0 {
        for index in 0..length.div_ceil(4) {
            writer.put(machine::word(OBJECT + 4 * index));
        }
    }
}
