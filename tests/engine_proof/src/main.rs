//! The engine proof on the board (see the library).

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
mod process {
    extern crate alloc;

    use alloc::format;
    use engine_proof::{CASES, case, floats};
    use wasm_supervisor::arena::ArenaAllocator;
    use wasm_supervisor::board;

    #[global_allocator]
    static ALLOCATOR: ArenaAllocator = ArenaAllocator;

    libtock::main!(run);

    #[cfg(not(feature = "panic-location"))]
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        print("engine proof: panicked\r\n");
        libtock::terminate(1)
    }

    fn print(text: &str) {
        let _ = libtock::console::write_all(text.as_bytes());
    }

    fn run() {
        if !board::take_memory() {
            return;
        }
        let mut failed = 0;
        for (number, (suspension, interlude)) in CASES.into_iter().enumerate() {
            if let Err(why) = case(suspension, interlude) {
                failed += 1;
                print(&format!("engine proof: case {number} failed: {why}\r\n"));
            }
        }
        for operation in 0..floats::COUNT {
            if let Err(why) = floats::check(operation) {
                failed += 1;
                print(&format!(
                    "engine proof: operation {operation} failed: {why}\r\n"
                ));
            }
        }
        let passed = CASES.len() + floats::COUNT - failed;
        print(&format!(
            "engine proof: {passed} passed, {failed} failed\r\n"
        ));
    }
}

/// On the host the library's tests do this.
#[cfg(not(target_os = "none"))]
fn main() {
    match engine_proof::run() {
        Ok(()) => println!("engine proof: passed"),
        Err(why) => println!("engine proof: failed: {why}"),
    }
}
