//! Panic handler: a line in the log that says where, then a trap.
//!
//! The message is not formatted: that would bring `core::fmt`, which takes 12 KB, into every container. File and line
//! take some 200 bytes, and 16 and the file's name for each place of the container that may panic; one that cannot panic has
//! nothing of it, nor has one without the feature `panic-place`.

use core::panic::PanicInfo;

// So small that it becomes a part of what calls it: then it is seen that nobody looks at the message, and nothing is left of
// that and of what would show it.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say(info);
    core::arch::wasm32::unreachable()
}

#[cfg(feature = "panic-place")]
fn say(info: &PanicInfo<'_>) {
    if let Some(place) = info.location() {
        line(place);
    }
}

#[cfg(not(feature = "panic-place"))]
fn say(_: &PanicInfo<'_>) {
    crate::log(crate::Level::Error, "panicked");
}

#[cfg(feature = "panic-place")]
#[inline(never)]
fn line(place: &core::panic::Location<'_>) {
    use crate::{LINE_MAX, Level, Line};
    // `panicked at `, `:` and the digits of the line stand beside it. The end of a path says more than its beginning.
    const MOST: usize = LINE_MAX - 22;
    let file = place.file().as_bytes();
    let file = file.get(file.len().saturating_sub(MOST)..).unwrap_or(file);
    let mut line = Line::<LINE_MAX>::new();
    line.bytes(b"panicked at ").bytes(file).bytes(b":");
    line.unsigned(place.line()).log(Level::Error);
}
