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
        if !board::take_memory() {
            return;
        }
        match supervisor() {
            Ok(mut supervisor) => {
                supervisor.greet();
                supervisor.run();
            }
            Err(code) => {
                board::say(match code {
                    ErrorCode::NoDevice => {
                        b"berth: this kernel has no alarm, restarting\r\n".as_slice()
                    }
                    // A driver that has no room for what it keeps for this process, too.
                    _ => b"berth: the kernel refuses the console or the alarm, restarting\r\n",
                });
                // It may be there later. The kernel says how soon.
                libtock::restart(1)
            }
        }
    }

    /// A function of its own, never merged into its caller: while the supervisor
    /// is made it is on the stack (4 KiB), afterwards only in its box.
    #[inline(never)]
    fn supervisor() -> Result<Box<Supervisor<Board>>, ErrorCode> {
        Ok(Box::new(Supervisor::new(Board::new()?)))
    }
}

/// There is nothing to supervise on the host.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("wasm_supervisor runs on a board; on the host its tests do");
}
