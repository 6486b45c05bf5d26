//! What containers spend their time in, compiled for speed.
//!
//! The supervisor (and `small/`, where the rest of it is) is built for size, and generic code is compiled by
//! the crate that first uses it with real types. These functions use the engine with the
//! board's types here, in a crate that is built for speed: loading brings in all host functions,
//! calling and resuming the way back from them. `small/` finds them compiled and
//! uses them (rustc shares generic functions between crates at the levels 1, `s` and `z`, not at 2 and 3), unless the library
//! itself has used the same with types of its own: the engine's proof and the benchmark, which do, are
//! crates of their own. Without
//! this crate everything works, and a register write costs 114 instructions more:
//! `make bench` tells (`register.call_mapped`).

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]
#![cfg(target_os = "none")]

use wasm_supervisor::admission::Module;
use wasm_supervisor::board::Board;
use wasm_supervisor::container::ContainerHost;
use wasm_supervisor::engine::wasmi::{Function, Wasmi};
use wasm_supervisor::engine::{BlockNumbers, Engine, Limits, LoadError, Step};

type OnBoard = Wasmi<ContainerHost<Board>>;

/// [`Engine::load`].
///
/// # Errors
///
/// As there.
pub fn load(
    image: &[u8],
    module: &Module<'_>,
    blocks: &BlockNumbers,
    limits: Limits,
    host: ContainerHost<Board>,
) -> Result<OnBoard, LoadError> {
    OnBoard::load(image, module, blocks, limits, host)
}

/// [`Engine::call`].
pub fn call(engine: &mut OnBoard, fuel: u64) -> Step {
    engine.call(fuel)
}

/// [`Engine::resume`].
pub fn resume(engine: &mut OnBoard, fuel: u64, result: Option<i32>) -> Step {
    engine.resume(fuel, result)
}

/// [`Engine::handle`].
pub fn handle(engine: &mut OnBoard, handler: Function, arguments: [u32; 2], fuel: u64) -> Step {
    engine.handle(handler, arguments[0], arguments[1], fuel)
}
