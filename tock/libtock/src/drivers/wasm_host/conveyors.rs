//! Conveyors: registers that are mirrored in memory, many of them by one call.
//!
//! What a list of moves may be stands in [`berth_exposure::conveyor`].

use crate::{ErrorCode, allow, command};
use berth_exposure::conveyor::{MEMORY_MAX, state};
use berth_exposure::program::of_answer;
use berth_exposure::{DRIVER_NUM, command as number, conveyor_of, moves_of};
use core::sync::atomic::{AtomicU32, Ordering};

const WORD: usize = size_of::<u32>();

/// Memory that the kernel mirrors registers in.
pub struct Memory {
    words: [AtomicU32; MEMORY_MAX / WORD],
}

impl Memory {
    /// Zeros, and not lent yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            words: [const { AtomicU32::new(0) }; MEMORY_MAX / WORD],
        }
    }

    /// Gives the memory to the kernel, for good.
    ///
    /// # Errors
    ///
    /// `NoDevice` without the driver, `NoSupport` from a kernel without conveyors, `NoMem` if it has no room to remember it.
    pub fn lend(&'static self) -> Result<(), ErrorCode> {
        allow::share_words(DRIVER_NUM, berth_exposure::allow::CONVEYOR, &self.words)
    }

    /// Copies `bytes` to its front, as many as it has.
    pub fn copy_from(&self, bytes: &[u8]) {
        let (whole, rest) = bytes.split_at(whole_words(bytes.len()));
        for (word, bytes) in self.words.iter().zip(whole.chunks_exact(WORD)) {
            // They are as many.
            let bytes = bytes.try_into().unwrap_or_default();
            word.store(u32::from_le_bytes(bytes), Ordering::Relaxed);
        }
        if let (Some(word), false) = (self.words.get(whole.len() / WORD), rest.is_empty()) {
            let mut value = [0; WORD];
            value
                .iter_mut()
                .zip(rest)
                .for_each(|(to, from)| *to = *from);
            word.store(u32::from_le_bytes(value), Ordering::Relaxed);
        }
    }

    /// Copies its front to `bytes`, as many as it has.
    pub fn copy_to(&self, bytes: &mut [u8]) {
        let (whole, rest) = bytes.split_at_mut(whole_words(bytes.len()));
        let behind = self.words.get(whole.len() / WORD);
        for (bytes, word) in whole.chunks_exact_mut(WORD).zip(&self.words) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        if let Some(word) = behind {
            let value = word.load(Ordering::Relaxed).to_le_bytes();
            rest.iter_mut().zip(value).for_each(|(to, from)| *to = from);
        }
    }
}

/// How many of so many bytes are whole words.
const fn whole_words(bytes: usize) -> usize {
    bytes / WORD * WORD
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a conveyor is not attached, or not synchronised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why; what an access is refused for is as for single ones.
    pub error: ErrorCode,
    /// Attaching: the index of the move to blame. Synchronising: the offset of the register whose access the bus answered with an error.
    /// `None`: neither.
    pub what: Option<u32>,
}

impl From<ErrorCode> for Refused {
    fn from(error: ErrorCode) -> Self {
        Self { error, what: None }
    }
}

/// Does the kernel attach conveyors?
#[must_use]
pub fn exists() -> bool {
    // One without moves is refused whatever it is for; a kernel without conveyors says that it has none.
    let answer = command(DRIVER_NUM, number::CONVEYOR_ATTACH, conveyor_of(0, 0), 0).success();
    !matches!(answer, Err(ErrorCode::NoSupport | ErrorCode::NoDevice))
}

/// Attaches a conveyor to a claimed block: a list of moves, encoded, and so many bytes of the [`Memory`] that is lent.
///
/// # Errors
///
/// [`Refused`]. `Already` if the block has one, `NoMem` if as many are attached as the board has room for, `Size` and `Fail` for a list
/// or a memory that cannot be.
pub fn attach(handle: u16, list: &[u8], memory: u16) -> Result<(), Refused> {
    let moves = list.len() / berth_exposure::conveyor::MOVE_BYTES;
    // More than any kernel takes are refused by it as well.
    let moves = u8::try_from(moves).unwrap_or(u8::MAX);
    let which = conveyor_of(handle, moves);
    let answer =
        allow::with_read_only(DRIVER_NUM, berth_exposure::allow::RO_PROGRAM, list, || {
            loop {
                let answer = command(DRIVER_NUM, number::CONVEYOR_ATTACH, which, memory.into());
                // The firmware comes first between two passes of the check.
                if answer.success_u32() != Ok(state::GOES_ON) {
                    return answer;
                }
            }
        })?;
    refused(answer.failure_u32())?;
    answer.success_u32()?;
    Ok(())
}

