//! The supervisor as a process. Everything it does is in the library.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
mod process {
    use wasm_supervisor::arena::ArenaAllocator;
    use wasm_supervisor::board;

    #[global_allocator]
    static ALLOCATOR: ArenaAllocator = ArenaAllocator;

    libtock::main!(supervisor_small::run);

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
}

/// There is nothing to supervise on the host.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("wasm_supervisor runs on a board; on the host its tests do");
}
