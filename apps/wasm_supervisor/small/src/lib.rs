//! The supervisor with the board's types, compiled for size.
//!
//! Generic code is compiled by the crate that first uses it with real types: what containers spend their time in by
//! `supervisor_fast`, all else here. The process itself is next to nothing, and built for speed: the level of the last crate
//! is the one at which all of them are optimised together, and at `z` next to nothing is inlined between them.

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]
#![cfg(target_os = "none")]

extern crate alloc;

use alloc::boxed::Box;

use libtock::ErrorCode;
// Has the engine compiled for speed; see there.
use supervisor_fast as _;
use wasm_supervisor::board::{self, Board};
use wasm_supervisor::supervisor::Supervisor;

/// Supervises until the process is restarted, or the board gives it no memory.
pub fn run() {
    // First: drivers keep something for this process in its RAM, and what is left is the containers'.
    let board = match Board::new() {
        Ok(board) => board,
        Err(code) => {
            board::say(match code {
                ErrorCode::NoDevice => {
                    b"berth: this kernel has no alarm, restarting\r\n".as_slice()
                }
                ErrorCode::NoMem => b"berth: no RAM for the drivers, restarting\r\n",
                _ => b"berth: the kernel refuses the console or the alarm, restarting\r\n",
            });
            // It may be there later. The kernel says how soon.
            libtock::restart(1)
        }
    };
    if board::take_memory() {
        board.keep_what_comes();
        let mut supervisor = supervisor(board);
        supervisor.greet();
        supervisor.run();
    }
}

/// A function of its own, never merged into its caller: while the supervisor
/// is made it is on the stack (4 KiB), afterwards only in its box.
#[inline(never)]
fn supervisor(board: Board) -> Box<Supervisor<Board>> {
    Box::new(Supervisor::new(board))
}
