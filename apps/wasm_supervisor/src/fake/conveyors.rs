//! Conveyors of the fake kernel: every register of a held block is exposed in every width, but one.

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use super::Fake;
use crate::arena;
use crate::conveyors::{ACCESSES_MAX, Conveyors, Direction, MOVE_BYTES, Move, Refused, directions};
use crate::errno;
use crate::platform::Platform;

/// How many can be attached.
const ROOM: usize = 2;

/// Those that are attached, by handle: their moves and the bytes of their memory.
#[derive(Default)]
pub struct Belts {
    attached: BTreeMap<u16, (Vec<Move>, u16)>,
    /// How many syncs there were.
    pub syncs: u32,
}

impl Belts {
    /// How many are attached.
    #[must_use]
    pub fn attached(&self) -> usize {
        self.attached.len()
    }
}

fn at(code: u8, index: usize) -> Refused {
    let what = Some(index as u32);
    Refused { code, what }
}

impl Fake {
    fn attach(&self, handle: u16, list: &[u8], memory: u16) -> Result<(), Refused> {
        let refused = |code| Err(Refused::of(code));
        if self.block(handle, 0).is_none() {
            return refused(errno::RESERVE);
        }
        let mut belts = self.0.belts.borrow_mut();
        if belts.attached.contains_key(&handle) {
            return refused(errno::ALREADY);
        }
        if belts.attached.len() >= ROOM {
            return refused(errno::NO_MEMORY);
        }
        let mut moves = vec![];
        let mut accesses = 0;
        for (index, bytes) in list.as_chunks::<MOVE_BYTES>().0.iter().enumerate() {
            let one = Move::decode(*bytes).filter(|one| one.is_sound());
            let one = one.ok_or(at(errno::FAIL, index))?;
            let end = u32::from(one.offset) + one.width.bytes();
            let is_aligned = u32::from(one.offset).is_multiple_of(one.width.bytes());
            if !is_aligned || end > self.length(handle) {
                return Err(at(errno::INVALID, index));
            }
            if self.block(handle, one.offset).is_none() {
                return Err(at(errno::NO_SUPPORT, index));
            }
            accesses += u32::from(one.count);
            if accesses > ACCESSES_MAX || one.end() > memory.into() {
                return Err(at(errno::SIZE, index));
            }
            moves.push(one);
        }
        if moves.is_empty() {
            return refused(errno::FAIL);
        }
        belts.attached.insert(handle, (moves, memory));
        Ok(())
    }

    fn sync(
        &self,
        handle: u16,
        (first, count): (u8, u8),
        ways: u32,
        memory: &mut [u8],
    ) -> Result<u32, Refused> {
        let moves = {
            let mut belts = self.0.belts.borrow_mut();
            belts.syncs += 1;
            let attached = belts.attached.get(&handle);
            let (moves, bytes) = attached.ok_or(Refused::of(errno::ALREADY))?;
            assert_eq!(memory.len(), usize::from(*bytes), "the conveyor's memory");
            let first = usize::from(first);
            let moves = moves.get(first..first + usize::from(count));
            moves.ok_or(Refused::of(errno::INVALID))?.to_vec()
        };
        let mut accesses = 0;
        for one in moves {
            let bytes = one.width.bytes() as usize;
            for number in 0..usize::from(one.count) {
                let start = usize::from(one.place) + number * bytes;
                let value = &mut memory[start..start + bytes];
                let failed = Refused {
                    code: 12,
                    what: Some(one.offset.into()),
                };
                match one.direction {
                    Direction::In if ways & directions::IN != 0 => {
                        let read = self.read(one.width, handle, one.offset).ok_or(failed)?;
                        value.copy_from_slice(&read.to_le_bytes()[..bytes]);
                    }
                    Direction::Out if ways & directions::OUT != 0 => {
                        let mut word = [0; 4];
                        word[..bytes].copy_from_slice(value);
                        let word = u32::from_le_bytes(word);
                        let written = self.write_register(one.width, handle, one.offset, word);
                        written.ok_or(failed)?;
                    }
                    _ => continue,
                }
                accesses += 1;
            }
        }
        Ok(accesses)
    }
}

impl Conveyors for Fake {
    fn has_conveyors(&self) -> bool {
        !self.0.no_conveyors.get()
    }

    fn attach_conveyor(&self, handle: u16, list: &[u8], memory: u16) -> Result<(), Refused> {
        arena::of_the_test(|| self.attach(handle, list, memory))
    }

    fn sync_conveyor(
        &self,
        handle: u16,
        moves: (u8, u8),
        directions: u32,
        memory: &mut [u8],
    ) -> Result<u32, Refused> {
        arena::of_the_test(|| self.sync(handle, moves, directions, memory))
    }

    fn detach_conveyor(&self, handle: u16) {
        arena::of_the_test(|| self.0.belts.borrow_mut().attached.remove(&handle));
    }
}
