//! What the kernel counts about the process that asks.

use libtock::ErrorCode;
use libtock::process_info::{self, Stats};

/// Processes of a board at most.
const PROCESSES: usize = 4;

/// Id and counters of the process with this name.
///
/// # Errors
///
/// `NoDevice` without such a process; those of the process-info driver.
pub fn stats(name: &str) -> Result<(u32, Stats), ErrorCode> {
    let mut ids = [0; 4 * PROCESSES];
    process_info::ids(&mut ids)?;
    for id in ids.chunks_exact(4) {
        let id = id.first_chunk().map_or(0, |id| u32::from_le_bytes(*id));
        let mut room = [0; 32];
        if process_info::name(id, &mut room) == Ok(name) {
            return Ok((id, process_info::stats(id)?));
        }
    }
    Err(ErrorCode::NoDevice)
}
