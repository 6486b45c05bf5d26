//! Measures containers on the board (see `bench.rs` in the library); prints `key = value`.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
mod process {
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::format;
    use wasm_supervisor::arena::{self, ArenaAllocator};
    use wasm_supervisor::bench::{Bench, Failed};
    use wasm_supervisor::board::Board;

    #[global_allocator]
    static ALLOCATOR: ArenaAllocator = ArenaAllocator;

    libtock::main!(run);

    /// What the harness boots with: time of an instruction.
    const NS_PER_INSTRUCTION: u64 = 64;

    #[cfg(not(feature = "panic-location"))]
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        print("bench: failed, panicked\r\n");
        libtock::terminate(1)
    }

    fn print(text: &str) {
        let _ = libtock::console::write_all(text.as_bytes());
    }

    /// A function of its own, as in the product: while it is made it is on the stack.
    #[inline(never)]
    fn bench() -> Result<Box<Bench<Board>>, Failed> {
        let board = Board::new().map_err(|_| Failed("no console or no alarm"))?;
        Ok(Box::new(Bench::new(board)))
    }

    fn measure() -> Result<(), Failed> {
        bench()?.run(|key, microseconds, times| {
            let instructions = microseconds * 1000 / NS_PER_INSTRUCTION / u64::from(times);
            print(&format!("{key} = {instructions}\r\n"));
        })
    }

    fn run() {
        arena::set_installed();
        match measure() {
            Ok(()) => print("bench: done\r\n"),
            Err(Failed(what)) => print(&format!("bench: failed: {what}\r\n")),
        }
    }
}

/// Instructions are counted on the board only.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("bench_containers measures on a board");
}
