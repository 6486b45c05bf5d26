//! Memory of containers: arenas made of pages from one pool.
//!
//! ```text
//!   engine, store, code, linear memory of container 3     images, names, logs
//!            │ alloc                                              │ alloc
//!   ┌────────▼─────────┐   one per container              ┌───────▼────────┐
//!   │ arena 3          │        ...                       │ arena 0 (ours) │
//!   └────────┬─────────┘                                  └───────┬────────┘
//!            │ whole pages of 32 B                                │
//!   ┌────────▼────────────────────────────────────────────────────▼────────┐
//!   │ pool: one block of memory, one owner a page                          │
//!   └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Every allocation that the engine makes for a container comes from its
//! arena, because the global allocator ([`global`]) serves whichever arena is
//! current. An allocation that does not fit abandons the step that made it
//! ([`guard`]) and ends that container, never the supervisor. Ending a
//! container returns all pages of its arena, whatever state they are in, so
//! nothing can leak from one container to the next.
//!
//! * [`pool`]: which bytes belong to whom; safe code, tested against a model. `pages`: which are free;
//!   `blocks`: what is taken in them and given back.
//! * `growth`, `linear`: the one block that may be shorter than its owner thinks.
//! * [`global`]: the global allocator on top of it (unsafe: hands out pointers).
//! * [`guard`]: runs a step in an arena, and gives up on it (unsafe: leaves frames).
//! * [`owned`]: a value that lives in an arena, safe to use from outside.

mod blocks;
pub mod global;
mod growth;
mod guard;
mod linear;
pub mod owned;
mod pages;
pub mod pool;
#[cfg(test)]
mod pool_tests;

pub use global::{
    ArenaAllocator, can_allocate, free, grow_linear, refuses_linear, room, set_limit, space, total,
    trim, usage,
};
#[cfg(target_os = "none")]
pub use global::{MEMORY_MAX, make_do_with};
pub use guard::{OutOfMemory, is_installed as is_in_use, outside, set_installed};
#[cfg(not(target_os = "none"))]
pub use guard::{
    fail_after, has_failed, of_the_board, of_the_supervisor, of_the_test, set_installed_on_the_desk,
};
pub use owned::Owned;
pub use pool::{ArenaId, PAGE_BYTES, RESERVED_BYTES, Space, Usage};
