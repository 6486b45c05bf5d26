//! The commands of conveyors.

use crate::conveyor::{Carried, Engine, List, directions_of};
use crate::driver::WasmHost;
use crate::program;
use crate::refusal::Refusal;
use berth_exposure::allow;
use berth_exposure::conveyor::{MOVE_BYTES, state};
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

    pub(crate) fn attach_conveyor(
        &self,
        process: ProcessId,
        conveyor: u32,
        memory: u32,
    ) -> Result<CommandReturn, Refusal> {
        let conveyors = self.conveyors()?;
        let (index, exposure) = self.held(process, conveyor >> 16)?;
        let count = (conveyor & 0xffff) as usize;
        if conveyors.slot(Some(index)).is_some() {
            return Err(program::Refusal::State.into());
        }
        let slot = conveyors.slot(None).ok_or(program::Refusal::NoRoom)?;
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
                    come = slot
                        .list
                        .map(|own| own.check(exposure, count, memory, bytes));
                })
            });
        })
        .map_err(|_| Refusal::NoGrant)?;
        match come.ok_or(Refusal::BufferTooSmall)? {
            Ok(()) => {
                slot.owner.set(Some(index));
                Ok(CommandReturn::success())
            }
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
        let (first, count) = ((moves >> 8 & 0xff) as usize, (moves & 0xff) as usize);
        let directions = directions_of(directions);
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
                    answer = Ok(
                        match conveyors.engine.carry(exposure.window, moves, memory) {
                            Ok(Carried::All) => {
                                CommandReturn::success_u32_u32(state::DONE, moves.accesses())
                            }
                            Ok(Carried::UnderWay) => {
                                CommandReturn::success_u32_u32(state::GOES_ON, 0)
                            }
                            Err(refused) => {
                                CommandReturn::failure_u32(ErrorCode::OFF, refused.offset.into())
                            }
                        },
                    );
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
