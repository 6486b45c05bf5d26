//! Panic handler: a fixed line in the log, then a trap.
//!
//! The message is not formatted: that would bring `core::fmt` into every
//! container. The trap's fault record names the function.

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    crate::log(crate::Level::Error, "panicked");
    core::arch::wasm32::unreachable()
}
