//! The supervisor's loading as a WebAssembly module, whose pointers are as long as a device's.
//!
//! `image` makes room for a module and tells where; `load` loads what was written there as a device does that exposes
//! all that the module imports.

#![deny(unsafe_code)]
#![allow(unsafe_code)]

mod anything;

use std::cell::RefCell;

use anything::Anything;
use berth_protocol::{ImageHash, Parameters};
use wasm_supervisor::arena::global::BOARD_POOL_BYTES;
use wasm_supervisor::arena::{self, ArenaAllocator, ArenaId};
use wasm_supervisor::container::{Containers, Name, Refused, Shared};

#[global_allocator]
static ALLOCATOR: ArenaAllocator = ArenaAllocator;

/// It did not fit.
const TOO_FEW: u32 = 0;
/// It was refused for another reason.
const REFUSED: u32 = u32::MAX;

thread_local! {
    static IMAGE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for an image of `length` bytes. Returns its address.
#[allow(
    unsafe_code,
    reason = "a name for whoever executes this module; no other has it"
)]
#[unsafe(no_mangle)]
pub extern "C" fn image(length: u32) -> u32 {
    IMAGE.with_borrow_mut(|image| {
        *image = vec![0; length as usize];
        image.as_mut_ptr().expose_provenance() as u32
    })
}

/// Loads the image with a value stack of at most `stack` bytes (0: what a device gives) and with at most `limit` bytes
/// of memory. Returns how many it held at most, or [`TOO_FEW`] or [`REFUSED`].
#[allow(
    unsafe_code,
    reason = "a name for whoever executes this module; no other has it"
)]
#[unsafe(no_mangle)]
pub extern "C" fn load(stack: u32, limit: u32) -> u32 {
    let image = IMAGE.with_borrow(Vec::clone);
    let platform = Anything::of(&image);
    let parameters = Parameters {
        stack: (stack > 0).then_some(stack),
        limit: Some(limit.min(BOARD_POOL_BYTES as u32)),
        ..Parameters::default()
    };
    let hash = ImageHash::of(&image);
    // From here on, this is the supervisor; what it holds itself lies in its own arena, as on a device.
    arena::set_installed();
    let loaded = loaded(platform, image, hash, parameters);
    match loaded {
        Ok(held) => held,
        Err(Some(Refused::Memory { .. })) => TOO_FEW,
        Err(_) => REFUSED,
    }
}

fn loaded(
    platform: Anything,
    image: Vec<u8>,
    hash: ImageHash,
    parameters: Parameters,
) -> Result<u32, Option<Refused>> {
    let mut containers = Containers::new(Shared::new(platform).into());
    let name = Name::new("measured").ok_or(None)?;
    containers.store(name, image, hash, parameters)?;
    let slot = containers.find("measured").ok_or(None)?;
    containers.start(slot)?;
    let id = ArenaId::of_container(slot).ok_or(None)?;
    Ok(arena::usage(id).peak_bytes)
}
