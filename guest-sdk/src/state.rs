//! State that outlives the container's memory.

#![allow(unsafe_code)]

use crate::imports;

/// Most bytes that a device keeps for a container.
pub const STATE_MAX: usize = 1024;

/// Why state was not saved. What was saved before is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveError {
    /// It is longer than [`STATE_MAX`].
    TooLong,
    /// The device has no memory for it.
    NoMemory,
}

/// Let the device keep `state` until it is saved anew or the container is deleted.
///
/// In the function that [`pause!`](crate::pause) names, this also gives back all
/// memory and all blocks: the container begins anew when it is resumed.
///
/// # Errors
///
/// See [`SaveError`].
pub fn save_state(state: &[u8]) -> Result<(), SaveError> {
    match imports::state_save(state) {
        0 => Ok(()),
        imports::SIZE => Err(SaveError::TooLong),
        _ => Err(SaveError::NoMemory),
    }
}

/// Copy the saved state to the front of `buffer`. How long it is, which may be more than
/// what fits. Returns 0 if there is none.
pub fn load_state(buffer: &mut [u8]) -> usize {
    imports::state_load(buffer)
}

/// Name the function that saves the container's state when its operator pauses it.
///
/// It runs beside main, which stands at a border (it sleeps, yields or waits) unless it
/// computes without end. It has one slice of time and may not suspend. If it calls
/// [`save_state`], the container's memory and blocks are given back, and main begins anew when
/// the container is resumed; otherwise main goes on where it stood. Without such a
/// function the latter is always the case.
#[macro_export]
macro_rules! pause {
    ($function:path) => {
        #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
        #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
        extern "C" fn _pause() {
            let () = $function();
        }
    };
}
