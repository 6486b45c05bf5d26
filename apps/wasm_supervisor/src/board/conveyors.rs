//! Conveyors on a board: what the kernel attaches, and the memory that it has for all of them.

use libtock::wasm_host::conveyors::{self, Memory};

use super::Board;
use crate::conveyors::{Conveyors, Refused, directions};

/// Lent for good: no container's memory is.
static MEMORY: Memory = Memory::new();

/// Share the memory with the kernel; where it has no conveyors, none is attached.
pub(super) fn start() {
    let _ = MEMORY.lend();
}

impl From<conveyors::Refused> for Refused {
    fn from(refused: conveyors::Refused) -> Self {
        Self {
            code: refused.error as u8,
            what: refused.what,
        }
    }
}

impl Conveyors for Board {
    fn has_conveyors(&self) -> bool {
        conveyors::exists()
    }

    fn attach_conveyor(&self, handle: u16, list: &[u8], memory: u16) -> Result<(), Refused> {
        Ok(conveyors::attach(handle, list, memory)?)
    }

    fn sync_conveyor(
        &self,
        handle: u16,
        moves: (u8, u8),
        directions: u32,
        memory: &mut [u8],
    ) -> Result<u32, Refused> {
        MEMORY.copy_from(memory);
        let accesses = conveyors::sync(handle, moves, directions);
        if directions & directions::IN != 0 {
            MEMORY.copy_to(memory);
        }
        Ok(accesses?)
    }

    fn detach_conveyor(&self, handle: u16) {
        // That it has none is as good.
        let _ = conveyors::detach(handle);
    }
}
