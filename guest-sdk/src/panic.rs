//! Panic handler: a line in the log, then a trap.
//!
//! The message is not formatted: that would bring `core::fmt` into every
//! container. With the feature `panic-location` the line says where: `panicked at src/lib.rs:22`. That takes 16 bytes and a file's
//! name for each place that may panic (2.9 KB in the example `words`), so without it the line is a fixed one, and the fault that
//! follows tells where (`pack --places`).

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    #[cfg(feature = "panic-location")]
    if let Some(place) = info.location() {
        say(place.file().as_bytes(), place.line());
        core::arch::wasm32::unreachable();
    }
    #[cfg(not(feature = "panic-location"))]
    let _ = info;
    crate::log(crate::Level::Error, "panicked");
    core::arch::wasm32::unreachable()
}

/// Log the place. Of a long path its end is told.
#[cfg(feature = "panic-location")]
fn say(file: &[u8], line: u32) {
    /// With the words and the number it is no longer than a line.
    const FILE_MAX: usize = 96;
    let end = file
        .len()
        .checked_sub(FILE_MAX)
        .and_then(|from| file.get(from..));
    crate::Line::<{ crate::LINE_MAX }>::new()
        .text("panicked at ")
        .bytes(end.unwrap_or(file))
        .text(":")
        .unsigned(line)
        .log(crate::Level::Error);
}
