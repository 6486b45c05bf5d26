//! What a container author writes against.
//!
//! A container is a WebAssembly module that sees the device only through the
//! functions it imports. This crate gives those imports safe names:
//!
//! | for | use |
//! | --- | --- |
//! | the entry point | [`main!`] |
//! | registers that the device's owner exposes | [`block!`], [`Block`] |
//! | the same by name, as the board's build writes them | [`typed::Register`], [`mps2_an386`] |
//! | the same as structs of registers | [`mapped!`] |
//! | many accesses in one call | [`Program`] |
//! | registers mirrored in memory | [`conveyor!`] |
//! | their interrupts | [`irq!`], [`Capture`], [`Word`] |
//! | lights, by number | [`led`] |
//! | the kernel's buses | [`spi`], [`i2c`], [`uart`] |
//! | pins, by number | [`gpio`] |
//! | time by WASI's names | [`alarm`] |
//! | log lines | [`error!`], [`warn!`], [`info!`], [`debug!`], [`Show`], [`log()`], [`Line`] |
//! | time | [`now_us`], [`sleep_us`], [`sleep_ms`], [`yield_now`] |
//! | leaving | [`exit`], or return from main |
//! | state that outlives it | [`save_state`], [`load_state`], [`pause!`] |
//! | settings that the operator chooses | [`config`] |
//! | values that outlive it, by name | [`store`] |
//! | other containers | [`send`], [`receive`] |
//! | `Vec`, `String`, `Box` | `heap!`, with the feature `heap` |
//! | drivers that others have published | `hal`, with the feature `hal` |
//! | a board for tests on the host | `desk`, with the feature `desk` |
//!
//! A whole container:
//!
//! ```ignore
//! #![no_std]
//!
//! use berth_guest::mps2_an386::fpgaio;
//!
//! berth_guest::main!(main);
//!
//! fn main() {
//!     let fpgaio = fpgaio::registers();
//!     loop {
//!         fpgaio.led0.modify(0b10, 0b10);
//!         berth_guest::info!("on");
//!         berth_guest::sleep_ms(100);
//!         fpgaio.led0.modify(0b10, 0);
//!         berth_guest::info!("off");
//!         berth_guest::sleep_ms(100);
//!     }
//! }
//! ```
//!
//! Build it as a `cdylib` for `wasm32-unknown-unknown`; the package's README
//! says with which flags.
//!
//! # Size
//!
//! Linear memory is what a container costs most. Nothing here uses
//! `core::fmt` (about 12 KB of code): [`info!`] and [`Line`] put numbers into log lines
//! without it. There is no allocator unless a container asks for one with `heap!`.

#![no_std]
#![deny(unsafe_code)]

// Boards' registers are written for whoever uses this crate.
extern crate self as berth_guest;

// Off the device, only so that what uses this crate links there, too.
#[cfg(not(target_arch = "wasm32"))]
extern crate std;

pub mod alarm;
mod bus;
pub mod config;
#[allow(unsafe_code, reason = "declares the imports")]
pub mod conveyor;
#[cfg(all(feature = "desk", not(target_arch = "wasm32")))]
pub mod desk;
pub mod gpio;
#[cfg(feature = "hal")]
pub mod hal;
#[cfg(feature = "heap")]
mod heap;
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub mod host;
pub mod i2c;
mod imports;
mod interrupts;
pub mod led;
mod line;
mod mail;
mod mapped;
/// The registers of Arm's MPS2 with AN386, the reference board, by name: what `exposure --labels` writes of it.
#[allow(unsafe_code, reason = "declares the imports")]
#[rustfmt::skip]
pub mod mps2_an386;
#[cfg(all(target_arch = "wasm32", feature = "panic-handler"))]
mod panic;
pub mod program;
mod registers;
pub mod spi;
mod state;
pub mod store;
mod text;
pub mod typed;
pub mod uart;

