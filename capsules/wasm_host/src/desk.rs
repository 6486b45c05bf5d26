//! The capsule's rules without kernel, processes and claims: what a simulator of a board asks, so that a container there
//! may do exactly what it may on a device.
//!
//! Whoever uses this has checked that the block is held.

use crate::access;
use crate::conveyor::{self, List, Room, directions_of};
use crate::exposure::Exposure;
use crate::program::{self, Data, Machine, Pass};
use crate::refusal::Refusal;
use crate::running::check;
use berth_exposure::Width;
use berth_exposure::conveyor::{MOVE_BYTES, Move};
use berth_exposure::program::{INSTRUCTION_BYTES, INSTRUCTIONS_MAX};
use core::cell::Cell;
use kernel::ErrorCode;

/// Read what the exposure lets be seen.
///
/// # Errors
/// The code that the command answers with.
pub fn read(exposure: &Exposure, offset: u16, width: Width) -> Result<u32, ErrorCode> {
    access::read(exposure, offset, width).map_err(code)
}

/// May the register be read, and so be captured for an interrupt?
///
/// # Errors
/// The code that the registration answers with.
pub fn may_read(exposure: &Exposure, offset: u16, width: Width) -> Result<(), ErrorCode> {
    access::may_read(exposure, offset, width)
        .map(drop)
        .map_err(code)
}

/// May the register be written?
///
/// # Errors
/// The code that the command answers with.
pub fn may_write(exposure: &Exposure, offset: u16, width: Width) -> Result<(), ErrorCode> {
    access::may_write(exposure, offset, width)
        .map(drop)
        .map_err(code)
}

/// Change what the exposure lets be changed.
///
/// # Errors
/// The code that the command answers with.
pub fn write(exposure: &Exposure, offset: u16, width: Width, value: u32) -> Result<(), ErrorCode> {
    access::write(exposure, offset, width, value).map_err(code)
}

/// Change the bits of `mask` in a 32-bit register.
///
/// # Errors
/// The code that the command answers with.
pub fn modify32(exposure: &Exposure, offset: u16, mask: u32, value: u32) -> Result<(), ErrorCode> {
    access::modify(exposure, offset, Width::Bits32, mask, value).map_err(code)
}

/// Write the exposure's safe state, as at the end of a claim.
pub fn make_safe(exposure: &Exposure) {
    for safe in exposure.safe {
        // A block without clock or power is as much at rest as it gets.
        let _ = access::make_safe(exposure, safe);
    }
}

fn code(refusal: access::Refusal) -> ErrorCode {
    Refusal::from(refusal).into()
}

/// A register program that is under way.
pub struct Program(Machine);

/// Why a program was refused, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The code of the answer.
    pub code: ErrorCode,
    /// The instruction to blame, and the bytes put out before. `None`: it was refused before any was looked at.
    pub at: Option<(u32, u32)>,
}

/// Input and output of a program.
struct Lent<'a> {
    input: &'a [u8],
    output: &'a [Cell<u8>],
}

impl Data for Lent<'_> {
    fn take(&self, at: usize, width: Width) -> Option<u32> {
        let bytes = self.input.get(at..)?.get(..width.bytes() as usize)?;
        let join = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        Some(bytes.iter().rev().fold(0, join))
    }

    fn put(&self, at: usize, width: Width, value: u32) -> Option<()> {
        let room = self.output.get(at..)?.get(..width.bytes() as usize)?;
        for (place, byte) in room.iter().zip(value.to_le_bytes()) {
            place.set(byte);
        }
        Some(())
    }

    fn fetch(&self, at: usize, width: Width, values: &mut [[u8; 4]]) -> Option<()> {
        let places = (at..).step_by(width.bytes() as usize);
        for (value, at) in values.iter_mut().zip(places) {
            *value = self.take(at, width)?.to_le_bytes();
        }
        Some(())
    }

    fn hand_over(&self, at: usize, width: Width, values: &[[u8; 4]]) -> Option<()> {
        let places = (at..).step_by(width.bytes() as usize);
        for (value, at) in values.iter().zip(places) {
            self.put(at, width, u32::from_le_bytes(*value))?;
        }
        Some(())
    }
}

