//! Panic handler: a fixed line in the log, then a trap.
//!
//! The message is not formatted: that would bring `core::fmt` into every
//! container. Nor is it asked where: that takes 16 bytes and a file's name for each place that may panic (2.9 KB in the example
//! `words`). The fault that follows tells it (`pack --places`): the line that panicked.

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    crate::log(crate::Level::Error, "panicked");
    core::arch::wasm32::unreachable()
}
