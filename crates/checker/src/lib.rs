//! Does compiled code keep to its memory? One linear pass over a finished object, before it is executed.
//!
//! ```text
//!   image ──► module (types, tables, globals, …) ─┐
//!   object ──► decode ──► walk (places, calls) ───┴─► rules (what registers are known to hold) ──► taken, or refused
//! ```
//!
//! The compiler (`berth-compiler`) may be wrong and flash may lose bits. Either would be a hole in the wall between
//! containers, as all of them run in one process. So before an object is executed, [`check`] reads it from its front to
//! its end and takes it only if each instruction is one that the compiler makes, in a place where it may stand. It knows
//! nothing of how the compiler works but for the contract in `berth_compiler::entry`, and trusts no word of the object.
//!
//! What holds of an object that it takes, if the device's software keeps to that contract:
//!
//! * **Instructions** begin where the pass says and nowhere else. All branches, tables of branches too, lead to such
//!   places in their own function; backward only to places where fuel is charged. Calls lead to functions of the
//!   object, to the table at its front, or to helpers. There is no other way out: no `svc`, no write to pc.
//! * **Accesses** go to the linear memory behind a check of their own address that counts on every way to them; to the
//!   frame of the function, never to where it will return; to the words that caller and callee share, as many as the
//!   callee's type says; to global variables; to elements of tables that are there (read only). Windows of registers are reached in stubs of the imported functions that are accesses to them, of
//!   which there is one form each, and nowhere else.
//! * **The stack** is as deep at a return as at the beginning, r4 to r8 and r11 are given back, and no function goes
//!   below the limit by more than `berth_compiler::entry::SLACK` says.
//! * **r9** is only what it was, or what `memory.grow` returned. Helpers get it as their context, and numbers of tables
//!   and segments that there are.
//! * **Fuel** is charged in each round of a loop and of a circle of calls, by at least 1.
//!
//! docs/compiler.md says what it cannot establish.
//!
//! * `decode`: the instructions that there are; nothing else is one.
//! * `module`: what of the WebAssembly module counts.
//! * `walk`: the object's parts, functions one after the other; `flow`: branches; `calls`: calls, helpers and returns.
//! * `direct`: imported functions that are accesses to registers.
//! * `rules`: registers, memory, stack.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod calls;
mod decode;
mod direct;
mod flow;
mod module;
mod rules;
mod walk;

use module::{Module, Type};
use walk::Walk;

/// Why an object is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where, in bytes from the front of the object (of the module, if that is what cannot be read).
    pub offset: u32,
    /// What is wrong.
    pub what: &'static str,
}

/// Returns how many words of room [`check`] wants for an object of so many bytes, made of this module: one for each
/// type, and a bit for each halfword.
///
/// # Errors
///
/// If the module cannot be read.
pub fn room_words(image: &[u8], object_bytes: u32) -> Result<u32, Refusal> {
    Ok(Module::type_count(image)? + object_bytes.div_ceil(64))
}

/// Checks `object`, made of the module `image`, whose memory never has fewer than `memory_bytes` bytes. The object is as
/// long as the compiler's report says. `room` has as many words as [`room_words`] says; what is in it does not matter.
///
/// # Errors
///
/// The first place that is not as it should be, and what is wrong there.
pub fn check(
    object: &[u8],
    image: &[u8],
    memory_bytes: u32,
    room: &mut [u32],
) -> Result<(), Refusal> {
    let types = Module::type_count(image)?;
    let (types, marks) = room.split_at_mut_checked(types as usize).ok_or(NO_ROOM)?;
    if marks.len() < object.len().div_ceil(64) || object.len() >= 1 << 24 {
        return Err(NO_ROOM);
    }
    marks.fill(0);
    let module = Module::read(image, types, |function, of_type: Type| {
        let offset = 8 * function;
        let word = object.get(offset as usize..offset as usize + 4);
        match word {
            Some(&[a, b, c, d]) if u32::from_le_bytes([a, b, c, d]) == of_type.canonical() => {
                Ok(())
            }
            _ => Err(Refusal {
                offset,
                what: "an entry of another type",
            }),
        }
    })?;
    Walk::new(object, module, types, marks, memory_bytes).object()
}

const NO_ROOM: Refusal = Refusal {
    offset: 0,
    what: "too little room, or too large an object",
};
