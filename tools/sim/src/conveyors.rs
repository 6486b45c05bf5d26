//! Conveyors on the simulated board: the kernel's own list and engine.

use crate::simulated::Simulated;
use wasm_host::desk::Conveyor;
use wasm_supervisor::arena;
use wasm_supervisor::conveyors::{Conveyors, Refused};
use wasm_supervisor::errno;

impl Simulated {
    fn attach(&self, handle: u16, list: &[u8], memory: u16) -> Result<(), Refused> {
        let (_, exposure) = self.held(handle).ok_or(Refused::of(errno::RESERVE))?;
        let mut attached = self.0.conveyors.borrow_mut();
        if attached.contains_key(&handle) {
            return Err(Refused::of(errno::ALREADY));
        }
        if attached.len() as u32 >= self.0.board.limits.conveyors {
            return Err(Refused::of(errno::NO_MEMORY));
        }
        let conveyor = Conveyor::new(exposure, list, memory.into());
        let conveyor = conveyor.map_err(|(code, what)| Refused {
            code: code as u8,
            what,
        })?;
        attached.insert(handle, conveyor);
        Ok(())
    }
}

impl Conveyors for Simulated {
    fn has_conveyors(&self) -> bool {
        self.0.board.limits.conveyors > 0
    }

    fn attach_conveyor(&self, handle: u16, list: &[u8], memory: u16) -> Result<(), Refused> {
        arena::of_the_board(|| self.attach(handle, list, memory))
    }

    fn sync_conveyor(
        &self,
        handle: u16,
        (first, count): (u8, u8),
        directions: u32,
        memory: &mut [u8],
    ) -> Result<u32, Refused> {
        let (_, exposure) = self.held(handle).ok_or(Refused::of(errno::RESERVE))?;
        let attached = self.0.conveyors.borrow();
        let conveyor = attached.get(&handle).ok_or(Refused::of(errno::ALREADY))?;
        let moves = (first.into(), count.into());
        arena::of_the_board(|| conveyor.sync(exposure, moves, directions, memory)).map_err(
            |(code, offset)| Refused {
                code: code as u8,
                what: offset.map(u32::from),
            },
        )
    }

    fn detach_conveyor(&self, handle: u16) {
        arena::of_the_board(|| self.0.conveyors.borrow_mut().remove(&handle));
    }
}
