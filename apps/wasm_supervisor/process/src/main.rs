//! The supervisor as a process. Everything it does is in the library.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
mod process {
    extern crate alloc;

    use alloc::boxed::Box;
    use libtock::ErrorCode;
    // Has the engine compiled for speed; see there.
    use supervisor_fast as _;
    use wasm_supervisor::arena::ArenaAllocator;
    use wasm_supervisor::board::{self, Board};
    use wasm_supervisor::supervisor::Supervisor;

    #[global_allocator]
    static ALLOCATOR: ArenaAllocator = ArenaAllocator;

    libtock::main!(run);

    /// Say that something is wrong and begin anew. The message of a panic would
    /// keep every `Debug` implementation of the engine in flash (100 KB), its
    /// place all file names (24 KB).
    #[cfg(not(feature = "panic-location"))]
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        board::say(b"\r\nberth: supervisor panicked, restarting\r\n");
        // For the next run; a kernel that cannot leaves it without.
        let _ = libtock::run_record::keep();
        libtock::restart(1)
    }

    fn run() {
        // First: drivers keep something for this process in its RAM, and what is left is the containers'.
        let board = match Board::new() {
            Ok(board) => board,
            Err(code) => {
                board::say(match code {
                    ErrorCode::NoDevice => {
                        b"berth: this kernel has no alarm, restarting\r\n".as_slice()
                    }
                    ErrorCode::NoMem => b"berth: no RAM for the drivers, restarting\r\n",
                    _ => b"berth: the kernel refuses the console or the alarm, restarting\r\n",
                });
                // It may be there later. The kernel says how soon.
                libtock::restart(1)
            }
        };
        if board::take_memory() {
            let mut supervisor = supervisor(board);
            supervisor.greet();
            supervisor.run();
        }
    }

    /// A function of its own, never merged into its caller: while the supervisor
    /// is made it is on the stack (4 KiB), afterwards only in its box.
    #[inline(never)]
    fn supervisor(board: Board) -> Box<Supervisor<Board>> {
        Box::new(Supervisor::new(board))
    }
}

/// There is nothing to supervise on the host.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("wasm_supervisor runs on a board; on the host its tests do");
}
