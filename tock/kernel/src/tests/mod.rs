//! The kernel as a whole, on the fake chip.

mod driver;
mod filter;
mod grants;
mod loader;
mod main_loop;
mod memory;
mod syscalls;