pub use bus::BusError;
#[cfg(feature = "heap")]
pub use heap::Heap;
pub use interrupts::{Capture, Handler, Refused, Word, outcome};
pub use line::Line;
pub use mail::{MESSAGE_MAX, SendError, Sender, receive, send};
#[doc(hidden)]
pub use mapped::{numbered, record, record_length, window};
pub use program::{Program, ProgramError};
pub use registers::Block;
pub use state::{STATE_MAX, SaveError, load_state, save_state};
pub use text::{LINE_MAX, Show, Style};
#[doc(hidden)]
pub use text::{Template, is_plain};

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// Something failed.
    Error = 0,
    /// Something is odd; the container goes on.
    Warn = 1,
    /// Worth knowing in normal operation.
    Info = 2,
    /// Only worth knowing to the author.
    Debug = 3,
}

/// Log one line. Text behind the device's limit on a line is cut off, control
/// characters are replaced.
pub fn log(level: Level, text: &str) {
    imports::log(level as i32, text.as_bytes());
}

/// Log a line that says what failed.
#[macro_export]
macro_rules! error {
    ($text:literal $($values:tt)*) => {
        $crate::__log!($crate::Level::Error, $text $($values)*)
    };
    ($text:expr) => {
        $crate::log($crate::Level::Error, $text)
    };
}

/// Log a line about something odd.
#[macro_export]
macro_rules! warn {
    ($text:literal $($values:tt)*) => {
        $crate::__log!($crate::Level::Warn, $text $($values)*)
    };
    ($text:expr) => {
        $crate::log($crate::Level::Warn, $text)
    };
}

/// Log a line worth knowing in normal operation.
///
/// Values stand behind the text, and their places in it: `info!("channel {}: {:#06x}", 3, mask)`. There are `{}`, `{:x}`, `{:#x}`,
/// `{:.3}` (digits behind the point) and `{:08}` (zeros in front), as in `core::fmt`, which is not used: what can be shown is
/// what has [`Show`]. Of a number with a point `{}` shows two digits behind it.
#[macro_export]
macro_rules! info {
    ($text:literal $($values:tt)*) => {
        $crate::__log!($crate::Level::Info, $text $($values)*)
    };
    ($text:expr) => {
        $crate::log($crate::Level::Info, $text)
    };
}

/// Log a line that only the author wants to see.
#[macro_export]
macro_rules! debug {
    ($text:literal $($values:tt)*) => {
        $crate::__log!($crate::Level::Debug, $text $($values)*)
    };
    ($text:expr) => {
        $crate::log($crate::Level::Debug, $text)
    };
}

/// Microseconds since the device started; never goes back.
#[must_use]
pub fn now_us() -> u64 {
    imports::now_us().cast_unsigned()
}

/// Sleep for at least this many microseconds; other containers run meanwhile.
pub fn sleep_us(microseconds: u64) {
    imports::sleep_us(microseconds.cast_signed());
}

/// Sleep for at least this many milliseconds; other containers run meanwhile.
pub fn sleep_ms(milliseconds: u32) {
    sleep_us(u64::from(milliseconds) * 1000);
}

/// Let other containers run before going on. A container that computes for long
/// is interrupted anyway; this is politeness, not a duty.
pub fn yield_now() {
    imports::yield_now();
}

/// End the container. 0 means that all is well; the code is shown to the
/// operator.
pub fn exit(code: i32) -> ! {
    imports::exit(code)
}

/// Name the function that runs when the container starts.
///
/// It takes nothing; when it returns, the container has ended with code 0.
#[macro_export]
macro_rules! main {
    ($function:path) => {
        // On the desk, where a container's tests run, another program begins at this name.
        #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
        #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
        extern "C" fn _start() {
            let () = $function();
        }
    };
}

/// Ask for a block of registers.
///
/// `block!(fn leds = "mmio:fpgaio")` makes a function `leds()` that returns the
/// [`Block`]. The label behind `mmio:` is the name the device's owner gave it
/// (`berth exposures` lists them). Calling the function anywhere makes it a
/// requirement of the container: a device that does not expose the block, or
/// has given it to another container, refuses to load this one and says so.
#[macro_export]
macro_rules! block {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident = $module:literal) => {
        $(#[$attribute])*
        $visibility fn $name() -> $crate::Block {
            #[cfg(target_arch = "wasm32")]
            #[link(wasm_import_module = $module)]
            unsafe extern "C" {
                safe fn claim() -> i32;
            }
            #[cfg(not(target_arch = "wasm32"))]
            fn claim() -> i32 {
                $crate::host::claim($module)
            }
            $crate::Block::from_handle(claim())
        }
    };
}
