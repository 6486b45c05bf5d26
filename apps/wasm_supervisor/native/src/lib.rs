//! Executes code that `berth-compiler` has made, in a process without privileges.
//!
//! ```text
//!   whoever runs containers: which code, for how long, what host functions do
//!   ──────────────── Instance::run, Frame::run ──► Exit ──────────────────
//!   instance   memory and context of a module, and the stack of each call, in the allocator's memory; safe
//!   frame    a call under way on a stack of its own: entered, left, entered again
//!   helpers, floats   what compiled code calls without leaving
//!   ───────────────────────── compiled code ───────────────────────────────
//! ```
//!
//! Compiled code runs on a stack of its own and comes back for everything that is not computing: when its fuel is used up, at
//! a host function, when memory or a table is to grow, at a trap, at its end. What was left can be entered again as often as one likes and as much later, between others; nothing of
//! it is on the stack of whoever calls. So whoever calls it needs no other thread, and no call of it lasts longer than its fuel.
//!
//! A stack that was left holds values and addresses of code only. So stack, context and memory can be moved while the code does not
//! run: [`Frame::moved`].

#![no_std]
// Nothing of it can be executed elsewhere.
#![cfg(target_arch = "arm")]

extern crate alloc;

mod floats;
mod frame;
pub mod helpers;
mod instance;

pub use frame::{Exit, Frame, STACK_RESERVE, fill};
pub use instance::{Call, Code, Function, Growth, Instance, NoFunction, Stack, Window};

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Distances below r9 of what this software keeps in a context, beside what code uses.
pub mod own {
    /// Address of what the helpers know of a module.
    pub use berth_instance::KNOWN;
    /// Address of the frame that is being run.
    pub const FRAME: u32 = 28;
}
