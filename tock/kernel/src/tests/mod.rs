//! The kernel as a whole, on the fake chip.

mod driver;
mod ends;
mod filter;
mod grants;
mod hostile_flash;
mod life;
mod loader;
mod main_loop;
mod memory;
mod places;
mod syscalls;
