//! The longest conveyors that there may be, of two test processes.

use libtock::berth_exposure::Width;
use libtock::berth_exposure::conveyor::{
    ACCESSES_MAX, Direction, MEMORY_MAX, MOVE_BYTES, MOVES_MAX, Move, directions,
};
use libtock::wasm_host::conveyors::{self, Memory};

/// What conveyors mirror registers in.
static MEMORY: Memory = Memory::new();

/// Lend the kernel memory for conveyors. A kernel without them takes none, and attaches none.
pub fn lend() {
    let _ = MEMORY.lend();
}

/// Attach conveyors with as many moves, and with as many accesses, as there may be, and synchronise each. `changed` is a register of the block
/// that is changed, in part or as a whole, `status` one that is read. Returns how many were made, all of their moves.
pub fn mirrored(handle: u16, changed: u16, status: u16) -> u32 {
    let most = ACCESSES_MAX as u16;
    let mut done = 0;
    // As many moves, with the more accesses in the first ones; as many accesses in few moves. One that keeps bits counts twice.
    for (moves, offset, direction, accesses) in [
        (MOVES_MAX as u16, status, Direction::In, most),
        (MOVES_MAX as u16, changed, Direction::Out, most / 2),
        (MOVES_MAX as u16, changed, Direction::Out, most),
        (1, status, Direction::In, most),
        (1, changed, Direction::Out, most / 2),
        (1, changed, Direction::Out, most),
    ] {
        let mut list = [0; MOVES_MAX * MOVE_BYTES];
        let list = { list.get_mut(..usize::from(moves) * MOVE_BYTES) }.unwrap_or_default();
        let mut place = 0;
        for (to, number) in list.chunks_exact_mut(MOVE_BYTES).zip(0..) {
            let count = accesses / moves + u16::from(number < accesses % moves);
            let one = Move {
                offset,
                width: Width::Bits32,
                direction,
                place,
                count,
            };
            to.copy_from_slice(&one.encode());
            place += 4 * count;
        }
        if conveyors::attach(handle, list, MEMORY_MAX as u16).is_ok() {
            let synced = conveyors::sync(handle, (0, moves as u8), directions::ALL);
            done += u32::from(synced == Ok(accesses.into()));
            let _ = conveyors::detach(handle);
        }
    }
    done
}
