//! Interrupts of a block: the names a handler needs.

#![allow(unsafe_code)]

use berth_exposure::Width;
use core::sync::atomic::{AtomicU32, Ordering};

/// A function that handles interrupts. `source` is the block's number in the container
/// times 256, plus the number of the interrupt in its block; `count` is how many interrupts this
/// call stands for, at least 1.
pub type Handler = extern "C" fn(source: u32, count: u32);

/// A word that the device and handlers write and main reads: a captured register, or
/// anything that both sides of a container share.
///
/// A handler runs between any two instructions of main, so what both use is kept in
/// such cells (or other atomics). Handlers do not interrupt each other.
#[derive(Debug)]
#[repr(transparent)]
pub struct Word(AtomicU32);

impl Word {
    /// With a first value.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(AtomicU32::new(value))
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Change the value.
    pub fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Add to the value, wrapping. Returns the sum.
    pub fn add(&self, value: u32) -> u32 {
        let sum = self.get().wrapping_add(value);
        self.set(sum);
        sum
    }
}

/// A register that the device reads for every interrupt, before the handler runs: at the
/// time that its value still means something.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Capture {
    offset: u16,
    bytes: u8,
    /// 0: to the target. 1: to where the handler looks for the register.
    place: u8,
    target: Option<&'static Word>,
}

impl Capture {
    /// 32 bits at byte `offset` of the block, to `target`.
    #[must_use]
    pub const fn word(offset: u16, target: &'static Word) -> Self {
        Self::of(offset, 4, target)
    }

    /// 16 bits.
    #[must_use]
    pub const fn half(offset: u16, target: &'static Word) -> Self {
        Self::of(offset, 2, target)
    }

    /// 8 bits.
    #[must_use]
    pub const fn byte(offset: u16, target: &'static Word) -> Self {
        Self::of(offset, 1, target)
    }

    /// A register of this width whose value the handler finds there: the first read of it in the handler, by a call or by a load of
    /// [`mapped!`](crate::mapped!), gets what was read when the interrupt came, and its field in a [`conveyor!`](crate::conveyor!) has
    /// it. Captured more than once it is found as often, in order. Every further read is one of the device.
    #[must_use]
    pub const fn at_register(offset: u16, width: Width) -> Self {
        Self {
            offset,
            // 1, 2 or 4.
            bytes: width.bytes() as u8,
            place: 1,
            target: None,
        }
    }

    /// Where the register is, and how many bytes of it are read.
    #[cfg(all(feature = "desk", not(target_arch = "wasm32")))]
    pub(crate) const fn place(&self) -> (u16, u8) {
        (self.offset, self.bytes)
    }

    /// Where its value goes; `None`: to where the handler looks for the register.
    #[cfg(all(feature = "desk", not(target_arch = "wasm32")))]
    pub(crate) const fn target(&self) -> Option<&'static Word> {
        self.target
    }

    const fn of(offset: u16, bytes: u8, target: &'static Word) -> Self {
        Self {
            offset,
            bytes,
            place: 0,
            target: Some(target),
        }
    }
}

/// Why an interrupt was not registered: a Tock error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(
    /// 3 registered already, 6 a capture outside the block or no capture at all,
    /// 7 more captures than the device allows, 9 too many handlers on the device,
    /// 10 a register that may not be captured, 11 the block has no such interrupt.
    pub u8,
);

/// What [`irq!`](crate::irq!)'s functions do with the import's answer.
#[doc(hidden)]
pub fn outcome(errno: i32) -> Result<(), Refused> {
    match errno {
        0 => Ok(()),
        code => Err(Refused(code.unsigned_abs() as u8)),
    }
}

/// Ask for the interrupts of a block.
///
/// `irq!(Serial = "irq:uart1")` makes a type `Serial` with two functions:
///
/// * `Serial::register(number, priority, handler, captures)` has `handler` called for
///   interrupt `number` of the block, counted from 0 in the order in which the device's owner lists
///   them. Of handlers that wait, the one with the lowest `priority` runs first.
/// * `Serial::unregister()` ends all registrations of the block.
///
/// The container holds the block as if it had asked for it with
/// [`block!`](crate::block!). Handlers are called through the module's function table, which `pack` and `berth upload` export.
#[macro_export]
macro_rules! irq {
    ($(#[$attribute:meta])* $visibility:vis $name:ident = $module:literal) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $name {
            /// Have a handler called for an interrupt.
            #[allow(dead_code)]
            $visibility fn register(
                number: u8,
                priority: u8,
                handler: $crate::Handler,
                captures: &[$crate::Capture],
            ) -> ::core::result::Result<(), $crate::Refused> {
                #[cfg(target_arch = "wasm32")]
                #[link(wasm_import_module = $module)]
                unsafe extern "C" {
                    safe fn register(
                        how: u32,
                        handler: $crate::Handler,
                        captures: *const $crate::Capture,
                        count: usize,
                    ) -> i32;
                }
                #[cfg(target_arch = "wasm32")]
                let answer = {
                    let how = (u32::from(number) << 8) | u32::from(priority);
                    register(how, handler, captures.as_ptr(), captures.len())
                };
                #[cfg(not(target_arch = "wasm32"))]
                let answer = $crate::host::register($module, number, priority, handler, captures);
                $crate::outcome(answer)
            }

            /// End all registrations of the block.
            #[allow(dead_code)]
            $visibility fn unregister() {
                #[cfg(target_arch = "wasm32")]
                #[link(wasm_import_module = $module)]
                unsafe extern "C" {
                    safe fn unregister();
                }
                #[cfg(not(target_arch = "wasm32"))]
                fn unregister() {
                    $crate::host::unregister($module);
                }
                unregister();
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_adds_up_and_wraps() {
        let word = Word::new(u32::MAX);
        assert_eq!(word.add(3), 2);
        word.set(7);
        assert_eq!(word.get(), 7);
    }

    #[test]
    fn an_answer_is_a_tock_error_code() {
        assert_eq!(outcome(0), Ok(()));
        assert_eq!(outcome(-11), Err(Refused(11)));
    }
}
