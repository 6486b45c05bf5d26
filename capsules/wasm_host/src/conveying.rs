//! The commands of conveyors.

use crate::conveyor::{Engine, List, directions_of};
use crate::driver::WasmHost;
use crate::exposure::Exposure;
use crate::passes::Passes;
use crate::program;
use crate::refusal::Refusal;
use berth_exposure::allow;
use berth_exposure::conveyor::{CHECKS_OF_A_PASS, MOVE_BYTES, Move, state};
use berth_exposure::program::answer_of;
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::process::ProcessId;
use kernel::processbuffer::{
    ReadableProcessBuffer, UserspaceReadableProcessBuffer, WriteableProcessBuffer,
};
use kernel::syscall::CommandReturn;
use kernel::utilities::cells::MapCell;

/// Room for the list of one conveyor: a board has as many as may be attached at once.
pub struct ConveyorSlot {
    /// The exposure whose conveyor it is.
    owner: Cell<Option<usize>>,
    list: MapCell<List>,
}

impl ConveyorSlot {
    /// Room without a list.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            owner: Cell::new(None),
            list: MapCell::new(List::new()),
        }
    }
}

impl ConveyorSlot {
    /// Returns whether its list is checked, all of it.
    fn is_attached(&self) -> bool {
        self.list.map_or(false, |list| list.is_whole())
    }

    /// Returns whether its list has so many moves, for a memory of so many bytes.
    fn is_of(&self, count: usize, memory: u32) -> bool {
        self.list.map_or(false, |list| list.is_of(count, memory))
    }
}

impl Default for ConveyorSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// What a board has for conveyors.
#[derive(Clone, Copy)]
pub(crate) struct Conveyors {
    slots: &'static [ConveyorSlot],
    engine: &'static dyn Engine,
}

impl Conveyors {
    /// The slot that has the conveyor of an exposure, or, for `None`, a free one.
    fn slot(&self, owner: Option<usize>) -> Option<&'static ConveyorSlot> {
        self.slots.iter().find(|slot| slot.owner.get() == owner)
    }
}

impl<const N: usize> WasmHost<N> {
    /// Attach conveyors, whose moves `engine` makes. Without this every one is refused.
    #[must_use]
    pub fn with_conveyors(
        mut self,
        slots: &'static [ConveyorSlot],
        engine: &'static dyn Engine,
    ) -> Self {
        self.conveyors = Some(Conveyors { slots, engine });
        self
    }

    fn conveyors(&self) -> Result<Conveyors, Refusal> {
        // As if there were no such commands.
        self.conveyors.ok_or(Refusal::NotMappable)
    }

    /// Nothing of any conveyor is under way any more.
    pub(crate) fn stop_conveyors(&self) {
        if let Some(conveyors) = &self.conveyors {
            conveyors.engine.stop();
        }
    }

    /// Forget the conveyor of an exposure. Returns whether it had one.
    pub(crate) fn end_conveyor(&self, index: usize) -> bool {
        let slot = self.conveyors.and_then(|all| all.slot(Some(index)));
        let Some(slot) = slot else {
            return false;
        };
        self.stop_conveyors();
        slot.owner.set(None);
        true
    }

    /// Check the list of a conveyor, in passes, and keep it; or go on with that.
    pub(crate) fn attach_conveyor(
        &self,
        process: ProcessId,
        conveyor: u32,
        memory: u32,
    ) -> Result<CommandReturn, Refusal> {
        let conveyors = self.conveyors()?;
        let (index, exposure) = self.held(process, conveyor >> 16)?;
        let count = (conveyor & 0xffff) as usize;
        let (slot, begun) = match conveyors.slot(Some(index)) {
            Some(slot) if slot.is_attached() => return Err(program::Refusal::State.into()),
            Some(slot) => (slot, slot.is_of(count, memory)),
            None => (conveyors.slot(None).ok_or(program::Refusal::NoRoom)?, false),
        };
        let mut passes = self.passes_of_a_turn();
        let mut come = None;
        self.enter(process, &mut |_, kernel_data| {
            let list = kernel_data.get_readonly_processbuffer(allow::RO_PROGRAM);
            let _ = list.and_then(|list| {
                list.enter(|list| {
                    let bytes = |index: usize| {
                        let mut bytes = [0; MOVE_BYTES];
                        let from = list.get(index * MOVE_BYTES..(index + 1) * MOVE_BYTES)?;
                        from.copy_to_slice_or_err(&mut bytes).ok()?;
                        Some(bytes)
                    };
                    come = slot.list.map(|own| {
                        if !begun {
                            own.begin(count, memory)
                                .map_err(|refusal| (refusal, None))?;
                        }
                        check(own, exposure, bytes, &mut passes)
                    });
                })
            });
        })
        .map_err(|_| Refusal::NoGrant)?;
        let come = come.ok_or(Refusal::BufferTooSmall)?;
        slot.owner.set(come.is_ok().then_some(index));
        match come {
            Ok(come) => Ok(CommandReturn::success_u32(come)),
            Err((refusal, Some(which))) => Ok(CommandReturn::failure_u32(refusal.into(), which)),
            Err((refusal, None)) => Err(refusal.into()),
        }
    }

