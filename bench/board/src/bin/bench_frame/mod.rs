//! What the processes that measure the supervisor share: memory, output, the end.

#![allow(dead_code, reason = "each process uses a part")]

extern crate alloc;

use alloc::boxed::Box;
use supervisor_bench::{Bench, Failed};
use wasm_supervisor::arena::ArenaAllocator;
// What is measured is what the product consists of.
use supervisor_small as _;
use wasm_supervisor::board::{self, Board};

#[global_allocator]
static ALLOCATOR: ArenaAllocator = ArenaAllocator;

#[cfg(not(feature = "panic-location"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    print("bench: failed, panicked\r\n");
    libtock::terminate(1)
}

/// What the harness boots with: time of an instruction.
pub(crate) const NS_PER_INSTRUCTION: u64 = 64;

/// Say `text` on the console.
pub(crate) fn print(text: &str) {
    let _ = libtock::console::write_all(text.as_bytes());
}

/// A function of its own, as in the product: while it is made it is on the stack.
#[inline(never)]
fn bench() -> Result<Box<Bench<Board>>, Failed> {
    Ok(Box::new(Bench::new(board()?)))
}

/// The system below, and memory to allocate from.
pub(crate) fn board() -> Result<Board, Failed> {
    let board = Board::new().map_err(|_| Failed("no console or no alarm"))?;
    if board::take_memory() {
        Ok(board)
    } else {
        Err(Failed("no memory"))
    }
}

/// Measure, and say how it ended.
pub(crate) fn run(measure: impl FnOnce(&mut Bench<Board>) -> Result<(), Failed>) {
    end(bench().and_then(|mut bench| measure(&mut bench)));
}

/// Say how it ended.
pub(crate) fn end(outcome: Result<(), Failed>) {
    match outcome {
        Ok(()) => print("bench: done\r\n"),
        // There may be no memory to put it together.
        Err(Failed(what)) => ["bench: failed: ", what, "\r\n"]
            .into_iter()
            .for_each(print),
    }
}