impl Program {
    /// A program of so many instructions, with so much input and room for output.
    ///
    /// # Errors
    /// It has too few or too many instructions.
    pub fn new(instructions: usize, input: usize, output: usize) -> Result<Self, Ended> {
        let refused = |refusal: program::Refusal| Ended {
            code: refusal.into(),
            at: None,
        };
        if instructions == 0 {
            return Err(refused(program::Refusal::Malformed));
        }
        if instructions > INSTRUCTIONS_MAX {
            return Err(refused(program::Refusal::TooLarge));
        }
        let mut machine = Machine::new();
        // At most 32: checked above.
        machine.begin(instructions as u8, input, output);
        Ok(Self(machine))
    }

    /// Make a pass. Returns the bytes of output once it is done; `None`: it goes on.
    ///
    /// # Errors
    /// What ended it; it must not be continued then.
    pub fn pass(
        &mut self,
        exposure: &Exposure,
        code: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<Option<u32>, Ended> {
        let lent = Lent {
            input,
            output: Cell::from_mut(output).as_slice_of_cells(),
        };
        let instruction = |index: usize| {
            code.get(index * INSTRUCTION_BYTES..)?
                .first_chunk()
                .copied()
        };
        // One and no other.
        let another = &mut || false;
        let come = match check(&mut self.0, exposure, instruction, another) {
            Ok(Some(units)) => self.0.passes(exposure.window, &lent, units, another),
            Ok(None) => Ok(Pass::GoesOn),
            Err(refusal) => Err(refusal),
        };
        match come {
            Ok(Pass::Done) => Ok(Some(self.0.output() as u32)),
            Ok(Pass::GoesOn) => Ok(None),
            Err(refusal) => Err(Ended {
                code: refusal.into(),
                at: Some((self.0.instruction(), self.0.output() as u32)),
            }),
        }
    }
}

/// A conveyor that is attached.
pub struct Conveyor(List);

impl Conveyor {
    /// The conveyor of a block, with this list and a memory of so many bytes.
    ///
    /// # Errors
    /// The code of the answer, and the move to blame; `None`: their number, or the length of the memory.
    pub fn new(
        exposure: &Exposure,
        list: &[u8],
        memory: usize,
    ) -> Result<Self, (ErrorCode, Option<u32>)> {
        let mut own = List::new();
        let count = list.len() / MOVE_BYTES;
        let memory = u32::try_from(memory).unwrap_or(u32::MAX);
        let bytes = |index: usize| list.get(index * MOVE_BYTES..)?.first_chunk().copied();
        own.begin(count, memory)
            .map_err(|refusal| (refusal.into(), None))?;
        while let Some(index) = own.unchecked() {
            let one = bytes(index).and_then(Move::decode);
            let come = own.check(exposure, one);
            come.map_err(|refusal| (refusal.into(), Some(index as u32)))?;
        }
        Ok(Self(own))
    }

    /// Make so many of its moves from the `first` one on, as far as they go one of these ways. Returns how many accesses they were.
    ///
    /// # Errors
    /// The code of the answer, and the offset of the register whose access the bus answered with an error.
    pub fn sync(
        &self,
        exposure: &Exposure,
        (first, count): (usize, usize),
        directions: u32,
        memory: &mut [u8],
    ) -> Result<u32, (ErrorCode, Option<u16>)> {
        let memory = memory.get_mut(..self.0.memory());
        let memory = memory.ok_or((ErrorCode::SIZE, None))?;
        let moves = self.0.moves(first, count, directions_of(directions));
        let moves = moves.ok_or((ErrorCode::INVAL, None))?;
        let mut room = Room::new();
        room.bytes(memory.len()).copy_from_slice(memory);
        let come = conveyor::make(exposure.window, moves, &mut room);
        memory.copy_from_slice(room.bytes(memory.len()));
        match come {
            Ok(()) => Ok(moves.accesses(count)),
            Err(refused) => Err((ErrorCode::OFF, Some(refused.offset))),
        }
    }
}