    pub(crate) fn sync_conveyor(
        &self,
        process: ProcessId,
        moves: u32,
        directions: u32,
    ) -> Result<CommandReturn, Refusal> {
        let conveyors = self.conveyors()?;
        let (index, exposure) = self.held(process, moves >> 16)?;
        let slot = conveyors.slot(Some(index)).ok_or(program::Refusal::State)?;
        if !slot.is_attached() {
            return Err(program::Refusal::State.into());
        }
        let (first, count) = ((moves >> 8 & 0xff) as usize, (moves & 0xff) as usize);
        let directions = directions_of(directions);
        let mut passes = self.passes_of_a_turn();
        let mut answer = Err(Refusal::BufferTooSmall);
        self.enter(process, &mut |data, _| {
            let _ = data.conveyor.mut_enter(|memory| {
                slot.list.map(|list| {
                    let Some(memory) = memory.get(0..list.memory()) else {
                        return;
                    };
                    let Some(moves) = list.moves(first, count, directions) else {
                        answer = Err(Refusal::Argument);
                        return;
                    };
                    let mut another = || passes.another();
                    let carried =
                        (conveyors.engine).carry(exposure.window, moves, memory, &mut another);
                    answer = Ok(match carried {
                        Ok(made) => {
                            let come = if made < count {
                                state::GOES_ON
                            } else {
                                state::DONE
                            };
                            let come = answer_of(come, made as u32);
                            CommandReturn::success_u32_u32(come, moves.accesses(made))
                        }
                        Err(refused) => {
                            CommandReturn::failure_u32(ErrorCode::OFF, refused.offset.into())
                        }
                    });
                });
            });
        })
        .map_err(|_| Refusal::NoGrant)?;
        answer
    }

    /// Take the memory that a process lends for its conveyors. Returns what it had lent before.
    pub(crate) fn lend_conveyor(
        &self,
        process: ProcessId,
        buffer: UserspaceReadableProcessBuffer,
    ) -> Result<UserspaceReadableProcessBuffer, (UserspaceReadableProcessBuffer, ErrorCode)> {
        self.stop_conveyors();
        let mut buffer = buffer;
        let entered = self.enter(process, &mut |data, _| {
            core::mem::swap(&mut data.conveyor, &mut buffer);
        });
        match entered {
            Ok(()) => Ok(buffer),
            Err(error) => Err((buffer, error.into())),
        }
    }

    pub(crate) fn detach_conveyor(
        &self,
        process: ProcessId,
        handle: u32,
    ) -> Result<CommandReturn, Refusal> {
        let (index, _) = self.held(process, handle)?;
        self.end_conveyor(index)
            .then(CommandReturn::success)
            .ok_or(program::Refusal::State.into())
    }
}

/// Check the moves of a list that have not been, which `bytes` tells by their index, in passes. Returns what that has come to.
///
/// # Errors
/// What is wrong, and with which move.
fn check(
    own: &mut List,
    exposure: &Exposure,
    bytes: impl Fn(usize) -> Option<[u8; MOVE_BYTES]>,
    passes: &mut Passes,
) -> Result<u32, (program::Refusal, Option<u32>)> {
    let mut left = CHECKS_OF_A_PASS;
    while let Some(index) = own.unchecked() {
        if left == 0 {
            if !passes.another() {
                return Ok(state::GOES_ON);
            }
            left = CHECKS_OF_A_PASS;
        }
        left -= 1;
        let one = bytes(index).and_then(Move::decode);
        own.check(exposure, one)
            .map_err(|refusal| (refusal, Some(index as u32)))?;
    }
    Ok(state::DONE)
}
