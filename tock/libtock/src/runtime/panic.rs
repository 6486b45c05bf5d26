//! Panic handler: say where, then end the process.
//!
//! Only the location is printed. Formatting the message would keep `core::fmt`
//! and every `Display` it reaches in the image, 100 KB in a large process.

use crate::drivers::{console, debug};
use crate::{ErrorCode, terminate};
use core::panic::PanicInfo;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    // The kernel prints this even when the console is busy with a write that
    // was under way.
    let _ = debug::alert(debug::alert_code::PANIC);
    let (file, line) = info
        .location()
        .map_or(("?", 0), |location| (location.file(), location.line()));
    let mut digits = [0; 10];
    let parts: [&[u8]; 5] = [
        b"panic at ",
        file.as_bytes(),
        b":",
        decimal(line, &mut digits),
        b"\n",
    ];
    // One write, so that no other process's output comes in between.
    let mut line = [0; 128];
    let mut room = line.iter_mut();
    let mut length = 0;
    for byte in parts.into_iter().flatten() {
        if let Some(place) = room.next() {
            *place = *byte;
            length += 1;
        }
    }
    let _ = console::last_words(line.get(..length).unwrap_or_default());
    terminate(ErrorCode::Fail as u32)
}

/// `value` in decimal, at the end of `digits`.
fn decimal(mut value: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        start = index;
        if value == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or(b"?")
}
