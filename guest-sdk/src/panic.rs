//! Panic handler: a fixed line in the log, then a trap.
//!
//! The message is not formatted: that would bring `core::fmt` into every
//! container, and so does a look at where it was, in many of them: who asks `PanicInfo` for that keeps the message's arguments, and what shows
//! them. The place is told by the fault that follows (`pack --places`): the line that panicked.

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    crate::log(crate::Level::Error, "panicked");
    core::arch::wasm32::unreachable()
}