/// Makes moves of the conveyor of a block, `count` from the `first` one on, as far as they go one of these ways
/// ([`berth_exposure::conveyor::directions`]). Returns how many accesses they were.
///
/// # Errors
///
/// [`Refused`]. `Already` if the block has none, `Inval` if it has not these moves.
#[inline]
pub fn sync(handle: u16, (first, count): (u8, u8), directions: u32) -> Result<u32, Refused> {
    let (mut first, mut count, mut sum) = (first, count, 0);
    loop {
        let which = moves_of(handle, first, count);
        let answer = command(
            DRIVER_NUM,
            number::CONVEYOR_SYNC,
            which,
            directions as usize,
        );
        match answer.success_2_u32() {
            Ok((come, accesses)) => {
                sum += accesses;
                let (come, made) = of_answer(come);
                if come != state::GOES_ON {
                    return Ok(sum);
                }
                // At most as many as were asked for.
                let made = made as u8;
                (first, count) = (first.saturating_add(made), count.saturating_sub(made));
            }
            Err(error) => {
                refused(answer.failure_u32())?;
                return Err(error.into());
            }
        }
    }
}

/// Detaches the conveyor of a block.
///
/// # Errors
///
/// `Already` if it has none, `Reserve` if the block is not claimed, `NoSupport` from a kernel without conveyors.
pub fn detach(handle: u16) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number::CONVEYOR_DETACH, handle.into(), 0).success()
}

fn refused(failure: Option<(ErrorCode, u32)>) -> Result<(), Refused> {
    match failure {
        Some((error, what)) => Err(Refused {
            error,
            what: Some(what),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::variant;
    use berth_exposure::program::answer_of;

    #[test]
    fn memory_takes_any_number_of_bytes_there_and_back() {
        for count in 0..20_u8 {
            let memory = Memory::new();
            let bytes: std::vec::Vec<u8> = (1..=count).collect();
            memory.copy_from(&bytes);
            let mut back = std::vec![0xee; usize::from(count)];
            memory.copy_to(&mut back);
            assert_eq!(back, bytes);
        }
        let memory = Memory::new();
        memory.copy_from(&[7; MEMORY_MAX + 9]);
        let mut back = [0; MEMORY_MAX + 1];
        memory.copy_to(&mut back);
        assert_eq!((back[MEMORY_MAX - 1], back[MEMORY_MAX]), (7, 0));
    }

    #[test]
    fn a_sync_that_goes_on_is_asked_for_again() {
        // Moves asked for, how many of them are made then, and their accesses: an engine that moves by itself has made none at first.
        let mut answers = [
            (0x7_0203, state::GOES_ON, 0, 0),
            (0x7_0203, state::GOES_ON, 1, 9),
            (0x7_0302, state::DONE, 2, 4),
        ]
        .into_iter();
        crate::host::install(move |_, [driver, number, which, directions]| {
            assert_eq!((driver, number, directions), (DRIVER_NUM, 24, 1));
            let (asked, come, made, accesses) = answers.next().unwrap();
            assert_eq!(which, asked);
            [
                variant::SUCCESS_2_U32,
                answer_of(come, made) as usize,
                accesses,
                0,
            ]
        });
        assert_eq!(sync(7, (2, 3), 1), Ok(13));
    }

    #[test]
    fn a_refusal_says_what_is_to_blame() {
        crate::host::install(|_, _| [variant::FAILURE_U32, ErrorCode::Off as usize, 8, 0]);
        let off = Refused {
            error: ErrorCode::Off,
            what: Some(8),
        };
        assert_eq!(sync(7, (0, 1), 3), Err(off));
    }
}
